"""Judges a request by IAM policies, as AWS documents it. Pure. Does not judge by a condition operator it does not know.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any

from lockstep.errors import LockstepError

Document = Mapping[str, Any]
_VARIABLE = re.compile(r"\$\{([^}]+)\}")
_ASSUMED = re.compile(r"arn:([\w-]+):sts::(\d{12}):assumed-role/([^/]+)/.+")


class Decision(StrEnum):
    """What a set of policies says of a request."""

    ALLOWED = "allowed"
    DENIED = "denied"  # by a statement that says so
    NOT_ALLOWED = "not allowed"  # by no statement that allows it


@dataclass(frozen=True)
class Request:
    """Who wants to do what with what. `principal` is the ARN of a role or user, or the name of an AWS service.

    `context` holds the request's condition keys by name, None for one that the request does not have; those of the
    principal are known by itself. An empty resource is one that nobody can tell.
    """

    action: str
    resource: str
    principal: str = ""
    context: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def account(self) -> str:
        """The principal's account; empty for a service."""
        return self.principal.split(":")[4] if self.principal.startswith("arn:") else ""

    def key(self, name: str) -> str | None:
        """Return the value of a condition key, None where the request has none."""
        return self._keys().get(name.lower())

    def knows(self, name: str) -> bool:
        """Is it known whether the request has a condition key?"""
        return name.lower() in self._keys()

    def _keys(self) -> Mapping[str, str | None]:
        known: dict[str, str | None] = {}
        if self.account:
            known = {"aws:principalarn": self.principal, "aws:principalaccount": self.account}
        return known | {key.lower(): value for key, value in self.context.items()}


@dataclass(frozen=True)
class Identity:
    """What a principal's own policies are, and the boundary that they stay within where it has one.

    With `is_whole` false there are more policies, which could not be read.
    """

    arn: str
    policies: tuple[Document, ...] = ()
    boundary: Document | None = None
    is_whole: bool = True

    def decide(self, request: Request) -> Decision:
        """Judge a request of this principal by its own policies alone."""
        return self._within(request, _judged(self.policies, request))

    def might(self, request: Request) -> bool:
        """Could such a request be allowed, whatever it turns out to hold that nobody can tell beforehand?

        That is a resource or a condition key that is not told, and an operator that is not known here. In doubt a
        statement that allows applies and one that denies does not.
        """
        found = _judged(self.policies, request, is_generous=True)
        if found is Decision.NOT_ALLOWED and not self.is_whole:
            found = Decision.ALLOWED
        return self._within(request, found, is_generous=True) is Decision.ALLOWED

    def _within(self, request: Request, found: Decision, *, is_generous: bool = False) -> Decision:
        if self.boundary is None or found is Decision.DENIED:
            return found
        limit = _judged((self.boundary,), request, is_generous=is_generous)
        return found if limit is Decision.ALLOWED else limit

    def may(self, request: Request, resource_policy: Document | None = None, owner: str = "") -> bool:
        """May this principal do it, its own policies and those of the resource, which is `owner`'s, taken together?

        Within one account one of the two has to allow it, across accounts both. In a resource's policy a statement
        that names an account leaves it to that account's own policies; one for everybody leaves nothing to them.
        """
        mine = self.decide(request)
        if resource_policy is None or mine is Decision.DENIED:
            return mine is Decision.ALLOWED
        theirs = _judged((resource_policy,), request, with_principals=True)
        if theirs is Decision.DENIED:
            return False
        if owner and owner != request.account:
            return mine is theirs is Decision.ALLOWED
        return mine is Decision.ALLOWED or (theirs is Decision.ALLOWED and _names(resource_policy, request))

    def may_become(self, role: str, trust: Document, context: Mapping[str, str] | None = None) -> bool:
        """May this principal take a role with this trust policy? The role's account must trust it in any case."""
        request = Request("sts:AssumeRole", role, self.arn, context or {})
        if _judged((trust,), request, with_principals=True) is not Decision.ALLOWED:
            return False
        return self.may(request, trust, role.split(":")[4])


