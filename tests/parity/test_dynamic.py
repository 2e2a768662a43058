"""The dynamic half of the proof: tasks by hand and the pipeline do the same in AWS and leave the same.

What is compared begins at the deploy role: the calls that it made, in order, with their parameters, from CloudTrail;
the same calls as the SDKs reported them; and what is there in the end. Each negative control has to be found.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.conftest import PROD, TEST, TOOLING
from tests.parity import comparing, repeating, sides
from tests.parity.comparing import Call, Difference
from tests.parity.sides import Side

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.parity.conftest import Done, Piped

ALLOWED = comparing.allowed()
ROLE = "lockstep-deploy-test"


def of_calls(first: tuple[Call, ...], second: tuple[Call, ...]) -> tuple[Difference, ...]:
    """Return every difference between two sides' calls, the allowed ones too."""
    return comparing.of_calls(*(comparing.settled(calls, ALLOWED.repeated) for calls in (first, second)))


def of_states(first: object, second: object) -> tuple[Difference, ...]:
    """Return every difference between what two sides left, the allowed ones too."""
    return comparing.differences(comparing.flat(first, "state"), comparing.flat(second, "state"))


def red(found: tuple[Difference, ...]) -> tuple[Difference, ...]:
    """Return what of it is not allowed."""
    return comparing.judged(found, ALLOWED.differences)


def reported(side: Side) -> tuple[Call, ...]:
    """Return the calls that SDKs reported, which name no account and no parameter."""
    found = ((name, *call.split(":")) for name, calls in side.heard.items() for call in calls)
    return tuple(Call("", f"lockstep-deploy-{name}", f"{service.lower()}:{api}", {}) for name, service, api in found)


def again(piped: Piped, change: Callable[..., None]) -> tuple[tuple[Call, ...], str]:
    """Deploy to test once more with something changed; return what the deploy roles called, and the build's log."""
    begin = sides.now()
    log = repeating.run_again(piped.place, change)
    return sides.calls(piped.place, begin), "\n".join(log)


def test_the_calls_are_the_same(by_hand: Done, piped: Piped) -> None:
    """As each deploy role the pipeline makes the calls that tasks by hand make, in their order, and no other."""
    operations = {(call.role, call.operation) for call in by_hand.side.calls}

    assert {(f"lockstep-deploy-{name}", "cloudformation:CreateChangeSet") for name in ("test", "prod")} < operations
    assert red(of_calls(by_hand.side.calls, piped.side.calls)) == ()


def test_the_calls_of_another_deployment_are_the_same(by_hand: Done, piped: Piped) -> None:
    """A release that runs already is deployed alike too: this is what the controls below are compared with."""
    assert len(by_hand.again) > 5
    assert red(of_calls(by_hand.again, piped.again)) == ()


def test_what_sdks_report_is_the_same(by_hand: Done, piped: Piped) -> None:
    """What boto3 and SAM report of themselves is the same too, but for how often somebody who waits asks."""
    assert all(len(calls) > 20 for calls in by_hand.side.heard.values())
    assert red(of_calls(reported(by_hand.side), reported(piped.side))) == ()


def test_what_is_left_is_the_same(by_hand: Done, piped: Piped) -> None:
    """Release, digests, packaged template, parameters, tags, roles, records and files are the same in the end."""
    first, second = by_hand.side.state, piped.side.state
    stacks = [
        (first[name][f"lockstep-{name}-hello"], second[name][f"lockstep-{name}-hello"]) for name in ("test", "prod")
    ]

    for one, other in stacks:
        assert "@sha256:" in one["functions"]["HelloFunction"]["image"]
        assert one == other
    assert red(of_states(first, second)) == ()


def test_each_allowance_is_needed(by_hand: Done, piped: Piped) -> None:
    """Nothing is allowed that did not differ, and each allowance and each repeated call has its reason."""
    calls = (*by_hand.side.calls, *piped.side.calls)
    found = (*of_calls(by_hand.side.calls, piped.side.calls), *of_states(by_hand.side.state, piped.side.state))

    assert comparing.unused(ALLOWED.differences, found) == ()
    assert set(ALLOWED.repeated) <= {call.operation for call in calls}
    assert all([*ALLOWED.repeated.values(), *(one.reason for one in ALLOWED.differences)])


def test_control_a_changed_flag(by_hand: Done, piped: Piped) -> None:
    """Control, carried out: the deploy action's buildspec with one more flag makes other calls."""
    change = repeating.with_command(piped.place, '"$LOCKSTEP_RELEASE"', '"$LOCKSTEP_RELEASE" --dry-run')

    calls, log = again(piped, change)

    assert "Dry run" in log
    assert red(of_calls(by_hand.again, calls))


def test_control_a_dropped_variable(by_hand: Done, piped: Piped) -> None:
    """Control, carried out: without LOCKSTEP_ENVIRONMENT the build fails, and its calls are missing."""
    calls, log = again(piped, repeating.with_variable("LOCKSTEP_ENVIRONMENT", None))

    assert "Phase complete: BUILD State: FAILED" in log
    assert red(of_calls(by_hand.again, calls))


def test_control_a_dropped_execution(by_hand: Done, piped: Piped) -> None:
    """Control, on recorded data: a record that does not name the pipeline's execution is found."""
    text = "<the execution>"
    (key,) = (one for one in piped.side.state["bucket"] if one.startswith(f"environments/{TEST}/deployments/"))
    record = piped.side.state["bucket"][key]
    assert record["execution"] == text
    bucket = {**piped.side.state["bucket"], key: {**record, "execution": f"{ROLE}:of-a-build"}}

    found = red(of_states(by_hand.side.state, {**piped.side.state, "bucket": bucket}))

    assert [one.at for one in found] == [f"state/bucket/{key}/execution"]


