"""Turns plans, outcomes and status into lines for people and documents for programs. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from lockstep.errors import DeployError, LockstepError
from lockstep.model import (
    Change,
    DeployStack,
    ImageRef,
    Outcome,
    Plan,
    ProtectStack,
    ProveAccount,
    Release,
    RunningService,
    ServiceBuild,
    SmokeOutcome,
    Step,
    SuiteOutcome,
)
from lockstep.names import COMMIT_TAG, is_dirty

Lines = tuple[str, ...]
# Of a plan's one line, which goes into a text that CodePipeline limits (lockstep/pipeline/rendering.py), and of a part.
BRIEF, _PART = 400, 120
_DOES = {Change.CREATE: "create", Change.UPDATE: "update", Change.NONE: "leave"}
# What is left out of it has a meaning in mails, in JSON, to a shell or to CodePipeline.
_UNPLAIN = re.compile("[^A-Za-z0-9 .,:;()-]")


def short(name: str) -> str:
    """The part of a hash that people read."""
    return name.removeprefix("sha256:")[:12]


def table(head: Lines, rows: Sequence[Lines]) -> Lines:
    """Lay out rows in columns under a head. What ends a row may run over the columns that are empty in it."""
    widths = [
        max(len(row[column]) for row in (head, *rows) if row is head or any(row[column + 1 :]))
        for column in range(len(head))
    ]
    return tuple(
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in (head, *rows)
    )


def step(one: Step) -> str:
    """Say one step of a plan."""
    if isinstance(one, ProveAccount):
        return f"be {one.role} in account {one.account}"
    if isinstance(one, DeployStack):
        return f"{one.change:9} {one.stack}: {one.reason}"
    if isinstance(one, ProtectStack):
        return f"protect   {one.stack}: from being deleted"
    return f"smoke     {one.stack}: {one.event.name}"


def checks_document(rows: list[Lines], target: str | None, *, ok: bool) -> dict[str, object]:
    """Return what was looked at on this machine as JSON; no target where the configuration names none."""
    checks = [dict(zip(("name", "found", "next"), row, strict=True)) for row in rows]
    return {"target": target, "ok": ok, "checks": checks}


def plan_lines(plan: Plan) -> Lines:
    """Say what a plan will do, and whether its release was made from changes that nobody committed."""
    commits = [dict(one.tags).get(COMMIT_TAG, "") for one in plan.steps if isinstance(one, DeployStack)]
    dirty = ", made from uncommitted changes" if any(is_dirty(commit) for commit in commits) else ""
    head = f"Plan for {plan.environment.name}, release {short(plan.release)}{dirty}:"
    return (head, *(f"  {step(one)}" for one in plan.steps))


def plan_brief(plan: Plan, running: Sequence[RunningService]) -> str:
    """Say on one line of at most `BRIEF` plain characters what a plan does to each service, and what runs there now.

    What changes comes first, and what does not fit is counted. A service that the plan has no step for is one whose
    stack somebody else is changing.
    """
    steps = {one.service: one for one in plan.steps if isinstance(one, DeployStack)}
    stays = {name for name, step in steps.items() if step.change is Change.NONE}
    told = [_brief_of(one.name, steps.get(one.name)) for one in sorted(running, key=lambda one: one.name in stays)]
    there = list(dict.fromkeys(short(one.release) for one in running if one.release is not None))
    now = f"{len(there)} releases run" if there[1:] else f"release {there[0]} runs" if there else "no release runs"
    head = f"to {plan.environment.name}, where {now}: "
    lines = (_plain(head + _as_far_as(told, count)) for count in range(len(told), -1, -1))
    return next((line for line in lines if len(line) <= BRIEF), _plain(head)[:BRIEF])


def _brief_of(service: str, step: DeployStack | None) -> str:
    does = f"wait for {service}" if step is None else f"{_DOES[step.change]} {service}"
    whole = f"{does} ({'another deployment is changing it' if step is None else step.reason})"
    return whole if len(whole) <= _PART else does


def _as_far_as(told: Sequence[str], count: int) -> str:
    """Return so many parts, and how many there are beside them."""
    more = [f"and {len(told) - count} more"] if count < len(told) else []
    return "; ".join([*told[:count], *more]) or "nothing"


def _plain(text: str) -> str:
    """Return a text without what could have a meaning where it is put: names come from files that a build has made."""
    return _UNPLAIN.sub("?", text)


def plan_document(plan: Plan, target: str, previews: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    """Return a plan as JSON: what a dry run would do. `previews` say by service what becomes of its stack."""
    return {
        "target": target,
        "environment": plan.environment.name,
        "release": plan.release,
        "dry_run": True,
        "services": [
            {"name": one.service, "change": one.change.value, "reason": one.reason, **previews[one.service]}
            for one in plan.steps
            if isinstance(one, DeployStack)
        ],
    }


def outcome_lines(outcome: Outcome) -> Lines:
    """Say what came of a plan; success last, and only where everything was done."""
    where = outcome.plan.environment.name
    lines = [f"{s.name}: {s.result} in {where} ({s.seconds:.1f} s)" for s in outcome.services]
    lines += smoke_lines(outcome.smoke)
    lines += [f"not started: {' '.join(step(one).split())}" for one in outcome.not_started]
    release = short(outcome.plan.release)
    if outcome.not_started or any(s.error for s in outcome.services):
        lines.append(f"{where} was not brought to release {release}.")
    elif outcome.exit_code:
        lines.append(f"{where} runs release {release}, but not every smoke test passed.")
    else:
        lines.append(f"{where} runs release {release}: {', '.join(s.name for s in outcome.services)}.")
    return tuple(lines)


def outcomes_lines(outcomes: Sequence[Outcome]) -> Lines:
    """Say what came of a deployment, and then of going back from it, where that was done."""
    *gone_back_from, last = (outcome_lines(outcome) for outcome in outcomes)
    # Of what was gone back from not how it ended, which is so no more.
    lines = [line for told in gone_back_from for line in told[:-1]] + [*last]
    if len(outcomes) > 1:
        lines.append(f"{outcomes[0].plan.environment.name} went back from release {short(outcomes[0].plan.release)}.")
    return tuple(lines)


def outcomes_document(outcomes: Sequence[Outcome], target: str) -> dict[str, object]:
    """Return a deployment as JSON, with what it went back to, where it did."""
    first, *back = (_outcome_document(outcome) for outcome in outcomes)
    return {"target": target, **first, **({"rolled_back": back} if back else {})}


def _outcome_document(outcome: Outcome) -> dict[str, object]:
    return {
        "environment": outcome.plan.environment.name,
        "release": outcome.plan.release,
        "services": [
            {"name": s.name, "result": s.result.value, "seconds": round(s.seconds, 3)} for s in outcome.services
        ],
        "smoke": smoke_document(outcome.smoke),
    }


def smoke_lines(outcomes: Sequence[SmokeOutcome]) -> list[str]:
    """Say how each smoke test ended."""
    return [f"{o.service}: smoke test '{o.name}' {'passed' if o.passed else 'FAILED'}" for o in outcomes]


def failures(outcome: Outcome) -> Lines:
    """Return the error of everything in an outcome that failed."""
    errors = (*(service.error for service in outcome.services), outcome.unrecorded)
    told = tuple(str(error) for error in errors if error is not None)
    return told + smoke_failures(outcome.plan.environment.name, outcome.smoke)


def smoke_failures(environment: str, outcomes: Sequence[SmokeOutcome]) -> Lines:
    """Return the error of each smoke test that failed. How the answer differs stands here alone."""
    mend = f"mend the service or its smoke.json; to repeat the test: invoke smoke --env {environment}"
    return tuple(
        str(
            DeployError(
                f"smoke test '{one.name}' of {one.service} in {environment}",
                one.difference,
                one.error.cure if one.error and one.error.cure else mend,
            )
        )
        for one in outcomes
        if not one.passed
    )


def suites_lines(outcomes: Sequence[SuiteOutcome]) -> Lines:
    """Say how each service's integration tests ended."""
    return tuple(f"{o.service}: integration tests {'passed' if o.passed else 'FAILED'}: {o.summary}" for o in outcomes)


