"""Takes what a template says of IAM apart into single grants, so that two versions can be compared. Pure.

A template's functions are resolved as far as its parameters and conditions reach. What only AWS can tell stays a name,
such as `${Table.Arn}`: two of them are the same where they are written the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lockstep import canonical, intrinsics, policy
from lockstep.intrinsics import LOOKED_UP, UNKNOWN, Stack

_VARIABLE = re.compile(r"\$\{(!?)([^}]*)\}")
_PRINCIPALS = ("AWS::IAM::Group", "AWS::IAM::Role", "AWS::IAM::User")
# Where the document of a type is that is a policy.
_DOCUMENTS = {
    "AWS::ECR::Repository": "RepositoryPolicyText",
    "AWS::IAM::GroupPolicy": "PolicyDocument",
    "AWS::IAM::ManagedPolicy": "PolicyDocument",
    "AWS::IAM::Policy": "PolicyDocument",
    "AWS::IAM::RolePolicy": "PolicyDocument",
    "AWS::IAM::UserPolicy": "PolicyDocument",
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SNS::TopicPolicy": "PolicyDocument",
    "AWS::SQS::QueuePolicy": "PolicyDocument",
    "AWS::SecretsManager::ResourcePolicy": "ResourcePolicy",
}
# What such a policy counts for.
_HOLDERS = ("Bucket", "GroupName", "Groups", "Queues", "RoleName", "Roles", "SecretId", "Topics", "UserName", "Users")
# In an older language a variable is no variable.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
_VERSION = "2012-10-17"
_PERMISSION = "AWS::Lambda::Permission"
# https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
_TERMS = {
    "EventSourceToken": ("StringEquals", "lambda:EventSourceToken"),
    "FunctionUrlAuthType": ("StringEquals", "lambda:FunctionUrlAuthType"),
    "InvokedViaFunctionUrl": ("Bool", "lambda:InvokedViaFunctionUrl"),
    "PrincipalOrgID": ("StringEquals", "aws:PrincipalOrgID"),
    "SourceAccount": ("StringEquals", "aws:SourceAccount"),
    "SourceArn": ("ArnLike", "aws:SourceArn"),
}
Term = tuple[str, str, frozenset[str]]


@dataclass(frozen=True)
class Part:
    """A pattern of actions, resources or principals; with `is_not` it is everything but those."""

    text: str
    is_not: bool = False

    def __str__(self) -> str:
        return f"everything but {self.text}" if self.is_not else self.text


@dataclass(frozen=True)
class Grant:
    """One action on one resource that is allowed or denied, perhaps for one principal, under conditions."""

    is_denied: bool
    principal: Part
    action: Part
    resource: Part
    terms: frozenset[Term] = frozenset()


@dataclass(frozen=True)
class Held:
    """What one resource of a template says of rights.

    `policies` are those that are named and not written out, `holders` is what it counts for.
    """

    grants: frozenset[Grant] = frozenset()
    policies: frozenset[str] = frozenset()
    holders: frozenset[str] = frozenset()
    boundary: str | None = None
    is_principal: bool = field(default=False, compare=False)


def of_template(template: Mapping[str, Any], stack: Stack) -> dict[tuple[str, str], Held]:
    """Return what each resource of a template says of rights, by its logical id and type."""
    if not template:
        return {}
    plain = _Plain(template, stack)
    found: dict[tuple[str, str], Held] = {}
    for logical_id, body in template["Resources"].items():
        if isinstance(body, Mapping) and plain.is_made(body):
            kind, properties = str(body.get("Type")), plain.value(body.get("Properties") or {})
            if held := _held(kind, properties):
                found[logical_id, kind] = held
    return found


def _held(kind: str, properties: object) -> Held | None:
    if kind not in {*_PRINCIPALS, _PERMISSION, *_DOCUMENTS}:
        return None
    if not isinstance(properties, Mapping):
        return Held(policies=frozenset({_text(properties)}))
    if kind in _PRINCIPALS:
        return _principal(properties)
    if kind == _PERMISSION:
        return Held(frozenset({_permission(properties)}))
    document = properties.get(_DOCUMENTS[kind])
    if document is None:
        return None
    grants, policies = _document(document)
    holders = (_text(name) for key in _HOLDERS for name in policy.listed(properties.get(key)))
    return Held(grants, policies, frozenset(holders))


def _principal(properties: Mapping[str, Any]) -> Held:
    named = {_text(arn) for arn in policy.listed(properties.get("ManagedPolicyArns"))}
    inline = policy.listed(properties.get("Policies"))
    documents = (
        properties.get("AssumeRolePolicyDocument") or {},
        *(one.get("PolicyDocument", {}) if isinstance(one, Mapping) else one for one in inline),
    )
    parts = [_document(document) for document in documents]
    boundary = properties.get("PermissionsBoundary")
    return Held(
        frozenset(grant for grants, _ in parts for grant in grants),
        frozenset(named.union(*(policies for _, policies in parts))),
        boundary=None if boundary is None else _text(boundary),
        is_principal=True,
    )


def _permission(properties: Mapping[str, Any]) -> Grant:
    terms = {(*_TERMS[key], frozenset({_text(value)})) for key, value in properties.items() if key in _TERMS}
    principal, action, resource = (
        Part(_text(properties.get(key, ""))) for key in ("Principal", "Action", "FunctionName")
    )
    return Grant(is_denied=False, principal=principal, action=action, resource=resource, terms=frozenset(terms))


def _document(document: object) -> tuple[frozenset[Grant], frozenset[str]]:
    """Return the grants of a policy, and what of it is compared as a whole since nobody can take it apart here."""
    if not isinstance(document, Mapping) or (document.get("Version") != _VERSION and "${" in _text(document)):
        return frozenset(), frozenset({_text(document)})
    grants: set[Grant] = set()
    whole: set[str] = set()
    # Where a function stands for a statement, there is a text.
    listed: tuple[object, ...] = policy.statements(document)
    for one in listed:
        if isinstance(one, Mapping) and one.get("Effect") in {"Allow", "Deny"}:
            grants.update(_grants(one))
        else:
            whole.add(_text(one))
    return frozenset(grants), frozenset(whole)


def _grants(statement: Mapping[str, Any]) -> Iterator[Grant]:
    terms = frozenset(_terms(statement.get("Condition") or {}))
    for principal in _parts(statement, "Principal"):
        for action in _parts(statement, "Action"):
            for resource in _parts(statement, "Resource"):
                yield Grant(statement.get("Effect") == "Deny", principal, action, resource, terms)


def _parts(statement: Mapping[str, Any], element: str) -> tuple[Part, ...]:
    """Return the patterns of an element, one that is empty where a statement has none."""
    if f"Not{element}" in statement:
        return (Part(", ".join(sorted(_names(statement[f"Not{element}"]))), is_not=True),)
    return tuple(Part(name) for name in _names(statement.get(element, "")))


def _names(value: object) -> list[str]:
    if isinstance(value, Mapping):
        return [f"{kind} {_text(name)}" for kind, names in value.items() for name in policy.listed(names)]
    return [_text(name) for name in policy.listed(value)]


def _terms(condition: object) -> Iterator[Term]:
    if not isinstance(condition, Mapping):
        yield "", _text(condition), frozenset()
        return
    for operator, keys in condition.items():
        if not isinstance(keys, Mapping):
            yield operator, _text(keys), frozenset()
            continue
        for key, values in keys.items():
            yield operator, key, frozenset(_text(value) for value in policy.listed(values))


def _text(value: object) -> str:
    return value if isinstance(value, str) else canonical.encode(value).decode().strip()


def _unknown(text: str) -> str:
    """Return what stands for a value that is not known; nothing in it is a pattern."""
    return "${" + text.replace("*", "%2A").replace("?", "%3F") + "}"


class _Nothing:
    """AWS::NoValue: whatever has it is left out."""


class _Plain:
    """One template in one stack, whose functions are resolved where they need nothing that is yet to be made."""

    def __init__(self, template: Mapping[str, Any], stack: Stack) -> None:
        declared = template.get("Parameters") or {}
        kinds = {name: str((declared.get(name) or {}).get("Type")) for name in stack.parameters}
        values = intrinsics.split_lists(template, stack.parameters)
        self.conditions = intrinsics.conditions(template, replace(stack, parameters=values))
        # What is looked up has no value yet: it is the same where it is looked up under the same name.
        named = {n: _unknown(f"{n} {text}") for n, text in stack.parameters.items() if kinds[n].startswith(LOOKED_UP)}
        pseudo = {name: text for name, text in intrinsics.pseudo_parameters(stack).items() if UNKNOWN not in text}
        self.values: Mapping[str, Any] = {**values, **named, **pseudo}

    def is_made(self, body: Mapping[str, Any]) -> bool:
        """Does a resource's condition hold? In doubt it does."""
        return self.conditions.get(str(body.get("Condition")), True)

    def value(self, value: Any) -> Any:  # noqa: ANN401 - any value of a template
        """Return a value with its functions replaced by what they give, or else by a text that stands for them."""
        if isinstance(value, list | tuple):
            return [found for item in value if not isinstance(found := self.value(item), _Nothing)]
        if not isinstance(value, Mapping):
            return value
        if len(value) == 1:
            name, given = next(iter(value.items()))
            if name == "Ref" or str(name).startswith("Fn::"):
                return self._function(str(name), given)
        found = {key: self.value(item) for key, item in value.items()}
        return {key: item for key, item in found.items() if not isinstance(item, _Nothing)}

    def _function(self, name: str, given: Any) -> Any:  # noqa: ANN401 - any value of a template
        if name == "Ref":
            return _Nothing() if given == "AWS::NoValue" else self.values.get(given, _unknown(given))
        if name == "Fn::GetAtt":
            return _unknown(given if isinstance(given, str) else ".".join(_text(self.value(part)) for part in given))
        if name == "Fn::If" and given[0] in self.conditions:
            return self.value(given[1] if self.conditions[given[0]] else given[2])
        if name == "Fn::Sub":
            return self._sub(given)
        found = self.value(given)
        if name == "Fn::Join" and all(isinstance(part, str) for part in found[1]):
            return str(found[0]).join(found[1])
        return _unknown(f"{name} {_text(found)}")

    def _sub(self, given: Any) -> str:  # noqa: ANN401 - a text or a list
        text, own = (given, {}) if isinstance(given, str) else (given[0], given[1])

        def variable(found: re.Match[str]) -> str:
            literal, name = found[1], found[2].strip()
            known = own if name in own else self.values
            return "${" + name + "}" if literal or name not in known else _text(self.value(known[name]))

        return _VARIABLE.sub(variable, text)
