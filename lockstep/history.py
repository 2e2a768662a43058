"""Reads and writes the records of an environment's deployments, and says what follows from them. Pure.

A record is a file of its own, written once and never changed. Together, in the order of their numbers, they say for
each service which releases it ran, which of those are proven there, and which one came before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lockstep import canonical
from lockstep.errors import GateError, LockstepError
from lockstep.model import (
    DeployedService,
    Deployment,
    Digest,
    Kind,
    Outcome,
    Release,
    ReleaseId,
    Result,
    RunningService,
    Sha256,
    digest,
)
from lockstep.names import commit_name

FORMAT = 1
_DAMAGE = (ValueError, KeyError, TypeError, AttributeError, RecursionError, LockstepError)
Deployments = tuple[Deployment, ...]


def encode(one: Deployment) -> bytes:
    """Return a record as it is stored."""
    return canonical.encode({"format": FORMAT, **document(one)})


def decode(content: bytes, key: str) -> Deployment:
    """Read a stored record; raises GateError, naming its key, for one that is damaged."""
    try:
        found = json.loads(content)
        if found["format"] != FORMAT:
            raise ValueError(found["format"])
        return Deployment(
            number=int(found["number"]),
            kind=Kind(found["kind"]),
            at=str(found["at"]),
            caller=str(found["caller"]),
            release=ReleaseId(found["release"]),
            commit=str(found["commit"]),
            services=tuple(_service(name, body) for name, body in sorted(found["services"].items())),
            forced=tuple(str(reason) for reason in found["forced"]),
            accepted=tuple(str(finding) for finding in found["accepted"]),
            execution=str(found["execution"]),
            automatic=bool(found["automatic"]),
        )
    except _DAMAGE as error:
        raise GateError(f"reading the record {key}", "it is damaged", "see the versions of that file in S3") from error


def document(one: Deployment) -> dict[str, Any]:
    """Return a record as JSON."""
    return {
        "number": one.number,
        "kind": one.kind.value,
        "at": one.at,
        "caller": one.caller,
        "release": one.release,
        "commit": one.commit,
        "services": {
            service.name: {
                "from": service.before,
                "result": service.result.value,
                "seconds": round(service.seconds, 3),
                "template_sha256": service.template_sha256,
                "images": dict(service.images),
                "smoke": [{"name": name, "passed": passed} for name, passed in service.smoke],
            }
            for service in one.services
        },
        "forced": list(one.forced),
        "accepted": list(one.accepted),
        "execution": one.execution,
        "automatic": one.automatic,
    }


@dataclass(frozen=True)
class Circumstances:
    """Why, when and by whom something was deployed: what a record holds beside what came of it."""

    kind: Kind
    at: str
    caller: str
    execution: str = ""
    forced: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    automatic: bool = False


def of_outcome(
    outcome: Outcome, release: Release, running: Iterable[RunningService], about: Circumstances
) -> Deployment:
    """Return the record of an outcome, still without its number; `running` is what ran before."""
    before = {now.name: now.release for now in running}
    smoke = [(test.service, (test.name, test.passed)) for test in outcome.smoke]
    return Deployment(
        number=0,
        kind=about.kind,
        at=about.at,
        caller=about.caller,
        forced=about.forced,
        accepted=about.accepted,
        execution=about.execution,
        automatic=about.automatic,
        release=release.release_id,
        commit=commit_name(release.commit),
        services=tuple(
            DeployedService(
                name=one.name,
                before=before.get(one.name),
                result=one.result,
                seconds=one.seconds,
                template_sha256=release.build_of(one.name).template_sha256,
                images=tuple((name, ref.digest) for name, ref in release.build_of(one.name).images),
                smoke=tuple(test for service, test in smoke if service == one.name),
            )
            for one in outcome.services
        ),
    )


def is_news(deployments: Deployments, record: Deployment) -> bool:
    """Does a record say what those before it do not: that something changed, failed, or is proven otherwise?"""
    return any(
        one.result is not Result.UNCHANGED
        or one.is_proven != is_proven(deployments, record.release, one.name)
        or (record.kind is not Kind.SMOKE and not was_deployed(deployments, record.release, one.name))
        for one in record.services
    )


def services(deployments: Deployments) -> tuple[str, ...]:
    """Return every service that was ever deployed, by name."""
    return tuple(sorted({service.name for one in deployments for service in one.services}))


def latest(deployments: Deployments, service: str) -> tuple[Deployment, DeployedService] | None:
    """Return the last record by which a service came to run a release; None where there is none."""
    return next((found for found in reversed(tuple(_of(deployments, service))) if found[1].runs), None)


def images(deployments: Deployments, release: ReleaseId, service: str) -> dict[str, Digest]:
    """Return by function the digests that a release names for a service, by its records; nothing without one."""
    return next((dict(one.images) for record, one in _of(deployments, service) if record.release == release), {})


def is_proven(deployments: Deployments, release: ReleaseId, service: str) -> bool:
    """Did a service, when it last was given a release or tested with it, pass that release's smoke tests?"""
    last = _last(deployments, release, service)
    return last is not None and last.is_proven


