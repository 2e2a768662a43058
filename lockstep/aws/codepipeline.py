"""CodePipeline and CodeBuild in one account: what is deployed there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from lockstep.aws.session import Session, answers, code_of
from lockstep.errors import ConfigError


@dataclass(frozen=True)
class Deployed:
    """The pipelines and projects of one account."""

    session: Session

    def pipeline(self, name: str) -> Mapping[str, Any]:
        """Return a pipeline, as GetPipeline gives it; raises ConfigError where there is none."""
        tried = f"reading the pipeline {name}"
        with answers(tried):
            try:
                found: Mapping[str, Any] = self.session.client("codepipeline").get_pipeline(name=name)
            except ClientError as error:
                if code_of(error) == "PipelineNotFoundException":
                    raise ConfigError(tried, "it is not deployed", "invoke pipeline.deploy") from error
                raise
        return found

    def projects(self, names: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """Return projects, as BatchGetProjects gives them; raises ConfigError where one is missing."""
        if not names:
            return ()
        tried = f"reading the CodeBuild projects {', '.join(names)}"
        with answers(tried):
            found = self.session.client("codebuild").batch_get_projects(names=list(names))
        if missing := found.get("projectsNotFound"):
            raise ConfigError(tried, f"not there: {', '.join(missing)}", "invoke pipeline.deploy")
        projects: Sequence[Mapping[str, Any]] = found["projects"]
        return projects