def role_of(caller: str) -> str:
    """Return the role that a session is of, as an ARN without a path; any other ARN as it is.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html: a session's ARN has no path either.
    """
    found = _ASSUMED.fullmatch(caller)
    return f"arn:{found[1]}:iam::{found[2]}:role/{found[3]}" if found else caller


def service_may(service: str, action: str, resource: str, policy: Document, context: Mapping[str, str]) -> bool:
    """May an AWS service act on a resource with this policy?"""
    request = Request(action, resource, service, context)
    return _judged((policy,), request, with_principals=True) is Decision.ALLOWED


def statements(document: Document) -> tuple[Mapping[str, Any], ...]:
    """Return a policy's statements, also where it holds a single one."""
    found = document.get("Statement", [])
    return tuple(found) if isinstance(found, list | tuple) else (found,)


def listed(value: object) -> tuple[Any, ...]:
    """Return what a policy gives as one value or as a list of them, as a tuple."""
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def actions(documents: tuple[Document, ...]) -> tuple[str, ...]:
    """Return every action that the documents allow, each once, in their order."""
    allowed = (s for document in documents for s in statements(document) if s["Effect"] == "Allow")
    return tuple(dict.fromkeys(action for s in allowed for action in listed(s.get("Action"))))


def matches(text: str, pattern: str, *, is_action: bool = False) -> bool:
    """Does a text match a pattern with `*` and `?`? Actions match in any case, everything else in its own."""
    return _compiled(pattern, re.IGNORECASE if is_action else 0).fullmatch(text) is not None


@cache
def _compiled(pattern: str, flags: int) -> re.Pattern[str]:
    parts = (".*" if char == "*" else "." if char == "?" else re.escape(char) for char in pattern)
    return re.compile("".join(parts), re.DOTALL | flags)


def _judged(
    documents: tuple[Document, ...], request: Request, *, with_principals: bool = False, is_generous: bool = False
) -> Decision:
    effects = {
        statement["Effect"]
        for document in documents
        for statement in statements(document)
        if not with_principals or any(True for _ in _principals(statement, request))
        if _applies(statement, request, in_doubt=(statement["Effect"] == "Allow") if is_generous else None)
    }
    if "Deny" in effects:
        return Decision.DENIED
    return Decision.ALLOWED if "Allow" in effects else Decision.NOT_ALLOWED


def _applies(statement: Mapping[str, Any], request: Request, *, in_doubt: bool | None = None) -> bool:
    """Does a statement apply, whoever it is for? Where that cannot be told: `in_doubt`; with None all is told."""
    try:
        return (
            _covers(statement, "Action", lambda pattern: matches(request.action, pattern, is_action=True))
            and _is_on(statement, request, in_doubt=in_doubt)
            and _met(statement, request, in_doubt=in_doubt)
        )
    except LookupError:
        # "the entire statement may be invalid": a variable without a value makes it apply to nothing.
        return bool(in_doubt)


def _is_on(statement: Mapping[str, Any], request: Request, *, in_doubt: bool | None) -> bool:
    """Does a statement cover the resource? In doubt it may be any name that the request's `*` stands for."""
    if not request.resource:
        return bool(in_doubt) or statement.get("Resource") in ("*", ["*"])
    ends_openly = in_doubt and "NotResource" not in statement

    def is_like(pattern: str) -> bool:
        filled = _filled(pattern, request)
        return matches(request.resource, filled) or bool(ends_openly and matches(filled, request.resource))

    return _covers(statement, "Resource", is_like)


