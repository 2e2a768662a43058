"""Makes releases: ensures each image, each packaged template, and the manifest that names them.

Every result is kept by what it was made from, so nothing that exists is made again, on any machine.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from lockstep import VERSION, canonical, catalog, names, release, signing, smoke, template
from lockstep.errors import BuildError, GateError, RegistryError
from lockstep.model import (
    Commit,
    ImageDetails,
    ImageFunction,
    ImageRef,
    Release,
    ReleaseId,
    Service,
    ServiceBuild,
    Sha256,
    SmokeEvent,
)
from lockstep.names import Names
from lockstep.ports import Clock, Say, Store, Tooling, Wiring


@dataclass(frozen=True)
class Maker:
    """Makes the parts of a release in the tooling account. `say` gets one line before anything slow.

    `unchanged` says whether a service's files are still those that it was read from: what is made is kept for good
    under the name of its source, so what was made of other files must not be kept.
    """

    root: Path
    names: Names
    tooling: Tooling
    commit: Commit
    say: Say
    unchanged: Callable[[Service], bool]

    def tag_of(self, service: Service, image: ImageFunction) -> str:
        """The local name of an image: that of its repository, and the tag of its source."""
        repository = self.names.repository(service.name, image.logical_id)
        return f"{self.tooling.registry.host}/{repository}:{_source_tag(service, image)}"

    def build(self, service: Service, image: ImageFunction) -> str:
        """Ensure that an image is on this machine and return its local tag.

        Raises BuildError, and keeps no image, where the source changed meanwhile.
        """
        tag = self.tag_of(service, image)
        if self.tooling.images.has(tag):
            self.say(f"{service.name}: {image.logical_id} is built already")
            return tag
        self.say(f"{service.name}: building {image.logical_id} from services/{service.name}/{image.context}")
        labels = {
            names.LABEL_COMMIT: names.commit_name(self.commit),
            names.LABEL_SOURCE: dict(service.image_hashes)[image.logical_id],
        }
        self.tooling.images.build(self.root / "services" / service.name, image, tag, labels, self.say)
        if not self.unchanged(service):
            self.tooling.images.remove(tag)
            raise BuildError(
                f"building {image.logical_id} of {service.name}", "the source changed while it was built", "repeat"
            )
        return tag

    def published(self, service: Service, image: ImageFunction) -> ImageRef | None:
        """Return the image in the registry that was made from this source, if there is one.

        Raises BuildError for one that Lambda does not run: a push that failed its check leaves it there.
        """
        repository = self.names.repository(service.name, image.logical_id)
        ref = self.tooling.registry.find(repository, _source_tag(service, image))
        if ref is not None:
            self.tooling.images.check(ref, image.architecture)
        return ref

    def push(self, service: Service, image: ImageFunction) -> ImageRef:
        """Ensure that a built image is in the registry and return it by digest.

        Raises BuildError where it was never built, RegistryError where the registry refuses it.
        """
        if ref := self.published(service, image):
            self.say(f"{service.name}: {image.logical_id} is in the registry already")
            return ref
        tag = self.tag_of(service, image)
        if not self.tooling.images.has(tag):
            raise BuildError(
                f"pushing {image.logical_id} of {service.name}", "no image was built from this source", "invoke build"
            )
        self.say(f"{service.name}: pushing {image.logical_id}")
        self.tooling.images.push(tag, self.say)
        ref = self.published(service, image)
        if ref is None:
            raise RegistryError(f"reading {tag} back after the push", "the registry does not have it", "invoke push")
        return ref

    def ensure(self, service: Service, image: ImageFunction) -> ImageRef:
        """Ensure that an image is in the registry, building it only where it is not."""
        if ref := self.published(service, image):
            return ref
        self.build(service, image)
        return self.push(service, image)

    def package(self, service: Service, images: dict[str, ImageRef]) -> ServiceBuild:
        """Ensure the packaged template that names `images`, and the record of this build.

        Raises BuildError, and keeps nothing, where the source changed meanwhile.
        """
        store = self.tooling.store
        folder = self.root / "services" / service.name
        source = template.read((folder / "template.yaml").read_text(encoding="utf-8"), f"services/{service.name}")
        key = names.package_key(service.name, service.package_hash)
        packaged = store.get(key)
        if packaged is None:
            self.say(f"{service.name}: packaging")
            repositories = {
                i.logical_id: f"{self.tooling.registry.host}/{self.names.repository(service.name, i.logical_id)}"
                for i in service.images
            }
            content = canonical.encode(template.unpinned(source, repositories))
            made = self.tooling.packager.package(folder, content, repositories, self.say)
            if not self.unchanged(service):
                raise BuildError(f"packaging {service.name}", "the source changed while it was packaged", "repeat")
            packaged = _first(store, key, canonical.encode(json.loads(made)))
        final = canonical.encode(template.pinned(json.loads(packaged), images))
        sha256 = canonical.sha256(final)
        store.put_once(names.template_key(sha256), final)
        build = ServiceBuild(
            name=service.name,
            source_hash=service.source_hash,
            images=tuple(sorted(images.items())),
            template_sha256=sha256,
            details=tuple((i.logical_id, self.details(service, i, images[i.logical_id])) for i in service.images),
            tools=self._tools(service),
        )
        record = canonical.encode(release.encode_build(build))
        return _read_build(service.name, _first(store, names.build_key(service.name, service.source_hash), record))

    def details(self, service: Service, image: ImageFunction, ref: ImageRef) -> ImageDetails:
        """Return what is known of a pushed image; of its base nothing where it was not built here."""
        media_type, sizes = self.tooling.registry.layers(ref)
        base = self.tooling.images.base(self.tag_of(service, image))
        return ImageDetails(media_type, image.architecture, sum(sizes), len(sizes), base)

    def _tools(self, service: Service) -> tuple[tuple[str, str], ...]:
        """Return the versions of what shapes a build: no engine where there is no image."""
        engine = (("docker", self.tooling.images.ping()),) if service.images else ()
        return (("aws-sam-cli", self.tooling.packager.version()), *engine, ("lockstep", VERSION))

    def known(self, service: Service) -> ServiceBuild | None:
        """Return the build of exactly this source, where anyone has made it before."""
        record = self.tooling.store.get(names.build_key(service.name, service.source_hash))
        if record is None:
            return None
        build = _read_build(service.name, record)
        here = tuple(ref.repository.partition("/")[0] == self.tooling.registry.host for _, ref in build.images)
        return build if all(here) else None

    def make(self, service: Service) -> ServiceBuild:
        """Ensure a service's build: its images, its packaged template, its record, and beside them its smoke file."""
        if build := self.known(service):
            self.say(f"{service.name}: nothing changed since it was built")
        else:
            images = {image.logical_id: self.ensure(service, image) for image in service.images}
            build = self.package(service, images)
        return replace(build, smoke_sha256=self._keep_smoke(service))

    def _keep_smoke(self, service: Service) -> Sha256 | None:
        if not service.smoke:
            return None
        content = smoke.encode(service.smoke)
        sha256 = canonical.sha256(content)
        self.tooling.store.put_once(names.smoke_key(sha256), content)
        return sha256

    def publish(self, builds: tuple[ServiceBuild, ...], clock: Clock) -> tuple[Release, bool]:
        """Ensure the manifest, signed where releases are; return the release and whether it is new."""
        made = release.make(self.names.project, self.commit, builds)
        key, store = names.release_key(made.release_id), self.tooling.store
        who = {"by": self.tooling.caller, "at": clock.now()}
        new = store.get(key) is None and store.put_once(key, release.encode(self.names.project, made, who))
        if self.tooling.signer is not None:
            # Whoever was first wrote the manifest: what it holds is seen before it is signed.
            find_release(store, made.release_id)
            signing.sign(store, self.tooling.signer, made.release_id)
        return made, new


