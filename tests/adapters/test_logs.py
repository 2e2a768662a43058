"""CloudWatch Logs: which log groups there are, and that they can be deleted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.stub import Stubber

from lockstep.aws.logs import Logs
from lockstep.errors import IdentityError
from tests.adapters.stubs import stubbed

GROUP = "/aws/lambda/shop-test-hello"
PREFIX = {"logGroupNamePrefix": "/aws/lambda/shop-test-"}

CloudWatch = tuple[Logs, Stubber]


@pytest.fixture
def cloudwatch() -> Iterator[CloudWatch]:
    """Have an account's log groups, whose answers a test puts in."""
    with stubbed("logs") as (session, stub):
        yield Logs(session), stub


def test_log_groups_by_their_beginning(cloudwatch: CloudWatch) -> None:
    """Every log group whose name begins so is told, however many there are."""
    logs, stub = cloudwatch
    stub.add_response("describe_log_groups", {"logGroups": [{"logGroupName": GROUP}], "nextToken": "2"}, PREFIX)
    stub.add_response(
        "describe_log_groups", {"logGroups": [{"logGroupName": f"{GROUP}-2"}]}, {**PREFIX, "nextToken": "2"}
    )

    assert logs.names("/aws/lambda/shop-test-") == (GROUP, f"{GROUP}-2")


def test_log_groups_that_may_not_be_listed(cloudwatch: CloudWatch) -> None:
    """Log groups that may not be listed are an error, and not none."""
    logs, stub = cloudwatch
    stub.add_client_error("describe_log_groups", "AccessDeniedException", "User: A is not authorized")

    with pytest.raises(IdentityError, match=r"listing the log groups /aws/lambda/shop-test-\*"):
        logs.names("/aws/lambda/shop-test-")


def test_a_log_group_is_deleted(cloudwatch: CloudWatch) -> None:
    """A log group is deleted; where there is none that is no error."""
    logs, stub = cloudwatch
    stub.add_response("delete_log_group", {}, {"logGroupName": GROUP})
    stub.add_client_error("delete_log_group", "ResourceNotFoundException", "no", 400)

    logs.delete(GROUP)
    logs.delete(GROUP)


def test_a_log_group_that_may_not_be_deleted(cloudwatch: CloudWatch) -> None:
    """Who may not delete a log group is told which."""
    logs, stub = cloudwatch
    stub.add_client_error("delete_log_group", "AccessDeniedException", "User: A is not authorized")

    with pytest.raises(IdentityError, match=f"deleting the log group {GROUP}"):
        logs.delete(GROUP)
