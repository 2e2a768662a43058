"""Says which images and published files nothing needs any more. Pure.

What stays: what runs, the releases of each environment's last deployments and those that going back would bring, and
what is new. A release that stays keeps its images, its templates, its smoke files and the records of its builds. A
record of a build stays only with all that it names, since a later build would trust it and name what is gone. Package
records and artifacts are no affair of this: they are small, found by the hash of their source, and whatever template
is made again may name them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from lockstep import history
from lockstep.history import Deployments
from lockstep.model import Digest, Kind, Release, ReleaseId, ServiceBuild, StoredImage
from lockstep.names import (
    BUILDS_PREFIX,
    RELEASES_PREFIX,
    SIGNATURES_PREFIX,
    SMOKE_PREFIX,
    TEMPLATES_PREFIX,
    build_key,
    release_key,
    signature_key,
    smoke_key,
    template_key,
)

KEEP, DAYS = 20, 30
# In the order in which they go: what names a file before the file.
PREFIXES = (BUILDS_PREFIX, SIGNATURES_PREFIX, RELEASES_PREFIX, TEMPLATES_PREFIX, SMOKE_PREFIX)
_END = ".json"


@dataclass(frozen=True)
class Terms:
    """What stays beside what runs: of each environment's deployments the last `keep`, and what is newer than `since`.

    Moments are in UTC, ISO 8601, to the second: so written they compare as text.
    """

    keep: int
    since: str


@dataclass(frozen=True)
class Use:
    """What one environment needs: the digests that run, the releases that its stacks name, and its records."""

    digests: frozenset[Digest] = frozenset()
    releases: frozenset[ReleaseId] = frozenset()
    deployments: Deployments = ()

    def needed(self, keep: int) -> frozenset[ReleaseId]:
        """Return the releases that run, those of the last deployments, and those that a rollback would bring."""
        last = [record for record in self.deployments if record.kind is not Kind.SMOKE][-keep:]
        named = {record.release for record in last} | {one.before for record in last for one in record.services}
        back = {
            history.previous(self.deployments, service, running)
            for service in history.services(self.deployments)
            for running in (*self.releases, None)
        }
        return self.releases | {release for release in named | back if release is not None}


@dataclass(frozen=True)
class Stock:
    """What there is: by key when each published file was written, and by repository its images."""

    files: Mapping[str, str]
    images: Mapping[str, tuple[StoredImage, ...]]

    @property
    def releases(self) -> tuple[ReleaseId, ...]:
        """The releases that there are."""
        return tuple(_release(key) for key in self.below(RELEASES_PREFIX))

    def below(self, prefix: str) -> Iterator[str]:
        """Yield the keys of one sort of files, in order."""
        return (key for key in sorted(self.files) if key.startswith(f"{prefix}/") and key.endswith(_END))


@dataclass(frozen=True)
class Shelf:
    """One repository: how many images are in it, and those that go."""

    repository: str
    images: int
    removed: tuple[StoredImage, ...]

    @property
    def size(self) -> int:
        """How many bytes go, by what each image says for itself: images that stay may share some of them."""
        return sum(image.size for image in self.removed)


@dataclass(frozen=True)
class Pruning:
    """What goes: images by repository, and files in the order in which they go. `releases` is how many there are."""

    shelves: tuple[Shelf, ...]
    files: tuple[str, ...]
    releases: int

    @property
    def is_empty(self) -> bool:
        """Does nothing go?"""
        return not (self.files or any(shelf.removed for shelf in self.shelves))

    @property
    def removed(self) -> tuple[ReleaseId, ...]:
        """The releases that go."""
        return tuple(_release(key) for key in self.files if key.startswith(f"{RELEASES_PREFIX}/"))

    @property
    def records(self) -> tuple[str, ...]:
        """Those of the files that are records of builds."""
        return tuple(key for key in self.files if key.startswith(f"{BUILDS_PREFIX}/"))

    def still(self, later: Pruning) -> Pruning:
        """Return what goes of it by a later look as well."""
        images = {(shelf.repository, image.digest) for shelf in later.shelves for image in shelf.removed}
        shelves = tuple(
            replace(s, removed=tuple(image for image in s.removed if (s.repository, image.digest) in images))
            for s in self.shelves
        )
        return replace(self, shelves=shelves, files=tuple(key for key in self.files if key in later.files))


def releases(stock: Stock, uses: Collection[Use], terms: Terms) -> tuple[ReleaseId, ...]:
    """Return which of the releases that there are stay."""
    needed = {release for use in uses for release in use.needed(terms.keep)}
    return tuple(one for one in stock.releases if one in needed or _is_new(stock, release_key(one), terms))


def records(stock: Stock, kept: Collection[Release], terms: Terms) -> tuple[str, ...]:
    """Return the keys of the records of builds that may stay: new ones, and those of what `kept` was built from."""
    sources = {build_key(build.name, build.source_hash) for build in _builds(kept)}
    return tuple(key for key in stock.below(BUILDS_PREFIX) if key in sources or _is_new(stock, key, terms))


def plan(
    stock: Stock, uses: Collection[Use], kept: Collection[Release], found: Mapping[str, ServiceBuild], terms: Terms
) -> Pruning:
    """Return what goes, where the releases `kept` stay. `found` is what the records that may stay say, by key."""
    builds = _builds(kept)
    # The same source may have been built again, after its record went: then a record is not that of the release.
    named = {(build.name, build.template_sha256) for build in builds}
    trusted = {
        key: build
        for key, build in found.items()
        if (build.name, build.template_sha256) in named or _is_new(stock, key, terms)
    }
    builds += tuple(trusted.values())
    digests = {digest for use in uses for digest in use.digests} | {ref.digest for b in builds for _, ref in b.images}
    needed = {*trusted, *_keys(kept, builds)}
    return Pruning(
        shelves=tuple(
            Shelf(repository, len(images), tuple(i for i in images if i.digest not in digests and i.at <= terms.since))
            for repository, images in sorted(stock.images.items())
        ),
        files=tuple(
            key
            for prefix in PREFIXES
            for key in stock.below(prefix)
            if key not in needed and not _is_new(stock, key, terms)
        ),
        releases=len(stock.releases),
    )


def _builds(kept: Collection[Release]) -> tuple[ServiceBuild, ...]:
    return tuple(build for release in kept for build in release.services)


def _keys(kept: Collection[Release], builds: Collection[ServiceBuild]) -> Iterator[str]:
    """Yield the keys of what stays with releases and builds."""
    for release in kept:
        yield release_key(release.release_id)
        yield signature_key(release.release_id)
    for build in builds:
        yield template_key(build.template_sha256)
        if build.smoke_sha256 is not None:
            yield smoke_key(build.smoke_sha256)


def _is_new(stock: Stock, key: str, terms: Terms) -> bool:
    return stock.files[key] > terms.since


def _release(key: str) -> ReleaseId:
    return ReleaseId(key.removeprefix(f"{RELEASES_PREFIX}/").removesuffix(_END))
