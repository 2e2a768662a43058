"""What runs where and what was deployed when: lines for people, documents for programs. Pure.

What runs is what the functions' digests say. Stacks' tags and records can be behind them: where the three do not
agree, a sentence says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from lockstep import history
from lockstep.errors import IdentityError
from lockstep.history import Deployments
from lockstep.model import Deployment, Digest, EnvironmentStatus, ReleaseId, RunningService
from lockstep.report import Lines, on_one_line, short, table

_HEAD: Lines = ("ENVIRONMENT", "SERVICE", "STACK", "RELEASE", "COMMIT", "AGE", "RUNS", "DRIFT")
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def lines(environments: Sequence[EnvironmentStatus]) -> Lines:
    """Lay out what runs where, and say below what is behind and what does not agree."""
    looked = any(service.drift is not None for one in environments for service in one.services)
    shown = len(_HEAD) if looked else -1
    rows = [row[:shown] for one in environments for row in _rows(one)]
    return (*table(_HEAD[:shown], rows), *notes(environments))


def notes(environments: Sequence[EnvironmentStatus]) -> Lines:
    """Say which environment is behind which, where one's services are of several releases, what does not agree."""
    seen = [one for one in environments if one.error is None]
    told = [note for earlier, later in pairwise(seen) for note in _behind(earlier, later)]
    return (*(note for one in seen for note in (*_mixed(one), *_disagreements(one))), *told)


def document(environments: Sequence[EnvironmentStatus], target: str) -> dict[str, object]:
    """Return what runs where as JSON."""
    return {
        "target": target,
        "environments": [
            {
                "name": one.environment.name,
                "account_id": one.environment.account,
                "release": _release(one),
                "services": [_service(one, service) for service in one.services],
                **({"error": on_one_line(one.error)} if one.error else {}),
            }
            for one in environments
        ],
        "notes": list(notes(environments)),
    }


def history_lines(deployments: Deployments) -> Lines:
    """Lay out an environment's records, the last one first."""
    head = ("NO", "WHEN (UTC)", "WHAT", "RELEASE", "COMMIT", "SERVICES", "SMOKE TESTS", "BY")
    return table(head, [_record(one) for one in reversed(deployments)])


def history_document(deployments: Deployments, environment: str, target: str) -> dict[str, object]:
    """Return an environment's records as JSON, the last one first."""
    records = [history.document(one) for one in reversed(deployments)]
    return {"target": target, "environment": environment, "deployments": records}


def _rows(one: EnvironmentStatus) -> Iterator[Lines]:
    name = one.environment.name
    if one.error and not one.services:
        why = "not allowed" if isinstance(one.error, IdentityError) else "no answer"
        yield (name, "-", why, "-", "-", "-", "-", "-")
    for now in one.services:
        release = _runs(one, now)
        images = ", ".join(f"{function} {short(digest) if digest else 'gone'}" for function, digest in now.images)
        yield (
            name,
            now.name,
            now.status or "not deployed",
            short(release) if release else "-",
            _commit(now.commit),
            _age(now.age),
            images or "-",
            "-" if now.drift is None else ", ".join(now.drift) or "none",
        )


def _service(one: EnvironmentStatus, now: RunningService) -> dict[str, object]:
    return {
        "name": now.name,
        "stack_status": now.status,
        "release": _runs(one, now),
        "commit": now.commit,
        "template_sha256": now.template_sha256,
        "changed": now.changed,
        "images": dict(now.images),
        **({} if now.drift is None else {"drift": list(now.drift)}),
    }


def _runs(one: EnvironmentStatus, now: RunningService) -> ReleaseId | None:
    """Return the release that a service runs: that of its stack, unless its functions run other digests."""
    return None if any(_wrong_images(one, now)) else now.release


