"""The help pages: what each task does, in few words, and an example that works when pasted."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest
from invoke import Collection, Program
from invoke.parser import Parser, ParserContext

import tasks
from tests.journeys.terminal import text

if TYPE_CHECKING:
    from tests.journeys.terminal import Terminal

NAMES = sorted(Collection.from_module(tasks).task_names)


def test_the_tasks() -> None:
    """These are the tasks, and no others."""
    assert NAMES == [
        "bootstrap",
        "build",
        "buildspec.run",
        "deploy",
        "destroy",
        "doctor",
        "history",
        "integration",
        "package",
        "permissions",
        "pipeline.deploy",
        "pipeline.run",
        "plan",
        "promote",
        "prune",
        "push",
        "release",
        "rollback",
        "sandbox.reset",
        "sandbox.start",
        "sandbox.status",
        "sandbox.stop",
        "smoke",
        "status",
        "unlock",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_help_page(terminal: Terminal, name: str) -> None:
    """Each help page opens with one line under sixty characters, explains every flag, and is shown either way."""
    seen = terminal.invoke("--help", name)

    lines = seen.out.splitlines()
    flags = [line for line in lines[lines.index("Options:") + 1 :] if line.startswith("  -")]
    assert seen == terminal.invoke(name, "--help")
    assert (seen.code, seen.err, lines[2]) == (0, "", "Docstring:")
    assert len(lines[3].strip()) < 60
    assert lines[4] == ""
    assert flags
    assert [flag for flag in flags if len(flag.split("  ", 2)) < 3] == []


def test_invoke_s_own_dry_run(terminal: Terminal) -> None:
    """Invoke's own --dry, which would run a task in earnest, is refused and changes nothing."""
    seen = terminal.invoke("--dry", "deploy", "--env", "test")

    assert (seen.code, seen.out, terminal.world.calls) == (2, "", [])
    assert seen.err == (
        "error: running a task with invoke --dry\n  answer: tasks run no shell\n  next: use its --dry-run\n"
    )


@pytest.mark.parametrize("name", NAMES)
def test_an_example(name: str) -> None:
    """Each help page has one example, which Invoke's own parser takes as this very task."""
    namespace = Collection.from_module(tasks)
    (example,) = (
        line.strip().removeprefix("Example: ")
        for line in (namespace[name].__doc__ or "").splitlines()
        if line.strip().startswith("Example: ")
    )
    program, *argv = shlex.split(example)
    parser = Parser(contexts=namespace.to_contexts(), initial=ParserContext(args=Program().core_args()))

    parsed = parser.parse_argv(argv)

    assert program == "invoke"
    assert [context.name for context in parsed[1:]] == [name]
    assert not parsed.unparsed


def test_the_help_of_deploy(terminal: Terminal) -> None:
    """The help of deploy says what it does, an example, and each flag."""
    seen = terminal.invoke("deploy", "--help")

    assert seen.out == text(
        "Usage: invoke [--core-opts] deploy [--options] [other tasks here ...]",
        "",
        "Docstring:",
        "  Bring an environment to a release, smoke-test it.",
        "",
        "  Example: invoke deploy --env test",
        "",
        "Options:",
        "  -a, --allow-replace           replace or remove what holds data, where a",
        "                                protected environment would refuse it",
        "  -b STRING, --branch=STRING    deploy beside what the environment runs, for",
        "                                this feature branch, until invoke destroy",
        "                                --branch",
        "  -d, --dry-run                 show what `invoke plan` shows and change",
        "                                nothing in the environment",
        "  -e STRING, --env=STRING       the environment's name",
        "  -f, --force                   pass the gates that refuse the release, where",
        "                                the environment's settings allow it; it is",
        "                                recorded",
        "  -j, --json                    print one JSON document on stdout; words go to",
        "                                stderr",
        "  -p STRING, --profile=STRING   AWS profile to start from, instead of",
        "                                tooling.profile",
        "  -r STRING, --release=STRING   deploy this release (its name, or the start of",
        "                                it); default: one made from the working tree",
        "  -s, --service                 only this service; may be given more than once",
        "  -w, --wait                    wait while somebody else deploys there, instead",
        "                                of ending with 8",
        "",
    )


def test_a_missing_environment(terminal: Terminal) -> None:
    """Deploying or testing without saying where ends with exit code 2 and names the environments."""
    seen = [terminal.invoke("deploy"), terminal.invoke("smoke", "--env=")]

    assert (
        seen
        == [
            (
                2,
                text("AWS: a fake one"),
                text(
                    "error: choosing the environment",
                    "  answer: none is named; infra/environments.toml has test, prod",
                    "  next: add --env",
                ),
            )
        ]
        * 2
    )
    assert terminal.changes() == []