def test_control_a_swapped_account(by_hand: Done, piped: Piped) -> None:
    """Control, carried out: the project of test with the environment prod gets nowhere, and its calls are missing."""
    calls, log = again(piped, repeating.with_variable("LOCKSTEP_ENVIRONMENT", "prod"))

    assert "lockstep-deployer-prod" in log
    assert {call.role for call in calls} == set()
    assert red(of_calls(by_hand.again, calls))


def test_control_a_call_in_another_account(by_hand: Done, piped: Piped) -> None:
    """Control, on recorded data: one call of the pipeline that went to another account is found."""
    calls = list(piped.side.calls)
    number = next(i for i, call in enumerate(calls) if call.operation == "cloudformation:ExecuteChangeSet")
    calls[number] = replace(calls[number], account={TEST: PROD, PROD: TEST}[calls[number].account])

    found = red(of_calls(by_hand.side.calls, tuple(calls)))

    assert [(one.at, one.first, one.second) for one in found] == [
        (f"{ROLE}/cloudformation:ExecuteChangeSet/account", TEST, PROD)
    ]


def test_control_an_extra_call(by_hand: Done, piped: Piped) -> None:
    """Control, carried out: a buildspec with one more task in it makes more calls."""
    extra = '"$LOCKSTEP_RELEASE"\n      - invoke smoke --env "$LOCKSTEP_ENVIRONMENT"'

    calls, log = again(piped, repeating.with_command(piped.place, '"$LOCKSTEP_RELEASE"', extra))

    assert "Phase complete: BUILD State: SUCCEEDED" in log
    assert red(of_calls(by_hand.again, calls))


def test_control_one_extra_call(by_hand: Done, piped: Piped) -> None:
    """Control, on recorded data: a single call more, the last one of a role, is found."""
    calls = (*piped.side.calls, Call(PROD, "lockstep-deploy-prod", "lambda:ListFunctions", {}))

    found = red(of_calls(by_hand.side.calls, calls))

    assert found == (Difference("lockstep-deploy-prod/call", comparing.ABSENT, "lambda:ListFunctions"),)


def test_control_a_deploy_by_tag(by_hand: Done, piped: Piped) -> None:
    """Control, carried out past the tasks, which take no tag: a stack that names its image by tag is found."""
    formation, name = piped.place.client("cloudformation", TEST), "lockstep-test-hello"
    template = formation.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
    text = template if isinstance(template, str) else json.dumps(template)
    uri = piped.side.state["test"][name]["functions"]["HelloFunction"]["image"]
    repository, _, digest = uri.partition("@")
    images = piped.place.client("ecr", TOOLING).describe_images(repositoryName=repository.partition("/")[2])
    tag = next(one["imageTags"][0] for one in images["imageDetails"] if one["imageDigest"] == digest)
    assert uri in text
    before = _in_accounts(by_hand, piped)
    _update(formation, name, text.replace(uri, f"{repository}:{tag}"))

    found = _in_accounts(by_hand, piped) - before
    _update(formation, name, text)

    assert (f"state/test/{name}/functions/HelloFunction/image", uri, f"{repository}:{tag}") in {
        (one.at, one.first, one.second) for one in found
    }
    assert {one.at.rpartition("/")[2] for one in found} - {"status"} == {"image", "template"}


def test_control_a_widened_role(by_hand: Done, piped: Piped) -> None:
    """Control, carried out in the account: a policy more that the deploy role has is found."""
    iam, policy = piped.place.client("iam", TEST), "wider"
    allow = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"lambda:*","Resource":"*"}]}'
    before = _in_accounts(by_hand, piped)
    iam.put_role_policy(RoleName=ROLE, PolicyName=policy, PolicyDocument=allow)

    found = _in_accounts(by_hand, piped) - before
    iam.delete_role_policy(RoleName=ROLE, PolicyName=policy)

    assert found
    assert all(f"/DeployRole/policies/{policy}/" in one.at for one in found)


@pytest.mark.parametrize("name", ["release", "commit", "template", "settings"])
def test_control_another_tag_of_a_stack(by_hand: Done, piped: Piped, name: str) -> None:
    """Control, on recorded data: another release, commit, template or settings in a stack's tags is found."""
    stack = piped.side.state["test"]["lockstep-test-hello"]
    assert f"lockstep:{name}" in stack["tags"]
    changed = {**stack, "tags": {**stack["tags"], f"lockstep:{name}": "another"}}
    test = {**piped.side.state["test"], "lockstep-test-hello": changed}

    found = red(of_states(by_hand.side.state, {**piped.side.state, "test": test}))

    assert [one.at for one in found] == [f"state/test/lockstep-test-hello/tags/lockstep:{name}"]


def _update(formation: Any, stack: str, text: str) -> None:  # noqa: ANN401 - boto3 makes its clients at run time
    """Update a stack of the test account with another template, by its execution role; wait for it."""
    kept = formation.describe_stacks(StackName=stack)["Stacks"][0]
    formation.update_stack(
        StackName=stack,
        TemplateBody=text,
        RoleARN=f"arn:aws:iam::{TEST}:role/lockstep-execution-test",
        Parameters=[{"ParameterKey": one["ParameterKey"], "UsePreviousValue": True} for one in kept["Parameters"]],
        Tags=kept["Tags"],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    formation.get_waiter("stack_update_complete").wait(StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def _in_accounts(by_hand: Done, piped: Piped) -> set[Difference]:
    """Return what is in the environments' accounts now and must not be."""
    left = {name: by_hand.side.state[name] for name in sides.ACCOUNTS}
    return set(red(of_states(left, sides.accounts(piped.place))))
