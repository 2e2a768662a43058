"""Going back to an earlier release: when asked to, and by itself after a failed smoke test."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lockstep import canonical
from lockstep.errors import DeployError, IdentityError
from lockstep.testing import SETTINGS, a_service, engine_down
from tests.journeys.terminal import changed

if TYPE_CHECKING:
    from tests.journeys.terminal import Terminal

FUNCTION = "shop-test-hello-HelloFunction"
BACK = ("rollback", "--env", "test")
WRONG = {"statusCode": 500}


def deploy(terminal: Terminal, what: str) -> str:
    """Deploy hello to test with something changed in it; return the digest that it then runs."""
    terminal.services = tuple(changed(service, what) for service in terminal.services)
    assert terminal.invoke("deploy", "--env", "test").code == 0
    return str(terminal.world.running[FUNCTION])


def history(terminal: Terminal, environment: str = "test") -> list[Any]:
    """Return the records of an environment, the last one first."""
    found: list[Any] = terminal.invoke("history", "--env", environment, "--json").document["deployments"]
    return found


def tag(service_digest: str, terminal: Terminal) -> str:
    """Return the tag under which a digest was pushed."""
    return next(name for name, digest in terminal.world.pushed.items() if digest == service_digest)


def test_the_release_before(terminal: Terminal) -> None:
    """A rollback brings the digests before back, needs no engine, makes nothing, and is recorded."""
    first, second = deploy(terminal, "one"), deploy(terminal, "two")
    terminal.world.fails["engine"] = engine_down()
    terminal.changes()

    seen = terminal.invoke(*BACK)

    made = {call.split()[0] for call in terminal.changes()}
    assert seen.code == 0, seen.err
    assert (terminal.world.running[FUNCTION], first != second) == (first, True)
    assert made & {"build", "push", "package", "put"} == set()
    assert [record["kind"] for record in history(terminal)] == ["rollback", "deploy", "deploy"]


def test_further_back(terminal: Terminal) -> None:
    """A second rollback goes one release further back, and one that has nothing before it is refused with 9."""
    first = deploy(terminal, "one")
    deploy(terminal, "two")
    deploy(terminal, "three")

    codes = [terminal.invoke(*BACK).code, terminal.invoke(*BACK).code]
    runs = terminal.world.running[FUNCTION]
    last = terminal.invoke(*BACK)

    assert (codes, runs, last.code) == ([0, 0], first, 9)
    assert "nothing that runs there has a good release before it" in last.err


def test_to_a_release(terminal: Terminal) -> None:
    """With --to a rollback goes to a release that ran there, by the start of its name."""
    first = deploy(terminal, "one")
    release = history(terminal)[0]["release"]
    deploy(terminal, "two")
    deploy(terminal, "three")

    seen = terminal.invoke(*BACK, "--to", release[:10])

    assert (seen.code, terminal.world.running[FUNCTION]) == (0, first)


def test_to_a_release_that_never_ran_there(terminal: Terminal) -> None:
    """A release that never ran in an environment is nothing to go back to."""
    deploy(terminal, "one")
    terminal.services = (changed(a_service(), "two"),)
    release = terminal.release()

    seen = terminal.invoke(*BACK, "--to", release)

    assert seen.code == 9
    assert f"rolling test back to release {release[:12]}\n  answer: hello never ran it there" in seen.err


def test_one_service(two: Terminal) -> None:
    """With --service one service goes back and the others stay."""
    deploy(two, "one")
    first = dict(two.world.running)
    deploy(two, "two")
    second = dict(two.world.running)

    seen = two.invoke(*BACK, "--service", "orders")

    orders = "shop-test-orders-HelloFunction"
    assert seen.code == 0, seen.err
    assert two.world.running == second | {orders: first[orders]}


def test_what_was_not_proven_is_left_out(terminal: Terminal) -> None:
    """A rollback goes to the last release that passed its smoke tests, past one that failed them."""
    terminal.settings = SETTINGS.replace('name = "test"', 'name = "test"\nrollback_on_failed_smoke = false')
    first = deploy(terminal, "one")
    terminal.services = (changed(a_service(), "two"),)
    terminal.world.answers[FUNCTION] = WRONG
    assert terminal.invoke("deploy", "--env", "test").code == 6
    terminal.world.answers.clear()
    deploy(terminal, "three")

    terminal.invoke(*BACK)

    assert terminal.world.running[FUNCTION] == first


def test_an_image_that_is_gone(terminal: Terminal) -> None:
    """A release whose image was removed cannot be brought back, and nothing is touched."""
    first = deploy(terminal, "one")
    second = deploy(terminal, "two")
    del terminal.world.pushed[tag(first, terminal)]

    seen = terminal.invoke(*BACK)

    assert (seen.code, terminal.world.running[FUNCTION]) == (5, second), seen.err


def wrong_from(terminal: Terminal, what: str) -> None:
    """Change hello so that its new image gives a wrong answer."""
    terminal.services = (changed(a_service(), what),)
    terminal.invoke("build")
    terminal.invoke("push")
    newest = list(terminal.world.pushed)[-1]
    terminal.world.answers[terminal.world.pushed[newest]] = WRONG


def test_by_itself(terminal: Terminal) -> None:
    """After a failed smoke test what ran before runs again, the exit code says failure, and both are recorded."""
    first = deploy(terminal, "one")
    wrong_from(terminal, "two")

    seen = terminal.invoke("deploy", "--env", "test")

    records = history(terminal)
    assert (seen.code, terminal.world.running[FUNCTION]) == (6, first)
    assert [(record["kind"], record["automatic"]) for record in records] == [
        ("rollback", True),
        ("deploy", False),
        ("deploy", False),
    ]
    assert records[1]["services"]["hello"]["smoke"] == [{"name": "greets", "passed": False}]
    assert f"test went back from release {records[1]['release'][:12]}." in seen.out.splitlines()
    assert "smoke test 'greets' of hello in test" in seen.err


def test_by_itself_as_json(terminal: Terminal) -> None:
    """With --json one document tells of the deployment and of what it went back to."""
    deploy(terminal, "one")
    wrong_from(terminal, "two")

    document = terminal.invoke("deploy", "--env", "test", "--json").document

    (back,) = document["rolled_back"]
    assert (document["smoke"][0]["passed"], back["smoke"][0]["passed"]) == (False, True)
    assert back["release"] != document["release"]


def test_the_first_deployment_has_nothing_to_go_back_to(terminal: Terminal) -> None:
    """Where nothing ran before, a failed smoke test leaves what was deployed, and says that there is nothing else."""
    wrong_from(terminal, "one")

    seen = terminal.invoke("deploy", "--env", "test")

    assert (seen.code, len(history(terminal))) == (6, 1)
    assert "hello: it ran no other release before, so there is nothing to go back to" in seen.out


def test_not_by_itself_where_the_settings_say_so(terminal: Terminal) -> None:
    """Where the settings say so, what failed its smoke test stays in place."""
    deploy(terminal, "one")
    terminal.settings = SETTINGS.replace('name = "test"', 'name = "test"\nrollback_on_failed_smoke = false')
    wrong_from(terminal, "two")

    seen = terminal.invoke("deploy", "--env", "test")

    assert (seen.code, len(history(terminal))) == (6, 2)
    assert terminal.world.running[FUNCTION] in terminal.world.answers


def test_an_answer_that_nobody_gave(terminal: Terminal) -> None:
    """A smoke test that could not be made proves nothing against a release: nothing goes back by itself."""
    deploy(terminal, "one")
    terminal.services = (changed(a_service(), "two"),)
    terminal.world.fails["invoke"] = IdentityError("invoking it", "AccessDenied")

    seen = terminal.invoke("deploy", "--env", "test")

    assert (seen.code, len(history(terminal))) == (3, 2)


def test_going_back_fails_too(terminal: Terminal) -> None:
    """Where the way back is barred as well, both failures are told, and the exit code is that of the deployment."""
    deploy(terminal, "one")
    release = history(terminal)[0]["release"]
    wrong_from(terminal, "two")
    del terminal.world.files[f"releases/{release}.json"]

    seen = terminal.invoke("deploy", "--env", "test")

    assert seen.code == 6
    assert f"looking for release '{release}'" in seen.err
    assert "smoke test 'greets' of hello in test" in seen.err


def test_a_record_that_cannot_be_written(terminal: Terminal) -> None:
    """A deployment that went well and could not be recorded says so, and does not end with 0."""
    terminal.world.fails["put environments"] = DeployError("writing the record", "no", "repeat")

    seen = terminal.invoke("deploy", "--env", "test")

    assert seen.code != 0


@pytest.mark.parametrize("last", ["1", "2"])
def test_the_last_of_history(terminal: Terminal, last: str) -> None:
    """History shows as many deployments as are asked for, the last ones, newest first."""
    deploy(terminal, "one")
    deploy(terminal, "two")
    deploy(terminal, "three")

    shown = terminal.invoke("history", "--env", "test", "--last", last)

    numbers = [line.split()[0] for line in shown.out.splitlines()[2:]]
    assert numbers == ["3", "2"][: int(last)]


def test_history_of_nothing(terminal: Terminal) -> None:
    """Where nothing was deployed, history says so."""
    seen = terminal.invoke("history", "--env", "prod")

    assert (seen.code, seen.out.splitlines()[1]) == (0, "Nothing was deployed to prod yet.")


def test_a_damaged_record(terminal: Terminal) -> None:
    """A record that was altered is refused by its name, and nothing is concluded from the others."""
    deploy(terminal, "one")
    (key,) = (key for key in terminal.world.files if "/deployments/" in key)
    terminal.world.files[key] = b"{}"

    seen = terminal.invoke("history", "--env", "test")

    assert (seen.code, f"reading the record {key}" in seen.err) == (9, True)


def test_a_parameter_that_came_later(terminal: Terminal) -> None:
    """A rollback leaves out a setting that the earlier template does not declare yet."""
    first = deploy(terminal, "one")
    declared = {"Environment": {"Type": "String"}, "LogLevel": {"Type": "String", "Default": "INFO"}}
    terminal.write_template("hello", Parameters=declared)
    terminal.settings = SETTINGS.replace(
        '[[environments]]\nname = "prod"',
        '[environments.parameters.hello]\nLogLevel = "DEBUG"\n[[environments]]\nname = "prod"',
    )
    service = changed(a_service(), "two")
    terminal.services = (replace(service, package_hash=canonical.hash_of("with a parameter")),)
    later = terminal.invoke("deploy", "--env", "test")

    seen = terminal.invoke(*BACK)

    assert (later.code, seen.code, terminal.world.running[FUNCTION]) == (0, 0, first), later.err + seen.err


def test_without_smoke_tests(terminal: Terminal) -> None:
    """Services without smoke tests go back to the release before as well."""
    terminal.services = (a_service(smoke=()),)
    first = deploy(terminal, "one")
    deploy(terminal, "two")

    seen = terminal.invoke(*BACK)

    assert (seen.code, terminal.world.running[FUNCTION]) == (0, first), seen.err


@pytest.mark.parametrize("last", ["x", "0", "-1", "501", "1" * 60])
def test_the_last_of_history_misspelled(terminal: Terminal, last: str) -> None:
    """What is no number of records ends with 2 and says what would be one."""
    seen = terminal.invoke("history", "--env", "test", f"--last={last}")

    assert (seen.code, "give a number from 1 to 500" in seen.err) == (2, True)
