"""Comparing what services need with what is allowed: what is missing, what nobody uses, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lockstep.errors import IdentityError
from lockstep.model import Grants
from lockstep.testing import SETTINGS, TEST, a_service
from tests.journeys.terminal import Outside, text

if TYPE_CHECKING:
    from lockstep.ports import Target
    from tests.journeys.terminal import Terminal

AWS = "AWS: a fake one"
EXECUTION = f"arn:aws:iam::{TEST}:role/shop-execution-test"
BOUNDARY = f"arn:aws:iam::{TEST}:policy/shop-boundary-test"
TABLE = f"arn:aws:dynamodb:eu-west-1:{TEST}:table/shop-test-orders-Orders-*"
SUGGESTED = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${AWS::StackName}-Orders-*"
RESOURCES = {"Orders": {"Type": "AWS::DynamoDB::Table"}}
FITS = "Everything that is needed is allowed, and nothing more."


def allow(terminal: Terminal, *actions: str, arn: str = EXECUTION, but: str = "") -> None:
    """Let a role, by default the execution role, do some actions and no others, nor one that a test takes out."""
    allowed = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    terminal.world.policies[arn] = {"Statement": [allowed, {"Effect": "Deny", "Action": but, "Resource": "*"}]}


def write(terminal: Terminal, resources: dict[str, Any], service: str = "orders", **sections: object) -> None:
    """Let a service without images have a template of some resources."""
    terminal.services = (*(one for one in terminal.services if one.name != service), a_service(service, images=()))
    terminal.write_template(service, Resources=resources, Parameters={}, **sections)


def test_nothing_is_missing(terminal: Terminal) -> None:
    """Where everything is allowed and all of it used, permissions says so and ends well."""
    terminal.write_template("hello", Transform="AWS::Serverless-2016-10-31")

    seen = terminal.invoke("permissions", "--env", "test")

    assert seen == (0, text(AWS, FITS), "")
    assert terminal.changes() == []


def test_what_is_missing(terminal: Terminal) -> None:
    """What is missing is shown with what it is for and what to add to permissions.yaml, and ends with exit code 3."""
    terminal.services = ()
    write(terminal, RESOURCES)
    allow(terminal, "dynamodb:DescribeTable", "dynamodb:*Tag*", "dynamodb:CreateTable")

    seen = terminal.invoke("permissions", "--env", "test")

    assert seen == (
        3,
        text(
            AWS,
            "Missing: a deployment would fail.",
            f"SERVICE  ACTION                {'RESOURCE'.ljust(len(TABLE))}  FOR",
            f"orders   dynamodb:UpdateTable  {TABLE}  Orders",
            f"orders   dynamodb:DeleteTable  {TABLE}  Orders",
            "",
            "To allow it, review and add to services/orders/permissions.yaml, then invoke bootstrap:",
            "",
            "Execution:",
            "- Action:",
            "  - dynamodb:DeleteTable",
            "  - dynamodb:UpdateTable",
            f"  Resource: {SUGGESTED}",
        ),
        "",
    )


def test_what_is_asked_for_already(terminal: Terminal) -> None:
    """What permissions.yaml asks for and bootstrap did not put in place yet is told so, and not suggested again."""
    terminal.services = ()
    write(terminal, RESOURCES)
    allow(terminal, "dynamodb:*", but="dynamodb:DeleteTable")
    asked = {"Action": ["dynamodb:DeleteTable"], "Resource": SUGGESTED.replace("Orders-", "")}
    terminal.services = (a_service("orders", images=(), grants=Grants(execution=(asked,))),)

    seen = terminal.invoke("permissions", "--env", "test")
    told = terminal.invoke("permissions", "--env", "test", "--json").document["services"][0]

    assert seen == (
        3,
        text(
            AWS,
            "Missing: a deployment would fail.",
            f"SERVICE  ACTION                {'RESOURCE'.ljust(len(TABLE))}  FOR",
            f"orders   dynamodb:DeleteTable  {TABLE}  Orders",
            "",
            "Asked for in services/orders/permissions.yaml and not in place: invoke bootstrap.",
            "  dynamodb:DeleteTable",
        ),
        "",
    )
    assert (told["declared"], told["suggestion"]) == (told["missing"], None)


def test_what_is_perhaps_needed(terminal: Terminal) -> None:
    """What a type of resource takes nobody knows when is shown and suggested, and does not count as missing."""
    terminal.services = ()
    write(terminal, {"Clicks": {"Type": "AWS::Kinesis::Stream"}})
    allow(terminal, "kinesis:*", but="kinesis:StartStreamEncryption")

    seen = terminal.invoke("permissions", "--env", "test")

    stream = f"arn:aws:kinesis:eu-west-1:{TEST}:stream/shop-test-orders-Clicks-*"
    assert seen == (
        0,
        text(
            AWS,
            "Not allowed, and perhaps needed: nobody can tell beforehand.",
            f"SERVICE  ACTION                         {'RESOURCE'.ljust(len(stream))}  FOR",
            f"orders   kinesis:StartStreamEncryption  {stream}  Clicks",
            "",
            "To allow it, review and add to services/orders/permissions.yaml, then invoke bootstrap:",
            "",
            "Execution:",
            "- Action:",
            "  - kinesis:StartStreamEncryption",
            "  Resource: "
            + SUGGESTED.replace("dynamodb", "kinesis").replace("table", "stream").replace("Orders", "Clicks"),
        ),
        "",
    )


def test_what_may_not_be_granted(terminal: Terminal) -> None:
    """What gives rights away is shown as missing, and is not suggested."""
    terminal.services = ()
    write(terminal, {"Role": {"Type": "AWS::IAM::Role"}})
    allow(terminal, "iam:*", but="iam:CreateRole")

    seen = terminal.invoke("permissions", "--env", "test")

    role = f"arn:aws:iam::{TEST}:role/shop-test-orders-Role-*"
    assert seen == (
        3,
        text(
            AWS,
            "Missing: a deployment would fail.",
            f"SERVICE  ACTION          {'RESOURCE'.ljust(len(role))}  FOR",
            f"orders   iam:CreateRole  {role}  Role",
        ),
        "",
    )


def test_what_nobody_uses(terminal: Terminal) -> None:
    """What is allowed and used by no service is shown, and does no harm: exit code 0."""
    terminal.services = ()
    write(terminal, RESOURCES)
    allow(terminal, "dynamodb:*", "sqs:CreateQueue", "sns:*")

    seen = terminal.invoke("permissions", "--env", "test")

    unused = ("Allowed, and used by no service: could be removed.", "  sqs:CreateQueue", "  sns:*")
    assert seen == (0, text(AWS, *unused), "")


def test_what_the_boundary_cuts_off(terminal: Terminal) -> None:
    """What a function's role allows and its boundary does not is shown: it will be refused when the function runs."""
    terminal.services = ()
    document = {"Statement": [{"Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": "arn:aws:dynamodb:x"}]}
    policies = [{"PolicyName": "x", "PolicyDocument": document}]
    write(terminal, {"Role": {"Type": "AWS::IAM::Role", "Properties": {"Policies": policies}}})
    allow(terminal, "logs:*", arn=BOUNDARY)

    seen = terminal.invoke("permissions", "--env", "test")

    assert seen == (
        0,
        text(
            AWS,
            "Beyond the boundary: a function's role allows it, and it is refused all the same.",
            "Where it is meant, ask for it below Boundary in permissions.yaml.",
            "SERVICE  ACTION            RESOURCE",
            "orders   dynamodb:PutItem  arn:aws:dynamodb:x",
        ),
        "",
    )


