"""The buildspecs: short, of commands that a laptop has too, and each named by the pipeline that is deployed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from lockstep import account_stacks, template
from lockstep.pipeline import batch
from lockstep.pipeline.batch import Entry
from lockstep.testing import CODECONNECTIONS, SETTINGS, some_settings

ROOT = Path(__file__).parents[2]
FILES = sorted(path.name for path in (ROOT / "buildspecs").glob("*.yml"))
VALUE = r'("\$LOCKSTEP_[A-Z]+")'
INSTALL = r"pip install --quiet --no-deps --require-hashes -r requirements/(run|dev)\.txt"
COMMANDS = re.compile(
    rf"{INSTALL}|nox -s( \w+)+|invoke [\w.]+( --[a-z-]+( {VALUE})?)*"
    r'|export LOCKSTEP_RELEASE="\$\(invoke release --id\)"'
    r'|export LOCKSTEP_PLAN="\$\(invoke plan --env "\$LOCKSTEP_ENVIRONMENT" --release "\$LOCKSTEP_RELEASE" --brief\)"'
)


def read(file: str) -> dict[str, Any]:
    """Return what a buildspec says."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "buildspecs" / file).read_text(encoding="utf-8"))
    return found


def commands(file: str) -> list[str]:
    """Return every command of a buildspec, in order."""
    return [command for phase in read(file)["phases"].values() for command in phase.get("commands", ())]


def made() -> dict[str, Any]:
    """Return the resources of the pipeline as it is deployed, with all that it can have."""
    more = 'branches = ["feature/**"]\nupdate = true\nshards = 2\n'
    step = account_stacks.pipeline(some_settings(f"{SETTINGS}approval = true\n{CODECONNECTIONS}{more}"))
    text = (ROOT / "infra" / step.template).read_text(encoding="utf-8")
    return dict(account_stacks.rendered(template.read(text, step.template), step)["Resources"])


@pytest.mark.parametrize("file", FILES)
def test_they_are_short(file: str) -> None:
    """A buildspec has at most 25 lines, and no phase in which something happens after a build that failed."""
    lines = (ROOT / "buildspecs" / file).read_text(encoding="utf-8").splitlines()

    assert len(lines) <= 25
    assert set(read(file)["phases"]) <= {"install", "build"}


@pytest.mark.parametrize("file", FILES)
def test_each_command_is_a_task(file: str) -> None:
    """Each command is a task, the line that installs what tasks need with hashes, or the judge; there is no shell."""
    assert [command for command in commands(file) if not COMMANDS.fullmatch(command)] == []


@pytest.mark.parametrize(
    "command",
    [
        'export LOCKSTEP_PLAN="$(invoke plan --env prod --brief)"',
        'export LOCKSTEP_PLAN="$(invoke deploy --env "$LOCKSTEP_ENVIRONMENT" --release "$LOCKSTEP_RELEASE" --brief)"',
        'export LOCKSTEP_RELEASE="$(invoke plan --env "$LOCKSTEP_ENVIRONMENT" --release "$LOCKSTEP_RELEASE" --brief)"',
        "export PATH=.",
    ],
)
def test_another_export_is_none(command: str) -> None:
    """Control: a variable that is set in any other way than by one of the two exports is found."""
    assert not COMMANDS.fullmatch(command)


def test_each_is_run() -> None:
    """The pipeline names every buildspec, and names none that is not there."""
    named = set(re.findall(r"buildspecs/([\w-]+\.yml)", repr(made())))

    assert (named - set(FILES), set(FILES) - named) == (set(), set())


def test_reports_may_be_written() -> None:
    """The reports of what an environment's project runs are those that its deployer's role may write."""
    text = (ROOT / "infra" / "tooling-deployer.yaml").read_text(encoding="utf-8")
    reported = {
        name for file in ("deploy.yml", "smoke.yml", "integration.yml") for name in read(file).get("reports", ())
    }

    allowed = re.findall(r":report-group/\$\{Project\}-deploy-\$\{Environment\}-([\w*-]+)", text)

    assert reported == {"integration"}
    assert set(allowed) == reported


def test_variables_have_a_source() -> None:
    """Every variable of ours that a command of a job reads, its project or its action sets."""
    resources = made()
    given: dict[str, set[str]] = {}
    pipelines = [resources[name]["Properties"]["Stages"][1:] for name in ("Pipeline", "BranchesPipeline")]
    for stage in [stage for stages in pipelines for stage in stages]:
        for action in stage["Actions"]:
            configuration = action["Configuration"]
            if "ProjectName" not in configuration:
                continue
            project = resources[configuration["ProjectName"]["Ref"]]["Properties"]
            spec = configuration.get("BuildspecOverride", project["Source"]["BuildSpec"])
            names = {*re.findall(r'"name": ?"(\w+)"', configuration.get("EnvironmentVariables", ""))}
            names |= {one["Name"] for one in project["Environment"]["EnvironmentVariables"]}
            entries = batch.parse(spec, "it").entries if "BatchEnabled" in configuration else (Entry("one", spec),)
            given |= {Path(entry.buildspec).name: names | {*entry.variables} for entry in entries}

    read_there = {file: set(re.findall(r'"\$(LOCKSTEP_\w+)"', " ".join(commands(file)))) for file in given}
    assert {file: sorted(names - given[file]) for file, names in read_there.items() if names - given[file]} == {}
