"""Wiring: as whom an account is opened to be set up or taken down, and how the tooling account is looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockstep import schemas
from lockstep.account_ports import Administrator, Overview
from lockstep.aws.cloudformation import Stacks
from lockstep.aws.ecr import Registry, Repositories
from lockstep.aws.iam import Policies, Rights
from lockstep.aws.identity import Identity
from lockstep.aws.kms import Keys
from lockstep.aws.lambda_ import Functions
from lockstep.aws.logs import Logs
from lockstep.aws.s3 import Archive, Bucket, Buckets
from lockstep.aws.session import Reach, Session
from lockstep.aws.stack_changes import AccountStacks
from lockstep.callers import Callers
from lockstep.errors import IdentityError
from lockstep.model import AccountId
from lockstep.schemas import Schemas
from lockstep.testing import PROD, TEST, TOOLING, some_settings
from tests.adapters.outside import ADMINISTRATOR, DEVELOPER, SANDBOX, Outside, write

ADMIN_ROLE = f"arn:aws:iam::{TEST}:role/organization/Admin"
HOME = ".lockstep/sandbox/aws"

pytestmark = pytest.mark.usefixtures("alone")


def session_of(opened: Administrator | Overview) -> Session:
    """Return the session of whoever was opened."""
    assert isinstance(opened.identity, Identity)
    return opened.identity.session


@pytest.mark.parametrize("account", [TOOLING, TEST])
def test_an_administrator(outside: Outside, account: AccountId) -> None:
    """Each account is opened by its own administrator, with all that there is to set up or to take down."""
    wiring = outside.wiring()

    opened = wiring.admin(account)

    session, caller = session_of(opened), ADMINISTRATOR.format(account)
    names = wiring.settings().names
    assert session.prove(account, "looking") == caller
    assert opened == Administrator(
        identity=Identity(session, caller),
        stacks=AccountStacks(session, account, wiring.console.say, 0.05),
        rights=Rights(session, caller),
        buckets=Buckets(session, account),
        store=Archive(session, names.bucket, names.tooling),
        repositories=Repositories(session),
        keys=Keys(session),
        logs=Logs(session),
        functions=Functions(session, account),
        policies=Policies(session, account),
    )


def with_role(outside: Outside, *, profile: bool) -> None:
    """Have the settings name a role of test's administrator, with the profile or without it."""
    before = f'account = "{TEST}"\nadmin_profile = "test-admin"\n'
    after = f'account = "{TEST}"\nadmin_role = "{ADMIN_ROLE}"\n' + ('admin_profile = "test-admin"\n' if profile else "")
    assert before in SANDBOX
    write(outside.root, "infra/sandbox.toml", SANDBOX.replace(before, after))


def test_an_administrator_s_role(outside: Outside) -> None:
    """Where the settings name a role, it is taken from the administrator's profile, which may be another account's."""
    with_role(outside, profile=True)
    outside.aws.callers["test-admin"] = outside.aws.trusts[ADMIN_ROLE] = ADMINISTRATOR.format("999999999999")

    opened = outside.wiring().admin(TEST)

    assert opened.identity.caller == f"arn:aws:sts::{TEST}:assumed-role/organization/Admin/administrator"
    assert session_of(opened).prove(TEST, "looking") == opened.identity.caller


