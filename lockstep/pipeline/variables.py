"""The variables of a build that CodeBuild sets and documents. Pure; those that it has for itself are not among them.

https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from lockstep.errors import ConfigError
from lockstep.names import Names

_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Job:
    """A build: the project and its id there, what started it, what its source is and where; `started` in ms.

    `batch` is its identifier in a batch, empty for a single build.
    """

    project: str
    id: str
    initiator: str
    source_version: str
    commit: str
    folder: str
    image: str
    started: int
    number: int = 1
    batch: str = ""


def of(job: Job, names: Names) -> dict[str, str]:
    """Return what CodeBuild says to a build of itself, in the tooling account."""
    where = f"arn:{names.partition}:codebuild:{names.region}:{names.tooling}"
    return {
        **({"CODEBUILD_BATCH_BUILD_IDENTIFIER": job.batch} if job.batch else {}),
        "AWS_DEFAULT_REGION": names.region,
        "AWS_REGION": names.region,
        "CODEBUILD_BUILD_ARN": f"{where}:build/{job.project}:{job.id}",
        "CODEBUILD_BUILD_ID": f"{job.project}:{job.id}",
        "CODEBUILD_BUILD_IMAGE": job.image,
        "CODEBUILD_BUILD_NUMBER": str(job.number),
        "CODEBUILD_INITIATOR": job.initiator,
        "CODEBUILD_LOG_PATH": job.id,
        "CODEBUILD_PROJECT_ARN": f"{where}:project/{job.project}",
        "CODEBUILD_RESOLVED_SOURCE_VERSION": job.commit,
        "CODEBUILD_SOURCE_REPO_URL": "",
        "CODEBUILD_SOURCE_VERSION": job.source_version,
        "CODEBUILD_SRC_DIR": job.folder,
        "CODEBUILD_START_TIME": str(job.started),
    }


def given(pairs: Collection[str]) -> dict[str, str]:
    """Return the variables that NAME=VALUE sets; raises ConfigError for a name that nobody may set."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not _NAME.fullmatch(name):
            raise ConfigError(f"setting the variable {name!r}", "it is not NAME=VALUE", "--set NAME=VALUE")
        if name.startswith("CODEBUILD_"):
            raise ConfigError(f"setting the variable {name}", "only CodeBuild itself sets what begins with CODEBUILD_")
        if name in found:
            raise ConfigError(f"setting the variable {name}", "it is set twice")
        found[name] = value
    return found
