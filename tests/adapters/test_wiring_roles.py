"""Wiring: through which roles an environment is opened, for a deployment and for a look."""

from __future__ import annotations

import pytest

from lockstep.aws.cloudformation import Stacks
from lockstep.aws.ecr import Registry
from lockstep.aws.iam import Policies
from lockstep.aws.lambda_ import Functions
from lockstep.aws.parameters import Vault
from lockstep.aws.s3 import Bucket
from lockstep.errors import ConfigError, IdentityError
from lockstep.sam import Sam
from lockstep.testing import TEST, TOOLING
from tests.adapters.outside import AS_DEPLOYER, DEVELOPER, RELEASER, ROLE, Outside

CI = f"arn:aws:sts::{TOOLING}:assumed-role/shop-deployer-test/AWSCodeBuild-1"

pytestmark = pytest.mark.usefixtures("alone")


def test_a_deployer(outside: Outside) -> None:
    """A deployment goes by the deployer role to the environment's deploy role, and hands SAM the execution role."""
    releases, target = outside.wiring().deployer("test")

    assert isinstance(target.sam, Sam)
    assert isinstance(target.stacks, Stacks)
    assert isinstance(target.functions, Functions)
    assert isinstance(target.policies, Policies)
    assert isinstance(releases.registry, Registry)
    assert releases.caller == AS_DEPLOYER
    assert releases.registry.host == f"127.0.0.1:{outside.aws.port}"
    assert releases.registry.session.prove(TOOLING, "") == AS_DEPLOYER
    assert target.caller == f"arn:aws:sts::{TEST}:assumed-role/shop-deploy-test/developer"
    opened = (target.stacks.account, target.functions.account, target.policies.account, target.sam.account)
    assert opened == (TEST, TEST, TEST, TEST)
    assert target.sam.role == f"arn:aws:iam::{TEST}:role/shop-execution-test"
    assert target.sam.prefix == f"environments/{TEST}"
    assert outside.aws.callers[target.sam.env["AWS_ACCESS_KEY_ID"]] == target.caller


def test_a_job_that_is_the_deployer(outside: Outside) -> None:
    """A job that runs as the deployer role already, as in CodeBuild, takes no role in the tooling account."""
    outside.aws.callers["developer"] = CI
    outside.aws.trusts = {ROLE.format(TEST, "deploy-test"): CI}

    releases, target = outside.wiring().deployer("test")

    assert releases.caller == CI
    assert target.caller == f"arn:aws:sts::{TEST}:assumed-role/shop-deploy-test/AWSCodeBuild-1"


def test_a_caller_who_may_not_deploy(outside: Outside) -> None:
    """Who is not listed for an environment is stopped, and told where to be listed."""
    with pytest.raises(IdentityError) as caught:
        outside.wiring("releaser").deployer("test")

    role = ROLE.format(TOOLING, "deployer-test")
    assert str(caught.value) == (
        f"error: assuming {role} as {RELEASER}\n"
        f"  answer: AccessDenied: User: {RELEASER} is not authorized to perform: sts:AssumeRole on resource: {role}\n"
        "  next: see that test.deployers in infra/sandbox.toml names you, then invoke bootstrap"
    )


def test_an_environment_that_does_not_trust_us(outside: Outside) -> None:
    """An environment whose role does not trust the deployer stops a deployment, and both roles are named."""
    del outside.aws.trusts[ROLE.format(TEST, "deploy-test")]

    with pytest.raises(IdentityError) as caught:
        outside.wiring().deployer("test")

    deploy, deployer = ROLE.format(TEST, "deploy-test"), ROLE.format(TOOLING, "deployer-test")
    assert caught.value.tried == f"assuming {deploy} as {AS_DEPLOYER}"
    assert caught.value.cure == f"invoke bootstrap, which makes {deploy} trust {deployer}"


