"""What things are called: within the limits of AWS, apart from each other, apart from what services make."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep import names, settings
from lockstep.model import AccountId, ReleaseId, Sha256
from lockstep.names import RESERVED, Names, pipeline_prefix
from lockstep.testing import PROD, TEST, TOOLING, some_names

ENVIRONMENTS = st.from_regex("[a-z][a-z0-9]{1,9}", fullmatch=True).filter(lambda name: name not in RESERVED)
REGIONS = st.sampled_from(("eu-west-1", "ap-southeast-2", "us-gov-west-1", "cn-northwest-1"))
FUNCTIONS = st.from_regex("[A-Za-z0-9]{1,64}", fullmatch=True)
# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
REPOSITORY = r"(?=.{2,256}$)([a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*/)*[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
ROLE, STACK, BUCKET = r"[\w+=,.@-]{1,64}", r"[a-zA-Z][-a-zA-Z0-9]{0,127}", r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"


SERVICES = (
    st.text("az09-", max_size=30)
    .map(lambda tail: "s" + re.sub("-+", "-", tail).rstrip("-"))
    .filter(lambda name: name not in RESERVED)
)


@st.composite
def projects(draw: st.DrawFn) -> settings.Settings:
    """Draw settings of two environments that keep every rule; the longest names are among them."""
    one, two = draw(st.lists(ENVIRONMENTS, min_size=2, max_size=2, unique=True))
    project = "p" + draw(st.text("az09", min_size=1, max_size=min(16, 20 - max(len(one), len(two))) - 1))
    tables = "".join(
        f'[[environments]]\nname = "{name}"\naccount = "{account}"\n' for name, account in ((one, TEST), (two, PROD))
    )
    text = f'project = "{project}"\nregion = "{draw(REGIONS)}"\n[tooling]\naccount = "{TOOLING}"\n{tables}'
    return settings.parse(text, "x.toml")


def own_roles(project: Names, environment: str, account: AccountId) -> dict[str, str]:
    """Return the last part of the ARN of each role and policy of ours in an environment's account."""
    arns = {
        "deploy": project.deploy_role(environment, account),
        "execution": project.execution_role(environment, account),
        "status": project.status_role(environment, account),
        "boundary": project.boundary(environment, account),
    }
    return {what: arn.partition("/")[2] for what, arn in arns.items()}


def test_what_the_project_shop_calls_its_things() -> None:
    """Every name comes from project, environment, service and account, and says which they are."""
    shop = some_names()

    found = [
        shop.registry,
        shop.tooling_roles_stack,
        shop.tooling_resources_stack,
        shop.deployer_stack("test"),
        shop.account_stack("test"),
        shop.repository_stack("hello", "HelloFunction"),
        shop.service_stack("test", "hello"),
        shop.developer_role,
        shop.build_role,
        shop.deployer_role("test"),
        shop.deploy_role("test", TEST),
        shop.execution_role("test", TEST),
        shop.status_role("test", TEST),
        shop.boundary("test", TEST),
        shop.function_pattern("test", TEST),
        shop.bucket,
        shop.repository("hello", "HelloFunction"),
        shop.environment_prefix(TEST),
    ]

    assert found == [
        "111111111111.dkr.ecr.eu-west-1.amazonaws.com",
        "shop-tooling-roles",
        "shop-tooling-resources",
        "shop-deployer-test",
        "shop-account-test",
        "shop-repository-hello-hellofunction",
        "shop-test-hello",
        "arn:aws:iam::111111111111:role/shop-developer",
        "arn:aws:iam::111111111111:role/shop-build",
        "arn:aws:iam::111111111111:role/shop-deployer-test",
        "arn:aws:iam::222222222222:role/shop-deploy-test",
        "arn:aws:iam::222222222222:role/shop-execution-test",
        "arn:aws:iam::222222222222:role/shop-status-test",
        "arn:aws:iam::222222222222:policy/shop-boundary-test",
        "arn:aws:lambda:eu-west-1:222222222222:function:shop-test-*",
        "shop-artifacts-111111111111-eu-west-1",
        "shop/hello/hellofunction",
        "environments/222222222222",
    ]


@pytest.mark.parametrize(
    ("project", "prefix"), [("shop", "shop-pipeline"), ("s234567890123456", "s234567890123456-pip")]
)
def test_where_the_pipeline_keeps_its_files(project: str, prefix: str) -> None:
    """CodePipeline cuts the pipeline's name to twenty letters, and so do the rights on what it keeps."""
    shop = Names(project, TOOLING, "eu-west-1")

    files = f"arn:aws:s3:::{shop.bucket}/{prefix}/Source/*"
    assert (shop.pipeline_stack, shop.source_files(shop.pipeline_stack)) == (f"{project}-pipeline", files)
    assert shop.job("deploy-test") == f"arn:aws:codebuild:eu-west-1:{TOOLING}:project/{project}-deploy-test"


