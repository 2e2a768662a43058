"""What might be allowed, in a request of which not everything can be told beforehand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.policy import Decision, Document, Identity, Request

ME = "arn:aws:iam::222222222222:role/me"
QUEUE = "arn:aws:sqs:eu-west-1:222222222222:jobs"
REQUEST = Request("sqs:CreateQueue", QUEUE, ME)
ALLOW: dict[str, Any] = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
DENY: dict[str, Any] = {"Effect": "Deny", "Action": "sqs:*", "Resource": "*"}


def might(*statements: dict[str, Any], request: Request = REQUEST, boundary: Document | None = None) -> bool:
    """Say whether a request might be allowed by some statements."""
    return Identity(ME, ({"Statement": [*statements]},), boundary).might(request)


def on(condition: dict[str, Any], statement: dict[str, Any] = ALLOW) -> dict[str, Any]:
    """Return a statement with a condition."""
    return {**statement, "Condition": condition}


REGION = {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}
ELSEWHERE = {"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}}
ABSENT = {"Null": {"aws:TokenIssueTime": "true"}}
FUTURE = {"StringNotEqualsIfExists": {"aws:RequestedRegion": "eu-west-1"}}


@pytest.mark.parametrize("condition", [REGION, ELSEWHERE, ABSENT, FUTURE], ids=str)
def test_conditions_that_nobody_can_tell(condition: dict[str, Any]) -> None:
    """A condition that cannot be judged, by its key or its kind, may hold where it allows and not where it denies."""
    assert might(on(condition))
    assert might(ALLOW, on(condition, DENY))


@pytest.mark.parametrize(
    ("context", "expected"), [({"aws:RequestedRegion": "eu-west-1"}, True), ({"aws:RequestedRegion": "x"}, False)]
)
def test_conditions_that_are_told(context: dict[str, str | None], *, expected: bool) -> None:
    """A condition on what the request says is judged."""
    request = Request(REQUEST.action, QUEUE, ME, context)

    assert might(on(REGION), request=request) is expected
    assert might(ALLOW, on(ELSEWHERE, DENY), request=request) is expected


def test_a_key_that_the_request_does_not_have() -> None:
    """A key that the request is known not to have is judged as one that is not there."""
    request = Request(REQUEST.action, QUEUE, ME, {"aws:RequestedRegion": None})

    assert not might(on(REGION), request=request)
    assert not might(ALLOW, on(ELSEWHERE, DENY), request=request)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ({"Resource": "arn:aws:sqs:eu-west-1:222222222222:other"}, True),
        ({"NotResource": "*"}, True),
        ({"Action": "sns:*"}, False),
    ],
)
def test_a_resource_that_is_not_told(statement: dict[str, Any], *, expected: bool) -> None:
    """An action on something that nobody can tell might be allowed where it is on anything."""
    request = Request(REQUEST.action, "", ME)

    assert might({**ALLOW, **statement}, request=request) is expected


@pytest.mark.parametrize(
    ("resource", "expected"), [("*", False), (["*"], False), (QUEUE, True), ([QUEUE, "arn:aws:sqs:*"], True)]
)
def test_what_is_denied_of_a_resource_that_is_not_told(resource: object, *, expected: bool) -> None:
    """An action on something that nobody can tell is denied only where it is on everything."""
    assert might(ALLOW, {**DENY, "Resource": resource}, request=Request(REQUEST.action, "", ME)) is expected


@pytest.mark.parametrize(
    ("element", "pattern", "expected"),
    [
        ("Resource", f"{QUEUE}-*", True),
        ("Resource", f"{QUEUE}-A1B2", True),
        ("Resource", f"{QUEUE}s", False),
        ("NotResource", f"{QUEUE}-A1B2", True),
        ("NotResource", f"{QUEUE}-*", False),
    ],
)
def test_a_name_whose_end_is_generated(element: str, pattern: str, *, expected: bool) -> None:
    """A resource whose name ends openly may be one that is named in full."""
    request = Request(REQUEST.action, f"{QUEUE}-*", ME)
    statement = {"Effect": "Allow", "Action": "*", element: pattern}

    assert might(statement, request=request) is expected
    assert might(ALLOW, {**DENY, "Resource": f"{QUEUE}-A1B2"}, request=request)


def test_variables_that_are_not_told() -> None:
    """A resource with a variable that has no value here may be any where it allows, and none where it denies."""
    named = {"Resource": "arn:aws:sqs:*:*:${aws:PrincipalTag/team}"}

    assert might({**ALLOW, **named})
    assert might(ALLOW, {**DENY, **named})


def test_what_is_surely_refused() -> None:
    """What nothing allows, or something denies, is refused whatever else there is."""
    assert not might({**ALLOW, "Action": "sns:*"})
    assert not might(ALLOW, DENY)
    assert not might(ALLOW, boundary={"Statement": [{**ALLOW, "Action": "sns:*"}]})
    assert might(ALLOW, boundary={"Statement": [on(REGION)]})


def test_policies_that_could_not_be_read() -> None:
    """Where a policy could not be read it may allow anything; what another denies is denied all the same."""
    unread = Identity(ME, ({"Statement": [DENY]},), is_whole=False)

    assert unread.might(Request("sns:Publish", QUEUE, ME))
    assert not unread.might(REQUEST)
    assert unread.decide(Request("sns:Publish", QUEUE, ME)) is Decision.NOT_ALLOWED


CONDITIONS = st.sampled_from([{}, REGION, ELSEWHERE, ABSENT])
STATEMENTS = st.builds(
    lambda effect, action, resource, condition: on(
        condition, {"Effect": effect, "Action": action, "Resource": resource}
    ),
    st.sampled_from(["Allow", "Deny"]),
    st.sampled_from(["*", "sqs:CreateQueue", "sns:*"]),
    st.sampled_from(["*", QUEUE, f"{QUEUE}-*"]),
    CONDITIONS,
)


@given(st.lists(STATEMENTS, max_size=4), st.sampled_from([None, "eu-west-1", "us-east-1"]))
def test_what_is_allowed_might_be(statements: list[dict[str, Any]], region: str | None) -> None:
    """Whatever is allowed once everything is told might be allowed before that."""
    told = Request(REQUEST.action, QUEUE, ME, {"aws:RequestedRegion": region, "aws:TokenIssueTime": None})
    identity = Identity(ME, ({"Statement": statements},))

    if identity.decide(told) is Decision.ALLOWED:
        assert identity.might(REQUEST)
        assert identity.might(Request(REQUEST.action, "", ME))