def maker(wiring: Wiring) -> Maker:
    """Open the tooling account as the caller and return who makes releases of the working tree there."""
    commit = wiring.commit()
    unchanged = functools.partial(catalog.is_unchanged, wiring.services)
    return Maker(wiring.root, wiring.settings().names, wiring.tooling(), commit, wiring.console.say, unchanged)


def make_release(wiring: Wiring) -> tuple[Release, bool]:
    """Make the release of the working tree, each part only where it is not there yet; say whether it is new."""
    making = maker(wiring)
    return making.publish(tuple(making.make(service) for service in wiring.services()), wiring.clock)


def make_builds(wiring: Wiring, services: tuple[Service, ...]) -> tuple[ServiceBuild, ...]:
    """Make the builds of some services, each part only where it is not there yet; publish no release."""
    making = maker(wiring)
    return tuple(making.make(service) for service in services)


def find_release(store: Store, wanted: str) -> Release:
    """Read a release by its name, or by as much of it as is unique; raises GateError."""
    matches = [key for key in store.keys("releases/" + wanted) if key.endswith(".json")] if _is_hex(wanted) else []
    if len(matches) != 1:
        tried = f"looking for release '{wanted}'"
        if matches:
            raise GateError(tried, f"{len(matches)} releases begin so", "give more of its name")
        raise GateError(tried, "there is no such release", "invoke status, or invoke release")
    content = store.get(matches[0]) or b""
    name = ReleaseId(matches[0].removeprefix("releases/").removesuffix(".json"))
    return release.decode(content, name)


