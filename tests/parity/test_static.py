"""The static half of the proof: what the pipeline says is complete, and each claim fails on a changed copy."""

from __future__ import annotations

import ast
import copy
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tasks
from lockstep import account_stacks, settings, template
from tests.parity import claims
from tests.parity.claims import Shipped

ROOT = Path(__file__).parents[2]
FILE = "infra/sandbox.toml"
PLAN = f"{claims.EXPORTS['plan.yml']}\n      - invoke deploy"
# What the library reads of an environment that is no task's of the pipeline.
ELSEWHERE = {
    "LOCKSTEP_SANDBOX_PORT": "where the AWS of this machine listens: the local runner sets it, AWS has no such thing",
    "LOCKSTEP_SCHEMAS": "the emulator's own",
    "LOCKSTEP_FUNCTIONS": "given to integration tests",
    "LOCKSTEP_OUTPUTS": "given to integration tests",
    "LOCKSTEP_STACK": "given to integration tests",
}


def ships(pipeline: str = "Pipeline", shards: int = 1) -> Shipped:
    """Return a pipeline as `invoke pipeline.deploy` renders it with all that it can have, and the files beside it."""
    said = (ROOT / "infra" / "sandbox.toml").read_text(encoding="utf-8")
    more = f"[pipeline]\nupdate = true\nshards = {shards}"
    step = account_stacks.pipeline(settings.parse(said.replace("[pipeline]", more), FILE))
    text = (ROOT / "infra" / step.template).read_text(encoding="utf-8")
    folders = ("buildspecs", "infra", "requirements", "services")
    files = [path.relative_to(ROOT).as_posix() for name in folders for path in (ROOT / name).rglob("*")]
    specs = {name: (ROOT / name).read_text(encoding="utf-8") for name in files if name.startswith("buildspecs/")}
    resources = account_stacks.rendered(template.read(text, step.template), step)["Resources"]
    return Shipped(resources, specs, frozenset(files), pipeline)


@pytest.fixture(scope="module")
def shipped() -> Shipped:
    """The pipeline that releases."""
    return ships()


@pytest.fixture(scope="module", params=[("Pipeline", 1), ("Pipeline", 2), ("BranchesPipeline", 2)])
def each(request: pytest.FixtureRequest) -> Shipped:
    """The pipeline that releases, on one machine and on two, then that of feature branches."""
    return ships(*request.param)


@pytest.fixture(scope="module")
def flags() -> dict[str, set[str]]:
    """The long flags of each task."""
    # A copy: Invoke takes the help out of a task whose arguments it is asked for.
    namespace = copy.deepcopy(tasks.namespace)
    return {
        name: {
            flag.lstrip("-").replace("_", "-")
            for argument in namespace[name].get_arguments()
            for flag in argument.names
        }
        for name in namespace.task_names
    }


def disallowed(shipped: Shipped, flags: dict[str, set[str]]) -> list[str]:
    """Return every command of every buildspec that is not allowed."""
    return [
        command
        for file, text in shipped.buildspecs.items()
        for command in claims.disallowed(file, claims.commands(text), flags)
    ]


def changed_spec(shipped: Shipped, file: str, old: str, new: str) -> Shipped:
    """Return what ships with another text in one buildspec."""
    text = shipped.buildspecs[f"buildspecs/{file}"]
    assert old in text
    return replace(shipped, buildspecs={**shipped.buildspecs, f"buildspecs/{file}": text.replace(old, new)})


def changed_pipeline(shipped: Shipped, old: str, new: str) -> Shipped:
    """Return what ships with another text wherever it stands in the pipeline's template."""

    def change(value: Any) -> Any:  # noqa: ANN401 - any part of a template
        if isinstance(value, dict):
            return {key: change(one) for key, one in value.items()}
        if isinstance(value, list):
            return [change(one) for one in value]
        return value.replace(old, new) if isinstance(value, str) else value

    resources = change(shipped.resources)
    assert resources != shipped.resources
    return replace(shipped, resources=resources)


def test_every_command_is_allowed(shipped: Shipped, flags: dict[str, set[str]]) -> None:
    """Each command of each buildspec is a task with flags that it has, or the install line, the export, the judge."""
    assert len(shipped.buildspecs) >= 6
    assert disallowed(shipped, flags) == []


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        pytest.param("deploy.yml", "invoke deploy --env", "invoke deploy --enviroment", id="a flag that no task has"),
        pytest.param("deploy.yml", "invoke deploy", "invoke deplyo", id="a task that does not exist"),
        pytest.param("deploy.yml", '"$LOCKSTEP_RELEASE"', '"$LOCKSTEP_RELEASE" || true', id="shell logic"),
        pytest.param("deploy.yml", '--release "$LOCKSTEP_RELEASE"', "--release latest", id="a release by name"),
        pytest.param("smoke.yml", " --require-hashes", "", id="an install without hashes"),
        pytest.param("release.yml", "invoke release --id", "cat release.txt", id="another source of the release"),
        pytest.param("plan.yml", "(invoke plan --env", "(invoke deploy --env", id="another source of the plan"),
        pytest.param("plan.yml", "export LOCKSTEP_PLAN", "export LOCKSTEP_RELEASE", id="a plan in the release's place"),
        pytest.param("plan.yml", ' --brief)"', '; id)"', id="one command more for the plan"),
        pytest.param("deploy.yml", "invoke deploy", PLAN, id="a plan where nobody approves"),
        pytest.param("smoke.yml", "invoke smoke", "nox -s smoke", id="the judge where nothing is judged"),
    ],
)
def test_a_command_that_is_not(shipped: Shipped, flags: dict[str, set[str]], file: str, old: str, new: str) -> None:
    """Control: a command that is none of these is found."""
    assert disallowed(changed_spec(shipped, file, old, new), flags)


