"""The two sides of the comparison: what was done as the deploy roles, and what is there in the end.

Both look from outside, as an account's root: into CloudTrail, CloudFormation, Lambda, IAM and the artifact bucket.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.e2e.conftest import PROD, REGION, TEST, TOOLING, Place
from tests.parity.comparing import Call

ACCOUNTS = {"test": TEST, "prod": PROD}
BUCKET = f"lockstep-artifacts-{TOOLING}-{REGION}"
# What one answer of a trail holds.
_MOST = 50
_LIST = re.compile(r"(\w+)\.member\.(\d+)(?:\.(\w+))?")


@dataclass(frozen=True)
class Side:
    """What one side did from the deploy roles inwards, what SDKs reported of themselves meanwhile, and what it left."""

    calls: tuple[Call, ...]
    heard: dict[str, tuple[str, ...]]
    state: dict[str, Any]


def now() -> int:
    """Return a second of which nothing happened yet: a trail is asked by whole seconds."""
    time.sleep(1 - time.time() % 1)
    return int(time.time())


def events(place: Place, begin: int) -> list[dict[str, Any]]:
    """Return every event of the accounts' trails since a second, in order."""
    end = int(time.time()) + 1
    trails = [place.client("cloudtrail", account) for account in (TOOLING, *ACCOUNTS.values())]
    unique = {one["EventId"]: one for trail in trails for one in _between(trail, begin, end)}
    return sorted(unique.values(), key=lambda one: one["EventTime"])


def _between(trail: Any, begin: int, end: int) -> list[dict[str, Any]]:  # noqa: ANN401 - boto3 makes its clients at run time
    """Return a trail's events between two seconds: the emulator's tells fifty at a time, and has no pages."""
    window = {"StartTime": datetime.fromtimestamp(begin, UTC), "EndTime": datetime.fromtimestamp(end, UTC)}
    found: list[dict[str, Any]] = trail.lookup_events(MaxResults=_MOST, **window)["Events"]
    if len(found) < _MOST:
        return found[::-1]
    assert end - begin > 1, "more calls in one second than a trail tells"
    middle = (begin + end) // 2
    return [*_between(trail, begin, middle), *_between(trail, middle, end)]


def calls(place: Place, begin: int) -> tuple[Call, ...]:
    """Return what was called as a deploy role since a second, role by role."""
    told = events(place, begin)
    return tuple(
        found
        for environment in ACCOUNTS
        for event in told
        if (found := _call(event, f"lockstep-deploy-{environment}")) is not None
    )


def _call(event: dict[str, Any], role: str) -> Call | None:
    detail = json.loads(event["CloudTrailEvent"])
    who = detail["userIdentity"]
    if f":assumed-role/{role}/" not in who["arn"]:
        return None
    operation = f"{detail['eventSource'].partition('.')[0]}:{detail['eventName']}"
    given = canonical(detail["requestParameters"] or {})
    resources = [one["ResourceName"] for one in event["Resources"]]
    return Call(who["accountId"], role, operation, {**given, **({"resources": resources} if resources else {})})


def canonical(given: dict[str, Any]) -> dict[str, Any]:
    """Return a query's parameters with its lists as lists, sorted where they are sets of a key and a value."""
    found: dict[str, Any] = {}
    lists: dict[str, dict[int, Any]] = {}
    for key, value in given.items():
        member = _LIST.fullmatch(key)
        if member is None:
            found[key] = value
        elif member[3] is None:
            lists.setdefault(member[1], {})[int(member[2])] = value
        else:
            lists.setdefault(member[1], {}).setdefault(int(member[2]), {})[member[3]] = value
    for name, items in lists.items():
        found[name] = _of_list([items[number] for number in sorted(items)])
    return {key: found[key] for key in sorted(found) if key not in {"Action", "Version"}}


