"""Says whether a release may go to an environment: what it lacks, and whether that may be passed by force.

What reaches an environment must have passed the one before it. Every gate is asked again in each environment, of the
accounts and never of the caller. Changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockstep import history
from lockstep.errors import ConfigError, GateError, RegistryError
from lockstep.history import Deployments
from lockstep.model import Environment, ImageRef, Release, ReleaseId, RunningService, ServiceBuild
from lockstep.plan import differing_images
from lockstep.ports import Registry
from lockstep.report import short


def check_force(environment: Environment, *, force: bool) -> None:
    """Refuse --force where the environment's settings do not allow it; raises ConfigError."""
    if force and not environment.allow_force:
        raise ConfigError(
            f"forcing a deployment to {environment.name}",
            "its settings do not allow it",
            f"deploy what passes, or have allow_force = true reviewed for {environment.name}",
        )


def unclean(release: Release) -> tuple[str, ...]:
    """Say what keeps a release from going beyond the first environment, whatever happened there, in words."""
    return ("it was made from changes that nobody committed",) if release.commit.dirty else ()


def unproven(
    release: Release, builds: tuple[ServiceBuild, ...], earlier: str, deployments: Deployments
) -> tuple[str, ...]:
    """Say, by the records of an earlier environment, which services of a release have not passed it, in words."""
    return tuple(_unproven(release, builds, earlier, deployments))


def _unproven(
    release: Release, builds: tuple[ServiceBuild, ...], earlier: str, deployments: Deployments
) -> Iterator[str]:
    for build in builds:
        if not history.was_deployed(deployments, release.release_id, build.name):
            yield f"its {build.name} was never deployed to {earlier}"
        elif build.smoke_sha256 is None:
            yield f"its {build.name} has no smoke test, services/{build.name}/smoke.json"
        elif not history.is_proven(deployments, release.release_id, build.name):
            yield f"its {build.name} has not passed its smoke tests in {earlier}"


def decide(
    release: Release, environment: Environment, reasons: tuple[str, ...], earlier: Environment | None, *, force: bool
) -> tuple[str, ...]:
    """Return the reasons that are passed by force, none where there are none; raises GateError where nobody forces."""
    if not reasons or force:
        return reasons
    name = short(release.release_id)
    cure = f"invoke deploy --env {earlier.name} --release {name}, or mend" if earlier else "mend"
    if reasons == unclean(release) and earlier:
        cure = f"commit, then invoke deploy --env {earlier.name}, then promote; or mend"
    forced = "; --force passes it, and is recorded" if environment.allow_force else ""
    answer = "; ".join(reasons)
    raise GateError(f"bringing release {name} to {environment.name}", answer, f"{cure} what is named{forced}")


def check_images(release: Release, builds: tuple[ServiceBuild, ...], registry: Registry, environment: str) -> None:
    """See that every image is in the registry; raises GateError naming those that are not. No force brings them."""
    gone = [
        f"{n} of {build.name}, {ref}" for build in builds for n, ref in build.images if not _is_there(ref, registry)
    ]
    if gone:
        raise GateError(
            f"bringing release {short(release.release_id)} to {environment}",
            f"not in the registry: {'; '.join(gone)}",
            "change a file of the service and release it, or promote another release",
        )


def _is_there(ref: ImageRef, registry: Registry) -> bool:
    try:
        return registry.has(ref)
    except RegistryError:  # without a repository there is no image either
        return False


def one_release(environment: str, running: tuple[RunningService, ...], releases: tuple[Release, ...]) -> Release:
    """Return the one of the releases that run which every service that it holds runs; raises GateError for none.

    What it does not hold was taken out of the tree, and its stack is left: it is promoted no more.
    """
    tried = f"looking for the release that runs in {environment}"
    if not running:
        raise GateError(tried, "nothing was deployed there", f"invoke deploy --env {environment}")
    of = {now.name: now.release for now in running}
    whole = [one for one in releases if all(of.get(b.name, one.release_id) == one.release_id for b in one.services)]
    if len(whole) != 1:
        found: dict[ReleaseId | None, list[str]] = {}
        for name, release in of.items():
            found.setdefault(release, []).append(name)
        told = "; ".join(f"{', '.join(names)}: {short(one) if one else 'none'}" for one, names in found.items())
        cure = f"invoke deploy --env {environment}, or promote one with --service"
        raise GateError(tried, f"its services are not all from one release: {told}", cure)
    return whole[0]


def check_runs(environment: str, release: Release, running: tuple[RunningService, ...]) -> None:
    """See that its services run the digests of the release that their stacks name; raises GateError where not."""
    for now in (now for now in running if now.release == release.release_id):
        build = release.build_of(now.name)
        if wrong := differing_images(build, now):
            raise GateError(
                f"looking at what runs in {environment}",
                f"{', '.join(wrong)} of {build.name} runs another image than release {short(release.release_id)}, "
                "which its stack names",
                f"invoke deploy --env {environment} --release {short(release.release_id)}",
            )
