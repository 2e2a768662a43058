"""What an update would do to a service's stack, as a change set says that is taken away again however it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from lockstep import canonical
from lockstep.aws.change_sets import ChangeSets
from lockstep.aws.s3 import Bucket
from lockstep.aws.session import Session
from lockstep.errors import BusyError, DeployError, LockstepError, UnavailableError
from lockstep.model import AccountId, ResourceChange, StackName
from lockstep.ports import StackUpdate
from tests.adapters.stubs import StubbedSession, a_session, stubbed

ACCOUNT, TOOLING = AccountId("222222222222"), AccountId("111111111111")
ROLE = f"arn:aws:iam::{ACCOUNT}:role/shop-execution-test"
STACK = StackName("shop-test-hello")
TEMPLATE = b'{"Resources": {"Table": {"Type": "AWS::DynamoDB::Table"}}}'
KEY = f"environments/{ACCOUNT}/templates/{canonical.sha256(TEMPLATE)}.json"
WHERE = {"StackName": STACK, "ChangeSetName": ANY}
ASKED = {
    **WHERE,
    "ChangeSetType": "UPDATE",
    "TemplateURL": f"https://s3.eu-west-1.amazonaws.com/artifacts/{KEY}",
    "Parameters": [{"ParameterKey": "LogLevel", "ParameterValue": "DEBUG"}],
    "Tags": [{"Key": "team", "Value": "a"}],
    "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    "RoleARN": ROLE,
}
MADE = {"Id": f"arn:aws:cloudformation:eu-west-1:{ACCOUNT}:changeSet/x/1", "StackId": "stack"}
EMPTY = "The submitted information didn't contain changes. Submit different information to create a change set."
CHANGE = {
    "Action": "Modify",
    "LogicalResourceId": "Table",
    "ResourceType": "AWS::DynamoDB::Table",
    "Replacement": "True",
    "Details": [{"Target": {"Attribute": "Properties", "Name": "KeySchema"}}],
}
ADDED = {"Action": "Add", "LogicalResourceId": "Queue", "ResourceType": "AWS::SQS::Queue"}


@dataclass(frozen=True)
class Shelf(Bucket):
    """A bucket that keeps what is put into it in `kept`."""

    kept: dict[str, bytes]

    def put_once(self, key: str, content: bytes) -> bool:
        """Keep a key that is not there."""
        return self.kept.setdefault(key, content) is content


@dataclass(frozen=True)
class Given:
    """An account whose CloudFormation answers what a test puts in, and the files that were uploaded."""

    stub: Stubber
    files: dict[str, bytes]
    session: Session

    def preview(self) -> StackUpdate:
        """Ask what an update would do."""
        shelf = Shelf(a_session("s3"), "artifacts", TOOLING, self.files)
        change_sets = ChangeSets(self.session, ACCOUNT, ROLE, shelf, 0.0001)
        return change_sets.preview(STACK, TEMPLATE, {"LogLevel": "DEBUG"}, {"team": "a"})

    def asked(self) -> None:
        """Have a change set be made."""
        self.stub.add_response("create_change_set", MADE, ASKED)

    def told(self, status: str, *changes: dict[str, Any], reason: str = "", token: str = "", page: str = "") -> None:
        """Have it be described."""
        answer: dict[str, Any] = {"Status": status, "Changes": [{"ResourceChange": one} for one in changes]}
        answer |= {"StatusReason": reason} | ({"NextToken": token} if token else {})
        self.stub.add_response("describe_change_set", answer, WHERE | ({"NextToken": page} if page else {}))

    def templates(self, old: object, new: object) -> None:
        """Have the stack's template be read, and that of the change set."""
        for body, where in ((old, {"StackName": STACK}), (new, WHERE)):
            text = body if isinstance(body, str) else json.dumps(body)
            self.stub.add_response("get_template", {"TemplateBody": text}, {**where, "TemplateStage": "Processed"})

    def taken_away(self) -> None:
        """Have it be taken away."""
        self.stub.add_response("delete_change_set", {}, WHERE)


@contextmanager
def opened() -> Iterator[Given]:
    """Open an account."""
    with stubbed("cloudformation") as (session, stub):
        yield Given(stub, {}, session)


