"""What goes and what stays: by what runs, what was deployed last, what is new, and what names what."""

from __future__ import annotations

from dataclasses import replace

from lockstep.model import Kind, Release, Result
from lockstep.names import build_key, package_key, release_key, signature_key, smoke_key, template_key
from lockstep.prune import Pruning, Shelf, Use
from lockstep.testing import a_build, a_release
from tests.unit.deployed import a_record, a_service_in, records
from tests.unit.pruned import NEW, OLD, SINCE, Project, a_version, an_image_of, removed


def deployed(*releases: Release) -> Use:
    """Return an environment to which releases were deployed, the last of which runs."""
    made = [replace(a_record("x", a_service_in()), release=one.release_id) for one in releases]
    return Use(releases=frozenset({releases[-1].release_id}), deployments=records(*made))


def test_what_nothing_needs_goes() -> None:
    """Of two releases that were deployed nowhere, both go, with all that they name, in a safe order."""
    project = Project()
    build = a_version("hello", 1)
    release = project.add(build)

    pruning = project.plan()

    assert pruning.files == (
        build_key("hello", build.source_hash),
        signature_key(release.release_id),
        release_key(release.release_id),
        template_key(build.template_sha256),
        smoke_key(build.smoke_sha256 or build.template_sha256),
    )
    assert [(s.repository, s.images, len(s.removed), s.size) for s in pruning.shelves] == [
        ("shop/hello/hellofunction", 1, 1, 10)
    ]
    assert (pruning.removed, pruning.releases, pruning.is_empty) == ((release.release_id,), 1, False)
    assert pruning.records == pruning.files[:1]


def test_smoke_tests_are_no_deployments() -> None:
    """Records of smoke tests do not count among the last deployments, however many there are."""
    project = Project()
    made = [project.add(a_version("hello", number)) for number in range(3)]
    use = deployed(*made)
    tested = [replace(a_record("x", kind=Kind.SMOKE), release=made[-1].release_id)] * 9

    pruning = project.plan(replace(use, deployments=records(*use.deployments, *tested)), keep=3)

    assert pruning.removed == ()


def test_the_last_deployments_stay() -> None:
    """Of five deployments the releases of the last two stay whole, and the one that ran before those two."""
    project = Project()
    made = [project.add(a_version("hello", number)) for number in range(5)]

    pruning = project.plan(deployed(*made), keep=2)

    assert set(pruning.removed) == {one.release_id for one in made[:3]}
    assert removed(pruning) == {an_image_of("hello", number) for number in range(3)}


def test_a_release_stays_whole() -> None:
    """A release that stays for one of its services keeps all its images, templates and smoke files, and no other's."""
    project = Project()
    kept = project.add(a_version("hello", 1), a_version("orders", 1))
    gone = project.add(a_version("hello", 1), a_version("orders", 2))

    pruning = project.plan(deployed(kept))
    project.remove(pruning.files, pruning)

    assert project.lacks(kept.release_id) == []
    assert (pruning.removed, removed(pruning)) == ((gone.release_id,), {an_image_of("orders", 2)})


def test_what_runs_stays() -> None:
    """A digest that runs anywhere stays, whatever its age, its repository and its release; the release may go."""
    project = Project()
    release = project.add(a_version("hello", 1))
    project.images["shop/other/hellofunction"] = {an_image_of("hello", 1): OLD}

    pruning = project.plan(Use(), Use(digests=frozenset({an_image_of("hello", 1)})))

    assert (removed(pruning), pruning.removed) == (set(), (release.release_id,))


def test_what_a_stack_names_stays() -> None:
    """A release that a stack names stays, though no record tells of it: a run that was killed leaves none."""
    project = Project()
    release = project.add(a_version("hello", 1))

    pruning = project.plan(Use(releases=frozenset({release.release_id})))

    assert pruning.is_empty


