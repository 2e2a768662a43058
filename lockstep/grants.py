"""Reads a service's permissions.yaml: what its stack and its functions need beyond what every service may. Pure.

It is reviewed like code, so it says exactly what it means: whole actions, resources that are the service's own.
Refuses what would let a service out of its environment: rights over roles and policies, and other people's resources.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from lockstep import canonical, policy
from lockstep.errors import ConfigError, did_you_mean
from lockstep.model import Grants, Statement
from lockstep.names import partition_of
from lockstep.needs import Knowledge

FILE = "permissions.yaml"
# What CloudFormation may do more to make the service's resources; what its functions may do more when they run.
SECTIONS = ("Execution", "Boundary")
STACK, ACCOUNT = "${AWS::StackName}", "${AWS::AccountId}"
_ELEMENTS = ("Sid", "Action", "Resource", "Condition")
_ACTION = re.compile(r"[a-z0-9-]+:[A-Za-z0-9]+")
_API = re.compile(r"arn:(aws[a-z-]*|\$\{AWS::Partition\}):apigateway:")
_SID = re.compile(r"[A-Za-z0-9]{1,64}")
# These give rights away. Roles are made with the boundary by the rights that every service has.
_FORBIDDEN = ("account", "iam", "organizations", "sts")
_ALLOWED_OF_IAM = {"iam:PassRole": "iam:PassedToService", "iam:CreateServiceLinkedRole": "iam:AWSServiceName"}


def resolved(statements: tuple[Statement, ...], stack: str, account: str, region: str) -> tuple[Statement, ...]:
    """Return statements as they stand in an account's policy, for one stack."""
    values = {
        STACK: stack,
        ACCOUNT: account,
        "${AWS::Partition}": partition_of(region),
        "${AWS::Region}": region,
    }
    return tuple({"Effect": "Allow", **_filled(statement, values)} for statement in statements)


def read(text: str, file: str, knowledge: Knowledge) -> Grants:
    """Parse a permissions.yaml; raises ConfigError, naming file and place, for what may not be in it.

    `knowledge` says which actions there are, and which of them take a resource.
    """
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, AttributeError, LookupError, ValueError, RecursionError) as error:
        # PyYAML itself breaks on a tag whose value is no such thing: !!int "".
        raise _refused(file, " ".join(str(error).split())) from error
    try:
        canonical.encode(found)
    except (ValueError, TypeError, RecursionError) as error:
        raise _refused(file, "it holds what JSON cannot: a date without quotes, .nan, or a loop") from error
    if not isinstance(found, dict) or not found:
        raise _refused(file, "it is not a mapping", f"give it the sections {' and '.join(SECTIONS)}, or remove it")
    for section in found:
        if section not in SECTIONS:
            known = f"it may have: {', '.join(SECTIONS)}"
            raise _refused(file, f"unknown section {section!r}", did_you_mean(str(section), SECTIONS) or known)
    execution, boundary = (tuple(_section(found.get(name), f"{file}: {name}", knowledge)) for name in SECTIONS)
    return Grants(execution, boundary)


def may_grant(action: str) -> bool:
    """May a service be granted an action of its own accord?"""
    return action.partition(":")[0] not in _FORBIDDEN


def _refused(place: str, answer: str, cure: str = "see docs/tour.md") -> ConfigError:
    return ConfigError(f"reading {place}", answer, cure)


def _section(given: object, name: str, knowledge: Knowledge) -> Iterator[Statement]:
    if given is None:
        return
    if not isinstance(given, list):
        raise _refused(name, "it is not a list of statements")
    for number, statement in enumerate(given, 1):
        place = f"{name}, statement {number}"
        if not isinstance(statement, dict):
            raise _refused(place, "it is not a mapping")
        for element in statement:
            if element not in _ELEMENTS:
                raise _refused(place, f"unknown element {element!r}", f"it may have: {', '.join(_ELEMENTS)}")
        if not _SID.fullmatch(str(statement.get("Sid", "x"))):
            raise _refused(place, f"the Sid {statement['Sid']!r} is not 1 to 64 letters and digits")
        narrowing, exact = _conditions(statement.get("Condition", {}), place)
        resources = _texts(statement, "Resource", place)
        for resource in resources:
            _check_resource(resource, place)
        for action in _texts(statement, "Action", place):
            _check_action(action, exact, place)
            _check_reach(action, resources, narrowing, knowledge, place)
        yield statement