@pytest.fixture
def given() -> Iterator[Given]:
    """An account whose answers a test puts in."""
    with opened() as found:
        yield found


OLD, NEW = ({"Resources": {name: {"Type": "AWS::SNS::Topic"}}} for name in ("Old", "New"))


def test_an_update(given: Given) -> None:
    """The change set is made as the execution role, told on all its pages with both templates, and taken away."""
    given.asked()
    given.told("CREATE_IN_PROGRESS")
    given.told("CREATE_COMPLETE", CHANGE, token="more")
    given.told("CREATE_COMPLETE", ADDED, page="more")
    given.templates(OLD, "Resources: {New: {Type: 'AWS::SNS::Topic'}}")
    given.taken_away()

    found = given.preview()

    resources = (
        ResourceChange("replace", "Table", "AWS::DynamoDB::Table", ("KeySchema",)),
        ResourceChange("add", "Queue", "AWS::SQS::Queue"),
    )
    assert found == StackUpdate(resources, OLD, NEW)
    assert given.files == {KEY: TEMPLATE}


def test_no_changes(given: Given) -> None:
    """A change set without changes is none, and is taken away too."""
    given.asked()
    given.told("FAILED", reason=EMPTY)
    given.taken_away()

    assert given.preview() == StackUpdate()


def test_a_change_set_that_fails(given: Given) -> None:
    """Where CloudFormation cannot make it, its reason is told and what is left of it is taken away."""
    given.asked()
    given.told("FAILED", reason="Template error: no such parameter")
    given.taken_away()

    with pytest.raises(DeployError) as raised:
        given.preview()

    assert (raised.value.answer, raised.value.exit_code) == ("Template error: no such parameter", 6)


def test_a_change_set_that_is_refused(given: Given) -> None:
    """Where the answer to its making is an error, it is taken away all the same: it may have been made."""
    given.stub.add_client_error("create_change_set", "InternalFailure", "lost", 500, expected_params=ASKED)
    given.stub.add_client_error("delete_change_set", "AccessDenied", "no", 403, expected_params=WHERE)

    with pytest.raises(UnavailableError, match="planning the stack shop-test-hello in account 222222222222"):
        given.preview()


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        ("ValidationError", "Template format error", DeployError),
        ("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_NAMED_IAM]", DeployError),
        ("ValidationError", "Stack is in UPDATE_IN_PROGRESS state and can not be updated.", BusyError),
        ("Throttling", "slow down", UnavailableError),
    ],
)
def test_why_it_is_refused(given: Given, code: str, message: str, expected: type[LockstepError]) -> None:
    """A wrong template ends as its deployment would; that somebody else changes the stack is told as such."""
    given.stub.add_client_error("create_change_set", code, message, 400, expected_params=ASKED)
    given.taken_away()

    with pytest.raises(expected, match="planning the stack shop-test-hello"):
        given.preview()


def test_templates_that_cannot_be_read(given: Given) -> None:
    """Also where what it would change cannot be read to the end it is taken away."""
    given.asked()
    given.told("CREATE_COMPLETE", CHANGE)
    given.stub.add_client_error("get_template", "Throttling", "slow down", 400)
    given.taken_away()

    with pytest.raises(UnavailableError):
        given.preview()


def test_an_interruption(given: Given) -> None:
    """Whoever is interrupted while it is made waits until it can be taken away."""
    given.asked()
    given.stub.add_client_error("delete_change_set", "InvalidChangeSetStatus", "CREATE_IN_PROGRESS", 400)
    given.taken_away()

    def interrupt(**_given: object) -> None:
        raise KeyboardInterrupt

    session = given.session
    assert isinstance(session, StubbedSession)
    session.ready.meta.events.register("provide-client-params.cloudformation.DescribeChangeSet", interrupt)

    with pytest.raises(KeyboardInterrupt):
        given.preview()


def test_a_change_set_that_stays(given: Given) -> None:
    """A change set that cannot be taken away is told of."""
    given.asked()
    given.told("FAILED", reason=EMPTY)
    given.stub.add_client_error("delete_change_set", "AccessDenied", "no", 403, expected_params=WHERE)

    with pytest.raises(LockstepError, match="planning the stack"):
        given.preview()
