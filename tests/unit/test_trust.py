"""Who should be able to become whom, and what is told of whoever can or cannot."""

from __future__ import annotations

import pytest

from lockstep import policy, trust
from lockstep.settings import Settings
from lockstep.testing import CODECOMMIT, PROD, SETTINGS, TEST, TOOLING, FakeIdentity, World, some_settings
from lockstep.trust import Tried

RELEASERS = f"arn:aws:iam::{TOOLING}:role/aws-reserved/sso.amazonaws.com/releasers"
WITH_RELEASERS = SETTINGS.replace('admin_profile = "prod-admin"', f'deployers = ["{RELEASERS}"]')


def role(account: str, name: str) -> str:
    """Return the ARN of one of our roles."""
    return f"arn:aws:iam::{account}:role/shop-{name}"


def session(account: str, name: str) -> str:
    """Return the ARN of a session of a role."""
    return f"arn:aws:sts::{account}:assumed-role/{name}/anna"


EVERY_ROLE = {
    role(TOOLING, "build"),
    role(TOOLING, "developer"),
    *(role(TOOLING, f"deployer-{name}") for name in ("test", "prod")),
    *(role(TEST, f"{kind}-test") for kind in ("deploy", "status", "execution")),
    *(role(PROD, f"{kind}-prod") for kind in ("deploy", "status", "execution")),
}


@pytest.mark.parametrize(
    ("caller", "becomes"),
    [
        (f"arn:aws:iam::{TOOLING}:user/developer", {role(TOOLING, "developer")}),
        (f"arn:aws:iam::{TOOLING}:user/somebody", set()),
        (f"arn:aws:iam::{TEST}:user/developer", set()),
        (f"arn:aws:iam::{TOOLING}:role/developer", set()),
        (f"arn:aws:iam::{TOOLING}:root", set()),
        (f"arn:aws:iam::{TEST}:root", set()),
        (session(TEST, "OrganizationAccountAccessRole"), set()),
        (session(TOOLING, "OrganizationAccountAccessRole"), set()),
        (session(TOOLING, "releasers"), {role(TOOLING, "deployer-prod")}),
        (session(PROD, "releasers"), set()),
        (
            session(TOOLING, "shop-developer"),
            {role(TOOLING, "deployer-test"), role(TEST, "status-test"), role(PROD, "status-prod")},
        ),
        (session(TOOLING, "shop-deployer-test"), {role(TEST, "deploy-test"), role(TEST, "status-test")}),
        (
            session(TOOLING, "shop-deployer-prod"),
            {role(PROD, "deploy-prod"), role(PROD, "status-prod"), role(TEST, "status-test")},
        ),
        (session(TOOLING, "shop-build"), set()),
        (session(TEST, "shop-deploy-test"), set()),
        (session(TEST, "shop-status-test"), set()),
    ],
)
def test_who_becomes_whom(caller: str, becomes: set[str]) -> None:
    """Developers, deployers and whoever the settings list become those roles that are meant for them, and no others."""
    found = trust.expected(some_settings(WITH_RELEASERS), caller)

    assert {name for name, hoped in found.items() if hoped} == becomes
    assert set(found) == EVERY_ROLE - {policy.role_of(caller)}


def test_no_developers() -> None:
    """Where the settings name no developers, there is no role of theirs to be taken."""
    text = "\n".join(line for line in SETTINGS.splitlines() if not line.startswith(("developers", "deployers")))

    found = trust.expected(some_settings(text), f"arn:aws:iam::{TOOLING}:user/developer")

    assert role(TOOLING, "developer") not in found
    assert not any(found.values())


def test_who_plans() -> None:
    """Where a pipeline asks for an approval a role that no person takes looks there, and it can deploy nowhere."""
    settings = some_settings(f"{WITH_RELEASERS}approval = true\n{CODECOMMIT}")

    plans = trust.expected(settings, session(TOOLING, "shop-planner"))
    builds = trust.expected(settings, session(TOOLING, "shop-build"))

    assert {name for name, hoped in plans.items() if hoped} == {role(PROD, "status-prod")}
    assert builds[role(TOOLING, "planner")] is False


def looked(caller: str, *accounts: str, world: World | None = None, settings: Settings | None = None) -> list[str]:
    """Say what came of looking at the roles of some accounts, by default of all."""
    known = settings or some_settings()
    identity = FakeIdentity(world or World(), known, caller)
    tried = trust.look(known, [(identity, accounts or (TOOLING, TEST, PROD))])
    return [
        f"{trust.short(one.who)} {'may not' if one.refusal else 'may'} be {trust.short(one.role)}"
        + ("" if one.is_right else ": wrong")
        for one in tried
    ]


