"""Docker images on this machine. The only place that imports docker; talks to one engine, by its API.

Builds with the engine's own builder, one platform at a time and without attestations, because Lambda takes a single
image manifest and refuses an index (https://docs.aws.amazon.com/lambda/latest/dg/images-create.html).
"""

from __future__ import annotations

import json
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import docker
from docker.credentials import StoreError
from docker.errors import APIError, DockerException, NotFound, StreamParseError
from docker.utils.build import exclude_paths
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from lockstep.errors import BuildError, RegistryError
from lockstep.model import Architecture, ImageFunction, ImageRef
from lockstep.ports import Say

# Lambda's limit on an image, uncompressed: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LARGEST_IMAGE = 10 * 1024**3
# One image, not an index of several: Lambda refuses an index.
# https://docs.aws.amazon.com/lambda/latest/dg/images-create.html
_MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)
# What an image made on the sandbox's stand-in inherits from it: this label, whose value is the true base.
STAND_IN = "lockstep.stand-in"
_TAIL = 12
# All that docker's client raises: beside its own what it does not catch of the libraries below it.
_FAILURES = (DockerException, StoreError, StreamParseError, RequestException, HTTPError, OSError)


def context_files(context: Path, dockerfile: Path) -> tuple[str, ...]:
    """Return the files that a build of `context` sends to the engine, relative to it, sorted.

    Follows .dockerignore as the engine's client does: https://docs.docker.com/reference/dockerfile/#dockerignore-file
    """
    ignore = context / ".dockerignore"
    lines = ignore.read_text(encoding="utf-8").splitlines() if ignore.is_file() else []
    patterns = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    sent = exclude_paths(str(context), patterns, dockerfile=str(dockerfile.relative_to(context)))
    return tuple(sorted(name for name in sent if (context / name).is_symlink() or (context / name).is_file()))