def test_where_codepipeline_keeps_an_artifact() -> None:
    """Of the name of a pipeline twenty letters are in the key of an artifact, of the artifact's own ten."""
    assert pipeline_prefix("p" * 20 + "x", "a" * 10 + "x") == f"{'p' * 20}/{'a' * 10}/"
    assert pipeline_prefix("shop-pipeline", "Source") == "shop-pipeline/Source/"


def test_where_published_files_are_kept() -> None:
    """Each kind of published file has a folder of its own, and is found again by what it was made from."""
    source = Sha256("0123456789abcdef" * 4)

    found = [
        names.image_tag(source),
        names.release_key(ReleaseId("r")),
        names.template_key(source),
        names.build_key("hello", source),
        names.package_key("hello", source),
    ]

    assert found == [
        "source-0123456789abcdef0123456789abcdef",
        "releases/r.json",
        f"templates/{source}.json",
        f"builds/hello/{source}.json",
        f"packages/hello/{source}.json",
    ]


@pytest.mark.parametrize(
    ("region", "partition", "suffix"),
    [
        ("eu-west-1", "aws", "amazonaws.com"),
        ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
        ("cn-north-1", "aws-cn", "amazonaws.com.cn"),
    ],
)
def test_partitions(region: str, partition: str, suffix: str) -> None:
    """A region's ARNs are of its partition, and its registry has the partition's domain."""
    shop = Names("shop", TOOLING, region)

    assert (shop.registry, shop.build_role) == (
        f"{TOOLING}.dkr.ecr.{region}.{suffix}",
        f"arn:{partition}:iam::{TOOLING}:role/shop-build",
    )


@given(projects(), SERVICES, FUNCTIONS)
def test_names_fit(parsed: settings.Settings, service: str, function: str) -> None:
    """Whatever valid project, environment and service there are, AWS takes every name that we derive."""
    project, (one, _) = parsed.names, parsed.environments
    stacks = [
        project.tooling_resources_stack,
        project.deployer_stack(one.name),
        project.account_stack(one.name),
        project.repository_stack(service, function),
        project.service_stack(one.name, service),
    ]
    roles = [
        *own_roles(project, one.name, one.account).values(),
        project.deployer_role(one.name).partition("/")[2],
        project.developer_role.partition("/")[2],
    ]

    wrong = [
        *(name for name in stacks if not re.fullmatch(STACK, name)),
        *(name for name in roles if not re.fullmatch(ROLE, name)),
        *(name for name in [project.bucket] if not re.fullmatch(BUCKET, name)),
        *(name for name in [project.repository(service, function)] if not re.fullmatch(REPOSITORY, name)),
    ]

    assert wrong == []


@given(projects(), SERVICES)
def test_what_services_make_is_apart_from_our_roles(parsed: settings.Settings, service: str) -> None:
    """Nothing of ours in an account begins as what a service makes there, in any environment of the project."""
    project, environments = parsed.names, parsed.environments
    ours = [name for one in environments for name in own_roles(project, one.name, one.account).values()]
    ours += [project.account_stack(one.name) for one in environments]

    prefixes = [project.function_pattern(one.name, one.account).rpartition(":")[2][:-1] for one in environments]

    assert [(name, prefix) for name in ours for prefix in prefixes if name.startswith(prefix)] == []
    assert all(
        project.service_stack(one.name, service).startswith(prefix)
        for one, prefix in zip(environments, prefixes, strict=True)
    )


@given(projects(), st.lists(st.tuples(SERVICES, FUNCTIONS.map(str.lower)), min_size=2, max_size=3, unique=True))
def test_no_two_things_share_a_name(parsed: settings.Settings, functions: list[tuple[str, str]]) -> None:
    """No two stacks of a project have the same name, and no two image functions the same repository."""
    project, environments = parsed.names, [one.name for one in parsed.environments]
    services = {service for service, _ in functions}

    stacks = [
        project.tooling_roles_stack,
        project.tooling_resources_stack,
        *(project.deployer_stack(name) for name in environments),
        *(project.account_stack(name) for name in environments),
        *(project.service_stack(name, service) for name in environments for service in services),
        *(project.repository_stack(service, function) for service, function in functions),
    ]
    repositories = [project.repository(service, function) for service, function in functions]

    assert (len(set(stacks)), len(set(repositories))) == (len(stacks), len(repositories))
