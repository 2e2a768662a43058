"""Stands in for CodePipeline and CodeBuild in the sandbox: reads what is deployed there, takes roles as they do.

A role is taken only where its trust policy lets that service take it for that resource (the emulator's mend
`services_name_their_source` judges that), so who is not trusted in AWS is not trusted here.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lockstep import process
from lockstep.aws.agent import Agent
from lockstep.aws.codepipeline import Deployed
from lockstep.aws.session import Reach, Session, open_session
from lockstep.model import AccountId
from lockstep.sandbox import people
from lockstep.sandbox.mended_policies import SOURCE_HEADER
from lockstep.sandbox.server import PORT

# CodeBuild runs a Docker engine only where a project is privileged; elsewhere there is none to be found.
_NO_ENGINE = "unix:///nonexistent/this-project-is-not-privileged.sock"
# Seconds between two looks at a stack: AWS throttles, this machine does not.
_POLL = 0.05


@dataclass(frozen=True)
class Services:
    """The services of the tooling account; `environ` is this machine's, `engine` its Docker engine."""

    reach: Reach
    account: AccountId
    environ: Mapping[str, str] = field(repr=False)
    engine: str

    def pipeline(self, name: str) -> Mapping[str, Any]:
        """Return a pipeline, as GetPipeline gives it; raises ConfigError where there is none."""
        return Deployed(self._service()).pipeline(name)

    def projects(self, names: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """Return projects, as BatchGetProjects gives them; raises ConfigError where one is missing."""
        return Deployed(self._service()).projects(names)

    def become(self, role: str, source: str, session: str) -> Agent:
        """Take a role as the service whose resource `source` is; raises IdentityError where it is not trusted."""
        service = self._service()

        def name_the_source(request: Any, **_: object) -> None:  # noqa: ANN401 - botocore's own request
            request.headers.add_header(SOURCE_HEADER, source)

        service.boto.events.register("before-sign.sts.AssumeRole", name_the_source)
        cure = f"see whom {role} trusts: it has to be {source}"
        return Agent(service.assume(role, f"{source}/{session}", cure), self.account, _POLL)

    def environment(self, *, privileged: bool) -> Mapping[str, str]:
        """Return what a build needs of this machine: its tools, its network, its AWS, and its engine if privileged."""
        return {
            **process.outfit(self.environ, str(Path(sys.executable).parent)),
            # Nobody is to find the credentials of this machine itself.
            "AWS_EC2_METADATA_DISABLED": "true",
            "DOCKER_HOST": self.engine if privileged else _NO_ENGINE,
            PORT: str(urlsplit(self.reach.endpoint or "").port or ""),
        }

    def _service(self) -> Session:
        return open_session(self.reach, people.root_profile(self.account), "standing in for AWS's own services")
