"""The sandbox's people: who gets a user, keys, rights and a profile, and that seeding again mends what is missing."""

from __future__ import annotations

import configparser
import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockstep.aws.session import Reach, open_session
from lockstep.errors import UnavailableError
from lockstep.sandbox import people
from lockstep.settings import Settings, parse
from tests.adapters import fake_aws

TOOLING = "111111111111"
ROLES = f"arn:aws:iam::{TOOLING}:role/shop"
TEXT = f"""
project = "shop"
region = "eu-west-1"
[sandbox]
[tooling]
account = "{TOOLING}"
profile = "shop-sandbox-developer"
admin_profile = "tooling-admin"
developers = ["arn:aws:iam::{TOOLING}:user/developer", "arn:aws:iam::{TOOLING}:role/company", \
"arn:aws:iam::999999999999:user/guest"]
[[environments]]
name = "test"
account = "222222222222"
admin_profile = "test-admin"
deployers = ["arn:aws:iam::{TOOLING}:role/shop-developer", "arn:aws:iam::{TOOLING}:user/developer"]
[[environments]]
name = "prod"
account = "333333333333"
deployers = ["arn:aws:iam::{TOOLING}:user/releaser"]
"""
DEVELOPER, RELEASER = "shop-sandbox-developer", "shop-sandbox-releaser"
USER = "arn:aws:iam::{}:user/{}"
ADMINISTRATORS = [USER.format(account, people.ADMINISTRATOR) for account in (TOOLING, "222222222222")]
# In the order in which they are made: of two administrators, the developer and the releaser.
ONE, TWO, THREE, FOUR = (f"KEY{number:013}" for number in range(1, 5))

pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture
def settings() -> Settings:
    """Have two people: a developer, and one who only releases to prod."""
    return parse(TEXT, "infra/sandbox.toml")


@pytest.fixture
def profiles(tmp_path: Path) -> people.Profiles:
    """Have a folder for the profiles."""
    return people.Profiles(tmp_path / "sandbox" / "aws")


@pytest.fixture
def aws() -> Iterator[fake_aws.Aws]:
    """Run an AWS that lets the root of every account in by its id, as the emulator does."""
    with fake_aws.running() as found:
        found.roots = True
        yield found


def read(file: Path) -> dict[str, dict[str, str]]:
    """Return the sections of one of AWS's files."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(file)
    return {name: dict(parser[name]) for name in parser.sections()}


def may_take(aws: fake_aws.Aws, person: str) -> list[str]:
    """Return the roles that a person may take, who may do nothing else."""
    (policy,) = aws.users[USER.format(TOOLING, person)].values()
    (statement,) = json.loads(policy)["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "sts:AssumeRole")
    found: list[str] = statement["Resource"]
    return found


def test_who_there_is(settings: Settings) -> None:
    """The people are the users of the tooling account that the configuration lists, with the roles that list them."""
    assert people.people(settings) == {
        "developer": (f"{ROLES}-developer", f"{ROLES}-deployer-test"),
        "releaser": (f"{ROLES}-deployer-prod",),
    }


def test_people_may_take_their_roles(settings: Settings, profiles: people.Profiles, aws: fake_aws.Aws) -> None:
    """Each person becomes a user who may take the roles that list them, and no more."""
    people.seed(settings, profiles, aws.endpoint)

    assert may_take(aws, "developer") == [f"{ROLES}-developer", f"{ROLES}-deployer-test"]
    assert may_take(aws, "releaser") == [f"{ROLES}-deployer-prod"]
    assert sorted({*aws.users} - {*ADMINISTRATORS}) == [
        USER.format(TOOLING, name) for name in ("developer", "releaser")
    ]


def test_administrators_may_everything(settings: Settings, profiles: people.Profiles, aws: fake_aws.Aws) -> None:
    """Each account with an administrator's profile has a user who may do everything there, as people with SSO have."""
    people.seed(settings, profiles, aws.endpoint)

    everything = {"arn:aws:iam::aws:policy/AdministratorAccess": "attached"}
    found = {arn: rights for arn, rights in aws.users.items() if arn.endswith(f"/{people.ADMINISTRATOR}")}
    assert found == dict.fromkeys(ADMINISTRATORS, everything)


def test_the_profiles(settings: Settings, profiles: people.Profiles, aws: fake_aws.Aws) -> None:
    """Each administrator, each person and each root has a profile; a developer's own takes the developer role."""
    people.seed(settings, profiles, aws.endpoint)

    common = {"region": "eu-west-1", "endpoint_url": aws.endpoint}
    role = {"role_arn": f"{ROLES}-developer", "role_session_name": "developer", "source_profile": f"{DEVELOPER}-keys"}
    roots = ("root-111111111111", "root-222222222222", "root-333333333333")
    assert read(profiles.config) == {
        **{f"profile {root}": common for root in roots},
        "profile tooling-admin": common,
        "profile test-admin": common,
        f"profile {DEVELOPER}-keys": common,
        f"profile {DEVELOPER}": common | role,
        f"profile {RELEASER}": common,
    }
    assert read(profiles.credentials) == {
        **{root: {"aws_access_key_id": root[-12:], "aws_secret_access_key": "test"} for root in roots},
        "tooling-admin": {"aws_access_key_id": ONE, "aws_secret_access_key": f"secret-of-{ONE}"},
        "test-admin": {"aws_access_key_id": TWO, "aws_secret_access_key": f"secret-of-{TWO}"},
        f"{DEVELOPER}-keys": {"aws_access_key_id": THREE, "aws_secret_access_key": f"secret-of-{THREE}"},
        RELEASER: {"aws_access_key_id": FOUR, "aws_secret_access_key": f"secret-of-{FOUR}"},
    }