def test_what_a_rollback_would_bring_stays() -> None:
    """The proven release before what runs stays, however many deployments that failed came after it."""
    project = Project()
    proven, runs, bad = (project.add(a_version("hello", number)) for number in range(3))
    use = deployed(proven, runs)
    failures = [replace(a_record("x", a_service_in(result=Result.FAILED, passed=None)), release=bad.release_id)] * 3

    pruning = project.plan(replace(use, deployments=records(*use.deployments, *failures)), keep=1)

    assert pruning.is_empty


def test_what_ran_before_the_last_deployments_stays() -> None:
    """The release from which the oldest of the last deployments came stays too, be it proven or not."""
    project = Project()
    before, after = (project.add(a_version("hello", number)) for number in range(2))
    service = a_service_in(before=before.release_id)
    record = replace(a_record("x", service, kind=Kind.PROMOTE), release=after.release_id)

    pruning = project.plan(Use(deployments=records(record)), keep=1)

    assert pruning.is_empty


def test_what_is_new_stays() -> None:
    """What is newer than the day that is given stays, and a release keeps the old things that it names."""
    project = Project()
    old = project.add(a_version("hello", 1))
    new = project.add(a_version("hello", 1), a_version("orders", 1), at=NEW)
    project.images["shop/hello/hellofunction"] |= {an_image_of("hello", 2): NEW, an_image_of("hello", 3): SINCE}

    pruning = project.plan()
    project.remove(pruning.files, pruning)

    assert (pruning.removed, removed(pruning)) == ((old.release_id,), {an_image_of("hello", 3)})
    assert project.lacks(new.release_id) == []


def test_what_was_built_lately_stays() -> None:
    """A new record of a build stays with its old image and template: the next release of that source names them."""
    project = Project()
    build = a_version("hello", 1)
    project.add_build(build)
    again = replace(build, source_hash=a_version("hello", 2).source_hash)
    project.add_build(again, at=NEW)

    pruning = project.plan()

    assert pruning.files == (build_key("hello", build.source_hash),)
    assert removed(pruning) == set()


def test_a_record_goes_with_its_image() -> None:
    """A record that names another build of the source than the release that stays goes: its image goes too."""
    project = Project()
    build = a_version("hello", 1)
    kept = project.add(build)
    other = replace(a_version("hello", 2), source_hash=build.source_hash)
    project.records[build_key("hello", build.source_hash)] = other
    project.add_build(other)

    pruning = project.plan(deployed(kept))

    assert pruning.files == (
        build_key("hello", build.source_hash),
        template_key(other.template_sha256),
    )
    assert removed(pruning) == {an_image_of("hello", 2)}


def test_what_is_no_affair_of_prune() -> None:
    """Package records, artifacts, records and locks of environments, and files of an unknown sort stay."""
    project = Project()
    package = package_key("hello", a_version("hello", 1).source_hash)
    others = (package, "artifacts/x", "environments/1/deployments/1.json", "releases/readme.txt")
    project.files |= dict.fromkeys(others, OLD)

    assert project.plan().is_empty


def test_a_service_without_images_or_tests() -> None:
    """A release of a service that has neither an image nor a smoke file keeps its template."""
    project = Project()
    release = project.add(a_build(images=(), smoke_sha256=None))

    assert project.plan(deployed(release)).is_empty


def test_what_somebody_needs_meanwhile_stays() -> None:
    """Of what was to go only that goes which a later look finds as well."""
    project = Project()
    first, second = (project.add(a_version("hello", number)) for number in range(2))
    before = project.plan()

    pruning = before.still(project.plan(deployed(first)))

    assert (pruning.removed, removed(pruning)) == ((second.release_id,), {an_image_of("hello", 1)})


def test_a_repository_that_went_meanwhile() -> None:
    """Of a repository that is gone by the later look nothing goes."""
    image = Project()
    image.add(a_version("hello", 1))

    pruning = image.plan().still(Pruning((), (), 0))

    assert (pruning.shelves, pruning.is_empty) == ((Shelf("shop/hello/hellofunction", 1, ()),), True)


def test_a_release_that_is_gone_already() -> None:
    """A release that a record names and nobody has any more is no reason to keep or to fail."""
    assert Project().plan(deployed(a_release())).is_empty
