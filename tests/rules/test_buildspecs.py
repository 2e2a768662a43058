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
from lockstep.testing import CODECOMMIT, SETTINGS, some_settings

ROOT = Path(__file__).parents[2]
FILES = sorted(path.name for path in (ROOT / "buildspecs").glob("*.yml"))
# What is run by hand, or in place of another.
BESIDE = {"branch.yml"}
VALUE = r'("\$LOCKSTEP_[A-Z]+")'
INSTALL = r"pip install --quiet --no-deps --require-hashes -r requirements/(run|dev)\.txt"
COMMANDS = re.compile(
    rf"{INSTALL}|nox -s( \w+)+|invoke [\w.]+( --[a-z-]+( {VALUE})?)*"
    r'|export LOCKSTEP_RELEASE="\$\(invoke release --id\)"'
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
    step = account_stacks.pipeline(some_settings(f"{SETTINGS}{CODECOMMIT}shards = 2\n"))
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


def test_each_is_run() -> None:
    """The pipeline names every buildspec, and names none that is not there."""
    named = set(re.findall(r"buildspecs/([\w-]+\.yml)", repr(made())))

    assert (named - set(FILES), set(FILES) - named - BESIDE) == (set(), set())


def test_variables_have_a_source() -> None:
    """Every variable of ours that a command of a job reads, its project or its action sets."""
    resources = made()
    given: dict[str, set[str]] = {}
    for stage in resources["Pipeline"]["Properties"]["Stages"][1:]:
        for action in stage["Actions"]:
            configuration = action["Configuration"]
            project = resources[configuration["ProjectName"]["Ref"]]["Properties"]
            spec = configuration.get("BuildspecOverride", project["Source"]["BuildSpec"])
            names = {*re.findall(r'"name": ?"(\w+)"', configuration.get("EnvironmentVariables", ""))}
            names |= {one["Name"] for one in project["Environment"]["EnvironmentVariables"]}
            entries = batch.parse(spec, "it").entries if "BatchEnabled" in configuration else (Entry("one", spec),)
            given |= {Path(entry.buildspec).name: names | {*entry.variables} for entry in entries}

    read_there = {file: set(re.findall(r'"\$(LOCKSTEP_\w+)"', " ".join(commands(file)))) for file in given}
    assert {file: sorted(names - given[file]) for file, names in read_there.items() if names - given[file]} == {}
