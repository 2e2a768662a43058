"""When a statement's conditions hold: operators, keys that are not there, policy variables."""

from __future__ import annotations

import pytest

from lockstep.errors import LockstepError
from lockstep.policy import Decision
from lockstep.testing import TEST, TOOLING
from tests.unit.statements import FUNCTION, ROLE, allow, decided, deny, request


@pytest.mark.parametrize(
    ("operator", "wanted", "actual", "holds"),
    [
        ("StringEquals", "o-shop", "o-shop", True),
        ("StringEquals", "o-shop", "O-Shop", False),
        ("StringEquals", ["o-one", "o-shop"], "o-shop", True),
        ("StringEquals", "o-*", "o-shop", False),
        ("StringNotEquals", "o-shop", "o-shop", False),
        ("StringNotEquals", ["o-one", "o-two"], "o-shop", True),
        ("StringNotEquals", ["o-one", "o-shop"], "o-shop", False),
        ("StringLike", "o-s?op", "o-shop", True),
        ("StringLike", "O-*", "o-shop", False),
        ("StringNotLike", "o-*", "o-shop", False),
        ("StringNotLike", "x-*", "o-shop", True),
        ("ArnEquals", "arn:aws:iam::*:role/shop-*", ROLE, True),
        ("ArnLike", "arn:aws:iam::*:role/shop-*", ROLE, True),
        ("ArnNotEquals", "arn:aws:iam::*:role/shop-*", ROLE, False),
        ("ArnNotLike", "arn:aws:iam::*:role/store-*", ROLE, True),
        ("Bool", "true", "true", True),
        ("Bool", True, "true", True),
        ("Bool", "false", "true", False),
    ],
)
def test_conditions(operator: str, wanted: object, actual: str, holds: bool) -> None:
    """A condition holds where the request's key is one of its values; the Not forms, where it is none of them."""
    statement = allow(Condition={operator: {"aws:Tested": wanted}})

    found = decided(statement, request(aws__Tested=actual))

    assert (found is Decision.ALLOWED) is holds


@pytest.mark.parametrize(
    ("pattern", "arn", "matches"),
    [
        ("arn:aws:iam::*:role/shop", f"arn:aws:iam::{TEST}:role/shop", True),
        ("arn:aws:*:role/shop", f"arn:aws:iam::{TEST}:role/shop", False),
        ("arn:aws:lambda:*:*:function:shop-*", FUNCTION + ":live", True),
        ("*", FUNCTION, False),
    ],
)
def test_the_parts_of_an_arn(pattern: str, arn: str, matches: bool) -> None:
    """In a condition on an ARN a wildcard does not reach from one part of it into the next."""
    statement = allow(Condition={"ArnLike": {"aws:SourceArn": pattern}})

    found = decided(statement, request(aws__SourceArn=arn))

    assert (found is Decision.ALLOWED) is matches


@pytest.mark.parametrize(
    ("operator", "holds"),
    [
        ("StringEquals", False),
        ("StringLike", False),
        ("ArnEquals", False),
        ("ArnLike", False),
        ("Bool", False),
        ("StringNotEquals", True),
        ("StringNotLike", True),
        ("ArnNotEquals", True),
        ("ArnNotLike", True),
    ],
)
def test_an_absent_key(operator: str, holds: bool) -> None:
    """A key that the request does not have equals nothing, so only the Not forms hold for it."""
    statement = allow(Condition={operator: {"aws:SourceArn": "*"}})

    found = decided(statement, request())

    assert (found is Decision.ALLOWED) is holds


@pytest.mark.parametrize(
    ("wanted", "context", "holds"),
    [
        ("true", {}, True),
        ("true", {"sts__ExternalId": "x"}, False),
        ("false", {}, False),
        (False, {"sts__ExternalId": "x"}, True),
    ],
)
def test_null(wanted: object, context: dict[str, str], holds: bool) -> None:
    """Null asks whether the request lacks a key."""
    statement = allow(Condition={"Null": {"sts:ExternalId": wanted}})

    found = decided(statement, request(**context))

    assert (found is Decision.ALLOWED) is holds


def test_every_condition_has_to_hold() -> None:
    """A statement counts where all of its conditions hold, under whatever operator they stand."""
    statement = allow(Condition={"StringEquals": {"a:One": "1", "a:Two": "2"}, "Null": {"a:Three": "true"}})

    found = [
        decided(statement, request(a__One="1", a__Two="2")),
        decided(statement, request(a__One="1", a__Two="3")),
        decided(statement, request(a__One="1", a__Two="2", a__Three="3")),
    ]

    assert found == [Decision.ALLOWED, Decision.NOT_ALLOWED, Decision.NOT_ALLOWED]


def test_the_names_of_keys() -> None:
    """A condition key is the same in any case, and those of the principal are known by themselves."""
    statement = allow(
        Condition={"StringEquals": {"AWS:principalaccount": TEST}, "ArnEquals": {"aws:principalarn": ROLE}}
    )

    found = decided(statement, request())

    assert found is Decision.ALLOWED


@pytest.mark.parametrize(
    ("account", "allowed"),
    [(TEST, True), (TOOLING, False)],
)
def test_a_variable_in_a_resource(account: str, allowed: bool) -> None:
    """A policy variable in a resource stands for the value that the request has."""
    statement = allow(Resource="arn:aws:s3:::files/${aws:PrincipalAccount}/*")

    found = decided(statement, request("s3:GetObject", f"arn:aws:s3:::files/{account}/a"))

    assert (found is Decision.ALLOWED) is allowed


@pytest.mark.parametrize(("prefix", "allowed"), [(f"{TEST}/a", True), (f"{TOOLING}/a", False)])
def test_a_variable_in_a_condition(prefix: str, allowed: bool) -> None:
    """A policy variable in a condition stands for the value that the request has."""
    statement = allow(Condition={"StringLike": {"s3:prefix": "${AWS:PrincipalAccount}/*"}})

    found = decided(statement, request(s3__prefix=prefix))

    assert (found is Decision.ALLOWED) is allowed


@pytest.mark.parametrize(
    "elements",
    [
        {"Resource": "${aws:Missing}"},
        {"Resource": ["*", "${aws:Missing}"]},
        {"Resource": ["${aws:Missing}", "*"]},
        {"Condition": {"StringEquals": {"aws:PrincipalAccount": [TEST, "${aws:Missing}"]}}},
        {"Condition": {"StringNotEquals": {"aws:PrincipalAccount": ["${aws:Missing}"]}}},
    ],
)
def test_a_variable_without_a_value(elements: dict[str, object]) -> None:
    """A statement with a variable that the request has no value for applies to nothing, wherever it stands."""
    statements = allow(**elements), deny(**elements)

    found = [decided(statement, request()) for statement in statements]

    assert found == [Decision.NOT_ALLOWED, Decision.NOT_ALLOWED]


def test_an_unknown_operator() -> None:
    """A policy with a condition operator that is not known is not judged at all."""
    statement = allow(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})

    with pytest.raises(LockstepError) as caught:
        decided(statement, request())

    assert str(caught.value) == (
        "error: judging a policy that has the condition operator IpAddress\n  answer: it is not known here"
    )
