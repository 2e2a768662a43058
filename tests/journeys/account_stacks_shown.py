"""What is shown of the account stacks of the fakes: their plan, what came of them, what was looked at again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.journeys.terminal import Terminal

TOOLING, TEST, PROD = "tooling (111111111111)", "test (222222222222)", "prod (333333333333)"
ENVIRONMENT = (
    "DeployRole AWS::IAM::Role",
    "StatusRole AWS::IAM::Role",
    "ExecutionRole AWS::IAM::Role",
    "ExecutionPolicy AWS::IAM::ManagedPolicy",
    "Boundary AWS::IAM::ManagedPolicy",
)
DEPLOYER = ("DeployerRole AWS::IAM::Role", "DeployLog AWS::Logs::LogGroup")
# By stack: where it is, its template, its resources.
STACKS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "shop-tooling-resources": (
        TOOLING,
        "tooling-resources.yaml",
        (
            "Key AWS::KMS::Key",
            "KeyAlias AWS::KMS::Alias",
            "Bucket AWS::S3::Bucket",
            "BucketPolicy AWS::S3::BucketPolicy",
            "LogBucket AWS::S3::Bucket",
            "LogBucketPolicy AWS::S3::BucketPolicy",
        ),
    ),
    "shop-tooling-roles": (
        TOOLING,
        "tooling-roles.yaml",
        (
            "PublishPolicy AWS::IAM::ManagedPolicy",
            "BuildRole AWS::IAM::Role",
            "BuildLog AWS::Logs::LogGroup",
            "DeveloperRole AWS::IAM::Role",
        ),
    ),
    "shop-deployer-test": (TOOLING, "tooling-deployer.yaml", DEPLOYER),
    "shop-deployer-prod": (TOOLING, "tooling-deployer.yaml", DEPLOYER),
    "shop-repository-hello-hellofunction": (
        TOOLING,
        "tooling-repository.yaml",
        ("ImageRepository AWS::ECR::Repository",),
    ),
    "shop-account-test": (TEST, "environment.yaml", ENVIRONMENT),
    "shop-account-prod": (PROD, "environment.yaml", ENVIRONMENT),
}
AWS = "AWS: a fake one"
LOOKED = "Looked again: 5 roles could be taken, as they should; 23 were refused, as they should be."


def plan(**changes: str) -> list[str]:
    """Return the plan in which every stack is created, but for those of which a test says otherwise.

    Stacks are written with _ for -: they are created, updated or stay, change once the key is made, or are left out.
    """
    lines = [AWS, "Plan for bootstrap, in this order:"]
    for stack, (where, template, resources) in STACKS.items():
        change = changes.get(stack.replace("-", "_"), changes.get("all", "is created"))
        mark = {"is created": "    + {}", "is updated": "    ~ {}: Tags"}.get(change)
        if change:
            lines.append(f"  {where}: {stack} {change}, from infra/{template}")
            lines += [mark.format(one) for one in resources] if mark else []
    return lines


def done(*stacks: str, result: str = "created") -> list[str]:
    """Return what is said of stacks as they are done, by default of all."""
    return [f"  {STACKS[s][0].partition(' ')[0]}: {s} {result} (1.0 s)" for s in stacks or STACKS]


def link_templates(terminal: Terminal) -> None:
    """Let the working tree of a terminal hold the account templates of this one."""
    (terminal.root / "infra").symlink_to(Path(__file__).parents[2] / "infra")


def stacks(terminal: Terminal) -> list[str]:
    """Return the account stacks that are there."""
    return [stack for _, stack in terminal.world.account_stacks]
