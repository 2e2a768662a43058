"""Which account stacks there are, in which order, with which parameters."""

from __future__ import annotations

from collections.abc import Mapping

from lockstep import account_stacks
from lockstep.account_stacks import Granted
from lockstep.model import Grants
from lockstep.testing import CODECOMMIT, PROD, SETTINGS, TEST, TOOLING, a_service, an_image, some_settings

SERVICES = (a_service("hello"), a_service("orders", images=(an_image("Api"), an_image("Worker"))))
ROLE = "arn:aws:iam::{}:role/shop-{}"
DEVELOPER = ROLE.format(TOOLING, "developer")
TAGGED = SETTINGS.replace(f'account = "{TOOLING}"', f'account = "{TOOLING}"\ntags = {{ Team = "shop" }}').replace(
    f'account = "{TEST}"', f'account = "{TEST}"\ntags = {{ Stage = "test" }}'
)


def parameters(stack: str, text: str = SETTINGS) -> Mapping[str, str]:
    """Return the parameters of one stack of the plan for some settings."""
    steps = account_stacks.plan(some_settings(text), SERVICES)
    return next(step.parameters for step in steps if step.stack == stack)


def test_the_order_of_account_stacks() -> None:
    """Each stack comes after those that it names: key and bucket, roles, deployers, repositories, environments."""
    steps = account_stacks.plan(some_settings(), SERVICES)

    assert [(step.where, step.account, step.stack, step.template, step.needs_key) for step in steps] == [
        ("tooling", TOOLING, "shop-tooling-resources", "tooling-resources.yaml", False),
        ("tooling", TOOLING, "shop-tooling-roles", "tooling-roles.yaml", True),
        ("tooling", TOOLING, "shop-deployer-test", "tooling-deployer.yaml", True),
        ("tooling", TOOLING, "shop-deployer-prod", "tooling-deployer.yaml", True),
        ("tooling", TOOLING, "shop-repository-hello-hellofunction", "tooling-repository.yaml", True),
        ("tooling", TOOLING, "shop-repository-orders-api", "tooling-repository.yaml", True),
        ("tooling", TOOLING, "shop-repository-orders-worker", "tooling-repository.yaml", True),
        ("test", TEST, "shop-account-test", "environment.yaml", True),
        ("prod", PROD, "shop-account-prod", "environment.yaml", True),
    ]


def test_the_tags_of_account_stacks() -> None:
    """A stack has the tags that the settings give its account."""
    steps = account_stacks.plan(some_settings(TAGGED), ())

    assert {step.stack: dict(step.tags) for step in steps} == {
        "shop-tooling-roles": {"Team": "shop"},
        "shop-deployer-test": {"Team": "shop"},
        "shop-deployer-prod": {"Team": "shop"},
        "shop-tooling-resources": {"Team": "shop"},
        "shop-account-test": {"Stage": "test"},
        "shop-account-prod": {},
    }


def test_what_a_developer_may_become() -> None:
    """A developer may look at every environment, and deploy only where the settings name the developer role."""
    assert parameters("shop-tooling-roles") == {
        "Project": "shop",
        "ArtifactBucket": "shop-artifacts-111111111111-eu-west-1",
        "SourceFiles": "arn:aws:s3:::shop-artifacts-111111111111-eu-west-1/shop-pipeline/Source/*",
        "Developers": f"arn:aws:iam::{TOOLING}:user/developer",
        "SigningKey": "",
        "Organization": "",
        "AssumableRoles": ",".join(
            [ROLE.format(TEST, "status-test"), ROLE.format(PROD, "status-prod"), ROLE.format(TOOLING, "deployer-test")]
        ),
        "PlannedStatusRoles": "",
    }


def test_who_plans_for_an_approval() -> None:
    """Where a pipeline asks for an approval, one role of tooling may look there for a plan, and nowhere else."""
    text = f"{SETTINGS}approval = true\n{CODECOMMIT}"

    assert parameters("shop-tooling-roles", text)["PlannedStatusRoles"] == ROLE.format(PROD, "status-prod")
    readers = [parameters(f"shop-account-{name}", text)["StatusReaders"].split(",") for name in ("test", "prod")]
    assert [ROLE.format(TOOLING, "planner") in found for found in readers] == [False, True]


def test_nobody_plans() -> None:
    """An approval that no pipeline asks for, and a pipeline that asks for none, need no role that plans."""
    for text in (f"{SETTINGS}approval = true", f"{SETTINGS}{CODECOMMIT}"):
        found = account_stacks.plan(some_settings(text), SERVICES)

        assert parameters("shop-tooling-roles", text)["PlannedStatusRoles"] == ""
        assert [step.stack for step in found if "planner" in repr(step.parameters)] == []