def test_an_environment_that_is_unknown(outside: Outside) -> None:
    """An environment that the configuration does not name is an error before anybody is asked."""
    with pytest.raises(ConfigError, match="unknown environment 'tets'"):
        outside.wiring().deployer("tets")


def test_a_reader(outside: Outside) -> None:
    """Who looks at an environment does so in a role that changes nothing."""
    target = outside.wiring().reader("test")

    assert target.caller == f"arn:aws:sts::{TEST}:assumed-role/shop-status-test/developer"


def test_a_deployer_looks_too(outside: Outside) -> None:
    """Who may deploy to an environment may look at it, also where nobody made them a developer."""
    outside.aws.trusts |= {
        ROLE.format(TOOLING, "deployer-test"): RELEASER,
        ROLE.format(TEST, "status-test"): f"arn:aws:sts::{TOOLING}:assumed-role/shop-deployer-test/releaser",
    }

    target = outside.wiring("releaser").reader("test")

    assert target.caller == f"arn:aws:sts::{TEST}:assumed-role/shop-status-test/releaser"


def test_who_plans_in_brief(outside: Outside) -> None:
    """Who only looks reads what is published as themselves, and the environment in a role that changes nothing."""
    store, target = outside.wiring().viewer("test")

    assert isinstance(store, Bucket)
    assert (store.session.caller("asking"), store.owner) == ((TOOLING, DEVELOPER), TOOLING)
    assert target.caller == f"arn:aws:sts::{TEST}:assumed-role/shop-status-test/developer"


def test_a_job_that_plans(outside: Outside) -> None:
    """A job that plans, as in CodeBuild, takes no role in tooling, and of an environment the one that looks."""
    planner = f"arn:aws:sts::{TOOLING}:assumed-role/shop-planner/AWSCodeBuild-1"
    outside.aws.callers["developer"] = planner
    outside.aws.trusts = {ROLE.format(TEST, "status-test"): planner}

    store, target = outside.wiring().viewer("test")

    assert isinstance(store, Bucket)
    assert store.session.caller("asking") == (TOOLING, planner)
    assert target.caller == f"arn:aws:sts::{TEST}:assumed-role/shop-status-test/AWSCodeBuild-1"


def test_a_deployer_plans_in_brief(outside: Outside) -> None:
    """Who is no developer reads what is published as the environment's deployer, which may."""
    deployer = f"arn:aws:sts::{TOOLING}:assumed-role/shop-deployer-test/releaser"
    outside.aws.trusts |= {
        ROLE.format(TOOLING, "deployer-test"): RELEASER,
        ROLE.format(TEST, "status-test"): deployer,
    }

    store, _ = outside.wiring("releaser").viewer("test")

    assert isinstance(store, Bucket)
    assert store.session.caller("asking") == (TOOLING, deployer)


@pytest.mark.parametrize("trusted", [RELEASER, "nobody"])
def test_a_caller_who_may_not_look(outside: Outside, trusted: str) -> None:
    """Who may look at an environment in no way is told of the role that looks, whatever else was tried."""
    outside.aws.trusts[ROLE.format(TOOLING, "deployer-test")] = trusted

    with pytest.raises(IdentityError) as caught:
        outside.wiring("releaser").reader("test")

    assert caught.value.tried == f"assuming {ROLE.format(TEST, 'status-test')} as {RELEASER}"
    assert caught.value.cure == "invoke bootstrap"


def test_a_build_s_parameters_are_the_caller_s(outside: Outside) -> None:
    """The parameters and secrets of a build are those of the tooling account, opened as the caller."""
    found = outside.wiring().vault()

    assert isinstance(found, Vault)
    assert found.session.caller("asking who that is") == (TOOLING, DEVELOPER)


def test_a_build_s_parameters_are_nobody_else_s(outside: Outside) -> None:
    """Who is in another account than tooling gets no parameter of it."""
    with pytest.raises(IdentityError, match="opening the tooling account"):
        outside.wiring("stranger").vault()
