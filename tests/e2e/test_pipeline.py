"""The pipeline on real tools: deployed into the sandbox by CloudFormation, then run from the source to prod."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.conftest import Place, Ran

APPROVE = "Approve-prod"
# A service without an image, so that two machines have something to make.
SECOND = {
    "template.yaml": """
Transform: AWS::Serverless-2016-10-31
Parameters:
  PermissionsBoundary: {Type: String}
Resources:
  Zipped:
    Type: AWS::Serverless::Function
    Properties:
      {PermissionsBoundary: !Ref PermissionsBoundary, CodeUri: app, Handler: app.handler, Runtime: RUNTIME}
""".replace("RUNTIME", f"python3.{sys.version_info.minor}"),
    "app/app.py": "def handler(event, context):\n    return {'said': 'zipped'}\n",
    "app/requirements.txt": "",
}


def good(place: Place, *argv: str) -> None:
    """Run a task, which has to succeed."""
    found = place.invoke(*argv)
    assert found.status == 0, found.stdout + found.stderr


@pytest.fixture
def piped(expendable: Place) -> Iterator[Place]:
    """The place with the pipeline deployed."""
    good(expendable, "pipeline.deploy", "--yes")
    yield expendable
    expendable.invoke("pipeline.run", "--reject", APPROVE)


@pytest.fixture
def sharded(expendable: Place) -> Iterator[Place]:
    """The place with a service more, and with a pipeline of two machines that have something to make."""
    for name, content in SECOND.items():
        file = expendable.folder / "services" / "second" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    app = expendable.folder / "services" / "hello" / "app" / "app.py"
    app.write_text(app.read_text() + "# of several machines\n")
    settings = expendable.folder / "infra" / "sandbox.toml"
    settings.write_text(settings.read_text().replace('branch = "main"\n', 'branch = "main"\nshards = 2\n'))
    expendable.commit()
    good(expendable, "pipeline.deploy", "--yes")
    yield expendable
    expendable.restore()
    good(expendable, "pipeline.deploy", "--yes")


def ran(place: Place, *argv: str, code: int = 0, **env: str) -> Ran:
    """Run the pipeline, and see that it ends as it should."""
    found = place.invoke("pipeline.run", *argv, **env)
    assert found.status == code, found.stdout + found.stderr
    return found


def releases(place: Place) -> set[str]:
    """Every release that was published."""
    return {key for keys in place.accounts().values() for key in keys if key.startswith("releases/")}


def services(place: Place) -> list[dict[str, Any]]:
    """What status says of hello, in test and in prod."""
    environments = place.invoke("status", "--json").document["environments"]
    return [next(one for one in found["services"] if one["name"] == "hello") for found in environments]


def test_from_source_to_prod(piped: Place) -> None:
    """The pipeline stops at the approval with test deployed; approved, prod runs the very release that test runs."""
    app = piped.folder / "services" / "hello" / "app" / "app.py"
    app.write_text(app.read_text() + "# of the pipeline\n")
    piped.commit()
    head = piped.run("git", "rev-parse", "HEAD").stdout.strip()
    piped.run("mkdir", "-p", f"{piped.env['HOME']}/.aws")
    planted = {"AWS_ACCESS_KEY_ID": "PLANTED", "AWS_SECRET_ACCESS_KEY": "PLANTED", "AWS_PROFILE": "planted"}

    waits = ran(piped, "--json", code=3, **planted).document
    before = services(piped)
    done = ran(piped, "--approve", APPROVE, "--json").document
    test, prod = services(piped)

    release = waits["variables"]["Release"]["LOCKSTEP_RELEASE"]
    plan = waits["variables"]["PlanProd"]["LOCKSTEP_PLAN"]
    assert plan.startswith("to prod, where ")
    assert any(f" runs: {does} hello (" in plan for does in ("create", "update"))
    assert waits["revision"]["commit"] == head
    assert [one["release"] == release for one in before] == [True, False]
    assert done["status"] == "Succeeded"
    assert (test["release"], prod["release"]) == (release, release)
    assert test["images"] == prod["images"]
    assert test["commit"] == head
    history = piped.invoke("history", "--env", "prod", "--json").document
    assert done["execution"] in json.dumps(history)


def test_an_integration_test_that_fails(piped: Place) -> None:
    """An integration test that fails in test ends the run with 6, before prod is asked for: prod stays as it is."""
    tests = piped.folder / "services" / "hello" / "integration" / "test_more.py"
    tests.write_text("def test_more():\n    assert 1 == 2\n")
    piped.commit()
    before = services(piped)[1]

    found = ran(piped, code=6)

    assert "hello: integration tests FAILED: 1 failed, 3 passed" in found.stdout
    assert "Stage Approve-prod" not in found.stdout
    assert services(piped)[1] == before


def test_a_build_that_fails(piped: Place) -> None:
    """A failing Release stage ends with 6: post_build runs, no environment is deployed to."""
    before = services(piped)
    (piped.folder / "buildspecs" / "release.yml").write_text(
        "version: 0.2\nphases:\n  build:\n    commands: ['exit 1']\n  post_build:\n    commands: [echo after]\n"
    )
    piped.commit()

    found = ran(piped, code=6)

    assert "Phase complete: BUILD State: FAILED" in found.stdout
    assert "Phase complete: POST_BUILD State: SUCCEEDED" in found.stdout
    assert "Stage Deploy-test" not in found.stdout
    assert services(piped) == before


def test_a_release_of_several_machines(sharded: Place) -> None:
    """With shards = 2 two builds make a share each, and one release joins them: that which a task makes by hand."""
    place, before = sharded, releases(sharded)

    done = ran(place, "--until", "Release", "--json").document

    (release,) = releases(place) - before
    shards, join = done["stages"][2]["actions"]
    assert [(one["name"], one["status"]) for one in (shards, join)] == [
        ("Shards", "Succeeded"), ("Release", "Succeeded"),
    ]  # fmt: skip
    folder = (place.folder / shards["log"]).parent
    first, second = ((folder / f"Release.Shards.shard{number}.log").read_text() for number in (1, 2))
    assert "hello: building HelloFunction" in first
    assert "Shard 1/2 of 2 services: hello" in first
    assert "Shard 2/2 of 2 services: second" in second
    joined = (place.folder / join["log"]).read_text()
    assert [f"{name}: nothing changed since it was built" in joined for name in ("hello", "second")] == [True, True]
    by_hand = place.invoke("release", "--json").document["release"]
    assert done["variables"]["Release"]["LOCKSTEP_RELEASE"] == by_hand
    assert by_hand in release