def test_a_machine_s_role(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the settings name a role and no profile, it is taken with the credentials that the machine provides."""
    with_role(outside, profile=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "machine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    outside.aws.callers["machine"] = f"arn:aws:sts::{TOOLING}:assumed-role/company-ci/job-1"
    outside.aws.trusts[ADMIN_ROLE] = outside.aws.callers["machine"]

    opened = outside.wiring().admin(TEST)

    assert opened.identity.caller == f"arn:aws:sts::{TEST}:assumed-role/organization/Admin/job-1"


def test_a_machine_without_credentials(outside: Outside) -> None:
    """A machine that provides no credentials takes no role: no profile of its person's is tried."""
    with_role(outside, profile=False)

    with pytest.raises(IdentityError, match="opening test with the machine's own credentials"):
        outside.wiring().admin(TEST)


def test_an_administrator_s_role_that_is_refused(outside: Outside) -> None:
    """An administrator who may not take the role is told both sides, and never goes on without it."""
    with_role(outside, profile=True)

    with pytest.raises(IdentityError) as caught:
        outside.wiring().admin(TEST)

    assert caught.value.tried == f"assuming {ADMIN_ROLE} as {ADMINISTRATOR.format(TEST)}"
    assert caught.value.cure == f"let it take {ADMIN_ROLE}, or correct admin_role"


def test_a_profile_that_is_not_there(outside: Outside) -> None:
    """An administrator's profile that this machine does not have is an error that says where it is named."""
    write(outside.root, "infra/sandbox.toml", SANDBOX.replace('"test-admin"', '"nobody"'))

    with pytest.raises(IdentityError) as caught:
        outside.wiring().admin(TEST)

    assert str(caught.value) == (
        "error: opening test with profile nobody\n"
        "  answer: The config profile (nobody) could not be found\n"
        "  next: set a profile that this machine has; tooling's also by --profile"
    )


def test_an_administrator_of_another_account(outside: Outside) -> None:
    """An administrator's profile that leads to another account sets up nothing."""
    keys = "[prod-admin]\naws_access_key_id = test-admin\naws_secret_access_key = secret\n"
    write(outside.root, f"{HOME}/config", "[profile prod-admin]\n")
    write(outside.root, f"{HOME}/credentials", keys)

    with pytest.raises(IdentityError) as caught:
        outside.wiring().admin(PROD)

    assert str(caught.value) == (
        f"error: opening prod with profile prod-admin: the configuration says account {PROD}\n"
        f"  answer: the caller is {ADMINISTRATOR.format(TEST)}, in account {TEST}\n"
        "  next: use a profile of the right account; nothing was changed"
    )


@pytest.mark.parametrize(
    ("account", "where", "profile"), [(TOOLING, "tooling", "tooling-admin"), (PROD, "prod", "prod-admin")]
)
def test_no_administrator(outside: Outside, account: AccountId, where: str, profile: str) -> None:
    """An account with neither an administrator's profile nor a role is an error that names what to set."""
    write(outside.root, "infra/sandbox.toml", SANDBOX.replace(f'admin_profile = "{profile}"\n', ""))

    with pytest.raises(IdentityError) as caught:
        outside.wiring().admin(account)

    assert caught.value.exit_code == 3
    assert str(caught.value) == (
        f"error: opening account {account} as its administrator\n"
        f"  answer: infra/sandbox.toml names no admin_profile and no admin_role for {where}\n"
        f"  next: set one of them for {where}"
    )


def test_a_look_at_the_tooling_account(outside: Outside) -> None:
    """Whoever works in the tooling account may look at how it is set up, and sees what AWS's clock says."""
    opened = outside.wiring().overview(patient=True)

    session = session_of(opened)
    assert opened == Overview(
        identity=Identity(session, DEVELOPER),
        stacks=Stacks(session, TOOLING),
        store=Bucket(session, f"shop-artifacts-{TOOLING}-eu-west-1", TOOLING),
        registry=Registry(session, f"127.0.0.1:{outside.aws.port}"),
        keys=Keys(session),
        skew=opened.skew,
    )
    assert abs(opened.skew) < 60


def test_a_look_as_somebody_else(outside: Outside) -> None:
    """A caller in another account sees nothing."""
    with pytest.raises(IdentityError, match="opening the tooling account with profile stranger"):
        outside.wiring("stranger").overview()


def callers(outside: Outside) -> Callers:
    """Return whom the developer can become, where no pause is long."""
    config, credentials = (outside.root / HOME / name for name in ("config", "credentials"))
    return Callers(some_settings(), Reach("eu-west-1", outside.aws.endpoint, config, credentials), None, pause=0.0)


def test_a_caller_who_is_known_late(outside: Outside) -> None:
    """Whose role was just made is tried again until AWS knows it."""
    outside.aws.late = 2

    _, caller = callers(outside).base_within(60.0)

    assert (caller, outside.aws.late) == (DEVELOPER, 0)


def test_a_caller_who_is_not_known(outside: Outside) -> None:
    """Without patience the first refusal counts."""
    outside.aws.late = 2

    with pytest.raises(IdentityError, match="not known yet"):
        callers(outside).base_within(0.0)

    assert outside.aws.late == 1


def test_what_is_known_of_aws(outside: Outside) -> None:
    """What there is of resource types and actions is that of the project's region."""
    assert outside.wiring().knowledge() == Schemas(Path(schemas.installed()), "eu-west-1")