def test_a_profile_works(settings: Settings, profiles: people.Profiles, aws: fake_aws.Aws) -> None:
    """A developer who uses the profile is in the developer role, at the sandbox and nowhere else."""
    people.seed(settings, profiles, aws.endpoint)
    aws.trusts[f"{ROLES}-developer"] = USER.format(TOOLING, "developer")
    reach = Reach("eu-west-1", aws.endpoint, profiles.config, profiles.credentials)

    _, caller = open_session(reach, DEVELOPER, "looking").caller("looking")

    assert caller == f"arn:aws:sts::{TOOLING}:assumed-role/shop-developer/developer"


def test_an_administrator_s_profile_works(settings: Settings, profiles: people.Profiles, aws: fake_aws.Aws) -> None:
    """An administrator's profile is that user's: nobody works as an account's root, whom AWS refuses every role."""
    people.seed(settings, profiles, aws.endpoint)
    reach = Reach("eu-west-1", aws.endpoint, profiles.config, profiles.credentials)

    callers = [open_session(reach, name, "looking").caller("looking")[1] for name in ("tooling-admin", "test-admin")]

    assert callers == ADMINISTRATORS


def test_only_the_owner_reads_the_keys(settings: Settings, profiles: people.Profiles, aws: fake_aws.Aws) -> None:
    """The files with profiles and keys can be read by their owner alone."""
    people.seed(settings, profiles, aws.endpoint)

    assert [stat.S_IMODE(file.stat().st_mode) for file in (profiles.config, profiles.credentials)] == [0o600, 0o600]


def test_seeding_again_changes_nothing(settings: Settings, profiles: people.Profiles, aws: fake_aws.Aws) -> None:
    """People who are there already keep their keys."""
    people.seed(settings, profiles, aws.endpoint)
    before = profiles.config.read_text(), profiles.credentials.read_text(), dict(aws.keys)

    people.seed(settings, profiles, aws.endpoint)

    assert (profiles.config.read_text(), profiles.credentials.read_text(), aws.keys) == before


def test_lost_keys_are_made_anew(settings: Settings, profiles: people.Profiles, aws: fake_aws.Aws) -> None:
    """Who has lost keys gets new ones, however often, and the lost ones are taken away."""
    for _ in range(4):
        people.seed(settings, profiles, aws.endpoint)
        profiles.credentials.unlink()

    people.seed(settings, profiles, aws.endpoint)

    found = read(profiles.credentials)
    assert aws.keys == {
        found[profile]["aws_access_key_id"]: user
        for profile, user in {
            "tooling-admin": ADMINISTRATORS[0],
            "test-admin": ADMINISTRATORS[1],
            f"{DEVELOPER}-keys": USER.format(TOOLING, "developer"),
            RELEASER: USER.format(TOOLING, "releaser"),
        }.items()
    }


def test_keys_of_a_former_sandbox(settings: Settings, profiles: people.Profiles, aws: fake_aws.Aws) -> None:
    """Keys that are kept from a sandbox whose accounts are gone are replaced by the new users' own."""
    people.seed(settings, profiles, aws.endpoint)
    aws.users.clear()
    aws.keys.clear()

    people.seed(settings, profiles, aws.endpoint)

    assert read(profiles.credentials)[RELEASER]["aws_access_key_id"] in aws.keys


def test_a_new_role_of_a_person_who_is_there(settings: Settings, profiles: people.Profiles, aws: fake_aws.Aws) -> None:
    """When the configuration lists a person for one more role, that person may take it, with the same keys."""
    people.seed(settings, profiles, aws.endpoint)
    keys = dict(aws.keys)

    more = TEXT.replace("user/releaser", f'user/releaser", "arn:aws:iam::{TOOLING}:user/developer')
    people.seed(parse(more, "infra/sandbox.toml"), profiles, aws.endpoint)

    assert may_take(aws, "developer")[-1] == f"{ROLES}-deployer-prod"
    assert aws.keys == keys


def test_an_aws_that_is_gone(settings: Settings, profiles: people.Profiles) -> None:
    """Seeding a sandbox that answers with errors ends with 10 and names the user it was at."""
    with fake_aws.running() as aws:
        aws.refuses = "ServiceUnavailable"

        with pytest.raises(UnavailableError, match="making the sandbox's user administrator"):
            people.seed(settings, profiles, aws.endpoint)
