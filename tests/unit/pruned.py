"""A project whose releases pile up, as prune sees it: what there is, what each environment needs, what goes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from lockstep import canonical, prune
from lockstep.model import Digest, ImageRef, Release, ReleaseId, ServiceBuild, StoredImage
from lockstep.names import build_key, release_key, signature_key, smoke_key, template_key
from lockstep.prune import Pruning, Stock, Terms, Use
from lockstep.testing import a_build, a_digest, a_release

OLD, SINCE, NEW = "2026-01-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00", "2026-02-02T00:00:00+00:00"


def a_version(name: str, version: object, smoke: object = "") -> ServiceBuild:
    """Return the build of a version of a service: an image, a template and a source of its own."""
    return a_build(
        name,
        source_hash=canonical.hash_of([name, version, "source"]),
        images=(("HelloFunction", ImageRef(f"registry/shop/{name}/hellofunction", an_image_of(name, version))),),
        template_sha256=canonical.hash_of([name, version, "template"]),
        smoke_sha256=canonical.hash_of([name, smoke, "smoke"]),
    )


def an_image_of(name: str, version: object) -> Digest:
    """Return the digest of a version of a service."""
    return a_digest(f"{name} {version}")


@dataclass
class Project:
    """What is in tooling: what files hold and when they were written, and when images were pushed."""

    releases: dict[ReleaseId, Release] = field(default_factory=dict)
    records: dict[str, ServiceBuild] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    images: dict[str, dict[Digest, str]] = field(default_factory=dict)

    def add(self, *builds: ServiceBuild, at: str = OLD) -> Release:
        """Publish a release; what is there already keeps its date."""
        made = a_release(*builds)
        self.releases[made.release_id] = made
        self.files.setdefault(release_key(made.release_id), at)
        self.files.setdefault(signature_key(made.release_id), at)
        for build in builds:
            self.add_build(build, at)
            if build.smoke_sha256 is not None:
                self.files.setdefault(smoke_key(build.smoke_sha256), at)
        return made

    def add_build(self, build: ServiceBuild, at: str = OLD) -> None:
        """Keep a build's record, template and images, as before there is a release of it."""
        self.records.setdefault(build_key(build.name, build.source_hash), build)
        for key in (build_key(build.name, build.source_hash), template_key(build.template_sha256)):
            self.files.setdefault(key, at)
        for _, ref in build.images:
            self.images.setdefault(ref.repository.partition("/")[2], {}).setdefault(ref.digest, at)

    def plan(self, *uses: Use, keep: int = 20) -> Pruning:
        """Return what goes, reading what has to be read as the task does."""
        images = {name: tuple(StoredImage(d, 10, at) for d, at in there.items()) for name, there in self.images.items()}
        stock, terms = Stock(dict(self.files), images), Terms(keep, SINCE)
        kept = [self.releases[name] for name in prune.releases(stock, uses, terms)]
        found = {key: self.records[key] for key in prune.records(stock, kept, terms)}
        return prune.plan(stock, uses, kept, found, terms)

    def remove(self, files: Iterable[str], pruning: Pruning | None = None) -> None:
        """Take files away, and the images of a plan where one is given."""
        for key in files:
            del self.files[key]
        for shelf in pruning.shelves if pruning else ():
            for image in shelf.removed:
                del self.images[shelf.repository][image.digest]

    def lacks(self, release: ReleaseId) -> list[str]:
        """Return what a release names, itself included, and is not there."""
        found = self.releases[release]
        smokes = [smoke_key(build.smoke_sha256) for build in found.services if build.smoke_sha256]
        keys = [release_key(release), *(template_key(build.template_sha256) for build in found.services), *smokes]
        return [key for key in keys if key not in self.files] + [
            gone for build in found.services for gone in self.lacking(build)
        ]

    def lacking(self, build: ServiceBuild) -> list[str]:
        """Return what a build names and is not there."""
        template = template_key(build.template_sha256)
        images = [
            str(ref) for _, ref in build.images if ref.digest not in self.images[ref.repository.partition("/")[2]]
        ]
        return images + ([] if template in self.files else [template])

    def dangling(self) -> list[str]:
        """Return what any release or record of a build names and is not there."""
        found = [gone for name in self.releases if release_key(name) in self.files for gone in self.lacks(name)]
        return found + [gone for key in self.records if key in self.files for gone in self.lacking(self.records[key])]


def removed(pruning: Pruning) -> set[Digest]:
    """Return the digests that go."""
    return {image.digest for shelf in pruning.shelves for image in shelf.removed}
