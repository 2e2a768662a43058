"""What holds for the comparison of any two policies."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lockstep import iam_changes
from lockstep.iam_changes import Verdict
from lockstep.intrinsics import Stack
from lockstep.policy import Decision, Identity, Request

STACK = Stack("shop-test-hello", "222222222222", "eu-west-1")
PATTERNS = st.sampled_from(["*", "s3:*", "s3:Get*", "s3:Get?", "s3:GetX", "s3:PutX", "sqs:Send"])
PLACES = st.sampled_from(["*", "arn:a/*", "arn:a/b", "arn:a/?", "arn:c"])
TERMS = st.sampled_from(
    [
        {},
        {"StringEquals": {"k": "x"}},
        {"StringEquals": {"k": ["x", "y"]}},
        {"StringLike": {"k": "x*"}},
        {"StringLike": {"k": "*"}},
        {"StringNotEquals": {"k": "x"}},
        {"Null": {"k": "true"}},
    ]
)
ACTIONS = ("s3:GetX", "s3:GetXY", "s3:PutX", "sqs:Send", "iam:Any")
REQUESTS = [
    Request(action, resource, context={"k": value})
    for action in ACTIONS
    for resource in ("arn:a/b", "arn:a/bc", "arn:c", "arn:d")
    for value in (None, "x", "xy", "y", "z")
]


def statements(effect: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return statements of an effect, with and without Not."""
    whole = {"Effect": st.just(effect), "Condition": TERMS}
    lists = (st.lists(one, min_size=1, max_size=2) for one in (PATTERNS, PLACES, PATTERNS, PLACES))
    action, resource, not_action, not_resource = lists
    return st.one_of(
        st.fixed_dictionaries({**whole, "Action": action, "Resource": resource}),
        st.fixed_dictionaries({**whole, "NotAction": not_action, "Resource": resource}),
        st.fixed_dictionaries({**whole, "Action": action, "NotResource": not_resource}),
    )


ALLOWS, DENIES = statements("Allow"), statements("Deny")
DOCUMENTS = st.lists(st.one_of(ALLOWS, DENIES), max_size=4)


def verdict(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Verdict | None:
    """Compare two versions of a policy."""
    old, new = (
        {"Resources": {"It": {"Type": "AWS::IAM::Policy", "Properties": {"PolicyDocument": {"Statement": one}}}}}
        for one in (before, after)
    )
    found = iam_changes.compare(old, STACK, new, STACK)
    return found[0].verdict if found else None


def allowed(document: list[dict[str, Any]]) -> set[int]:
    """Return which of the requests a policy allows, by IAM's own rules."""
    identity = Identity("", ({"Statement": document},))
    return {number for number, request in enumerate(REQUESTS) if identity.decide(request) is Decision.ALLOWED}


@given(DOCUMENTS, ALLOWS)
def test_one_statement_more(document: list[dict[str, Any]], more: dict[str, Any]) -> None:
    """A statement more that allows is never narrower, and one less never broader."""
    assert verdict(document, [*document, more]) in {None, Verdict.SAME, Verdict.BROADER}
    assert verdict([*document, more], document) in {None, Verdict.SAME, Verdict.NARROWER}


@given(DOCUMENTS, DENIES)
def test_one_denial_more(document: list[dict[str, Any]], more: dict[str, Any]) -> None:
    """A statement more that denies is never broader, and one less never narrower."""
    assert verdict(document, [*document, more]) in {None, Verdict.SAME, Verdict.NARROWER}
    assert verdict([*document, more], document) in {None, Verdict.SAME, Verdict.BROADER}


@given(DOCUMENTS, st.randoms(use_true_random=False))
def test_another_order(document: list[dict[str, Any]], random: Any) -> None:  # noqa: ANN401 - hypothesis gives it
    """The order of statements, and of what is in them, is no change."""
    shuffled = [{**one, "Sid": str(number)} for number, one in enumerate(document)]
    random.shuffle(shuffled)
    for one in shuffled:
        one |= {key: one[key][::-1] for key in ("Action", "Resource") if key in one}

    assert verdict(document, shuffled) is None


@given(DOCUMENTS, DOCUMENTS)
def test_the_other_way(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> None:
    """What is broader one way is narrower the other way."""
    turned = {Verdict.BROADER: Verdict.NARROWER, Verdict.NARROWER: Verdict.BROADER}
    found = verdict(before, after)

    assert verdict(after, before) == (turned.get(found, found) if found else None)


@given(DOCUMENTS, DOCUMENTS)
def test_nothing_is_missed(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> None:
    """Whatever request is allowed by the new policy and not by the old one, the comparison says that it is broader."""
    found = verdict(before, after)
    gained, lost = allowed(after) - allowed(before), allowed(before) - allowed(after)

    assert not gained or found in {Verdict.BROADER, Verdict.BOTH}
    assert not lost or found in {Verdict.NARROWER, Verdict.BOTH}