def test_every_file_exists(each: Shipped) -> None:
    """Every file that an action, its project or its buildspec names is in the source."""
    assert claims.missing_files(each) == []


def test_a_file_that_is_missing(shipped: Shipped) -> None:
    """Control: a missing buildspec, of an action or a project, and missing requirements are found."""
    for action in (changed_pipeline(shipped, "buildspecs/smoke.yml", "buildspecs/smok.yml"),
                   changed_pipeline(shipped, "buildspecs/verify.yml", "buildspecs/verfy.yml")):  # fmt: skip
        assert claims.missing_files(action)
    assert claims.missing_files(changed_spec(shipped, "deploy.yml", "/run.txt", "/deploy.txt"))


def test_every_variable_has_a_producer(each: Shipped) -> None:
    """Every `#{x}` is given earlier: by CodePipeline, by both kinds of source, or exported and set by a buildspec."""
    assert claims.without_producer(each) == []


def test_a_variable_without_a_producer(shipped: Shipped) -> None:
    """Control: another namespace, another name, no export, an export of what is not set, a later producer are found."""
    late = copy.deepcopy(dict(shipped.resources))
    stages = late["Pipeline"]["Properties"]["Stages"]
    stages.append(stages.pop(next(i for i, stage in enumerate(stages) if stage["Name"] == "Release")))

    for changed in (
        changed_pipeline(shipped, "#{Release.", "#{Relase."),
        changed_pipeline(shipped, "#{SourceVariables.CommitId}", "#{SourceVariables.Commit}"),
        changed_spec(shipped, "release.yml", "    - LOCKSTEP_RELEASE\n", "    - LOCKSTEP_VERSION\n"),
        changed_spec(shipped, "release.yml", "export LOCKSTEP_RELEASE=", "export LOCKSTEP_RELEASED="),
        changed_pipeline(shipped, "#{PlanProd.", "#{PlanTest."),
        changed_spec(shipped, "plan.yml", "    - LOCKSTEP_PLAN\n", "    - LOCKSTEP_PLANS\n"),
        replace(shipped, resources=late),
    ):
        assert claims.without_producer(changed)


def test_every_variable_is_set(each: Shipped) -> None:
    """Every variable that a job's commands or tasks read is set by its buildspec, its project or its action."""
    assert claims.unset_variables(each) == []


@pytest.mark.parametrize("name", ["CONFIG", "ENVIRONMENT", "RELEASE", "EXECUTION", "COMMIT", "BRANCH"])
def test_a_variable_that_is_not_set(shipped: Shipped, name: str) -> None:
    """Control: each variable, dropped from the pipeline, is missed."""
    changed = changed_pipeline(shipped, f"LOCKSTEP_{name}", "DROPPED")
    changed = replace(changed, buildspecs=shipped.buildspecs)

    assert {missing for _, missing in claims.unset_variables(changed)} == {f"LOCKSTEP_{name}"}


def a_batch_of_builds(shipped: Shipped) -> bool:
    """Is this the pipeline in which a release is made on several machines?"""
    return any("BatchEnabled" in action["Configuration"] for _, action in shipped.actions())


def test_a_shard_is_looked_at(shipped: Shipped) -> None:
    """Control: each shard is a build of its own, whose missing file and whose missing number are found."""
    shards = [job.where for job in shipped.jobs() if job.file == "buildspecs/shard.yml"]

    assert shards == (["Release.Shards.shard1", "Release.Shards.shard2"] if a_batch_of_builds(shipped) else [])
    for changed, claim in (
        (("buildspecs/shard.yml", "buildspecs/shrad.yml"), claims.missing_files),
        (("LOCKSTEP_SHARD:", "LOCKSTEP_SHRAD:"), claims.unset_variables),
    ):
        if shards:
            assert [where for where, _ in claim(changed_pipeline(shipped, *changed))][:2] == shards


def read_by_the_library(extra: str = "") -> set[str]:
    """Return every variable of ours that the library asks its environment for, wherever its name stands."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "lockstep").rglob("*.py"))]
    constants = {
        node.value
        for text in (*texts, extra)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {one for one in constants if re.fullmatch("LOCKSTEP_[A-Z_]+", one)}


def test_what_tasks_read_is_known() -> None:
    """Every variable of ours that the library names is one that these claims know; control: another one is not."""
    # The pipeline's template sets these for commands; no task asks for them.
    of_commands = {"LOCKSTEP_ENVIRONMENT", "LOCKSTEP_RELEASE", "LOCKSTEP_SHARD"}
    known = {*claims.READ_BY_TASKS, *ELSEWHERE, *of_commands}

    assert read_by_the_library() - known == set()
    assert {*claims.READ_BY_TASKS, *ELSEWHERE} - read_by_the_library() == set()
    assert read_by_the_library('environ.get("LOCKSTEP_COLOUR")') - known == {"LOCKSTEP_COLOUR"}