def suites_failures(environment: str, outcomes: Sequence[SuiteOutcome], flags: str = "") -> Lines:
    """Return the error of each service whose integration tests failed; `flags` are those that repeat them besides."""
    return tuple(
        str(
            DeployError(
                f"integration tests of {one.service} in {environment}",
                one.summary,
                f"read {one.report}; to repeat: invoke integration --env {environment}{flags} --service {one.service}",
            )
        )
        for one in outcomes
        if not one.passed
    )


def suites_document(outcomes: Sequence[SuiteOutcome]) -> list[dict[str, object]]:
    """Return integration tests as JSON."""
    return [{"service": o.service, "passed": o.passed, "summary": o.summary, "report": o.report} for o in outcomes]


def on_one_line(error: LockstepError) -> str:
    """Return an error as a cell of a table."""
    found = ": ".join(part for part in (error.tried, error.answer) if part)
    return " ".join(". ".join(part for part in (found, error.cure) if part).split())


def smoke_document(outcomes: Sequence[SmokeOutcome]) -> list[dict[str, object]]:
    """Return smoke tests as JSON."""
    return [{"service": o.service, "name": o.name, "passed": o.passed} for o in outcomes]


def release_lines(release: Release, *, new: bool) -> Lines:
    """Say what a release holds."""
    head = f"Release {release.release_id} ({'new' if new else 'known already'}), commit {short(release.commit.sha)}"
    dirty = "  the working tree differs from that commit"
    return (head, *((dirty,) if release.commit.dirty else ()), *_digests(release.services))


