"""Runs the integration tests of a service, in a process of its own, with the rights of an environment's deploy role.

That process sees what it is given and nothing else of the caller: no home, no profile, no other keys. Whatever becomes
of it, a JUnit report is left, since a build that is to collect one and finds none has failed.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from lockstep import process
from lockstep.model import SuiteOutcome
from lockstep.names import INTEGRATION
from lockstep.ports import Say, Suite

# pytest's statuses of a run that went to its end: https://docs.pytest.org/en/stable/reference/exit-codes.html
_FINISHED = {0, 1, 5}


def argv(folder: Path, report: Path) -> tuple[str, ...]:
    """Return the command that runs the tests of a folder by this interpreter, with no configuration but its own."""
    return (
        sys.executable, "-m", "pytest", "--verbose", "--no-header", "--color=no", "-p", "no:cacheprovider",
        "-c", os.devnull, f"--rootdir={folder}", f"--confcutdir={folder}", f"--junit-xml={report}", str(folder),
    )  # fmt: skip


def told(suite: Suite, environment: str) -> dict[str, str]:
    """Return the variables by which tests find what they are about: names, and JSON objects of names."""
    return {
        "LOCKSTEP_ENVIRONMENT": environment,
        "LOCKSTEP_STACK": suite.stack,
        "LOCKSTEP_OUTPUTS": json.dumps(dict(suite.outputs), sort_keys=True),
        "LOCKSTEP_FUNCTIONS": json.dumps(dict(suite.functions), sort_keys=True),
    }


@dataclass(frozen=True)
class Suites:
    """The integration tests of the services of the tree at `root`; `env` is all that a child gets of this machine."""

    root: Path
    environment: str
    env: Mapping[str, str] = field(repr=False)

    def run(self, suite: Suite, say: Say) -> SuiteOutcome:
        """Run the tests of one service, each line of theirs to `say`; leave their report, without any secret."""
        folder = (self.root / "services" / suite.service / INTEGRATION).absolute()
        name = self._report(f"-{suite.service}")
        with tempfile.TemporaryDirectory(prefix="lockstep-") as scratch:
            found = Path(scratch) / "report.xml"
            own = {"HOME": scratch, "TMPDIR": scratch, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}
            env = {**self.env, **own, **told(suite, self.environment)}

            def show(line: str) -> None:
                # Where the report is for the moment helps nobody: it is gone when the line is read.
                if str(found) not in line:
                    say(f"  {line}".rstrip())

            ended = process.run(argv(folder, found), env, cwd=folder, on_line=show)
            summary = process.tail(ended.output, 1).strip("= ")
            if not found.exists() or ended.status not in _FINISHED:
                summary = f"pytest ended with {ended.status}, not with its tests: {summary}".removesuffix(": ")
            # Written while nobody masks, so it is read once more before it lies where people and CodeBuild find it.
            report = found.read_text(encoding="utf-8") if found.exists() else _one(suite.service, "error", summary)
            # A test can end the process, with 0 too.
            passed = ended.status == 0 and found.exists()
        self._write(name, process.mask(report, env))
        return SuiteOutcome(suite.service, passed, summary, name)

    def skip(self, reason: str) -> None:
        """Leave a report whose one test was skipped for a reason."""
        self._write(self._report(), _one("any service", "skipped", reason))

    def _report(self, of: str = "") -> str:
        return f"reports/integration-{self.environment}{of}.xml"

    def _write(self, name: str, report: str) -> None:
        (self.root / name).parent.mkdir(exist_ok=True)
        (self.root / name).write_text(report, encoding="utf-8")


def _one(test: str, end: str, message: str) -> str:
    """Return a JUnit report of one test that did not run to its end."""
    suites = ElementTree.Element("testsuites")
    counts = {kind: str(int(kind == end)) for kind in ("error", "skipped")}
    suite = ElementTree.SubElement(
        suites, "testsuite", name=INTEGRATION, tests="1", failures="0",
        errors=counts["error"], skipped=counts["skipped"],
    )  # fmt: skip
    case = ElementTree.SubElement(suite, "testcase", classname=INTEGRATION, name=test)
    ElementTree.SubElement(case, end, message=message)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True)