def read_build(key: str, record: bytes) -> ServiceBuild:
    """Read the record of a build by its key, which names the service; raises GateError for a damaged one."""
    return _read_build(key.split("/")[1], record)


def read_template(store: Store, build: ServiceBuild) -> bytes:
    """Read a build's packaged template and verify it; raises GateError."""
    what = f"the packaged template of {build.name}"
    return _verified(store, names.template_key(build.template_sha256), build.template_sha256, what)


def read_smoke(store: Store, build: ServiceBuild) -> tuple[SmokeEvent, ...]:
    """Read the smoke tests of a release's service and verify them; none where it has none. Raises GateError."""
    if build.smoke_sha256 is None:
        return ()
    key, what = names.smoke_key(build.smoke_sha256), f"the smoke file of {build.name}"
    return smoke.read(_verified(store, key, build.smoke_sha256, what), key)


def _verified(store: Store, key: str, sha256: Sha256, what: str) -> bytes:
    content = store.get(key)
    if content is None:
        raise GateError(f"reading {what}", f"there is no {key} in the bucket", "invoke release")
    release.verify(content, sha256, what)
    return content


def declared_parameters(store: Store, builds: tuple[ServiceBuild, ...]) -> dict[str, dict[str, str | None]]:
    """Return the parameters, with their defaults, that each build's own packaged template declares; raises GateError.

    All are read and verified, so a release that was altered is refused whole, before its first stack is touched.
    """
    return {build.name: template.parameters(json.loads(read_template(store, build))) for build in builds}


def built_tags(maker: Maker, services: tuple[Service, ...]) -> dict[str, dict[str, str]]:
    """Build every image of the services; return local tags by service and function."""
    return {s.name: {i.logical_id: maker.build(s, i) for i in s.images} for s in services}


def pushed_refs(maker: Maker, services: tuple[Service, ...]) -> dict[str, dict[str, ImageRef]]:
    """Push every image of the services; return references by service and function."""
    return {s.name: {i.logical_id: maker.push(s, i) for i in s.images} for s in services}


def packaged(maker: Maker, services: tuple[Service, ...]) -> tuple[ServiceBuild, ...]:
    """Package every service whose images are in the registry; raises RegistryError for one that is not."""
    return tuple(maker.known(s) or maker.package(s, _published_images(maker, s)) for s in services)


def _published_images(maker: Maker, service: Service) -> dict[str, ImageRef]:
    images: dict[str, ImageRef] = {}
    for image in service.images:
        ref = maker.published(service, image)
        if ref is None:
            raise RegistryError(
                f"packaging {service.name}", f"{image.logical_id} is not in the registry", "invoke push"
            )
        images[image.logical_id] = ref
    return images


def _source_tag(service: Service, image: ImageFunction) -> str:
    return names.image_tag(dict(service.image_hashes)[image.logical_id])


def _first(store: Store, key: str, content: bytes) -> bytes:
    """Write a key once and return what it holds: ours, or that of whoever was first."""
    if store.put_once(key, content):
        return content
    return store.get(key) or content


def _read_build(name: str, record: bytes) -> ServiceBuild:
    try:
        return release.decode_build(name, json.loads(record))
    except release.DAMAGE as error:
        raise GateError(
            f"reading the build record of {name}", "it is damaged", "change a file and build again"
        ) from error


def _is_hex(text: str) -> bool:
    return 4 <= len(text) <= 64 and all(c in "0123456789abcdef" for c in text)
