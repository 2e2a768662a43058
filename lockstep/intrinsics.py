"""Resolves a template's intrinsic functions, as far as that can be done before anything is made. Pure.

What only AWS can tell, such as the random end of a generated name or what another stack exports, is a `*` in what
comes out. Refuses nothing that CloudFormation would take; resources that a loop makes, Fn::ForEach, are left out.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from lockstep.names import partition_of

UNKNOWN = "*"
Properties = Mapping[str, Any]
_VARIABLE = re.compile(r"\$\{(!?)([^}]*)\}")
# What a resource is known by: the property that may name it, and its ARN. Where no property does, CloudFormation
# generates the name: mostly the stack's, then the logical id, a random end.
_NAMED: dict[str, tuple[str, str]] = {
    "AWS::CloudWatch::Alarm": ("AlarmName", "cloudwatch:{region}:{account}:alarm:{name}"),
    "AWS::DynamoDB::Table": ("TableName", "dynamodb:{region}:{account}:table/{name}"),
    "AWS::ECR::Repository": ("RepositoryName", "ecr:{region}:{account}:repository/{name}"),
    "AWS::Events::Rule": ("Name", "events:{region}:{account}:rule/{name}"),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName", "iam::{account}:policy/{name}"),
    "AWS::IAM::Role": ("RoleName", "iam::{account}:role/{name}"),
    "AWS::KMS::Key": ("", "kms:{region}:{account}:key/*"),
    "AWS::Lambda::Function": ("FunctionName", "lambda:{region}:{account}:function:{name}"),
    "AWS::Lambda::LayerVersion": ("LayerName", "lambda:{region}:{account}:layer:{name}:*"),
    "AWS::Logs::LogGroup": ("LogGroupName", "logs:{region}:{account}:log-group:{name}:*"),
    "AWS::S3::Bucket": ("BucketName", "s3:::{name}"),
    "AWS::SNS::Topic": ("TopicName", "sns:{region}:{account}:{name}"),
    "AWS::SQS::Queue": ("QueueName", "sqs:{region}:{account}:{name}"),
    "AWS::StepFunctions::StateMachine": ("StateMachineName", "states:{region}:{account}:stateMachine:{name}"),
}  # fmt: skip
# Types whose Ref is not their name: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/
_REF_IS_ARN = frozenset(
    {
        "AWS::IAM::ManagedPolicy", "AWS::Lambda::LayerVersion", "AWS::SNS::Topic", "AWS::StepFunctions::StateMachine",
    }
)  # fmt: skip
# Types whose ARN has a path before the name.
_HAS_PATH = frozenset({"AWS::IAM::ManagedPolicy", "AWS::IAM::Role"})
# Types whose names take no capital letters, so those that CloudFormation generates have none.
_SMALL = frozenset({"AWS::ECR::Repository", "AWS::S3::Bucket"})
# Types whose generated names have no stack's before the logical id, as stacks show that were made with them.
_WITHOUT_STACK = frozenset({"AWS::StepFunctions::StateMachine"})
# A parameter of such a type holds the name of a value, which is looked up when the stack is made.
LOOKED_UP = "AWS::SSM::Parameter::Value"
# What a template that CloudFormation refuses can end in, here where nothing is refused.
_BROKEN = (IndexError, KeyError, RecursionError, TypeError, ValueError)


class _Nothing:
    """AWS::NoValue: whatever has it is left out."""


_NOTHING = _Nothing()


@dataclass(frozen=True)
class Stack:
    """Where a template is, or would be, deployed, and with which parameters; a list parameter's value is a list."""

    name: str
    account: str
    region: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


def resources(template: Mapping[str, Any], stack: Stack) -> dict[str, dict[str, Any]]:
    """Return the template's resources as they would be made: resolved, those whose condition is false left out."""
    resolver = _Resolver(template, stack)
    made = {name: resolver.resolve(body) for name, body in resolver.resources.items() if resolver.is_made(body)}
    # A macro can stand for all the properties of a resource.
    return {n: {**body, "Properties": {}} if body.get("Properties") == UNKNOWN else body for n, body in made.items()}


