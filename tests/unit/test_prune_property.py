"""After whatever history of two environments: what runs and what can be gone back to is there, and nothing dangles."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep import history
from lockstep.history import Deployments
from lockstep.model import DeployedService, Digest, Kind, Release, ReleaseId, Result
from lockstep.prune import Use
from tests.unit.deployed import a_record, a_service_in, records
from tests.unit.pruned import NEW, OLD, Project, a_version, an_image_of, removed

SERVICES = ("hello", "orders")
HOW = {"passes": (Result.UPDATED, True), "disproved": (Result.UPDATED, False), "fails": (Result.FAILED, None)}


@dataclass
class Place:
    """An environment: which release each of its services runs, and the records of how it came to that."""

    running: dict[str, Release] = field(default_factory=dict)
    deployments: Deployments = ()

    def bring(self, release: Release, kind: Kind, services: tuple[str, ...], how: str) -> None:
        """Bring services to a release, as well as that goes, and record it."""
        result, passed = HOW[how]
        done: list[DeployedService] = []
        for service in services:
            before = self.running[service].release_id if service in self.running else None
            done.append(a_service_in(service, before=before, result=result, passed=passed))
            if result is not Result.FAILED:
                self.running[service] = release
        record = replace(a_record("x", *done, kind=kind), release=release.release_id)
        self.deployments = records(*self.deployments, record)

    def before(self, service: str) -> ReleaseId | None:
        """Return the release that rolling a service back would bring."""
        now = self.running.get(service)
        return history.previous(self.deployments, service, now.release_id if now else None)

    def digests(self) -> set[Digest]:
        """Return what runs."""
        return {ref.digest for service, release in self.running.items() for _, ref in release.build_of(service).images}

    def use(self) -> Use:
        """Return what the environment needs, as it says itself."""
        named = frozenset(release.release_id for release in self.running.values())
        return Use(frozenset(self.digests()), named, self.deployments)


@dataclass
class Past:
    """A project with a history in two environments."""

    project: Project
    places: tuple[Place, Place]

    @property
    def uses(self) -> tuple[Use, Use]:
        """What the environments need."""
        test, prod = self.places
        return test.use(), prod.use()


@st.composite
def pasts(draw: st.DrawFn) -> Past:
    """Draw a row of releases, many of which share images, and what was done with them."""
    project, test, prod = Project(), Place(), Place()
    made: list[Release] = []
    for _ in range(draw(st.integers(1, 25))):
        step = draw(st.sampled_from(["release", "deploy", "deploy", "promote", "rollback", "build"]))
        how = draw(st.sampled_from(["passes", "passes", "disproved", "fails"]))
        services = draw(st.sampled_from([SERVICES, SERVICES[:1], SERVICES[1:]]))
        place = draw(st.sampled_from([test, prod]))
        builds = [a_version(name, draw(st.integers(0, 3)), draw(st.integers(0, 1))) for name in SERVICES]
        at = draw(st.sampled_from([OLD, OLD, OLD, NEW]))
        if step == "build":
            project.add_build(replace(builds[0], source_hash=builds[1].source_hash), at)
        elif step == "release" or not made:
            made.append(project.add(*builds, at=at))
        elif step == "deploy":
            place.bring(draw(st.sampled_from(made)), Kind.DEPLOY, services, how)
        elif step == "promote" and services[0] in test.running:
            prod.bring(test.running[services[0]], Kind.PROMOTE, services, how)
        elif step == "rollback" and (back := place.before(services[0])):
            place.bring(project.releases[back], Kind.ROLLBACK, services[:1], how)
    return Past(project, (test, prod))


def pruned(past: Past, keep: int) -> Project:
    """Return what there is after prune."""
    left = copy.deepcopy(past.project)
    pruning = left.plan(*past.uses, keep=keep)
    left.remove(pruning.files, pruning)
    return left


@settings(max_examples=150, deadline=None)
@given(pasts(), st.integers(1, 6))
def test_what_can_be_gone_back_to_is_there(past: Past, keep: int) -> None:
    """After prune every rollback within the last deployments, and to the release before, finds all that it needs."""
    left = pruned(past, keep)

    for place in past.places:
        within = {record.release for record in place.deployments[-keep:]}
        before = {release for service in SERVICES if (release := place.before(service))}
        assert [gone for release in within | before for gone in left.lacks(release)] == []


@settings(max_examples=150, deadline=None)
@given(pasts(), st.integers(1, 6))
def test_what_runs_is_there(past: Past, keep: int) -> None:
    """After prune every release that runs is whole, every digest that runs is there, and nothing new is gone."""
    left = pruned(past, keep)

    there = {digest for images in left.images.values() for digest in images}
    new = {key for key, at in past.project.files.items() if at == NEW}
    for place in past.places:
        assert [gone for release in place.running.values() for gone in left.lacks(release.release_id)] == []
        assert place.digests() <= there
    assert new <= left.files.keys()


@settings(max_examples=100, deadline=None)
@given(pasts(), st.integers(1, 3), st.integers(0, 200))
def test_wherever_it_is_interrupted(past: Past, keep: int, number: int) -> None:
    """Wherever prune is interrupted, what is left names nothing that is gone, and a second run ends as one run does."""
    left = pruned(past, keep)
    broken = copy.deepcopy(past.project)
    files = broken.plan(*past.uses, keep=keep).files

    broken.remove(files[: number % (len(files) + 1)])

    assert broken.dangling() == []
    pruning = broken.plan(*past.uses, keep=keep)
    broken.remove(pruning.files, pruning)
    assert (broken.files, broken.images) == (left.files, left.images)
    assert left.dangling() == []


@settings(max_examples=100, deadline=None)
@given(pasts(), st.integers(1, 6))
def test_twice(past: Past, keep: int) -> None:
    """What prune leaves, a second run leaves too."""
    left = pruned(past, keep)

    assert left.plan(*past.uses, keep=keep).is_empty


def test_after_ten_releases() -> None:
    """After ten releases in test, prod staying at the first: what runs and what ran before stay, the rest goes."""
    project, test, prod = Project(), Place(), Place()
    for number in range(10):
        test.bring(project.add(a_version("hello", number)), Kind.DEPLOY, SERVICES[:1], "passes")
        if not number:
            prod.bring(test.running["hello"], Kind.PROMOTE, SERVICES[:1], "passes")

    pruning = project.plan(test.use(), prod.use(), keep=1)

    assert removed(pruning) == {an_image_of("hello", number) for number in range(1, 8)}
