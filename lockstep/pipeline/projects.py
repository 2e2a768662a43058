"""The CodeBuild projects that are deployed, as BatchGetProjects tells them, as frozen values. Pure.

Strict, as the pipeline's definition is: what the local runner cannot honour is an error by its name.
https://docs.aws.amazon.com/codebuild/latest/APIReference/API_Project.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lockstep.pipeline import action_variables
from lockstep.pipeline.action_variables import Variable
from lockstep.pipeline.reading import Part

# Variables with such names are CodeBuild's own: they cannot be set.
_RESERVED = "CODEBUILD_"
# What is AWS's alone and changes no outcome here: when it was made, what it is tagged with, where its log goes.
_TOLD = (
    "badge", "cache", "concurrentBuildLimit", "created", "description", "encryptionKey", "lastModified", "logsConfig",
    "projectVisibility", "queuedTimeoutInMinutes", "tags", "timeoutInMinutes",
)  # fmt: skip


@dataclass(frozen=True)
class Batches:
    """That a project runs batches: the role that starts their builds, and how many builds one may have; 0: any."""

    role: str
    most: int = 0


@dataclass(frozen=True)
class Project:
    """A project as it is deployed: the role that it runs as, its image, its own buildspec and variables.

    Without `batches` CodeBuild starts none of it.
    """

    name: str
    arn: str
    role: str
    image: str
    privileged: bool
    buildspec: str
    variables: tuple[Variable, ...]
    key: str = ""
    batches: Batches | None = None


def read(document: Mapping[str, Any]) -> Project:
    """Return one project of BatchGetProjects' answer; raises ConfigError for whatever the runner cannot honour."""
    what = f"the CodeBuild project {document.get('name', 'without a name')}"
    required = ("name", "arn", "source", "artifacts", "environment", "serviceRole")
    fields = Part(what, "", document).fields(required, (*_TOLD, "buildBatchConfig"))
    source = fields["source"].fields(["type"], ["buildspec", "insecureSsl"])
    source["type"].choice(["CODEPIPELINE"])
    artifacts = fields["artifacts"].fields(["type"], ["encryptionDisabled", "name", "packaging"])
    artifacts["type"].choice(["CODEPIPELINE"])
    environment = fields["environment"].fields(
        ["type", "image", "computeType"],
        ["environmentVariables", "privilegedMode", "imagePullCredentialsType"],
    )
    environment["type"].choice(["LINUX_CONTAINER", "ARM_CONTAINER"])
    own = action_variables.read(environment["environmentVariables"]) if "environmentVariables" in environment else ()
    for one in own:
        if one.name.startswith(_RESERVED):
            raise environment["environmentVariables"].refuse(f"'{one.name}' is CodeBuild's own: it cannot be set")
    return Project(
        name=fields["name"].text(),
        arn=fields["arn"].text(),
        role=fields["serviceRole"].text(),
        image=environment["image"].text(),
        privileged=environment["privilegedMode"].truth() if "privilegedMode" in environment else False,
        buildspec=source["buildspec"].text() if "buildspec" in source else "",
        variables=own,
        key=fields["encryptionKey"].text() if "encryptionKey" in fields else "",
        batches=_batches(fields["buildBatchConfig"]) if "buildBatchConfig" in fields else None,
    )


def _batches(part: Part) -> Batches:
    # How long a batch may take and to whom it is reported changes no outcome here.
    fields = part.fields(["serviceRole"], ["restrictions", "combineArtifacts", "timeoutInMins", "batchReportMode"])
    if "combineArtifacts" in fields and fields["combineArtifacts"].truth():
        raise fields["combineArtifacts"].refuse("the local runner combines no artifacts")
    limits = fields["restrictions"].fields([], ["maximumBuildsAllowed"]) if "restrictions" in fields else {}
    most = limits["maximumBuildsAllowed"].number() if "maximumBuildsAllowed" in limits else 0
    return Batches(fields["serviceRole"].text(), most)