def test_one_service(terminal: Terminal) -> None:
    """With --service only that one is shown; what another one uses does not count as unused all the same."""
    terminal.services = ()
    write(terminal, RESOURCES)
    write(terminal, {"Jobs": {"Type": "AWS::SQS::Queue"}}, "jobs")
    allow(terminal, "sqs:*", "dynamodb:DescribeTable")

    seen = {name: terminal.invoke("permissions", "--env", "test", "--service", name) for name in ("jobs", "orders")}

    assert seen["jobs"] == (0, text(AWS, FITS), "")
    assert seen["orders"].code == 3
    assert "sqs" not in seen["orders"].out


def test_as_json(terminal: Terminal) -> None:
    """With --json permissions is one document, with the same exit code."""
    terminal.services = ()
    write(terminal, RESOURCES)
    write(terminal, {"Jobs": {"Type": "AWS::SQS::Queue"}}, "jobs")
    allow(terminal, "sqs:*", "dynamodb:*", "sns:Publish", but="dynamodb:DeleteTable")

    seen = terminal.invoke("permissions", "--env", "test", "--json")

    assert (seen.code, seen.err) == (3, text(AWS))
    assert seen.document == {
        "target": "aws",
        "environment": "test",
        "services": [
            {
                "name": "orders",
                "stack": "shop-test-orders",
                "missing": [{"action": "dynamodb:DeleteTable", "resource": TABLE, "for": "Orders"}],
                "doubtful": [],
                "beyond_boundary": [],
                "declared": [],
                "suggestion": {"Execution": [{"Action": ["dynamodb:DeleteTable"], "Resource": SUGGESTED}]},
            },
            {
                "name": "jobs",
                "stack": "shop-test-jobs",
                "missing": [],
                "doubtful": [],
                "beyond_boundary": [],
                "declared": [],
                "suggestion": None,
            },
        ],
        "unused": ["sns:Publish"],
    }


