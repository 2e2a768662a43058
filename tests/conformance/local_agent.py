"""Runs the buildspecs of this folder by AWS's local CodeBuild agent, and compares what they do with the table.

    python -m tests.conformance.local_agent AGENT IMAGE

Both are names of images: of the agent, and of that in which builds run. Docker pulls what of these is not there, and
nothing else. The agent starts containers of its own, by the engine whose socket it is given. It is known to differ from
CodeBuild in some things: https://github.com/aws/aws-codebuild-docker-images/issues/102
https://docs.aws.amazon.com/codebuild/latest/userguide/use-codebuild-agent.html
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lockstep import process
from tests.conformance import cases
from tests.conformance.cases import KEPT, Case, Outcome

_SOCKET = "/var/run/docker.sock"
_ENGINE = ("DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT")


@dataclass(frozen=True)
class Agent:
    """The agent's image, the image of builds, and the socket of the engine that the agent uses."""

    agent: str
    image: str
    socket: str = _SOCKET

    def argv(self, source: Path, artifacts: Path) -> tuple[str, ...]:
        """Return the command that runs the buildspec.yml of a folder."""
        given = {
            "IMAGE_NAME": self.image,
            "ARTIFACTS": str(artifacts),
            "SOURCE": str(source),
            # Without it the agent starts a second one, by a name that nobody has named.
            "LOCAL_AGENT_IMAGE_NAME": self.agent,
            "INITIATOR": "conformance",
        }
        variables = (word for name, value in given.items() for word in ("--env", f"{name}={value}"))
        return ("docker", "run", "--rm", "--volume", f"{self.socket}:{_SOCKET}", *variables, self.agent)

    def run(self, case: Case, env: Mapping[str, str]) -> Outcome:
        """Run a buildspec in a folder of its own, and return what its log tells."""
        with tempfile.TemporaryDirectory(prefix="conformance-", ignore_cleanup_errors=True) as made:
            source, artifacts = Path(made) / "source", Path(made) / "artifacts"
            for folder in (source, artifacts):
                folder.mkdir()
            shutil.copy(case.file, source / "buildspec.yml")
            (source / KEPT).touch()
            return cases.outcome(process.run(self.argv(source, artifacts), env).output.splitlines())


def compare(wanted: Sequence[Case], run: Callable[[Case], Outcome], say: Callable[[str], None]) -> int:
    """Run each case and say whether it does what the table says, and what else; return how many do not."""
    others = 0
    for case in wanted:
        did = run(case)
        if did.is_that_of(case):
            say(f"same   {case.name}: {did.phases}")
            continue
        others += 1
        say(f"other  {case.name}: {case.shows}")
        say(f"       expected {case.phases} {'' if case.says is None else list(case.says)}".rstrip())
        say(f"       found    {did.phases or 'no phase'} {list(did.says)}")
    say(f"{others} of {len(wanted)} differ" if others else "all are the same")
    return others


def main(argv: Sequence[str], environ: Mapping[str, str], say: Callable[[str], None]) -> int:
    """Run what is asked for; return 1 where something differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.local_agent")
    parser.add_argument("agent", help="image of the local agent")
    parser.add_argument("image", help="image in which builds run")
    parser.add_argument("--socket", default=_SOCKET, help="socket of the Docker engine")
    names = [case.name for case in cases.cases()]
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help="one buildspec; else all")
    given = parser.parse_args(argv)
    agent = Agent(given.agent, given.image, given.socket)
    env = process.child_environment(environ, **{name: environ[name] for name in _ENGINE if name in environ})
    wanted = [case for case in cases.cases() if given.only is None or case.name in given.only]
    return int(compare(wanted, lambda case: agent.run(case, env), say) > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ, print))
