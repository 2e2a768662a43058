"""What a deployment would change, shown before it is done, and what a protected environment refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lockstep.errors import DeployError
from lockstep.model import ResourceChange, StackName
from lockstep.ports import StackUpdate
from lockstep.testing import SETTINGS
from tests.journeys.terminal import TEMPLATE, changed

if TYPE_CHECKING:
    from tests.journeys.terminal import Terminal

STACK = StackName("shop-test-hello")
TABLE = ResourceChange("replace", "Table", "AWS::DynamoDB::Table", ("KeySchema",))
FUNCTION = ResourceChange("modify", "HelloFunction", "AWS::Lambda::Function", ("Code", "Tags"))
PROTECTED = SETTINGS.replace('name = "test"', 'name = "test"\nprotect = true')
ENDANGERED = (
    "error: deploying to test, which is protected\n"
    "  answer: its data would go, or might: replace Table (AWS::DynamoDB::Table) of shop-test-hello\n"
    "  next: keep what is named as it is, or save its data and repeat with --allow-replace\n"
)


def shown(out: str) -> list[str]:
    """Return the lines that show what would become of the stack."""
    lines = out.splitlines()
    begin = lines.index(f"  update {STACK}:")
    return [line for line in lines[begin:] if line.startswith("    ")]


def deployed(terminal: Terminal, *resources: ResourceChange) -> str:
    """Deploy to test, change the source, have its update change some resources; return the first image's digest."""
    terminal.invoke("deploy", "--env", "test")
    terminal.services = (changed(terminal.services[0]),)
    terminal.world.updates[STACK] = StackUpdate(resources)
    return next(iter(terminal.world.running.values()))


def test_what_an_update_changes(terminal: Terminal) -> None:
    """The plan of an update says what becomes of each resource, and what changes in images, parameters and tags."""
    terminal.write_template("hello", Parameters={"LogLevel": {"Type": "String", "Default": "INFO"}})
    old = deployed(terminal, FUNCTION, TABLE, ResourceChange("remove", "Rule", "AWS::Events::Rule"))
    before = terminal.release()
    terminal.settings = SETTINGS.replace('name = "test"', 'name = "test"\nparameters.hello.LogLevel = "DEBUG"')

    seen = terminal.invoke("plan", "--env", "test")

    (new,) = {*terminal.world.pushed.values()} - {old}
    found = [line for line in shown(seen.out) if "lockstep:settings" not in line]
    assert (seen.code, seen.err) == (0, "")
    assert found[:-1] == [
        "    modify   HelloFunction (AWS::Lambda::Function): Code, Tags",
        "    replace  Table (AWS::DynamoDB::Table): KeySchema  -- holds data",
        "    remove   Rule (AWS::Events::Rule)",
        f"    image    HelloFunction: {old[:19]} (commit c0ffee000000) -> {new[:19]} (commit c0ffee000000)",
        "    parameter LogLevel: INFO -> DEBUG",
        f"    tag      lockstep:release: {running(terminal)[:12]} -> {before[:12]}",
    ]


def running(terminal: Terminal) -> str:
    """Return the release that runs in test."""
    return next(iter(terminal.world.stacks.values())).tags["lockstep:release"]


def test_an_update_as_json(terminal: Terminal) -> None:
    """With --json the plan's document has the same, whole."""
    old = deployed(terminal, TABLE)

    (service,) = terminal.invoke("plan", "--env", "test", "--json").document["services"]

    (new,) = {*terminal.world.pushed.values()} - {old}
    commit = terminal.commit.sha
    assert service["resources"] == [
        {
            "action": "replace",
            "logical_id": "Table",
            "type": "AWS::DynamoDB::Table",
            "properties": ["KeySchema"],
            "gives_up_data": True,
        }
    ]
    assert service["images"] == [
        {
            "function": "HelloFunction",
            "from": {"digest": old, "commit": commit},
            "to": {"digest": new, "commit": commit},
        }
    ]
    assert service["parameters"] == []
    assert {one["name"] for one in service["tags"]} == {"lockstep:release", "lockstep:template"}


def test_a_deployment_shows_it_too(terminal: Terminal) -> None:
    """A deployment shows what its plan shows, and then does it."""
    deployed(terminal, FUNCTION)

    planned = terminal.invoke("plan", "--env", "test")
    done = terminal.invoke("deploy", "--env", "test")

    assert shown(planned.out) == shown(done.out)
    assert done.code == 0