@dataclass(frozen=True)
class Images:
    """The images of the engine at `host`. `login` gives a registry's user and password, and is asked once.

    `takes_standins` is for the sandbox: elsewhere an image made on its stand-in is neither built nor pushed.
    """

    host: str
    login: Callable[[], tuple[str, str]] | None = None
    takes_standins: bool = False

    @cached_property
    def _docker(self) -> Any:  # noqa: ANN401 - docker ships no types
        try:
            _reach(self.host)
            return docker.DockerClient(base_url=self.host, timeout=600)
        except _FAILURES as error:
            raise _engine_down(self.host, error) from error

    @cached_property
    def _auth(self) -> dict[str, str]:
        user, password = self.login() if self.login else ("", "")
        return {"username": user, "password": password}

    def ping(self) -> str:
        """Return the engine's version; raises BuildError where none answers."""
        try:
            return str(self._docker.version()["Version"])
        except _FAILURES as error:
            raise _engine_down(self.host, error) from error

    def has(self, tag: str) -> bool:
        """Is there a local image with this tag?"""
        try:
            self._docker.images.get(tag)
        except NotFound:
            return False
        except _FAILURES as error:
            raise _engine_down(self.host, error) from error
        return True

    def base(self, tag: str) -> str | None:
        """Return what a local image was built from: the image at the end of the chain of its parents.

        By digest, or by its id where it came from no registry; None where there is no image of this tag here. The
        classic builder keeps each step's image as the parent of the next.
        """
        try:
            found = self._docker.api.inspect_image(tag)
            while found.get("Parent"):
                found = self._docker.api.inspect_image(found["Parent"])
        except NotFound:
            return None
        except _FAILURES as error:
            raise _engine_down(self.host, error) from error
        return str(next(iter(found.get("RepoDigests") or ()), found["Id"]))

    def remove(self, tag: str) -> None:
        """Remove a local tag; nothing where there is none. Raises BuildError where the engine does not do it."""
        try:
            self._docker.images.remove(tag)
        except NotFound:
            return
        except _FAILURES as error:
            raise _engine_down(self.host, error) from error

    def build(self, folder: Path, image: ImageFunction, tag: str, labels: Mapping[str, str], say: Say) -> None:
        """Build an image function of the service in `folder` and tag it; each line of the build goes to `say`.

        Raises BuildError with the build's last words, or for an image that Lambda would refuse.
        """
        tried = f"building {image.logical_id} from {folder.name}/{image.context}"
        self.ping()
        try:
            stream = self._docker.api.build(
                path=str(folder / image.context),
                dockerfile=str(image.dockerfile),
                tag=tag,
                buildargs=dict(image.build_args),
                target=image.target or "",
                platform=f"linux/{image.architecture.docker}",
                labels=dict(labels),
                rm=True,
                forcerm=True,
                decode=True,
            )
            _follow(stream, say, lambda words: BuildError(tried, words, "mend the Dockerfile or what it copies"))
            made = self._docker.api.inspect_image(tag)
        except _FAILURES as error:
            raise BuildError(tried, _words(error), "invoke doctor") from error
        self._refuse_standin(tried, tag, made)
        if made["Architecture"] != image.architecture.docker:
            raise BuildError(
                tried,
                f"the image is for {made['Architecture']}, the template says {image.architecture}",
                "set Architectures in the template, or the platform in the Dockerfile",
            )
        if made["Size"] > LARGEST_IMAGE:
            raise BuildError(
                tried, f"the image has {made['Size'] / 1024**3:.1f} GiB, Lambda takes 10", "make it smaller"
            )

    def push(self, tag: str, say: Say) -> None:
        """Push a tag; the login is sent along and written nowhere.

        Raises RegistryError with the registry's words, BuildError for an image on the sandbox's stand-in.
        """
        repository, _, name = tag.rpartition(":")
        tried = f"pushing {tag}"
        try:
            self._refuse_standin(tried, tag, self._docker.api.inspect_image(tag))
            stream = self._docker.api.push(repository, tag=name, auth_config=self._auth, stream=True, decode=True)
            _follow(stream, lambda _line: None, lambda words: RegistryError(tried, words, "try again"))
        except _FAILURES as error:
            raise RegistryError(tried, _words(error), "try again") from error
        say(f"pushed {tag}")

    def _refuse_standin(self, tried: str, tag: str, inspected: Mapping[str, Any]) -> None:
        labels = (inspected.get("Config") or {}).get("Labels") or {}
        if STAND_IN in labels and not self.takes_standins:
            # Its source stays the same, so that a later build would find this tag and build nothing.
            self.remove(tag)
            answer = f"its base is the sandbox's stand-in for {labels[STAND_IN]}"
            raise BuildError(tried, answer, f"docker pull {labels[STAND_IN]}, then repeat")

    def check(self, ref: ImageRef, architecture: Architecture) -> None:
        """Read an image's manifest from its registry, be it local or not; pulls nothing.

        Raises BuildError for an image that Lambda does not run, RegistryError where the registry does not have it.
        """
        tried = f"checking {ref} in the registry"
        try:
            found = self._docker.api.inspect_distribution(str(ref), auth_config=self._auth)
        except _FAILURES as error:
            raise RegistryError(tried, _words(error), "invoke push") from error
        media_type = found["Descriptor"]["mediaType"]
        if media_type not in _MANIFESTS:
            raise BuildError(tried, f"its media type is {media_type}, which Lambda refuses", "build one platform only")
        platforms = [platform["architecture"] for platform in found["Platforms"]]
        if platforms != [architecture.docker]:
            raise BuildError(tried, f"it is for {platforms}, the template says {architecture}", "invoke build")

    def running(self) -> tuple[str, ...]:
        """Return the images of the containers that run, by the name that they were started with."""
        try:
            return tuple(container["Image"] for container in self._docker.api.containers())
        except _FAILURES as error:
            raise _engine_down(self.host, error) from error

    def pull(self, tag: str) -> bool:
        """Pull an image; False where it cannot be had."""
        try:
            self._docker.images.pull(tag)
        except _FAILURES:
            return False
        return True

    def import_rootfs(self, tar: Iterable[bytes], tag: str, changes: Sequence[str]) -> None:
        """Make an image of a file system, with Dockerfile instructions applied to it."""
        tried = f"making the image {tag}"
        repository, _, name = tag.rpartition(":")
        try:
            said = self._docker.api.import_image_from_stream(
                tar, repository=repository, tag=name, changes=list(changes)
            )
            lines = (json.loads(line) for line in said.splitlines() if line.strip())
            _follow(lines, lambda _line: None, lambda words: BuildError(tried, words, "invoke doctor"))
        except _FAILURES as error:
            raise BuildError(tried, _words(error), "invoke doctor") from error


def _reach(host: str) -> None:
    """Raise OSError where nobody listens: docker's client would leave its socket open and bury the reason."""
    url = urlsplit(host)
    if url.scheme == "unix":
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(url.path)


def _engine_down(host: str, error: Exception) -> BuildError:
    return BuildError(f"talking to the Docker engine at {host}", _words(error), "start Docker, or invoke sandbox.start")


def _words(error: Exception) -> str:
    """Return what an engine said, on one line and without the client's wrapping."""
    text = (
        (isinstance(error, APIError) and error.explanation) or (isinstance(error, OSError) and error.strerror) or error
    )
    return " ".join(str(text).split())[:500]


def _follow(stream: Iterable[Mapping[str, Any]], say: Say, failed: Callable[[str], Exception]) -> None:
    """Show a stream's lines as they come; raise what `failed` makes of its last words where it ends in an error.

    Reads on after an error, to the stream's end, or its connection would stay open.
    """
    tail: deque[str] = deque(maxlen=_TAIL)
    error = ""
    for message in stream:
        # A request that is refused as a whole is answered with a message; docker's client looks for none in a stream.
        error = error or str(message.get("error", message.get("message", ""))).strip()
        for line in _lines(message):
            tail.append(line)
            say(f"  {line}")
    if error:
        last = [line for line in tail if not line.startswith(("--->", "Step "))][-3:]
        raise failed(" | ".join([*last, error]))


def _lines(message: Mapping[str, Any]) -> Iterator[str]:
    for line in str(message.get("stream", "")).splitlines():
        if line.strip():
            yield line.strip()
