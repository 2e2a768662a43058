"""A pipeline that updates itself, and that of feature branches, on real tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lockstep.names import branch_slug
from tests.e2e.conftest import TEST, TOOLING
from tests.e2e.test_pipeline import good, ran, services

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.conftest import Place

SETTINGS, TEMPLATE = "infra/sandbox.toml", "infra/pipeline.yaml"
BRANCH = "feature/Log-in"


def change(place: Place, file: str, old: str, new: str) -> None:
    """Change a file of the place, and commit that."""
    path = place.folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    place.commit()


def deployed(place: Place) -> dict[str, Any]:
    """Return each stage of the pipeline that is deployed, by its name."""
    pipeline = place.client("codepipeline", TOOLING).get_pipeline(name="lockstep-pipeline")["pipeline"]
    return {stage["name"]: stage for stage in pipeline["stages"]}


def policy(place: Place) -> Any:  # noqa: ANN401 - any JSON
    """Return what the role may that verifies."""
    found = place.client("iam", TOOLING).get_role_policy(RoleName="lockstep-verify", PolicyName="verify")
    return found["PolicyDocument"]


@pytest.fixture
def updating(expendable: Place) -> Iterator[Place]:
    """The place with a pipeline that updates itself."""
    change(expendable, SETTINGS, "[pipeline]\n", "[pipeline]\nupdate = true\n")
    good(expendable, "pipeline.deploy", "--yes")
    yield expendable
    expendable.restore()
    good(expendable, "pipeline.deploy", "--yes")


def test_a_push_changes_the_pipeline(updating: Place) -> None:
    """What a commit says of the pipeline it gets from the pipeline's own role; the execution begins anew with it."""
    change(updating, SETTINGS, 'name = "prod"\n', 'name = "prod"\non_failure = "retry"\n')

    found = ran(updating, "--until", "UpdatePipeline")

    assert "The pipeline was changed: CodePipeline cancels an execution of what it was before." in found.stdout
    assert "1 of 1 stacks changed." in found.stdout
    assert "Nothing to do: every stack is as planned." in found.stdout
    assert deployed(updating)["Deploy-prod"]["onFailure"]["result"] == "RETRY"


def test_a_push_changes_no_right(updating: Place) -> None:
    """A commit that widens a role stops in that stage, before anything is changed, and says what is refused."""
    before = policy(updating), deployed(updating)
    change(
        updating, TEMPLATE, "[s3:GetObject, s3:GetObjectVersion]", "[s3:GetObject, s3:GetObjectVersion, s3:ListBucket]"
    )

    found = ran(updating, "--until", "UpdatePipeline", code=6)

    assert "lockstep-pipeline-update" in found.stdout
    assert "it may not: " in found.stdout
    assert "iam:PutRolePolicy" in found.stdout
    assert (policy(updating), deployed(updating)) == before


@pytest.fixture
def branched(expendable: Place) -> Iterator[Place]:
    """The place with a pipeline, and a branch with a change beside it; what the branch gets is taken away again."""
    good(expendable, "pipeline.deploy", "--yes")
    change(expendable, "services/hello/app/app.py", '"""', '"""Of a branch. ')
    expendable.run("git", "branch", "--force", BRANCH)
    expendable.restore()
    yield expendable
    expendable.restore()
    # Where the test has taken it away there is nothing left.
    good(expendable, "destroy", "--branch", BRANCH, "--confirm", "lockstep")
    expendable.run("git", "branch", "-D", BRANCH)


def test_a_feature_branch(branched: Place) -> None:
    """A branch gets stacks of its own beside what test runs, which is left as it is; destroying it takes them away."""
    place, stack = branched, f"lockstep-test-hello--{branch_slug(BRANCH)}"
    before = services(place)

    found = ran(place, "--branch", BRANCH)

    there = {one["StackName"] for one in place.client("cloudformation", TEST).describe_stacks()["Stacks"]}
    assert stack in there
    assert services(place) == before
    assert "Stage Deploy-test: Succeeded" in found.stdout
    assert "Deploy-prod" not in found.stdout
    good(place, "destroy", "--branch", BRANCH, "--confirm", "lockstep")
    left = {one["StackName"] for one in place.client("cloudformation", TEST).describe_stacks()["Stacks"]}
    assert left == there - {stack}