def _covers(statement: Mapping[str, Any], element: str, is_like: Callable[[str], bool]) -> bool:
    """Does an element, or the Not form of it, cover the request? A trust policy has no resource: it is its role's."""
    is_not = f"Not{element}" in statement
    patterns = listed(statement[f"Not{element}"] if is_not else statement.get(element, "*"))
    # Each of them is looked at: a variable without a value counts wherever in the list it stands.
    found = [is_like(pattern) for pattern in patterns]
    return any(found) is not is_not


def _principals(statement: Mapping[str, Any], request: Request) -> Iterator[str]:
    """Yield what in a statement's principals stands for whoever asks."""
    principal = statement.get("Principal", {})
    if principal == "*":
        yield "*"
        return
    if not request.account:
        yield from (name for name in listed(principal.get("Service")) if name == request.principal)
        return
    for name in listed(principal.get("AWS")):
        if name in {"*", request.principal, request.account} or name.endswith(f":{request.account}:root"):
            yield name


def _names(policy: Document, request: Request) -> bool:
    """Does a resource's policy name the principal itself, or everybody, and not only its account, where it allows it?

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """
    return any(
        {request.principal, "*"} & {*_principals(statement, request)}
        for statement in statements(policy)
        if statement["Effect"] == "Allow" and _applies(statement, request)
    )


def _filled(text: str, request: Request) -> str:
    """Return a policy's text with its variables replaced; raises LookupError where one has no value."""

    def value(found: re.Match[str]) -> str:
        known = request.key(found[1])
        if known is None:
            raise LookupError(found[1])
        return known

    return _VARIABLE.sub(value, text)


def _equal(actual: str, wanted: str) -> bool:
    return actual == wanted


def _like_arn(actual: str, wanted: str) -> bool:
    """Compare ARNs part by part: no `*` reaches over a colon but in the last part.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    """
    mine, theirs = actual.split(":", 5), wanted.split(":", 5)
    return len(mine) == len(theirs) == 6 and all(map(matches, mine, theirs))


def _same_bool(actual: str, wanted: str) -> bool:
    return actual.lower() == wanted.lower()


_LIKE: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": _equal,
    "StringLike": matches,
    "ArnEquals": _like_arn,
    "ArnLike": _like_arn,
    "Bool": _same_bool,
}
_UNLIKE = {operator.replace("Equals", "NotEquals").replace("Like", "NotLike"): like for operator, like in _LIKE.items()}
# Of a key with many values one has to be right; a request here has one.
_LIKE["ForAnyValue:StringEquals"] = _equal
OPERATORS = frozenset({*_LIKE, *_UNLIKE, "Null"})
# Those that hold only where the request has the key, and has one of the values.
NARROWING = frozenset(_LIKE)


def _met(statement: Mapping[str, Any], request: Request, *, in_doubt: bool | None) -> bool:
    conditions = (
        (operator, key, listed(wanted))
        for operator, keys in statement.get("Condition", {}).items()
        for key, wanted in keys.items()
    )
    return all(
        _holds(operator, request.key(key), wanted, request)
        if in_doubt is None or _is_told(operator, key, wanted, request)
        else in_doubt
        for operator, key, wanted in conditions
    )


def _is_told(operator: str, key: str, wanted: tuple[Any, ...], request: Request) -> bool:
    """Can it be told beforehand whether a condition holds?"""
    names = (key, *(name for text in wanted for name in _VARIABLE.findall(str(text))))
    return operator in OPERATORS and all(request.knows(name) for name in names)


def _holds(operator: str, actual: str | None, wanted: tuple[Any, ...], request: Request) -> bool:
    if operator not in OPERATORS:
        raise LockstepError(f"judging a policy that has the condition operator {operator}", "it is not known here")
    if operator == "Null":
        return (actual is None) == (str(wanted[0]).lower() == "true")
    texts = [_filled(str(text), request) for text in wanted]
    if operator in _LIKE:
        # A key that is not in the request matches nothing.
        return actual is not None and any(_LIKE[operator](actual, text) for text in texts)
    return actual is None or not any(_UNLIKE[operator](actual, text) for text in texts)
