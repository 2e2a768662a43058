"""Bootstrap and destroy against the sandbox's accounts: once, again, killed at any step, refused, taken down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lockstep import administration, deploying
from lockstep.destroy import Asked
from tests.sandbox.accounts import Accounts
from tests.sandbox.conftest import REPOSITORY, Server, allow, policy, served
from tests.sandbox.stopping import Way, way_to

RUN = """
import sys
from pathlib import Path
from lockstep import administration, deploying
from lockstep.destroy import Asked
from lockstep.wiring import RealWiring
sys.exit(administration.{}(RealWiring(Path.cwd(), as_json=True), {}))
"""
SET_UP = RUN.format("set_up", "yes=True")
TAKE_DOWN = RUN.format("take_down", 'Asked(everything=True), unprotect=True, confirm="lockstep"')
EVERYTHING = Asked(everything=True)


@pytest.fixture(scope="module")
def server(sandbox_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Have a MiniStack of our own, which each test finds empty."""
    with served(sandbox_python, tmp_path_factory.mktemp("bootstrap")) as found:
        yield found


@pytest.fixture
def accounts(server: Server, tmp_path: Path) -> Accounts:
    """Have empty accounts with people in them."""
    found = Accounts(server, tmp_path)
    found.anew()
    return found


def set_up(accounts: Accounts) -> int:
    """Bootstrap in this process."""
    return administration.set_up(accounts.wiring(), yes=True)


def take_down(accounts: Accounts) -> int:
    """Destroy everything in this process."""
    return administration.take_down(accounts.wiring(), EVERYTHING, unprotect=True, confirm="lockstep")


