"""Makes the account templates worse, one thing at a time: each safeguard is taken away, each right is widened once.

Found by walking the templates, so what is added to them later is made worse too. Judges nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lockstep import policy
from lockstep.template import Template
from lockstep.testing import TEST, TOOLING
from tests.templates.sample import templates

Path = tuple[str | int, ...]
_GONE = object()
_NO_VALUE = {"Ref": "AWS::NoValue"}
_DOCUMENTS = ("AssumeRolePolicyDocument", "KeyPolicy", "PolicyDocument", "RepositoryPolicyText")
# What a resource is called and how that is told takes nothing away from its safety.
_NAMES = ("BucketName", "Description", "Id", "LogGroupName", "RepositoryName")
_KEPT = ("AWS::ECR::Repository", "AWS::KMS::Key", "AWS::Logs::LogGroup", "AWS::S3::Bucket")
_WEAKER: Mapping[object, object] = {
    True: False,
    3600: 43_200,
    180: 480,
    365: 3653,
    "Enabled": "Suspended",
    "BucketOwnerEnforced": "ObjectWriter",
    "IMMUTABLE": "MUTABLE",
    "KMS": "AES256",
    "aws:kms": "AES256",
    "Retain": "Delete",
    "RetainExceptOnCreate": "Delete",
}
_ANYTHING = {"ArnEquals": "arn:*:*:*:*:*", "ArnLike": "arn:*:*:*:*:*", "StringLike": "*"}
_ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
# What no policy here may ever say, put into each of them.
_PLANTED = (
    ("*", "*"),
    ("sts:AssumeRole", "*"),
    ("iam:PassRole", "*"),
    ("iam:CreateUser", "*"),
    ("iam:CreateAccessKey", "*"),
    ("iam:CreatePolicyVersion", {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/${Project}-*"}),
    ("cloudformation:UpdateStack", "*"),
    ("ecr:BatchDeleteImage", {"Fn::Sub": "arn:${AWS::Partition}:ecr:*:*:repository/${Project}/*"}),
    ("s3:PutObject", {"Fn::Sub": "arn:${AWS::Partition}:s3:::${ArtifactBucket}/*"}),
)
# What the account stacks may not make, as the sample did.
_MORE: Mapping[str, Mapping[str, object]] = {
    "AWS::IAM::User": {},
    "AWS::IAM::AccessKey": {},
    "AWS::SecretsManager::Secret": {},
    "AWS::CodeBuild::Project": {"Environment": {"Image": "aws/codebuild/standard:5.0"}},
    "AWS::Lambda::Function": {"Runtime": "python3.8"},
}


@dataclass(frozen=True)
class Mutant:
    """One template with one thing made worse. `value` takes the place of what is at `path`, or that is gone."""

    what: str
    file: str
    path: Path
    value: Any = _GONE

    @property
    def name(self) -> str:
        """What is worse, and where."""
        return f"{self.file}: {'.'.join(str(part) for part in self.path)} {self.what}"

    def template(self) -> Template:
        """Return the worse template; what is not on the way to the change is shared with the right one."""
        changed: Template = _changed(templates()[self.file], self.path, self.value)
        return changed


def mutants() -> Iterator[Mutant]:
    """Yield every mutant, none twice."""
    for file, parsed in templates().items():
        for logical_id, body in parsed["Resources"].items():
            path: Path = ("Resources", logical_id)
            yield from (
                Mutant("is gone", file, (*path, attribute))
                for attribute in ("Condition", "DeletionPolicy", "UpdateReplacePolicy")
                if attribute in body
            )
            for where, node in _walk(body, path):
                yield from _weaker(file, where, node, body["Type"])
                yield from _either(file, where, node)
                if isinstance(node, dict) and "Effect" in node:
                    yield from _of_statement(file, where, node)
            yield from _planted(file, path, body)
        for kind, properties in _MORE.items():
            yield Mutant(f"is a {kind}", file, ("Resources", "More"), {"Type": kind, "Properties": properties})


def _changed(node: Any, path: Path, value: object) -> Any:  # noqa: ANN401 - any value of a template
    """Return a copy with one place changed; an element of a list that ends the path may be one past its end."""
    first, *rest = path
    copy: Any = dict(node) if isinstance(node, Mapping) else list(node)
    if rest:
        copy[first] = _changed(node[first], tuple(rest), value)
    elif value is _GONE:
        del copy[first]
    elif isinstance(copy, list) and first == len(copy):
        copy.append(value)
    else:
        copy[first] = value
    return copy


def _walk(node: object, path: Path) -> Iterator[tuple[Path, Any]]:
    """Yield every node of a template with its path."""
    yield path, node
    if isinstance(node, Mapping):
        for key, item in node.items():
            yield from _walk(item, (*path, key))
    elif isinstance(node, list):
        for number, item in enumerate(node):
            yield from _walk(item, (*path, number))


def _weaker(file: str, path: Path, node: object, kind: str) -> Iterator[Mutant]:
    """Take away each setting of what is stored, and weaken each value that can be."""
    is_policy = any(part in _DOCUMENTS for part in path)
    is_setting = kind in _KEPT and len(path) > 3 and path[2] == "Properties" and path[-1] not in _NAMES
    # The parts of a function belong together, and so do the parts of a list's element.
    is_whole = not any(str(part).startswith("Fn::") or part == "Ref" for part in path)
    if is_setting and is_whole and (not is_policy or path[-1] in _DOCUMENTS):
        yield Mutant("is gone", file, path)
    is_scalar = isinstance(node, str | int) and (type(node), node) != (int, 1)
    if not is_policy and is_whole and is_scalar and node in _WEAKER:
        yield Mutant(f"is {_WEAKER[node]}", file, path, _WEAKER[node])
    if path[-1] == "LifecyclePolicyText":
        yield Mutant("expires every image", file, path, str(node).replace('"untagged"', '"any"'))


def _either(file: str, path: Path, node: object) -> Iterator[Mutant]:
    """Take each branch of a choice whatever the settings say."""
    if isinstance(node, Mapping) and "Fn::If" in node:
        condition, yes, no = node["Fn::If"]
        yield Mutant(f"is as if {condition}", file, path, yes)
        yield Mutant(f"is as if not {condition}", file, path, no)


def _of_statement(file: str, path: Path, statement: Mapping[str, Any]) -> Iterator[Mutant]:
    """Take away what a statement asks for; of a refusal also each thing that it is about; widen what is allowed."""
    keys = list(_condition_keys(statement.get("Condition", {}), (*path, "Condition")))
    if keys:
        yield Mutant("is gone", file, (*path, "Condition"))
    if len(keys) > 1:
        yield from (Mutant("is gone", file, where) for where in keys)
    if statement["Effect"] == "Deny":
        yield Mutant("is gone", file, path, _NO_VALUE)
        if isinstance(resources := statement.get("Resource"), list):
            yield from (Mutant("is gone", file, (*path, "Resource", number)) for number in range(len(resources)))
    else:
        for where in keys:
            operators = [part for part in where if part in _ANYTHING]
            yield from (Mutant("is anything", file, where, _ANYTHING[str(operator)]) for operator in operators)
        yield from _widened(file, path, statement)


def _widened(file: str, path: Path, statement: Mapping[str, Any]) -> Iterator[Mutant]:
    """Allow more of everything that a statement says."""
    if statement.get("Resource", "*") != "*":
        yield Mutant("is everything", file, (*path, "Resource"), "*")
    if "Principal" in statement:
        account = "ToolingAccount" if file == "environment.yaml" else "AWS::AccountId"
        root = {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::${{{account}}}:root"}
        yield Mutant("is everybody", file, (*path, "Principal"), "*")
        yield Mutant("is every account", file, (*path, "Principal"), {"AWS": "*"})
        if statement["Action"] != "kms:*":
            yield Mutant("is a whole account", file, (*path, "Principal"), {"AWS": root})
    service = policy.listed(statement["Action"])[0].partition(":")[0]
    if statement["Action"] != f"{service}:*":
        yield Mutant(f"is {service}:*", file, (*path, "Action"), f"{service}:*")
    yield from _wider(file, path, statement)


def _condition_keys(node: object, path: Path) -> Iterator[Path]:
    """Yield where the keys are that a condition asks for, also those within a choice."""
    for key, value in node.items() if isinstance(node, Mapping) else ():
        if key in policy.OPERATORS or key == "Fn::If":
            branches = enumerate(value[1:], 1) if key == "Fn::If" else [(None, value)]
            for number, branch in branches:
                where = (*path, key) if number is None else (*path, key, number)
                yield from _condition_keys(branch, where)
        elif key != "Ref":
            yield (*path, key)


def _wider(file: str, path: Path, statement: Mapping[str, Any]) -> Iterator[Mutant]:
    """Put `*`, and an account's own id, in place of each part that a name is made of."""
    for where, node in _walk(statement, path):
        if isinstance(node, str):
            for variable in dict.fromkeys(re.findall(r"\$\{[^}]+\}", node)):
                yield Mutant(f"has * for {variable}", file, where, node.replace(variable, "*"))
                if variable == "${AWS::AccountId}":
                    account = TEST if file == "environment.yaml" else TOOLING
                    yield Mutant(f"has {account} for {variable}", file, where, node.replace(variable, account))


def _planted(file: str, path: Path, body: Mapping[str, Any]) -> Iterator[Mutant]:
    """Add to each policy what none may say, and to each role a policy of an administrator."""
    for where, node in _walk(body, path):
        if where[-1] == "Statement":
            end, allow = (*where, len(node)), {"Effect": "Allow"}
            if where[-2] == "PolicyDocument" and body["Type"].startswith("AWS::IAM::"):
                for action, resource in _PLANTED:
                    added = {**allow, "Action": action, "Resource": resource}
                    yield Mutant(f"also allows {action} on {resource}", file, end, added)
            else:
                everybody = {**allow, "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
                somebody = {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/other"}}
                yield Mutant("also allows everybody", file, end, everybody)
                yield Mutant("also allows somebody", file, end, {**everybody, "Principal": somebody})
    if body["Type"] == "AWS::IAM::Role":
        attached = [*body["Properties"].get("ManagedPolicyArns", ()), _ADMINISTRATOR]
        yield Mutant("has an administrator's policy", file, (*path, "Properties", "ManagedPolicyArns"), attached)
