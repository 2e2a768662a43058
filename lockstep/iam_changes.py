"""Compares what two versions of a template say of rights: who may do more, who less. Pure.

A right counts as kept only where another grant certainly covers it. Where that cannot be told, since only AWS knows
what two names stand for, it counts as lost and as gained, and so as broader.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Any

from lockstep import policy, statements
from lockstep.intrinsics import Stack
from lockstep.statements import Grant, Held, Part, Term

_EVERYBODY = (Part("*"), Part("AWS *"))


class Verdict(StrEnum):
    """What became of the rights that one resource gives."""

    BROADER = "broader"
    NARROWER = "narrower"
    BOTH = "broader and narrower"
    SAME = "the same in other words"


@dataclass(frozen=True)
class AccessChange:
    """What became of the rights that a resource of a template gives, with a sentence for each difference."""

    logical_id: str
    verdict: Verdict
    sentences: tuple[str, ...] = ()

    @property
    def is_broader(self) -> bool:
        """May anybody do more than before?"""
        return self.verdict in {Verdict.BROADER, Verdict.BOTH}


@dataclass(frozen=True)
class _Difference:
    """What is more, and what is less, each in words."""

    more: tuple[str, ...]
    less: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        if self.more and self.less:
            return Verdict.BOTH
        if self.more:
            return Verdict.BROADER
        return Verdict.NARROWER if self.less else Verdict.SAME


def compare(before: Mapping[str, Any], old: Stack, after: Mapping[str, Any], new: Stack) -> tuple[AccessChange, ...]:
    """Return what became of rights between two processed templates, each with its stack; an empty one has none."""
    was, now = statements.of_template(before, old), statements.of_template(after, new)
    return tuple(
        AccessChange(logical_id, found.verdict, (*found.more, *found.less))
        for logical_id, kind in sorted({*was, *now})
        if was.get((logical_id, kind)) != now.get((logical_id, kind))
        for found in (_difference(was.get((logical_id, kind)), now.get((logical_id, kind))),)
    )


def _difference(was: Held | None, now: Held | None) -> _Difference:
    if was is None or now is None:
        was, now = _appearing(was, now)
    gained, lost = _uncovered(now.grants, was.grants), _uncovered(was.grants, now.grants)
    more = [*_said(gained, "may now", is_denied=False), *_said(lost, "is no longer denied", is_denied=True)]
    less = [*_said(lost, "may no longer", is_denied=False), *_said(gained, "is now denied", is_denied=True)]
    more += [f"has now the policy {name}" for name in sorted(now.policies - was.policies)]
    less += [f"has no longer the policy {name}" for name in sorted(was.policies - now.policies)]
    more += [f"counts now for {name}" for name in sorted(now.holders - was.holders)]
    less += [f"counts no longer for {name}" for name in sorted(was.holders - now.holders)]
    if was.boundary != now.boundary:
        if was.boundary is None:
            less.append(f"is now bounded by {now.boundary}")
        else:
            more.append(f"was bounded by {was.boundary}, and is now by {now.boundary or 'nothing'}")
    return _Difference(tuple(more), tuple(less))


def _appearing(was: Held | None, now: Held | None) -> tuple[Held, Held]:
    """Return both sides where there is one: what a role is bounded by or denied comes and goes with it."""
    there = was or now or Held()
    if there.is_principal:
        there = replace(there, grants=frozenset(one for one in there.grants if not one.is_denied))
    nothing = Held(boundary=there.boundary)
    return (nothing, there) if was is None else (there, nothing)


def _uncovered(grants: Iterable[Grant], by: Collection[Grant]) -> list[Grant]:
    return [grant for grant in grants if not any(_covers(other, grant) for other in by)]


def _covers(wide: Grant, narrow: Grant) -> bool:
    """Does a grant hold, for certain, wherever another one does?"""
    return (
        wide.is_denied is narrow.is_denied
        and _includes(wide.principal, narrow.principal)
        and _reaches(_lower(wide.action), _lower(narrow.action))
        and _reaches(wide.resource, narrow.resource)
        and all(any(_is_implied(term, by) for by in narrow.terms) for term in wide.terms)
    )


def _lower(part: Part) -> Part:
    return replace(part, text=part.text.lower())


def _reaches(wide: Part, narrow: Part) -> bool:
    if wide.is_not or narrow.is_not:
        return wide == narrow or wide == Part("*")
    return _is_within(narrow.text, wide.text)


def _includes(wide: Part, narrow: Part) -> bool:
    """Is whoever a principal names named by another one? Everybody is every role and user, and no service."""
    if wide == narrow:
        return True
    return wide in _EVERYBODY and not narrow.is_not and narrow.text.startswith(("AWS ", "*"))


def _is_implied(term: Term, by: Term) -> bool:
    """Is a condition met wherever another one is?"""
    if term == by:
        return True
    (operator, key, values), (other, other_key, others) = term, by
    if (operator, key) != (other, other_key) or operator not in policy.NARROWING:
        return False
    return all(any(_is_met(operator, one, value) for value in values) for one in others)


def _is_met(operator: str, value: str, wanted: str) -> bool:
    """Does a condition's value allow no more than another one?"""
    if operator == "StringLike":
        return _is_within(value, wanted)
    if operator.startswith("Arn"):
        # No `*` reaches over a colon but in the last part.
        mine, theirs = value.split(":", 5), wanted.split(":", 5)
        return len(mine) == len(theirs) and all(map(_is_within, mine, theirs))
    return value == wanted


def _is_within(text: str, pattern: str) -> bool:
    """Is all that a pattern matches matched by another one? Only where that is certain.

    A `?` is one letter: it stands for no `*`, and for no name whose value is not known.
    """
    return _compiled(pattern).fullmatch(text) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = (".*" if char == "*" else "[^*$]" if char == "?" else re.escape(char) for char in pattern)
    return re.compile("".join(parts), re.DOTALL)


def _said(grants: Iterable[Grant], words: str, *, is_denied: bool) -> Iterator[str]:
    """Say grants, with all actions on the same thing together."""
    actions: dict[Grant, list[str]] = {}
    for grant in grants:
        if grant.is_denied is is_denied:
            actions.setdefault(replace(grant, action=Part("")), []).append(str(grant.action))
    yield from sorted(_sentence(grant, words, sorted(of)) for grant, of in actions.items())


def _sentence(grant: Grant, words: str, actions: list[str]) -> str:
    who = f"{grant.principal} " if grant.principal.text else ""
    where = f" on {grant.resource}" if grant.resource.text else ""
    terms = "; ".join(
        " ".join(part for part in (operator, key, " or ".join(sorted(values))) if part)
        for operator, key, values in sorted(grant.terms, key=lambda term: (term[0], term[1], sorted(term[2])))
    )
    return f"{who}{words} {', '.join(actions)}{where}" + (f" where {terms}" if terms else "")