def a_template(action: str) -> dict[str, Any]:
    """Return a template whose one role may do something with a table."""
    statement = {"Effect": "Allow", "Action": action, "Resource": {"Fn::GetAtt": ["Table", "Arn"]}}
    policies = [{"PolicyName": "own", "PolicyDocument": {"Statement": [statement], "Version": "2012-10-17"}}]
    return {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": {"Policies": policies}}}}


def test_rights(terminal: Terminal) -> None:
    """What becomes broader of the rights that a stack gives is said, in words and in the document."""
    deployed(terminal)
    update = StackUpdate((), a_template("dynamodb:GetItem"), a_template("dynamodb:*Item"))
    terminal.world.updates[STACK] = update

    seen = terminal.invoke("plan", "--env", "test")
    (service,) = terminal.invoke("plan", "--env", "test", "--json").document["services"]

    sentence = "may now dynamodb:*Item on ${Table.Arn}"
    assert shown(seen.out)[-1] == f"    IAM      Role is broader: {sentence}"
    assert service["iam"] == [{"logical_id": "Role", "change": "broader", "broader": True, "differences": [sentence]}]


def test_nothing_to_change(terminal: Terminal) -> None:
    """Of a stack that stays as it is nobody is asked anything."""
    terminal.invoke("deploy", "--env", "test")
    terminal.world.fails["change set"] = AssertionError("nobody is asked")

    seen = terminal.invoke("plan", "--env", "test", "--json")

    nothing: dict[str, object] = {"resources": [], "images": [], "parameters": [], "tags": [], "iam": []}
    stays = {"name": "hello", "change": "unchanged", "reason": "it runs this release already"}
    assert seen.document["services"] == [{**stays, **nothing}]


def test_a_secret(terminal: Terminal) -> None:
    """A parameter that its template declares NoEcho is never shown."""
    terminal.write_template("hello", Parameters={"Password": {"Type": "String", "NoEcho": True, "Default": "first"}})
    deployed(terminal)
    terminal.settings = SETTINGS.replace('name = "test"', 'name = "test"\nparameters.hello.Password = "second"')

    seen = terminal.invoke("plan", "--env", "test")

    assert "    parameter Password: **** -> ****" in shown(seen.out)
    assert [word for word in ("first", "second") if word in seen.out + seen.err] == []


def test_a_plan_that_cloudformation_refuses(terminal: Terminal) -> None:
    """Where CloudFormation cannot plan the update, the deployment ends with its reason and changes nothing."""
    deployed(terminal)
    terminal.world.fails["change set"] = DeployError("planning the stack", "Template error", "mend the template")
    before = terminal.environments()

    seen = terminal.invoke("deploy", "--env", "test")

    assert (seen.code, terminal.environments()) == (6, before)
    assert "Template error" in seen.err


def test_a_template_that_cannot_be_translated(terminal: Terminal) -> None:
    """What a new stack would have is left out where SAM here cannot tell, and AWS is asked when it is made."""
    properties = {"PackageType": "Image", "Events": {"Something": {"Type": "NewerThanThis"}}}
    resources: Any = TEMPLATE["Resources"]
    broken = {"HelloFunction": {**resources["HelloFunction"], "Properties": properties}}
    terminal.write_template("hello", Transform="AWS::Serverless-2016-10-31", Resources=broken)

    seen = terminal.invoke("deploy", "--env", "test")

    assert seen.code == 0
    assert "hello: what shop-test-hello would have was not looked at: " in seen.out


@pytest.mark.parametrize("action", ["replace", "may_replace", "remove"])
def test_what_a_protected_environment_refuses(terminal: Terminal, action: str) -> None:
    """What would replace or remove what holds data is refused in a protected environment, naming it."""
    terminal.settings = PROTECTED
    deployed(terminal, ResourceChange(action, "Table", "AWS::DynamoDB::Table", ("KeySchema",)))
    before = terminal.environments()

    seen = terminal.invoke("deploy", "--env", "test")

    said = action.replace("_", " ")
    assert (seen.code, seen.err) == (9, ENDANGERED.replace("replace Table", f"{said} Table"))
    assert terminal.environments() == before


def test_what_is_allowed(terminal: Terminal) -> None:
    """With --allow-replace it is shown and done."""
    terminal.settings = PROTECTED
    deployed(terminal, TABLE)

    seen = terminal.invoke("deploy", "--env", "test", "--allow-replace")

    assert seen.code == 0
    assert "    replace  Table (AWS::DynamoDB::Table): KeySchema  -- holds data" in shown(seen.out)
    assert running(terminal) == terminal.release()


def test_a_dry_run_that_is_refused(terminal: Terminal) -> None:
    """A dry run shows the whole plan first, and ends as the deployment would."""
    terminal.settings = PROTECTED
    deployed(terminal, TABLE)

    seen = terminal.invoke("plan", "--env", "test", "--json")

    assert (seen.code, seen.err.endswith(ENDANGERED)) == (9, True)
    assert seen.document["services"][0]["resources"][0]["gives_up_data"] is True


def test_an_unprotected_environment(terminal: Terminal) -> None:
    """Elsewhere it is shown and done."""
    deployed(terminal, TABLE)

    assert terminal.invoke("deploy", "--env", "test").code == 0


def test_going_back(terminal: Terminal) -> None:
    """Going back is no way around it."""
    terminal.settings = PROTECTED
    release = terminal.release()
    terminal.invoke("deploy", "--env", "test")
    terminal.services = (changed(terminal.services[0]),)
    terminal.invoke("deploy", "--env", "test")
    terminal.world.updates[STACK] = StackUpdate((TABLE,))

    refused = terminal.invoke("rollback", "--env", "test", "--to", release)
    done = terminal.invoke("rollback", "--env", "test", "--to", release, "--allow-replace")

    assert (refused.code, refused.err, done.code) == (9, ENDANGERED, 0)


def test_going_back_by_itself(terminal: Terminal) -> None:
    """Going back from a failed smoke test is not stopped: what runs is worse."""
    terminal.settings = PROTECTED
    deployed(terminal, TABLE)
    before = running(terminal)
    terminal.world.answers["shop-test-hello-HelloFunction"] = {"statusCode": 500}

    seen = terminal.invoke("deploy", "--env", "test", "--allow-replace")

    assert (seen.code, running(terminal)) == (6, before)
