"""The mends of pipelines: stacks hold them and the batches of their projects, and are told. Nothing here runs one.

What is told is what CloudFormation resolved: there is no second record of a pipeline. AWS pages are named by their
last part.
"""

# MiniStack ships no types: what comes from it, and what takes its functions' places, is Any.
# ruff: noqa: ANN401

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from lockstep.sandbox import seams

_PROJECT = "AWS::CodeBuild::Project"
_PIPELINE, _NOTIFICATIONS = "AWS::CodePipeline::Pipeline", "AWS::CodeStarNotifications::NotificationRule"
_SERVICE, _TARGET = "codepipeline", "CodePipeline_20150709"
_BATCHES = "buildBatchConfig"
# What an action is configured with has its provider's own names, which are not CodePipeline's to change.
_AS_IT_IS = ("Configuration",)
# What CloudFormation alone knows of a pipeline, and what is told in another way.
_NOT_TOLD = ("Name", "RestartExecutionOnUpdate", "Tags")
_NO_PIPELINE = "Account '{}' does not have a pipeline with name '{}'"
_RESOURCE = "service, method, path, headers, body, query_params, region, account_id"


def stacks_have_pipelines() -> None:
    """A stack can have a pipeline, and rules that tell of it (aws-resource-codepipeline-pipeline).

    Also aws-resource-codestarnotifications-notificationrule. MiniStack knows neither type. Each is made with its name
    and nothing else: a stack keeps its resources' properties, and nobody is told of anything.
    """
    handlers = seams.used("services.cloudformation.provisioners", "_RESOURCE_HANDLERS")
    for kind, make in ((_PIPELINE, _make_pipeline), (_NOTIFICATIONS, _make_notifications)):
        if kind in handlers:
            raise AttributeError(f"{kind} is there")
        handlers[kind] = {"create": make, "update": _updating(make), "delete": _delete}


def pipelines_are_told() -> None:
    """CodePipeline tells what pipelines there are, and what is in each (API_GetPipeline, API_ListPipelines).

    MiniStack has no CodePipeline. Who asks needs codepipeline:GetPipeline on the pipeline, or ListPipelines on all.
    """
    if _SERVICE in seams.used("app", "SERVICE_HANDLERS"):
        raise AttributeError("CodePipeline is there")
    seams.used("core.router", "SERVICE_PATTERNS")[_SERVICE] = {"target_prefixes": [_TARGET]}
    seams.used("core.iam_actions", "SERVICE_TO_IAM_NAMESPACE")[_SERVICE] = _SERVICE
    seams.used("app", "SERVICE_HANDLERS")[_SERVICE] = _answer

    def wrap(original: Any) -> Any:
        def extract(service: str, method: str, path: str, headers: Any, body: bytes, *rest: Any) -> Any:
            if service != _SERVICE:
                return original(service, method, path, headers, body, *rest)
            name = _asked(body).get("name")
            return _arn(str(name)) if name else "*"

        return extract

    seams.replace("core.iam_actions", f"extract_resource_arn({_RESOURCE})", wrap)


def projects_have_batches() -> None:
    """A project has the batch configuration that its template gives it (aws-resource-codebuild-project).

    MiniStack drops it: such a project could start no batch. It is kept with the project, and told of it.
    """

    def wrap(original: Any) -> Any:
        def make(*given: Any) -> Any:
            # What comes last are the properties, and whose they are.
            *_, props, _stack = given
            made = original(*given)
            project = seams.used("services.codebuild", "_projects")[made[0]]
            project.pop(_BATCHES, None)
            if "BuildBatchConfig" in props:
                project[_BATCHES] = _told(props["BuildBatchConfig"])
            return made

        return make

    def tell(original: Any) -> Any:
        def shape(project: Any) -> Any:
            return {**original(project), **({_BATCHES: project[_BATCHES]} if _BATCHES in project else {})}

        return shape

    create = "_codebuild_project_create(logical_id, props, stack_name)"
    update = "_codebuild_project_update(physical_id, old_props, new_props, stack_name)"
    seams.replace_handler(_PROJECT, "create", create, wrap)
    seams.replace_handler(_PROJECT, "update", update, wrap)
    seams.replace("services.codebuild", "_project_shape(project)", tell)


def _make_pipeline(logical_id: str, props: Any, stack_name: str) -> Any:
    name = props.get("Name") or seams.used("services.cloudformation.provisioners", "_physical_name")(
        stack_name, logical_id, max_len=100
    )
    if name in dict(_pipelines()):
        raise ValueError(f"A pipeline with the name '{name}' already exists in account '{seams.account()}'")
    return name, {"Version": "1"}


def _make_notifications(_logical_id: str, props: Any, _stack_name: str) -> Any:
    arn = f"arn:aws:codestar-notifications:{seams.region()}:{seams.account()}:notificationrule/{props['Name']}"
    return arn, {"Arn": arn}


def _updating(make: Any) -> Any:
    """Return what updates a resource of a type: it keeps its name, and is made anew under another one."""

    def update(physical_id: str, old: Any, new: Any, stack_name: str) -> Any:
        if old.get("Name") == new.get("Name"):
            return physical_id, {"Version": "1"} if make is _make_pipeline else {"Arn": physical_id}
        return make(physical_id, new, stack_name)

    return update


def _delete(_physical_id: str, _props: Any) -> None:
    """Delete nothing: with its stack's record a resource of these types is gone."""


def _pipelines() -> Iterator[tuple[str, Any]]:
    """Yield every pipeline of the account and region with its properties, by its name."""
    for stack in list(seams.used("services.cloudformation", "_stacks").values()):
        for resource in stack.get("_resources", {}).values():
            if resource.get("ResourceType") == _PIPELINE and stack.get("StackStatus") != "DELETE_COMPLETE":
                yield resource["PhysicalResourceId"], resource["Properties"]


async def _answer(_method: str, _path: str, headers: Any, body: bytes, _query_params: Any) -> Any:
    answer, refuse = (seams.used("core.responses", name) for name in ("json_response", "error_response_json"))
    operation, asked, found = headers.get("x-amz-target", "").rpartition(".")[2], _asked(body), dict(_pipelines())
    if operation == "ListPipelines":
        listed = [{"name": name, "version": 1, **_kinds(properties)} for name, properties in found.items()]
        return answer({"pipelines": listed})
    if operation != "GetPipeline":
        return refuse("UnknownOperationException", f"the sandbox does not know {operation}", 400)
    name = str(asked.get("name", ""))
    if name not in found:
        return refuse("PipelineNotFoundException", _NO_PIPELINE.format(seams.account(), name), 400)
    told = {key: value for key, value in found[name].items() if key not in _NOT_TOLD}
    return answer({"pipeline": {"name": name, **_told(told), "version": 1}, "metadata": {"pipelineArn": _arn(name)}})


def _kinds(properties: Any) -> dict[str, Any]:
    return {name: value for name, value in _told(properties).items() if name in ("pipelineType", "executionMode")}


def _told(value: Any) -> Any:
    """Return a property as CodePipeline's API spells it."""
    if isinstance(value, list):
        return [_told(item) for item in value]
    if isinstance(value, dict):
        return {
            key[0].lower() + key[1:]: {name: str(item) for name, item in inner.items()}
            if key in _AS_IT_IS
            else _told(inner)
            for key, inner in value.items()
        }
    return value


def _asked(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _arn(name: str) -> str:
    return f"arn:aws:codepipeline:{seams.region()}:{seams.account()}:{name}"