def release_document(release: Release, *, new: bool) -> dict[str, object]:
    """Return a release as JSON."""
    return {
        "release": release.release_id,
        "new": new,
        "services": {build.name: build_document(build) for build in release.services},
    }


def shard_lines(shard: str, builds: tuple[ServiceBuild, ...], of: int) -> Lines:
    """Say of which services, out of so many, a shard made the builds, and that this is no release yet."""
    made = ", ".join(build.name for build in builds) or "no service"
    last = "No release is published by a shard: when all are done, invoke release joins them."
    return (f"Shard {shard} of {of} services: {made}", *_digests(builds), last)


def _digests(builds: tuple[ServiceBuild, ...]) -> Lines:
    return tuple(f"  {build.name}: {name} {ref}" for build in builds for name, ref in build.images)


def build_document(build: ServiceBuild) -> dict[str, object]:
    """Return one service's build as JSON."""
    return {
        "images": {name: str(ref) for name, ref in build.images},
        "template_sha256": build.template_sha256,
    }


def builds_lines(builds: tuple[ServiceBuild, ...]) -> Lines:
    """Say which packaged template each service has."""
    return tuple(f"{build.name}: template {build.template_sha256}" for build in builds)


def builds_document(builds: tuple[ServiceBuild, ...], target: str) -> dict[str, object]:
    """Return services' builds as JSON."""
    return {"target": target, "services": {build.name: build_document(build) for build in builds}}


def images_lines(images: dict[str, dict[str, str]] | dict[str, dict[str, ImageRef]]) -> Lines:
    """Say which image each function has."""
    return tuple(f"{service}: {name} {ref}" for service, of in images.items() for name, ref in of.items())


def images_document(
    images: dict[str, dict[str, str]] | dict[str, dict[str, ImageRef]], target: str
) -> dict[str, object]:
    """Return images as JSON."""
    services = {service: {"images": {name: str(ref) for name, ref in of.items()}} for service, of in images.items()}
    return {"target": target, "services": services}