def run(accounts: Accounts, code: str, way: Way) -> int:
    """Run a task in a process of its own, on a way that may end it; return its exit code."""
    accounts.listen_at(way.port)
    env = {"PATH": os.environ["PATH"], "HOME": str(accounts.root), "PYTHONPATH": str(REPOSITORY)}
    argv = (sys.executable, "-c", code)
    with subprocess.Popen(
        argv, env=env, cwd=accounts.root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as child:
        way.victim = child.pid
        code_of_end = child.wait()
    accounts.listen_at(accounts.server.port)
    return code_of_end


def document(capsys: pytest.CaptureFixture[str]) -> Any:  # noqa: ANN401 - any JSON
    """The one document that the last task printed."""
    return json.loads(capsys.readouterr().out)


def test_once_and_again(accounts: Accounts, capsys: pytest.CaptureFixture[str]) -> None:
    """Bootstrap makes every stack of empty accounts, and the second time there is nothing to do."""
    first, made = (set_up(accounts), document(capsys)), accounts.snapshot()

    second = (set_up(accounts), document(capsys))

    results = [{one["result"] for one in ran[1]["stacks"].values()} for ran in (first, second)]
    assert (first[0], second[0], results) == (0, 0, [{"created"}, {"unchanged"}])
    assert accounts.snapshot() == made


def killed(accounts: Accounts, prepare: Callable[[], object], code: str, again: Callable[[], int]) -> list[object]:
    """Kill a task at each of its changes of a stack, and repeat it; return what did not end as a whole run does."""
    odd: list[object] = []
    with way_to(accounts.server.port) as way:
        prepare()
        assert run(accounts, code, way) == 0
        whole, steps = accounts.snapshot(), tuple(way.passed)
        for number, step in enumerate(steps):
            prepare()
            way.passed.clear()
            way.stop_at = number
            ends = (run(accounts, code, way), again(), accounts.snapshot() == whole)
            odd += [] if ends == (-9, 0, True) else [(number, step, ends)]
    assert len(steps) >= 7
    return odd


def test_bootstrap_killed_at_any_step(accounts: Accounts) -> None:
    """Bootstrap that is killed at any change of a stack, and then repeated, ends in the state of one that was not."""
    assert killed(accounts, accounts.anew, SET_UP, lambda: set_up(accounts)) == []


def test_destroy_killed_at_any_step(accounts: Accounts) -> None:
    """Destroy that is killed at any change of a stack, and then repeated, leaves what one leaves that was not."""

    def prepare() -> None:
        accounts.anew()
        set_up(accounts)

    assert killed(accounts, prepare, TAKE_DOWN, lambda: take_down(accounts)) == []


def test_destroy_leaves_nothing(accounts: Accounts, capsys: pytest.CaptureFixture[str]) -> None:
    """Accounts that were set up and taken down hold nothing of the project but a key that waits for its end."""
    before = accounts.snapshot()
    set_up(accounts)
    capsys.readouterr()

    ended = take_down(accounts)

    after = accounts.snapshot()
    assert ended == 0
    assert after.pop("keys") == [["Encrypts the releases and images of lockstep", "PendingDeletion"]]
    assert after == {name: value for name, value in before.items() if name != "keys"}
    assert [one.partition(" until ")[0][:12] for one in document(capsys)["left"]] == ["tooling: key"]


def test_what_is_protected(accounts: Accounts, capsys: pytest.CaptureFixture[str]) -> None:
    """Where an environment is protected, destroy refuses without --unprotect, and nothing is gone."""
    set_up(accounts)
    before = accounts.snapshot()
    capsys.readouterr()

    ended = administration.take_down(accounts.wiring(), EVERYTHING, confirm="lockstep")

    said = capsys.readouterr().err
    assert ended == 2
    assert "protected from being deleted: lockstep-account-prod" in said
    assert accounts.snapshot() == before


STAGING = """
[[environments]]
name = "staging"
account = "444444444444"
admin_profile = "lockstep-sandbox-staging-admin"
"""


def test_a_third_environment(accounts: Accounts, capsys: pytest.CaptureFixture[str]) -> None:
    """An environment that is added later makes its own stacks and updates what names all; the others' stay."""
    set_up(accounts)
    accounts.add_settings(STAGING)
    capsys.readouterr()

    ended = administration.set_up(accounts.wiring(), "staging", yes=True)

    stacks = {name: one["result"] for name, one in document(capsys)["stacks"].items()}
    assert ended == 0
    assert stacks == {
        "lockstep-tooling-resources": "updated",
        "lockstep-tooling-roles": "updated",
        "lockstep-deployer-test": "unchanged",
        "lockstep-deployer-prod": "unchanged",
        "lockstep-deployer-staging": "created",
        "lockstep-repository-hello-hellofunction": "updated",
        "lockstep-account-staging": "created",
    }


def test_an_environment_without_bootstrap(accounts: Accounts, capsys: pytest.CaptureFixture[str]) -> None:
    """To deploy where nothing is set up yet ends with the one error that says so, before anything is built or made."""
    set_up(accounts)
    accounts.add_settings(STAGING)
    before = accounts.snapshot()
    capsys.readouterr()

    ended = deploying.deploy(accounts.wiring(), "staging", None, deploying.Wish())

    said = capsys.readouterr().err
    assert (ended, said.count("error: ")) == (3, 1)
    assert "lockstep-deployer-staging" in said
    assert accounts.snapshot() == before


def test_an_organization(accounts: Accounts, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the settings name an organization, its members become who they should, and those of another do not."""
    organizations = accounts.server.client("organizations", "111111111111")
    ours = organizations.describe_organization()["Organization"]["Id"]
    project = 'project = "lockstep"'
    accounts.replace_settings(project, f'{project}\norganization = "{ours}"')
    set_up(accounts)
    as_member = capsys.readouterr().err
    accounts.replace_settings(ours, "o-0000000000")

    set_up(accounts)

    as_stranger, nobody = capsys.readouterr().err, "Not looked at as a developer"
    assert (nobody in as_member, nobody in as_stranger) == (False, True)
    assert "is not authorized to perform: sts:AssumeRole" in as_stranger


def test_an_environment_that_goes(accounts: Accounts, capsys: pytest.CaptureFixture[str]) -> None:
    """An environment that is destroyed leaves nothing in its account, and no policy of tooling names it any more."""
    set_up(accounts)
    capsys.readouterr()

    ended = administration.take_down(accounts.wiring(), Asked(environment="test"), confirm="lockstep")

    after = accounts.snapshot()
    assert ended == 0
    assert [name for name in (*after["stacks"], *after["roles"]) if name.endswith("-test")] == []
    assert "222222222222" not in json.dumps(after["stacks"])


def limited(accounts: Accounts, account: str, *rights: dict[str, Any]) -> None:
    """Leave an account's administrator with some rights only."""
    iam = accounts.server.client("iam", account)
    everything = "arn:aws:iam::aws:policy/AdministratorAccess"
    iam.detach_user_policy(UserName="administrator", PolicyArn=everything)
    iam.put_user_policy(UserName="administrator", PolicyName="some", PolicyDocument=policy(*rights))


@pytest.mark.parametrize("account", ["111111111111", "333333333333"])
def test_an_administrator_who_may_make_no_roles(
    accounts: Accounts, account: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where one administrator may not create roles, that is the one error, and nothing is made in any account."""
    before = accounts.snapshot()
    no_roles = {"Effect": "Deny", "Action": "iam:CreateRole", "Resource": "*"}
    limited(accounts, account, allow("*"), no_roles)

    ended = set_up(accounts)

    said = capsys.readouterr().err
    assert ended == 3
    assert "it may not: iam:CreateRole" in said
    assert said.count("error: ") == 1
    assert accounts.snapshot() == before


def test_an_administrator_who_may_not_ask(accounts: Accounts, capsys: pytest.CaptureFixture[str]) -> None:
    """Where an administrator may not ask what it may, that is the one error, and nothing is made."""
    before = accounts.snapshot()
    limited(accounts, "222222222222", allow("cloudformation:*"))

    ended = set_up(accounts)

    said = capsys.readouterr().err
    assert (ended, said.count("error: ")) == (3, 1)
    assert "iam:SimulatePrincipalPolicy" in said
    assert accounts.snapshot() == before


def test_a_profile_of_another_account(accounts: Accounts, capsys: pytest.CaptureFixture[str]) -> None:
    """Where an administrator's profile is of another account, that is the one error, and nothing is made."""
    before = accounts.snapshot()
    accounts.replace_settings("lockstep-sandbox-prod-admin", "lockstep-sandbox-test-admin")

    ended = set_up(accounts)

    said = capsys.readouterr().err
    assert (ended, said.count("error: ")) == (3, 1)
    assert "333333333333" in said
    assert "222222222222" in said
    assert accounts.snapshot() == before


def test_an_account_twice(accounts: Accounts, capsys: pytest.CaptureFixture[str]) -> None:
    """Where two tables name one account, that is the one error, and nothing is made."""
    before = accounts.snapshot()
    accounts.replace_settings('account = "333333333333"', 'account = "222222222222"')

    ended = set_up(accounts)

    said = capsys.readouterr().err
    assert (ended, said.count("error: ")) == (2, 1)
    assert "environments[1].account" in said
    assert accounts.snapshot() == before


def test_a_role_that_somebody_opened(accounts: Accounts, capsys: pytest.CaptureFixture[str]) -> None:
    """Bootstrap looks again: a role that was opened by hand for somebody else is told, and the exit code says so."""
    set_up(accounts)
    opened = {"Effect": "Allow", "Principal": {"AWS": "222222222222"}, "Action": "sts:AssumeRole"}
    iam = accounts.server.client("iam", "222222222222")
    iam.update_assume_role_policy(RoleName="lockstep-deploy-test", PolicyDocument=policy(opened))
    capsys.readouterr()

    ended = set_up(accounts)

    said = capsys.readouterr().err
    assert ended == 3
    assert "administrator can become lockstep-deploy-test" in said


def test_a_creation_that_fails(accounts: Accounts, capsys: pytest.CaptureFixture[str]) -> None:
    """A stack that cannot be made is taken away again, and bootstrap goes on there once the cause is gone."""
    iam = accounts.server.client("iam", "333333333333")
    # The emulator's simulator does not see a boundary, so it shows only when the role is made.
    no_roles = {"Effect": "Deny", "Action": "iam:CreateRole", "Resource": "*"}
    bound = iam.create_policy(PolicyName="no-roles", PolicyDocument=policy(allow("*"), no_roles))["Policy"]["Arn"]
    iam.put_user_permissions_boundary(UserName="administrator", PermissionsBoundary=bound)

    failed = set_up(accounts)
    said = capsys.readouterr().err
    left = accounts.snapshot()["stacks"]
    iam.delete_user_permissions_boundary(UserName="administrator")
    again = set_up(accounts)

    assert (failed, again) == (6, 0)
    assert "is not authorized to perform: iam:CreateRole" in said
    assert "lockstep-account-test" in left
    assert "lockstep-account-prod" not in left
