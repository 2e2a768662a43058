"""What holds for any policies: more allowing never takes, more denying and bounding never gives, order is nothing."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lockstep.policy import Decision, Identity, Request
from lockstep.testing import TEST, TOOLING

ROLES = st.sampled_from(
    [f"arn:aws:iam::{TEST}:role/a", f"arn:aws:iam::{TEST}:role/b", f"arn:aws:iam::{TOOLING}:role/a"]
)
ACTIONS = st.sampled_from(["s3:GetObject", "s3:PutObject", "kms:Decrypt", "S3:getobject", "s3:*", "*:Decr?pt", "*"])
RESOURCES = st.sampled_from(["arn:a", "arn:b", "arn:?", "*", "${aws:PrincipalAccount}", "arn:${aws:Tag}", TEST])
VALUES = st.sampled_from(["x", "y", "*", "${aws:Tag}", "true"])
PRINCIPALS = st.one_of(
    st.just("*"),
    st.fixed_dictionaries({"AWS": st.lists(ROLES | st.sampled_from([TEST, f"arn:aws:iam::{TOOLING}:root", "*"]))}),
    st.just({"Service": "lambda.amazonaws.com"}),
)
KEYS = st.sampled_from(["aws:Tag", "aws:PrincipalAccount"])
OPERATORS = ["StringEquals", "StringNotEquals", "StringLike", "ArnLike", "ArnNotLike", "Bool"]
CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        **{name: st.dictionaries(KEYS, st.lists(VALUES, min_size=1, max_size=2)) for name in OPERATORS},
        "Null": st.dictionaries(KEYS, st.sampled_from(["true", "false"])),
    },
)
REQUESTS = st.builds(
    Request,
    st.sampled_from(["s3:GetObject", "s3:PutObject", "kms:Decrypt"]),
    st.sampled_from(["arn:a", "arn:b", TEST]),
    ROLES,
    st.dictionaries(st.sampled_from(["aws:Tag", "AWS:TAG"]), st.sampled_from(["x", "true"]), max_size=1),
)


@st.composite
def statements(draw: st.DrawFn, effect: str = "") -> dict[str, Any]:
    """Draw a statement, of one effect where a test wants that."""
    statement: dict[str, Any] = {
        "Effect": effect or draw(st.sampled_from(["Allow", "Deny"])),
        draw(st.sampled_from(["Action", "NotAction"])): draw(st.lists(ACTIONS, min_size=1, max_size=2)),
        draw(st.sampled_from(["Resource", "NotResource"])): draw(st.lists(RESOURCES, min_size=1, max_size=2)),
        "Principal": draw(PRINCIPALS),
    }
    if draw(st.booleans()):
        statement["Condition"] = draw(CONDITIONS)
    return statement


DOCUMENTS = st.lists(statements(), max_size=4)


def decide(request: Request, own: list[dict[str, Any]], boundary: list[dict[str, Any]] | None = None) -> Decision:
    """Judge a request by some statements, within others where there are any."""
    limit = None if boundary is None else {"Statement": boundary}
    return Identity(request.principal, ({"Statement": own},), limit).decide(request)


def may(request: Request, own: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> bool:
    """Judge a request by somebody's own statements and those of what is theirs."""
    return Identity(request.principal, ({"Statement": own},)).may(request, {"Statement": theirs}, TEST)


def turned(value: Any) -> Any:  # noqa: ANN401 - any value of a policy
    """Return a value with every list in it the other way round."""
    if isinstance(value, dict):
        return {key: turned(item) for key, item in value.items()}
    return [turned(item) for item in reversed(value)] if isinstance(value, list) else value


@given(REQUESTS, DOCUMENTS, DOCUMENTS, statements("Allow"))
def test_allowing_more_takes_nothing(
    request: Request, own: list[dict[str, Any]], theirs: list[dict[str, Any]], more: dict[str, Any]
) -> None:
    """A right that somebody has stays theirs whatever else is allowed, to them or on the resource."""
    before = may(request, own, theirs)

    after = may(request, [*own, more], theirs) and may(request, own, [*theirs, more])

    assert after or not before


@given(REQUESTS, DOCUMENTS, DOCUMENTS, statements("Deny"))
def test_denying_more_gives_nothing(
    request: Request, own: list[dict[str, Any]], theirs: list[dict[str, Any]], more: dict[str, Any]
) -> None:
    """Nobody gets a right by a denial, in their own policies or in that of the resource."""
    before = may(request, own, theirs)

    after = may(request, [*own, more], theirs) or may(request, own, [*theirs, more])

    assert before or not after


@given(REQUESTS, DOCUMENTS, DOCUMENTS)
def test_a_boundary_gives_nothing(request: Request, own: list[dict[str, Any]], boundary: list[dict[str, Any]]) -> None:
    """Whatever a boundary says, nobody gets a right by it."""
    before = decide(request, own)

    after = decide(request, own, boundary)

    assert before is Decision.ALLOWED or after is not Decision.ALLOWED


@given(REQUESTS, DOCUMENTS.flatmap(lambda d: st.tuples(st.just(d), st.permutations(d))))
def test_the_order_of_statements(request: Request, orders: tuple[list[dict[str, Any]], list[dict[str, Any]]]) -> None:
    """The order of a policy's statements says nothing."""
    one, other = orders

    found = decide(request, one), may(request, [], one)

    assert found == (decide(request, other), may(request, [], other))


@given(REQUESTS, DOCUMENTS)
def test_the_order_in_a_list(request: Request, own: list[dict[str, Any]]) -> None:
    """The order of actions, resources and values in a statement says nothing."""
    found = decide(request, own)

    assert found is decide(request, turned(own))
