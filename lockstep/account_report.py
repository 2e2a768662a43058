"""Turns what is planned for accounts, and what came of it, into lines for people and documents for programs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from lockstep import trust
from lockstep.bootstrap import Applied, Planned
from lockstep.destroy import Removal, Scope
from lockstep.model import Change
from lockstep.needs import Need
from lockstep.permissions import Fit
from lockstep.prune import DAYS, KEEP, Pruning
from lockstep.report import Lines, table
from lockstep.trust import Tried

_MARKS = {"add": "+", "modify": "~", "replace": "!", "may_replace": "?", "remove": "-"}


def plan_lines(planned: tuple[Planned, ...], task: str) -> Lines:
    """Say for each stack what applying it will do, resource by resource; `!` is made anew, `?` perhaps."""
    lines = [f"Plan for {task}, in this order:"]
    for one in planned:
        step = one.step
        lines.append(f"  {step.where} ({step.account}): {step.stack} {_change(one)}, from infra/{step.template}")
        for change in one.shown.resources if one.shown else ():
            properties = f": {', '.join(change.properties)}" if change.properties else ""
            lines.append(f"    {_MARKS[change.action]} {change.logical_id} {change.kind}{properties}")
        if one.shown and one.shown.protection is not None:
            mark = _MARKS["add" if one.shown.change is Change.CREATE else "modify"]
            lines.append(f"    {mark} termination protection: {'on' if one.shown.protection else 'off'}")
    return tuple(lines)


def _change(one: Planned) -> str:
    if one.shown is None:
        return "changes once the key is made"
    return {Change.CREATE: "is created", Change.UPDATE: "is updated", Change.NONE: "stays"}[one.shown.change]


def plan_document(planned: tuple[Planned, ...], target: str, *, dry_run: bool) -> dict[str, Any]:
    """Return a plan of bootstrap as JSON; `results` are empty until it is applied."""
    stacks = [
        {
            "stack": one.step.stack,
            "where": one.step.where,
            "account_id": one.step.account,
            "template": f"infra/{one.step.template}",
            "change": one.shown.change.value if one.shown else None,
            "protection": one.shown.protection if one.shown else None,
            "resources": [
                {
                    "action": change.action,
                    "logical_id": change.logical_id,
                    "type": change.kind,
                    "properties": list(change.properties),
                }
                for change in (one.shown.resources if one.shown else ())
            ],
        }
        for one in planned
    ]
    return {"target": target, "dry_run": dry_run, "plan": stacks, "stacks": {}, "trust": [], "not_looked_at": None}


def applied_document(
    plan: Mapping[str, Any], applied: tuple[Applied, ...], tried: Sequence[Tried], unseen: str
) -> dict[str, Any]:
    """Return a plan of bootstrap with what came of it, and why nobody could look as a developer where nobody could."""
    stacks = {one.step.stack: {"result": one.result, "seconds": round(one.seconds, 3)} for one in applied}
    return {**plan, "stacks": stacks, "trust": trust_document(tried), "not_looked_at": unseen or None}


def trust_document(tried: Sequence[Tried]) -> list[dict[str, Any]]:
    """Return what came of trying roles as JSON."""
    return [{"who": one.who, "role": one.role, "expected": one.expected, "allowed": not one.refusal} for one in tried]


def trust_lines(tried: Sequence[Tried]) -> Lines:
    """Say how many roles could be taken and how many not, and which of that is wrong."""
    allowed = sum(1 for one in tried if one.is_right and one.expected)
    refused = sum(1 for one in tried if one.is_right and not one.expected)
    return (
        f"Looked again: {allowed} roles could be taken, as they should; {refused} were refused, as they should be.",
    )


def applied_line(applied: tuple[Applied, ...]) -> str:
    """Say how many stacks changed."""
    changed = sum(one.result != "unchanged" for one in applied)
    return f"{changed} of {len(applied)} stacks changed." if changed else "Nothing to do: every stack is as planned."


def removal_plan(removals: tuple[Removal, ...]) -> Lines:
    """Say what goes, in its order."""
    if not removals:
        return ("Nothing is there to be destroyed.",)
    return ("Plan for destroy, in this order:", *(f"  {one}" for one in removals))


def removal_lines(removals: tuple[Removal, ...], left: Iterable[str], scope: Scope) -> Lines:
    """Say what was removed, what is left, and what would make it again."""
    rest = tuple(left)
    head = (
        f"{len(removals)} removed. Left of the project:"
        if rest
        else f"{len(removals)} removed. Nothing is left of the project."
    )
    return (head, *(f"  {one}" for one in rest), *(_again(scope) if removals else ()))


def _again(scope: Scope) -> Lines:
    """Say what is still in the working tree of that which goes from the accounts."""
    if scope.everything or scope.branch or (scope.service and not scope.is_everywhere):
        return ()
    if scope.service:
        return (f"services/{scope.service} stays in your tree: delete it there too, or it is made again.",)
    (environment,) = scope.environments
    return (f"{environment.name} stays in the settings: take it out there too, or bootstrap makes it again.",)


def removal_document(removals: tuple[Removal, ...], target: str, left: Iterable[str] | None) -> dict[str, Any]:
    """Return what goes as JSON, and what is left of the project; None where nothing was removed yet."""
    plan = [
        {
            "kind": one.kind.value,
            "name": one.name,
            "where": one.where,
            "account_id": one.account,
            "protected": one.protected,
        }
        for one in removals
    ]
    return {"target": target, "dry_run": left is None, "removals": plan, "left": None if left is None else list(left)}


def pruning_plan(found: Pruning, keep: int, days: int) -> Lines:
    """Say how much goes of what there is."""
    gone = len(found.removed)
    return (
        f"Plan for prune: the last {keep} deployments of each environment stay, and what is younger than {days} days.",
        *(
            f"  {shelf.repository}: {len(shelf.removed)} of {shelf.images} images, {_megabytes(shelf.size)}"
            for shelf in found.shelves
        ),
        f"  releases: {gone} of {found.releases}",
        f"  other files: {len(found.files) - gone}",
    )


def pruning_lines(removed: Pruning, keep: int, days: int, *, dry_run: bool) -> Lines:
    """Say what was removed, or how to remove it."""
    if removed.is_empty:
        return ("Nothing is there to be removed.",)
    if dry_run:
        terms = "" if (keep, days) == (KEEP, DAYS) else f" --keep {keep} --days {days}"
        return (f"Dry run: nothing was removed. To remove it: invoke prune{terms} --yes",)
    images, gone = sum(len(shelf.removed) for shelf in removed.shelves), len(removed.removed)
    size = _megabytes(sum(shelf.size for shelf in removed.shelves))
    return (f"Removed. Images: {images}, {size}; releases: {gone}; other files: {len(removed.files) - gone}.",)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def pruning_document(removed: Pruning, target: str, keep: int, days: int, *, dry_run: bool) -> dict[str, Any]:
    """Return what goes, or went, as JSON: images by repository, releases, and every file, theirs too."""
    return {
        "target": target,
        "keep": keep,
        "days": days,
        "dry_run": dry_run,
        "repositories": [
            {"name": shelf.repository, "images": shelf.images, "removed": len(shelf.removed), "bytes": shelf.size}
            for shelf in removed.shelves
        ],
        "releases": list(removed.removed),
        "files": list(removed.files),
    }


def permissions_lines(
    fits: tuple[Fit, ...],
    unused: tuple[str, ...],
    suggestions: Mapping[str, Any],
    declared: Mapping[str, tuple[Need, ...]],
) -> Lines:
    """Lay out what is missing for which service, what its functions cannot do, and what nobody uses."""
    missing = [(one.service, need.action, need.resource, need.of) for one in fits for need in one.missing]
    doubtful = [(one.service, need.action, need.resource, need.of) for one in fits for need in one.doubtful]
    beyond = [(one.service, action, resource) for one in fits for action, resource in one.bounded]
    columns = ("SERVICE", "ACTION", "RESOURCE", "FOR")
    lines: list[str] = []
    if missing:
        lines += ["", "Missing: a deployment would fail.", *table(columns, missing)]
    if doubtful:
        lines += [
            "",
            "Not allowed, and perhaps needed: nobody can tell beforehand.",
            *table(columns, doubtful),
        ]
    for service, needs in declared.items():
        file, actions = f"services/{service}/permissions.yaml", dict.fromkeys(need.action for need in needs)
        lines += ["", f"Asked for in {file} and not in place: invoke bootstrap.", *(f"  {one}" for one in actions)]
    for service, suggestion in suggestions.items():
        lines += ["", f"To allow it, review and add to services/{service}/permissions.yaml, then invoke bootstrap:", ""]
        lines += yaml.safe_dump(suggestion, sort_keys=False, width=110).splitlines()
    if beyond:
        lines += [
            "",
            "Beyond the boundary: a function's role allows it, and it is refused all the same.",
            "Where it is meant, ask for it below Boundary in permissions.yaml.",
        ]
        lines += table(("SERVICE", "ACTION", "RESOURCE"), beyond)
    if unused:
        lines += ["", "Allowed, and used by no service: could be removed.", *(f"  {action}" for action in unused)]
    return tuple(lines[1:]) or ("Everything that is needed is allowed, and nothing more.",)


def permissions_document(
    fits: tuple[Fit, ...],
    unused: tuple[str, ...],
    suggestions: Mapping[str, Any],
    declared: Mapping[str, tuple[Need, ...]],
    target: str,
    environment: str,
) -> dict[str, Any]:
    """Return how services fit an environment as JSON."""
    services = [
        {
            "name": one.service,
            "stack": one.stack,
            "missing": [_need(need) for need in one.missing],
            "doubtful": [_need(need) for need in one.doubtful],
            "beyond_boundary": [{"action": action, "resource": resource} for action, resource in one.bounded],
            "declared": [_need(need) for need in declared.get(one.service, ())],
            "suggestion": suggestions.get(one.service),
        }
        for one in fits
    ]
    return {"target": target, "environment": environment, "services": services, "unused": list(unused)}


def _need(need: Need) -> dict[str, str]:
    return {"action": need.action, "resource": need.resource, "for": need.of}


def wrong(tried: Sequence[Tried]) -> tuple[str, ...]:
    """Say which attempts did not end as the settings say."""
    return tuple(
        f"{trust.short(one.who)} {'cannot' if one.expected else 'can'} become {trust.short(one.role)}"
        + (f": {one.refusal}" if one.refusal else "")
        for one in tried
        if not one.is_right
    )
