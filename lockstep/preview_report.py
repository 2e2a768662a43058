"""Turns what deployments would do to stacks into lines for people and documents for programs. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lockstep import stateful
from lockstep.iam_changes import AccessChange
from lockstep.model import Change, Digest, ResourceChange, StackName
from lockstep.report import Lines, short

_HASH = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{40})\b")
_WORDS = {"may_replace": "may replace"}


@dataclass(frozen=True)
class ValueChange:
    """What becomes of a parameter or tag; None where it is not there."""

    name: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class ImageChange:
    """What becomes of a function's image, and of which commit the releases are that name it."""

    function: str
    old: Digest | None
    old_commit: str | None
    new: Digest
    new_commit: str | None


@dataclass(frozen=True)
class StackPlan:
    """What a deployment would do to one service's stack."""

    service: str
    stack: StackName
    change: Change
    resources: tuple[ResourceChange, ...] = ()
    images: tuple[ImageChange, ...] = ()
    parameters: tuple[ValueChange, ...] = ()
    tags: tuple[ValueChange, ...] = ()
    access: tuple[AccessChange, ...] = ()


def value_changes(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[ValueChange, ...]:
    """Return what differs between two sets of parameters or tags, by name."""
    names = sorted({*old, *new})
    return tuple(ValueChange(n, old.get(n), new.get(n)) for n in names if old.get(n) != new.get(n))


def lines(plans: Sequence[StackPlan]) -> Lines:
    """Say what would become of each stack, below the lines of the plan."""
    return tuple(line for plan in plans for line in (f"  {plan.change} {plan.stack}:", *_indented(plan)))


def _indented(plan: StackPlan) -> Iterator[str]:
    found = [*_resources(plan.resources), *(_image(one) for one in plan.images)]
    found += [f"parameter {one.name}: {_turn(one.old, one.new)}" for one in plan.parameters]
    # Of a new stack every tag is new, and the plan says of which release and commit it is.
    tags = () if plan.change is Change.CREATE else plan.tags
    found += [f"tag      {one.name}: {_turn(one.old, one.new)}" for one in tags]
    found += [
        f"IAM      {one.logical_id} is {one.verdict}{': ' if one.sentences else ''}{'; '.join(one.sentences)}"
        for one in plan.access
    ]
    return (f"    {line}" for line in found)


def _resources(changes: Iterable[ResourceChange]) -> Iterator[str]:
    nothing = True
    for one in changes:
        nothing = False
        properties = f": {', '.join(one.properties)}" if one.properties else ""
        mark = "  -- holds data" if stateful.gives_up_data(one) else ""
        yield f"{said(one):8} {one.logical_id} ({one.kind}){properties}{mark}"
    if nothing:
        yield "no resource changes"


def said(change: ResourceChange) -> str:
    """Say what happens to a resource."""
    return _WORDS.get(change.action, change.action)


def _image(one: ImageChange) -> str:
    old = None if one.old is None else _digest(one.old, one.old_commit)
    return f"image    {one.function}: {_turn(old, _digest(one.new, one.new_commit))}"


def _digest(digest: Digest, commit: str | None) -> str:
    return f"sha256:{short(digest)}" + (f" (commit {_shown(commit)})" if commit else "")


def _turn(old: str | None, new: str | None) -> str:
    return f"{_shown(old)} -> {_shown(new)}"


def _shown(value: str | None) -> str:
    """Return a value as people read it: of a hash no more than its beginning."""
    return "none" if value is None else _HASH.sub(lambda found: short(found[0]), value)


def documents(services: Iterable[str], plans: Iterable[StackPlan]) -> dict[str, dict[str, object]]:
    """Return as JSON what would become of each service's stack; for one that stays as it is empty lists."""
    found = {plan.service: plan for plan in plans}
    return {name: _document(found.get(name, StackPlan(name, StackName(""), Change.NONE))) for name in services}


def _document(plan: StackPlan) -> dict[str, object]:
    return {
        "resources": [
            {
                "action": one.action,
                "logical_id": one.logical_id,
                "type": one.kind,
                "properties": list(one.properties),
                "gives_up_data": stateful.gives_up_data(one),
            }
            for one in plan.resources
        ],
        "images": [
            {
                "function": one.function,
                "from": None if one.old is None else {"digest": one.old, "commit": one.old_commit},
                "to": {"digest": one.new, "commit": one.new_commit},
            }
            for one in plan.images
        ],
        "parameters": [_value(one) for one in plan.parameters],
        "tags": [_value(one) for one in plan.tags],
        "iam": [
            {
                "logical_id": one.logical_id,
                "change": one.verdict.value,
                "broader": one.is_broader,
                "differences": list(one.sentences),
            }
            for one in plan.access
        ],
    }


def _value(one: ValueChange) -> dict[str, object]:
    return {"name": one.name, "from": one.old, "to": one.new}