def test_who_may_deploy() -> None:
    """An environment's deployer may be taken by those whom the settings name, and by nobody where they name none."""
    found = parameters("shop-deployer-test"), parameters("shop-deployer-prod")

    common = {
        "Project": "shop",
        "ArtifactBucket": "shop-artifacts-111111111111-eu-west-1",
        "SourceFiles": "arn:aws:s3:::shop-artifacts-111111111111-eu-west-1/shop-pipeline/Source/*",
        "SigningKey": "",
        "Organization": "",
    }
    assert found == (
        common | {"Environment": "test", "EnvironmentAccount": TEST, "Deployers": DEVELOPER, "EarlierStatusRoles": ""},
        common
        | {
            "Environment": "prod",
            "EnvironmentAccount": PROD,
            "Deployers": "",
            "EarlierStatusRoles": ROLE.format(TEST, "status-test"),
        },
    )


def test_who_reaches_the_bucket() -> None:
    """The bucket names the exact roles of every other account that deploy, execute or look."""
    assert parameters("shop-tooling-resources") == {
        "Project": "shop",
        "ArtifactBucket": "shop-artifacts-111111111111-eu-west-1",
        "EnvironmentAccounts": f"{TEST},{PROD}",
        "DeployRoles": f"{ROLE.format(TEST, 'deploy-test')},{ROLE.format(PROD, 'deploy-prod')}",
        "ExecutionRoles": f"{ROLE.format(TEST, 'execution-test')},{ROLE.format(PROD, 'execution-prod')}",
        "StatusRoles": f"{ROLE.format(TEST, 'status-test')},{ROLE.format(PROD, 'status-prod')}",
        "Organization": "",
    }


def test_who_pulls_an_image() -> None:
    """A repository may be pulled from by every environment's execution role and functions."""
    assert parameters("shop-repository-orders-api") == {
        "Repository": "shop/orders/api",
        "EnvironmentAccounts": f"{TEST},{PROD}",
        "ExecutionRoles": f"{ROLE.format(TEST, 'execution-test')},{ROLE.format(PROD, 'execution-prod')}",
        "Functions": (
            f"arn:aws:lambda:eu-west-1:{TEST}:function:shop-test-*,arn:aws:lambda:eu-west-1:{PROD}:function:shop-prod-*"
        ),
        "Organization": "",
    }


def test_whom_an_environment_trusts() -> None:
    """An environment is deployed to by its own deployer alone, and looked at by that and by developers."""
    deployer = ROLE.format(TOOLING, "deployer-prod")

    assert parameters("shop-account-prod") == {
        "Project": "shop",
        "Environment": "prod",
        "ToolingAccount": TOOLING,
        "DeployerRole": deployer,
        "StatusReaders": f"{deployer},{DEVELOPER}",
        "ArtifactBucket": "shop-artifacts-111111111111-eu-west-1",
        "Organization": "",
        "Protected": "false",
    }


def test_an_organization() -> None:
    """Whatever an account outside the organization could reach knows the organization by its id."""
    text = SETTINGS.replace('region = "eu-west-1"', 'region = "eu-west-1"\norganization = "o-a1b2c3d4e5"')

    steps = account_stacks.plan(some_settings(text), SERVICES)

    assert {step.template: step.parameters.get("Organization") for step in steps} == {
        "tooling-resources.yaml": "o-a1b2c3d4e5",
        "tooling-roles.yaml": "o-a1b2c3d4e5",
        "tooling-deployer.yaml": "o-a1b2c3d4e5",
        "tooling-repository.yaml": "o-a1b2c3d4e5",
        "environment.yaml": "o-a1b2c3d4e5",
    }


def test_what_is_protected() -> None:
    """Where one environment is protected, so are its own stacks and what it shares with others, and no more."""
    text = SETTINGS.replace('name = "prod"', 'name = "prod"\nprotect = true')

    steps = account_stacks.plan(some_settings(text), SERVICES)

    assert {step.stack for step in steps if not step.protected} == {"shop-deployer-test", "shop-account-test"}
    assert [step.parameters.get("Protected") for step in steps[-2:]] == ["false", "true"]


def test_what_services_ask_for() -> None:
    """Each environment allows what the services ask for, as it stands there; who asks for nothing is not named."""
    asks = Grants(execution=({"Action": "ses:CreateTemplate", "Resource": "arn:aws:ses:*:${AWS::AccountId}:x"},))
    services = (a_service("hello"), a_service("orders", grants=asks))

    steps = account_stacks.plan(some_settings(), services)

    assert {step.where: step.granted for step in steps} == {
        "tooling": (),
        **{
            environment: (
                Granted("orders", ({"Effect": "Allow", "Action": "ses:CreateTemplate", "Resource": arn},), ()),
            )
            for environment, arn in (("test", f"arn:aws:ses:*:{TEST}:x"), ("prod", f"arn:aws:ses:*:{PROD}:x"))
        },
    }


def test_no_developers() -> None:
    """Where the settings name no developers, no stack trusts the role that they would have had."""
    text = "\n".join(line for line in SETTINGS.splitlines() if not line.startswith(("developers", "deployers")))

    found = [
        (step.stack, name)
        for step in account_stacks.plan(some_settings(text), SERVICES)
        for name, value in step.parameters.items()
        if DEVELOPER in value
    ]

    assert found == []
    assert parameters("shop-tooling-roles", text)["Developers"] == ""
