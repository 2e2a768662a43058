"""The main job on real tools: what the demo leaves, what a change does, what the accounts say of it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from lockstep.images import Images
from tests.e2e.conftest import PROD, TEST, TOOLING, settle

if TYPE_CHECKING:
    from tests.e2e.conftest import Place, Ran


def deployed(place: Place, environment: str) -> dict[str, object]:
    """What status says of hello in an environment."""
    document = place.invoke("status", "--json").document
    found = next(one for one in document["environments"] if one["name"] == environment)
    service: dict[str, object] = next(one for one in found["services"] if one["name"] == "hello")
    return service


def change_handler(place: Place, words: str) -> None:
    """Change a line of the handler that no answer depends on."""
    app = place.folder / "services" / "hello" / "app" / "app.py"
    app.write_text(re.sub(r"Answers GET /hello[^.]*\.", f"Answers GET /hello, {words}.", app.read_text()))


def test_the_demo_runs_the_whole_job(demo: tuple[Place, Ran]) -> None:
    """The demo ends well, by hand and by the pipeline, says how to go on, and leaves the copy clean."""
    place, ran = demo

    said = ran.stdout + ran.stderr

    assert ran.status == 0, said
    # By hand each environment is deployed to, by the pipeline each has a Deploy and a Smoke action.
    assert said.count("smoke test 'GET /hello greets' passed") == 6
    # And an Integration action.
    assert said.count("hello: integration tests passed") == 2
    assert "Stage Deploy-prod: Succeeded" in said
    assert "source .venv/bin/activate" in said
    assert place.run("git", "status", "--porcelain").stdout == ""


def test_both_environments_run_one_digest(place: Place) -> None:
    """One release in both environments means the same digest of hello in test and prod."""
    settle(place)

    test, prod = deployed(place, "test"), deployed(place, "prod")

    assert test["release"] == prod["release"]
    assert test["images"] == prod["images"]
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", dict(test["images"])["HelloFunction"])  # type: ignore[call-overload]  # JSON


def test_a_real_container_answers(place: Place, docker_host: str) -> None:
    """The smoke test is answered by a container that runs the deployed digest."""
    answered = place.invoke("smoke", "--env", "test", "--json")

    digest = dict(deployed(place, "test")["images"])["HelloFunction"]  # type: ignore[call-overload]  # JSON
    assert answered.document["smoke"] == [{"service": "hello", "name": "GET /hello greets", "passed": True}]
    assert any(digest in name for name in Images(docker_host).running())


def test_templates_name_digests_only(place: Place) -> None:
    """The template that each account holds names its image by digest, and no tag."""
    for account, stack in ((TEST, "lockstep-test-hello"), (PROD, "lockstep-prod-hello")):
        template = place.client("cloudformation", account).get_template(StackName=stack, TemplateStage="Original")

        text = json.dumps(template["TemplateBody"])
        uris = re.findall(r'ImageUri\W+([^"\\]+)', text)

        assert [uri.partition("@")[2][:7] for uri in uris] == ["sha256:"]
        assert ":source-" not in text


def test_cloudtrail_names_the_deploy_role(place: Place) -> None:
    """CloudTrail says that each environment's stack is changed by its own deploy role's session, and nobody else."""
    change_handler(place, "as traced")
    settle(place)

    for account, environment in ((TEST, "test"), (PROD, "prod")):
        attribute = [{"AttributeKey": "EventName", "AttributeValue": "ExecuteChangeSet"}]
        found = place.client("cloudtrail", account).lookup_events(LookupAttributes=attribute)["Events"]

        events = [json.loads(event["CloudTrailEvent"]) for event in found]
        made = {e["userIdentity"]["arn"] for e in events if f"lockstep-{environment}-hello" in json.dumps(e)}

        assert made
        assert all(f":{account}:assumed-role/lockstep-deploy-{environment}/" in arn for arn in made)


@pytest.mark.parametrize("role", [f"{TOOLING}:role/lockstep-deployer-prod", f"{PROD}:role/lockstep-deploy-prod"])
def test_a_developer_cannot_become_the_deployer_of_prod(place: Place, role: str) -> None:
    """A developer whom prod does not list is denied AssumeRole on prod's roles, in tooling and in prod."""
    answer = place.assume(f"arn:aws:iam::{role}", "lockstep-sandbox-developer")

    assert answer == "AccessDenied"


def test_a_listed_deployer_becomes_it(place: Place) -> None:
    """The releaser, whom prod lists, is allowed what the developer is denied."""
    answer = place.assume(f"arn:aws:iam::{TOOLING}:role/lockstep-deployer-prod", "lockstep-sandbox-releaser")

    assert answer == "allowed"


def test_nothing_changed_changes_nothing(place: Place) -> None:
    """Deploying what runs already says so, changes no account, and needs no Docker engine."""
    place.invoke("deploy", "--env", "test")
    before = place.accounts()

    ran = place.invoke("deploy", "--env", "test", "--json", DOCKER_HOST="tcp://127.0.0.1:9")

    assert ran.status == 0, ran.stderr
    assert [service["result"] for service in ran.document["services"]] == ["unchanged"]
    assert place.accounts() == before


def test_one_changed_line_reaches_test_only(place: Place) -> None:
    """A changed line of the handler is built, pushed, deployed to test and smoke-tested; prod stays as it is."""
    settle(place)
    before = deployed(place, "test")["images"], deployed(place, "prod")["images"]
    change_handler(place, "as changed")

    ran = place.invoke("deploy", "--env", "test", "--json")

    assert ran.status == 0, ran.stderr
    assert [service["result"] for service in ran.document["services"]] == ["updated"]
    assert [test["passed"] for test in ran.document["smoke"]] == [True]
    assert deployed(place, "test")["images"] != before[0]
    assert deployed(place, "prod")["images"] == before[1]


def test_the_same_tree_gives_the_same_release(place: Place) -> None:
    """Making the release of the same tree twice gives one name, and the second time nothing is new."""
    first = place.invoke("release", "--json").document

    second = place.invoke("release", "--json").document

    assert second == {**first, "new": False}


def test_bootstrap_again_has_nothing_to_do(place: Place) -> None:
    """Bootstrapping accounts that are set up changes nothing and says so."""
    before = place.accounts()

    ran = place.invoke("bootstrap", "--yes")

    assert ran.status == 0
    assert ran.stdout.splitlines()[-1] == "Nothing to do: every stack is as planned."
    assert place.accounts() == before