def test_looking_as_a_developer() -> None:
    """Who looks tries every role, and as each deployer that it becomes every role once more."""
    found = looked(session(TOOLING, "shop-developer"))

    assert found == [
        "shop-developer may not be shop-build",
        "shop-developer may be shop-deployer-test",
        "shop-deployer-test may not be shop-build",
        "shop-deployer-test may not be shop-developer",
        "shop-deployer-test may be shop-deploy-test",
        "shop-deployer-test may be shop-status-test",
        "shop-deployer-test may not be shop-execution-test",
        "shop-deployer-test may not be shop-deployer-prod",
        "shop-deployer-test may not be shop-deploy-prod",
        "shop-deployer-test may not be shop-status-prod",
        "shop-deployer-test may not be shop-execution-prod",
        "shop-developer may not be shop-deploy-test",
        "shop-developer may be shop-status-test",
        "shop-developer may not be shop-execution-test",
        "shop-developer may not be shop-deployer-prod",
        "shop-developer may not be shop-deploy-prod",
        "shop-developer may be shop-status-prod",
        "shop-developer may not be shop-execution-prod",
    ]


def test_looking_as_who_becomes_a_developer() -> None:
    """Who may become a developer tries every role, and as that developer all that a developer may."""
    found = looked(f"arn:aws:iam::{TOOLING}:user/developer")

    as_developer = looked(session(TOOLING, "shop-developer"))
    mine = [line for line in found if line.startswith("developer ")]
    assert "developer may be shop-developer" in mine
    assert len(mine) == len(EVERY_ROLE)
    assert [line for line in found if line not in mine] == as_developer


def test_looking_at_nothing_twice() -> None:
    """What two identities can become is looked at once, and so is what one is asked to look at twice."""
    known, world = some_settings(), World()
    developer = FakeIdentity(world, known, session(TOOLING, "shop-developer"))
    somebody = FakeIdentity(world, known, f"arn:aws:iam::{TOOLING}:user/developer")

    tried = list(trust.look(known, [(developer, {TOOLING}), (somebody, {TOOLING}), (developer, {TOOLING})]))

    pairs = [(trust.short(one.who), trust.short(one.role)) for one in tried]
    assert len(set(pairs)) == len(pairs)
    assert {who for who, _ in pairs} == {"developer", "shop-developer", "shop-deployer-test"}


def test_looking_further_than_before() -> None:
    """What was looked at in one account is followed into the others, where those are asked for later."""
    known, world = some_settings(), World()
    somebody = FakeIdentity(world, known, f"arn:aws:iam::{TOOLING}:user/developer")
    everywhere = {TOOLING, TEST, PROD}

    once = set(trust.look(known, [(somebody, everywhere)]))
    twice = list(trust.look(known, [(somebody, {TOOLING}), (somebody, everywhere)]))

    assert set(twice) == once
    assert len(twice) == len(once)


def test_looking_at_some_accounts() -> None:
    """Only the roles of the accounts that are asked for are tried."""
    found = looked(f"arn:aws:iam::{TEST}:user/administrator", TEST)

    assert found == [
        "administrator may not be shop-deploy-test",
        "administrator may not be shop-status-test",
        "administrator may not be shop-execution-test",
    ]


def test_a_role_that_anybody_becomes() -> None:
    """A deployer that can be taken by who may not is wrong, and what it can become in turn is looked at too."""
    world = World(trusts={("shop-developer", "shop-deployer-prod"): True})

    found = looked(session(TOOLING, "shop-developer"), TOOLING, PROD, world=world)

    assert "shop-developer may be shop-deployer-prod: wrong" in found
    assert "shop-deployer-prod may be shop-deploy-prod" in found


def test_a_role_that_nobody_becomes() -> None:
    """A role that cannot be taken by who may is wrong, and nothing is tried as it."""
    world = World(trusts={("shop-developer", "shop-deployer-test"): False})

    found = looked(session(TOOLING, "shop-developer"), TOOLING, world=world)

    assert found == [
        "shop-developer may not be shop-build",
        "shop-developer may not be shop-deployer-test: wrong",
        "shop-developer may not be shop-deployer-prod",
    ]


@pytest.mark.parametrize(
    ("expected", "refusal", "right"),
    [(True, "", True), (True, "AccessDenied", False), (False, "AccessDenied", True), (False, "", False)],
)
def test_what_is_right(expected: bool, refusal: str, right: bool) -> None:
    """An attempt is right where it ended as the settings say."""
    found = Tried("who", "role", expected, refusal).is_right

    assert found is right


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        (session(TEST, "shop-deploy-test"), "shop-deploy-test"),
        (RELEASERS, "releasers"),
        (f"arn:aws:iam::{TOOLING}:user/people/anna", "anna"),
        (f"arn:aws:iam::{TOOLING}:root", f"arn:aws:iam::{TOOLING}:root"),
    ],
)
def test_short_names(arn: str, name: str) -> None:
    """People know a role or user by its name without a path, a session by that of its role."""
    found = trust.short(arn)

    assert found == name