def test_images_and_parameters(terminal: Terminal) -> None:
    """A service is looked at as it would be deployed: images from tooling, parameters as the settings have them."""
    terminal.settings = SETTINGS.replace('name = "test"', 'name = "test"\nparameters.hello.Queue = "jobs"')
    function = {"Type": "AWS::Serverless::Function", "Properties": {"PackageType": "Image"}}
    hello = {**function, "Metadata": {"Dockerfile": "Dockerfile", "DockerContext": "app"}}
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "Queue"}}}
    resources = {"HelloFunction": hello, "Jobs": queue}
    parameters = {"Queue": {"Type": "String"}, "Environment": {"Type": "String"}}
    terminal.write_template("hello", Transform="AWS::Serverless-2016-10-31", Resources=resources, Parameters=parameters)
    allow(terminal, "lambda:*", "iam:*")

    seen = terminal.invoke("permissions", "--env", "test", "--json")

    missing = {(one["action"], one["resource"]) for one in seen.document["services"][0]["missing"]}
    assert missing >= {
        ("ecr:BatchGetImage", "arn:aws:ecr:eu-west-1:111111111111:repository/shop/hello/hellofunction"),
        ("sqs:CreateQueue", f"arn:aws:sqs:eu-west-1:{TEST}:jobs"),
    }
    assert {action.partition(":")[0] for action, _ in missing} == {"ecr", "sqs"}


@pytest.mark.parametrize(
    ("flags", "answer"),
    [
        (
            (),
            (
                "error: choosing the environment",
                "  answer: none is named; infra/environments.toml has test, prod",
                "  next: add --env",
            ),
        ),
        (
            ("--env", "test", "--service", "helo"),
            (
                "error: looking for service 'helo' in services/",
                "  answer: there are: hello",
                "  next: did you mean 'hello'?",
            ),
        ),
    ],
)
def test_what_there_is_not(terminal: Terminal, flags: tuple[str, ...], answer: tuple[str, ...]) -> None:
    """An environment has to be named, and a service to be there."""
    seen = terminal.invoke("permissions", *flags)

    assert seen == (2, text(AWS), text(*answer))


def test_a_template_that_sam_refuses(terminal: Terminal) -> None:
    """A template that SAM cannot translate ends with exit code 2 and the command that shows why."""
    terminal.services = ()
    write(terminal, {"Hello": {"Type": "AWS::Serverless::Function"}}, Transform="AWS::Serverless-2016-10-31")

    seen = terminal.invoke("permissions", "--env", "test")

    assert (seen.code, seen.err.splitlines()[0], seen.err.splitlines()[-1]) == (
        2,
        "error: translating services/orders/template.yaml",
        "  next: sam validate --lint --template services/orders/template.yaml",
    )


class Closed(Outside):
    """An outside in which nobody may look at an environment."""

    def reader(self, environment: str, through: str | None = None) -> Target:
        """Refuse."""
        del through
        raise IdentityError(f"assuming the status role of {environment}", "AccessDenied", "invoke bootstrap")


def test_who_may_not_look(terminal: Terminal) -> None:
    """Who may not look at an environment is refused with exit code 3."""
    terminal.outside = Closed

    seen = terminal.invoke("permissions", "--env", "test")

    error = ("error: assuming the status role of test", "  answer: AccessDenied", "  next: invoke bootstrap")
    assert seen == (3, text(AWS), text(*error))