def is_disproven(deployments: Deployments, release: ReleaseId, service: str) -> bool:
    """Did a service, when it last was given a release or tested with it, fail one of that release's smoke tests?"""
    last = _last(deployments, release, service)
    return last is not None and bool(last.smoke) and not last.is_proven


def was_deployed(deployments: Deployments, release: ReleaseId, service: str) -> bool:
    """Did a deployment ever bring a service to a release? That it was tested with one says nothing of that."""
    found = (record.kind for record, one in _of(deployments, service) if record.release == release and one.runs)
    return any(kind is not Kind.SMOKE for kind in found)


def line(deployments: Deployments, service: str) -> tuple[ReleaseId, ...]:
    """Return the releases that led to what a service runs, the oldest first, the one it runs last.

    What a rollback left is no part of it: going back once more must not bring it again.
    """
    found: list[ReleaseId] = []
    for record, one in _of(deployments, service):
        if not one.runs or record.kind is Kind.SMOKE:
            continue
        if record.kind is Kind.ROLLBACK and record.release in found:
            del found[found.index(record.release) + 1 :]
        elif record.release not in found[-1:]:
            found = [release for release in found if release != record.release] + [record.release]
    return tuple(found)


def previous(deployments: Deployments, service: str, running: ReleaseId | None) -> ReleaseId | None:
    """Return the release before the one that runs: the last of the service's line that did not fail its smoke tests.

    None where there is no such release.

    What runs is what the account says, which may have no record: a run that was killed leaves none.
    """
    releases = line(deployments, service)
    before = releases[: releases.index(running)] if running in releases else releases
    return next((release for release in reversed(before) if not is_disproven(deployments, release, service)), None)


def behind(earlier: Deployments, release: ReleaseId, service: str) -> int | None:
    """Return how many releases an earlier environment is ahead of one; None for one that it does not know."""
    releases = line(earlier, service)
    return len(releases) - 1 - releases.index(release) if release in releases else None


def _last(deployments: Deployments, release: ReleaseId, service: str) -> DeployedService | None:
    """Return what was last done to a service that ended with it running a release; None where nothing was."""
    found = [one for record, one in _of(deployments, service) if record.release == release and one.runs]
    return found[-1] if found else None


def _of(deployments: Deployments, service: str) -> Iterable[tuple[Deployment, DeployedService]]:
    return ((record, one) for record in deployments for one in record.services if one.name == service)


def _service(name: str, body: dict[str, Any]) -> DeployedService:
    return DeployedService(
        name=name,
        before=None if body["from"] is None else ReleaseId(body["from"]),
        result=Result(body["result"]),
        seconds=float(body["seconds"]),
        template_sha256=Sha256(body["template_sha256"]),
        images=tuple((function, digest(text)) for function, text in sorted(body["images"].items())),
        smoke=tuple((str(test["name"]), bool(test["passed"])) for test in body["smoke"]),
    )