def _texts(statement: Mapping[str, Any], element: str, place: str) -> tuple[str, ...]:
    found = policy.listed(statement.get(element))
    if not found or not all(isinstance(item, str) for item in found):
        raise _refused(place, f"its {element} is neither a text nor a list of them")
    return found


def _conditions(given: object, place: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the keys that must have some value for a statement to allow, and those that must have an exact one."""
    if not isinstance(given, dict) or not all(isinstance(keys, dict) for keys in given.values()):
        raise _refused(place, "its Condition is not a mapping of operators to keys")
    for operator in given:
        if operator not in policy.OPERATORS:
            known = did_you_mean(str(operator), policy.OPERATORS)
            raise _refused(place, f"unknown condition operator {operator!r}", known or "use StringEquals or ArnLike")
    narrowing = frozenset(key for operator in policy.NARROWING for key in given.get(operator, {}))
    return narrowing, frozenset(given.get("StringEquals", {}))


def _check_action(action: str, exact: frozenset[str], place: str) -> None:
    if not _ACTION.fullmatch(action):
        raise _refused(place, f"{action!r} is not one whole action", "name each action, without *")
    if action.partition(":")[0] in _FORBIDDEN:
        wanted = _ALLOWED_OF_IAM.get(action)
        if wanted is None:
            raise _refused(place, f"{action} gives rights away", "leave it to what every service may")
        if wanted not in exact:
            cure = "say with StringEquals which service it is for"
            raise _refused(place, f"{action} needs a Condition on {wanted}", cure)


def _check_resource(resource: str, place: str) -> None:
    # What API Gateway has is this account's in any case: its ARNs name none.
    is_api = _API.match(resource) is not None
    is_narrow = is_api or STACK in resource or ACCOUNT in resource or not ({"*", "?"} & set(resource))
    if resource != "*" and not (resource.startswith("arn:") and is_narrow):
        cure = f"name the stack with {STACK}, or this account with {ACCOUNT}"
        raise _refused(place, f"{resource!r} is neither an ARN of the service's own nor an exact one", cure)


def _check_reach(
    action: str, resources: tuple[str, ...], narrowing: frozenset[str], knowledge: Knowledge, place: str
) -> None:
    """Refuse what is no action, and an action on everything where it could be on something."""
    forms = knowledge.arn_forms(action)
    if forms is None:
        near = did_you_mean(action.lower(), knowledge.actions_like(action))
        raise _refused(place, f"there is no action {action}", near or "see the service authorization reference")
    if action == "iam:PassRole" and not all(f":role/{STACK}-" in resource for resource in resources):
        raise _refused(place, "iam:PassRole is for the service's own roles", f"name them role/{STACK}-*")
    if forms and "*" in resources and not narrowing:
        like = forms[0].replace("${Account}", ACCOUNT).replace("${Partition}", "${AWS::Partition}")
        like = like.replace("${Region}", "${AWS::Region}").replace(".*", f"{STACK}-*")
        raise _refused(place, f"{action} on every resource", f"name what it is for, like {like}")


def _filled(value: Any, values: Mapping[str, str]) -> Any:  # noqa: ANN401 - any value of a statement
    if isinstance(value, Mapping):
        return {key: _filled(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, values) for item in value]
    # IAM writes true, and Python True.
    text = json.dumps(value) if isinstance(value, bool) else str(value)
    for placeholder, filled in values.items():
        text = text.replace(placeholder, filled)
    return text