def _wrong_images(one: EnvironmentStatus, now: RunningService) -> Iterator[tuple[str, Digest | None, Digest]]:
    """Yield each function that does not run the digest that its release names, by the records, with both."""
    named = history.images(one.deployments, now.release, now.name) if now.release else {}
    for function, digest in now.images:
        if named.get(function, digest) != digest:
            yield function, digest, named[function]


def _release(one: EnvironmentStatus) -> ReleaseId | None:
    """Return the release that all services of an environment run, None where it is not one."""
    releases = {_runs(one, now) for now in one.services if now.status is not None}
    return releases.pop() if len(releases) == 1 else None


def _mixed(one: EnvironmentStatus) -> Iterator[str]:
    found = [(now.name, _runs(one, now)) for now in one.services if now.status is not None]
    if len({release for _, release in found}) > 1:
        told = ", ".join(f"{name} {short(release) if release else 'unknown'}" for name, release in found)
        yield f"{one.environment.name}: its services are not of one release: {told}."


def _behind(earlier: EnvironmentStatus, later: EnvironmentStatus) -> Iterator[str]:
    """Say how far an environment is behind the one before it, all its services in one where they are equally far."""
    after = later.environment.name
    there = {now.name: _runs(later, now) for now in later.services}
    altered = {now.name for now in later.services if any(_wrong_images(later, now))}
    ahead = [now for now in earlier.services if now.status is not None]
    words = {
        now.name: "runs images of no release" if now.name in altered else _distance(earlier, now, there.get(now.name))
        for now in ahead
    }
    if len(set(words.values())) == 1:
        yield f"{after} {next(iter(words.values()))}."
    else:
        yield from (f"{name} of {after} {word}." for name, word in words.items())


def _distance(earlier: EnvironmentStatus, now: RunningService, release: ReleaseId | None) -> str:
    before = earlier.environment.name
    if release is None:
        return f"runs nothing of what {before} runs"
    if release == _runs(earlier, now):
        return f"runs the release that {before} runs"
    count = history.behind(earlier.deployments, release, now.name)
    if not count:
        return f"runs release {short(release)}, which is not among those that led to what {before} runs"
    return f"is {count} release{'s' if count > 1 else ''} behind {before}"


def _disagreements(one: EnvironmentStatus) -> Iterator[str]:
    """Say where digests, tags and records do not agree; what runs counts."""
    for now in one.services:
        where = f"{now.name} in {one.environment.name}"
        if now.status is None:
            continue
        if now.release is None:
            yield f"{where}: its stack names no release."
            continue
        recorded = history.latest(one.deployments, now.name)
        if recorded is None:
            yield f"{where}: no record tells of its deployment."
        elif recorded[0].release != now.release:
            told = f"its stack names release {short(now.release)}, its last record {short(recorded[0].release)}"
            yield f"{where}: {told}."
        for function, digest, wanted in _wrong_images(one, now):
            runs = short(digest) if digest else "nothing"
            told = f"{function} runs {runs}, release {short(now.release)} names {short(wanted)}; what runs counts"
            yield f"{where}: {told}."


def _record(one: Deployment) -> Lines:
    passed = [ok for service in one.services for _, ok in service.smoke]
    tests = f"{sum(passed)} of {len(passed)} passed" if passed else "none"
    what = f"{one.kind}{', by itself' if one.automatic else ''}{', forced' if one.forced else ''}"
    services = ", ".join(f"{service.name} {service.result}" for service in one.services)
    who = one.caller.rpartition("/")[2]
    return (
        str(one.number),
        one.at[:19].replace("T", " "),
        what,
        short(one.release),
        _commit(one.commit),
        services,
        tests,
        who,
    )


def _commit(name: str | None) -> str:
    """The part of a commit that people read, and whether something was not committed."""
    if not name:
        return "-"
    sha, dirty, _ = name.partition("-dirty")
    return sha[:7] + dirty


def _age(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return next((f"{int(seconds // size)} {unit}" for size, unit in _UNITS if seconds >= size), "now")