def _of_list(items: list[Any]) -> Any:  # noqa: ANN401 - as the query has it
    keyed = {next(iter(item.values())): item for item in items if isinstance(item, dict) and len(item) > 1}
    if len(keyed) != len(items):
        return items
    return {key: sorted(map(str, list(item.values())[1:])) for key, item in sorted(keyed.items())}


def side(place: Place, begin: int, execution: str = "") -> Side:
    """Return what was done in a place since a second and what is there; an execution of the pipeline by one name."""
    found = {**accounts(place), "bucket": _bucket(place), "status": place.invoke("status", "--json").document}
    if execution:
        found = json.loads(json.dumps(found).replace(execution, "<the execution>"))
    return Side(calls(place, begin), heard(place), found)


def accounts(place: Place) -> dict[str, Any]:
    """Return what is in the environments' accounts."""
    return {name: _environment(place, account) for name, account in ACCOUNTS.items()}


def _environment(place: Place, account: str) -> dict[str, Any]:
    formation, functions, iam = (place.client(name, account) for name in ("cloudformation", "lambda", "iam"))
    found: dict[str, Any] = {}
    for stack in formation.describe_stacks()["Stacks"]:
        name = stack["StackName"]
        resources = formation.describe_stack_resources(StackName=name)["StackResources"]
        template = formation.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
        text = template if isinstance(template, str) else json.dumps(template, sort_keys=True)
        found[name] = {
            "status": stack["StackStatus"],
            "protected": stack.get("EnableTerminationProtection"),
            "role": stack.get("RoleARN"),
            "parameters": {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", ())},
            "tags": {one["Key"]: one["Value"] for one in stack["Tags"]},
            "template": hashlib.sha256(text.encode()).hexdigest(),
            "resources": {one["LogicalResourceId"]: one["ResourceType"] for one in resources},
            "functions": {
                one["LogicalResourceId"]: _function(functions, one["PhysicalResourceId"])
                for one in resources
                if one["ResourceType"] == "AWS::Lambda::Function"
            },
            "roles": {
                one["LogicalResourceId"]: _role(iam, one["PhysicalResourceId"])
                for one in resources
                if one["ResourceType"] == "AWS::IAM::Role"
            },
        }
    return found


def _function(functions: Any, name: str) -> dict[str, Any]:  # noqa: ANN401 - boto3 makes its clients at run time
    found = functions.get_function(FunctionName=name)
    configuration = found["Configuration"]
    kept = ("PackageType", "Architectures", "MemorySize", "Timeout", "Environment")
    return {"image": found["Code"].get("ImageUri"), **{key: configuration.get(key) for key in kept}}


def _role(iam: Any, name: str) -> dict[str, Any]:  # noqa: ANN401 - boto3 makes its clients at run time
    """Return everything that a role may and who may take it."""
    role = iam.get_role(RoleName=name)["Role"]
    inline = iam.list_role_policies(RoleName=name)["PolicyNames"]
    return {
        "trust": role["AssumeRolePolicyDocument"],
        "boundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
        "policies": {one: iam.get_role_policy(RoleName=name, PolicyName=one)["PolicyDocument"] for one in inline},
        "attached": sorted(
            one["PolicyArn"] for one in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        ),
    }


def _bucket(place: Place) -> dict[str, Any]:
    """Return what is in the artifact bucket: JSON as it reads, of all else its hash; not what CodePipeline keeps."""
    s3 = place.client("s3", TOOLING)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
    found = {}
    for key in keys:
        if not key.startswith("lockstep-pipeline/"):
            body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
            found[key] = _content(body) if key.endswith(".json") else hashlib.sha256(body).hexdigest()
    return found


def _content(body: bytes) -> Any:  # noqa: ANN401 - any JSON
    try:
        return json.loads(body)
    except ValueError:
        return hashlib.sha256(body).hexdigest()


def heard(place: Place) -> dict[str, tuple[str, ...]]:
    """Return what SDKs reported as each deploy role: from another source than the trail."""
    place.recorder.name(place.caller)
    return {name: place.recorder.made_as(f"lockstep-deploy-{name}") for name in ACCOUNTS}