def conditions(template: Mapping[str, Any], stack: Stack) -> dict[str, bool]:
    """Return which of the template's conditions hold; those that cannot be told are left out."""
    resolver, found = _Resolver(template, stack), dict[str, bool]()
    for name, condition in (template.get("Conditions") or {}).items():
        with suppress(*_BROKEN):
            found[name] = resolver.holds(condition)
    return found


def pseudo_parameters(stack: Stack) -> dict[str, str]:
    """Return the values that AWS gives every template; a stack's own id has a part that nobody can tell."""
    partition = partition_of(stack.region)
    return {
        "AWS::AccountId": stack.account,
        "AWS::Partition": partition,
        "AWS::Region": stack.region,
        "AWS::StackName": stack.name,
        "AWS::StackId": f"arn:{partition}:cloudformation:{stack.region}:{stack.account}:stack/{stack.name}/{UNKNOWN}",
        "AWS::URLSuffix": "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com",
    }


def split_lists(template: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as Ref gives them: the value of a list parameter as the list that its text stands for.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html: "space trimmed"
    """
    declared = template.get("Parameters") or {}
    kinds = {name: str((declared.get(name) or {}).get("Type")) for name in parameters}
    values = {name: UNKNOWN if kinds[name].startswith(LOOKED_UP) else text for name, text in parameters.items()}
    return {
        name: [item.strip() for item in str(value).split(",")] if "List" in kinds[name] else value
        for name, value in values.items()
    }


def physical_name(kind: str, logical_id: str, properties: Properties, stack: str) -> str:
    """Return what a resource is called: the name that its properties give, else the generated one."""
    key = _NAMED.get(kind, ("", ""))[0]
    named = properties.get(key) if key else None
    return str(named) if named else generated_name(kind, logical_id, stack)


def generated_name(kind: str, logical_id: str, stack: str) -> str:
    """Return the name that CloudFormation gives a resource which has none of its own, a `*` at its end."""
    name = f"{logical_id}-{UNKNOWN}" if kind in _WITHOUT_STACK else f"{stack}-{logical_id}-{UNKNOWN}"
    return name.lower() if kind in _SMALL else name


def arn(kind: str, name: str, account: str, region: str) -> str:
    """Return the ARN of a resource of this type and name; a `*` where the type's ARNs are not known."""
    form = _NAMED.get(kind, ("", ""))[1]
    if not form:
        return UNKNOWN
    return f"arn:{partition_of(region)}:" + form.format(region=region, account=account, name=name)


class _Resolver:
    """One template in one stack."""

    def __init__(self, template: Mapping[str, Any], stack: Stack) -> None:
        self.template = template
        self.stack = stack
        bodies: Mapping[str, Any] = template["Resources"]
        self.resources = {n: body for n, body in bodies.items() if isinstance(body, Mapping) and "Type" in body}
        declared = template.get("Parameters") or {}
        defaults = {name: body["Default"] for name, body in declared.items() if "Default" in (body or {})}
        pseudo = {**pseudo_parameters(stack), "AWS::NoValue": _NOTHING}
        self.values: Mapping[str, Any] = {**split_lists(template, defaults), **stack.parameters, **pseudo}
        self.functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::Base64": lambda given: base64.b64encode(str(self.resolve(given)).encode()).decode(),
            "Fn::FindInMap": self._find,
            "Fn::GetAtt": self._attribute,
            "Fn::If": lambda given: self.resolve(given[1] if self.holds({"Condition": given[0]}) else given[2]),
            "Fn::Join": lambda given: str(given[0]).join(str(_text(part)) for part in self.resolve(given[1])),
            "Fn::Select": lambda given: self.resolve(given[1])[int(self.resolve(given[0]))],
            "Fn::Split": lambda given: str(self.resolve(given[1])).split(given[0]),
            "Fn::Sub": self._sub,
        }

    def is_made(self, body: Mapping[str, Any]) -> bool:
        """Does a resource's condition hold? In doubt it does."""
        try:
            return "Condition" not in body or self.holds({"Condition": body["Condition"]})
        except _BROKEN:
            return True

    def resolve(self, value: Any) -> Any:  # noqa: ANN401 - any value of a template
        """Return a value with its functions replaced by what they give."""
        if isinstance(value, list):
            return [found for item in value if (found := self.resolve(item)) is not _NOTHING]
        if not isinstance(value, Mapping):
            return value
        if len(value) == 1 and ((name := next(iter(value))) in self.functions or str(name).startswith("Fn::")):
            try:
                return self.functions[name](value[name])
            except _BROKEN:
                return UNKNOWN
        return {key: found for key, item in value.items() if (found := self.resolve(item)) is not _NOTHING}

    def holds(self, condition: Any) -> bool:  # noqa: ANN401 - any value of a template
        """Is a condition, by name or by function, true?"""
        if not isinstance(condition, Mapping):
            return str(condition).lower() == "true"
        name, given = next(iter(condition.items()))
        if name == "Condition":
            return self.holds((self.template.get("Conditions") or {})[given])
        if name == "Fn::Equals":
            return bool(_text(self.resolve(given[0])) == _text(self.resolve(given[1])))
        if name == "Fn::Not":
            return not self.holds(given[0])
        return (all if name == "Fn::And" else any)(self.holds(item) for item in given)

    def _ref(self, name: str) -> Any:  # noqa: ANN401 - a list parameter gives a list
        if name in self.values:
            return self.values[name]
        kind = self.resources[name]["Type"]
        return self._attribute([name, "Arn"]) if kind in _REF_IS_ARN else self._name(name)

    def _name(self, logical_id: str) -> str:
        body = self.resources[logical_id]
        properties = {key: self.resolve(value) for key, value in self._naming(body)}
        return physical_name(body["Type"], logical_id, properties, self.stack.name)

    def _naming(self, body: Mapping[str, Any]) -> list[tuple[str, Any]]:
        # Only the name itself: the rest may refer back to the resource.
        key = _NAMED.get(body["Type"], ("", ""))[0]
        properties = body.get("Properties") or {}
        return [(key, properties[key])] if key in properties else []

    def _attribute(self, given: Any) -> str:  # noqa: ANN401 - a text or a list
        logical_id, _, attribute = given.partition(".") if isinstance(given, str) else (given[0], "", given[1])
        if attribute != "Arn" or logical_id not in self.resources:
            return UNKNOWN
        body = self.resources[logical_id]
        path = self.resolve((body.get("Properties") or {}).get("Path", "")) if body["Type"] in _HAS_PATH else ""
        name = "/".join(part for part in (str(path).strip("/"), self._name(logical_id)) if part)
        return arn(body["Type"], name, self.stack.account, self.stack.region)

    def _find(self, given: Any) -> Any:  # noqa: ANN401 - a mapping's value is a text or a list
        found = self.template["Mappings"]
        for key in given:
            found = found[self.resolve(key)]
        return found

    def _sub(self, given: Any) -> str:  # noqa: ANN401 - a text or a list
        text, own = (given, {}) if isinstance(given, str) else (given[0], given[1])

        def value(found: re.Match[str]) -> str:
            literal, name = found[1], found[2].strip()
            if literal:
                return "${" + name + "}"
            if name in own:
                return str(_text(self.resolve(own[name])))
            resolved = self._attribute(name) if "." in name else self.resolve({"Ref": name})
            return str(_text(resolved))

        return _VARIABLE.sub(value, text)


def _text(value: Any) -> Any:  # noqa: ANN401 - any value of a template
    """Return a number, or true and false, as the text that CloudFormation takes it for."""
    return json.dumps(value) if isinstance(value, bool | int | float) else value
