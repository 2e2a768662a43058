"""Makes a stand-in for Lambda's Python base image where that cannot be pulled. Reads what a build starts from.

The stand-in is Debian with the same Python and Lambda's runtime client and emulator, for the sandbox alone: it
runs the same handlers, but is not Amazon Linux. No proxy and no login goes into it. Speaks to no engine by
itself: that comes in as an ImageStore.
"""

from __future__ import annotations

import importlib.util
import io
import os
import platform
import re
import shutil
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from lockstep import process
from lockstep.errors import BuildError
from lockstep.images import STAND_IN
from lockstep.model import Architecture
from lockstep.ports import Say
from lockstep.sandbox import apt_sources, engine

BASE = "public.ecr.aws/lambda/python:3.13"
SUITE, PACKAGES = "trixie", "python3,python3-venv,ca-certificates"  # the Debian release that has Python 3.13
PHASES = ("Retrieving InRelease", "Unpacking required packages...", "Unpacking the base system...")
BUNDLE = "etc/ssl/certs/ca-certificates.crt"
EMULATOR = "usr/local/bin/aws-lambda-rie"
EMPTIED = frozenset(
    ("dev", "proc", "run", "sys", "tmp", "usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man",
     "var/cache/apt", "var/cache/debconf", "var/lib/apt/lists", "var/log")
)  # fmt: skip
LOCAL = ("etc/resolv.conf", "etc/hostname", "etc/hosts", "etc/apt/sources.list")  # what names this machine's network
# As in Lambda's own image: https://docs.aws.amazon.com/lambda/latest/dg/python-image.html
ENTRY_POINT = f"""\
#!/bin/sh
if [ -z "$AWS_LAMBDA_RUNTIME_API" ]; then
  exec /{EMULATOR} /usr/bin/python3 -m awslambdaric "$@"
fi
exec /usr/bin/python3 -m awslambdaric "$@"
"""
CHANGES = (
    "ENV LAMBDA_TASK_ROOT=/var/task PYTHONPATH=/var/task LANG=C.UTF-8",
    f"ENV SSL_CERT_FILE=/{BUNDLE} PIP_CERT=/{BUNDLE}",
    "ENV PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1",
    "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin",
    "WORKDIR /var/task",
    'ENTRYPOINT ["/lambda-entrypoint.sh"]',
    f'LABEL {STAND_IN}="{BASE}"',
)
REACH = ("http_proxy", "https_proxy", "no_proxy", "pip_index_url", "pip_extra_index_url")


class ImageStore(Protocol):
    """What the stand-in needs of an engine's images."""

    def has(self, tag: str) -> bool:
        """Whether there is a local image with this tag."""

    def pull(self, tag: str) -> bool:
        """Pull an image; False where it cannot be had."""

    def import_rootfs(self, tar: Iterable[bytes], tag: str, changes: Sequence[str]) -> None:
        """Make an image of a file system, a tar in pieces, with Dockerfile instructions applied to it."""


def base_images(dockerfile: str, arguments: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the images that the FROM lines of a Dockerfile's text name, each once: no stages, no scratch.

    Resolves `$NAME` and `${NAME}` by the ARGs before the first FROM, whose defaults `arguments` replaces, as it
    does in a build; leaves out what stays unresolved (https://docs.docker.com/reference/dockerfile/#from).
    """
    values: dict[str, str] = {}
    images: dict[str, None] = {}
    stages: list[str] = []
    for word, parts in _instructions(dockerfile):
        if word == "ARG" and not stages:
            for name, given, default in (part.partition("=") for part in parts):
                value = _resolved(default.strip("\"'"), values) if given else None
                value = (arguments or {}).get(name, value)
                values |= {} if value is None else {name: value}
        elif word == "FROM" and (named := [part for part in parts if not part.startswith("--")]):
            image = _resolved(named[0].strip("\"'"), values)
            if "$" not in image and image.lower() not in {"", "scratch", *stages}:
                images[image] = None
            stages.append(named[-1].lower() if len(named) > 1 else "")
    return tuple(images)


def _instructions(dockerfile: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each instruction's word in capitals and its parts: continued lines joined, here-documents left out."""
    lines = iter(dockerfile.splitlines())
    joined = ""
    for line in lines:
        if line.strip() and not line.lstrip().startswith("#"):
            joined += line.rstrip().removesuffix("\\") + " "
            if not line.rstrip().endswith("\\"):
                yield from _instruction(joined, lines)
                joined = ""
    yield from _instruction(joined, lines)


def _instruction(text: str, following: Iterator[str]) -> Iterator[tuple[str, list[str]]]:
    word, *parts = text.split() or [""]
    if word.upper() in {"RUN", "COPY", "ADD"}:
        for end in (found[2] for found in re.finditer(r"""\s\d*<<-?(["']?)(\w+)\1(?=\s)""", text)):
            any(line.strip() == end for line in following)
    elif word:
        yield word.upper(), parts


def _resolved(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda found: values.get(found[1] or found[2], found[0]), text)


def mirror(sources: Iterable[str]) -> str | None:
    """Return the first http mirror of Debian that a machine's apt sources name, or None.

    Takes the text of each file. Other people's packages for Debian are no
    mirror, and neither is its security archive: a mirror's path names debian, and it has a main component.
    """
    for text in sources:
        for uris, components in apt_sources.read(text):
            for uri in uris:
                folders = urlsplit(uri).path.split("/")
                is_debian = any(name.startswith("debian") and "security" not in name for name in folders)
                if uri.startswith(("http://", "https://")) and is_debian and "main" in components:
                    return uri
    return None


def own_architecture() -> Architecture | None:
    """Return the architecture that this machine runs, None where Lambda has none such."""
    names = {"x86_64": Architecture.X86_64, "aarch64": Architecture.ARM64}
    return names.get(platform.machine())


def ensure(
    tags: Iterable[str],
    images: ImageStore,
    folder: Path,
    lock: Path,
    env: Mapping[str, str],
    say: Say,
    architecture: Architecture | None = None,
) -> None:
    """See that each base image is in the engine: pulled, or for BASE its stand-in, made below `folder`.

    The stand-in carries the public name, so that a FROM needs no change. `lock` names the packages that go into
    it, with their hashes; `architecture` is the builds', this machine's if not given. Raises BuildError for an
    image that can be had in no way, naming it.
    """
    for tag in tags:
        if images.has(tag):
            continue
        say(f"pulling {tag}")
        if images.pull(tag):
            continue
        if tag != BASE:
            cure = f"docker pull {tag} where its registry can be reached, or build FROM {BASE}"
            raise BuildError(f"the base image {tag} is not here", "it could not be pulled", cure)
        say(f"{tag} cannot be pulled here: building a stand-in, once; about a minute.")
        say("  It is Debian with the same Python, Lambda's runtime client and its emulator, for the sandbox only.")
        say("  It is not Amazon Linux: it has no dnf and other system libraries.")
        root = build_rootfs(folder, lock, env, say, architecture)
        try:
            say("  importing it into the Docker engine")
            images.import_rootfs(pack(root), tag, changes(env))
        finally:
            discard(root)


def build_rootfs(
    folder: Path, lock: Path, env: Mapping[str, str], say: Say, architecture: Architecture | None = None
) -> Path:
    """Make the stand-in's file system in `<folder>/standin` and return where it is; nothing is mounted below it.

    Needs Linux, root and the network; installs debootstrap first where apt can. Whatever was there is replaced.
    Raises BuildError, leaving nothing behind.
    """
    root, here = folder.resolve() / "standin", engine.Machine.this()
    if not here.is_root or (architecture or own_architecture()) != own_architecture():
        needed = f"root on Linux on {architecture or own_architecture() or 'x86_64 or arm64'}"
        cure = f"docker pull {BASE} where its registry can be reached"
        raise BuildError(f"no stand-in for {BASE} can be built here", f"it needs {needed}", cure)
    engine.provide(("debootstrap",), env, say, here)
    discard(root)
    root.mkdir(parents=True, mode=0o755)
    try:
        _bootstrap(root, env, say)
        _furnish(root, lock, env, say)
    except BaseException:
        discard(root)
        raise
    return root


def discard(root: Path) -> None:
    """Unmount all below `root`, then delete it; raises BuildError, deleting nothing, where a mount stays."""
    engine.unmount_below(root)
    if root.exists():
        shutil.rmtree(root)


def _bootstrap(root: Path, env: Mapping[str, str], say: Say) -> None:
    def follow(line: str) -> None:
        if (phase := line.removeprefix("I: ").strip()) in PHASES:
            say(f"  debootstrap: {phase}")

    apt = Path("/etc/apt")
    files = (apt / "sources.list", *sorted((apt / "sources.list.d").glob("*.list")), *apt.glob("*/*.sources"))
    source = mirror(file.read_text(encoding="utf-8") for file in files if file.is_file())
    options = ("--variant=minbase", f"--include={PACKAGES}")
    argv = ("debootstrap", *options, SUITE, str(root), *([source] if source else []))
    try:
        done = process.run(argv, engine.admin_environment(env), on_line=follow)
    finally:
        # It mounts /proc in there and may leave it so; nobody may delete or copy through that.
        engine.unmount_below(root)
    if done.status:
        cure = "see that this machine reaches a Debian mirror; on Ubuntu, install debian-archive-keyring"
        raise BuildError(f"debootstrap of Debian {SUITE} failed", process.tail(done.output), cure)


def _furnish(root: Path, lock: Path, env: Mapping[str, str], say: Say) -> None:
    """Put in what Debian lacks: this machine's trust, pip, Lambda's runtime client, emulator, entry point."""
    bundle = Path(env.get("SSL_CERT_FILE") or env.get("PIP_CERT") or f"/{BUNDLE}")
    if bundle.is_file():
        with (root / BUNDLE).open("ab") as trusted:
            trusted.write(b"\n" + bundle.read_bytes())
    for marker in root.glob("usr/lib/python3.*/EXTERNALLY-MANAGED"):
        marker.unlink()
    say("  installing pip and Lambda's runtime client")
    pip = next(root.glob("usr/share/python-wheels/pip-*.whl")).relative_to(root)
    reach = {name: value for name, value in env.items() if name.lower() in REACH}
    shutil.copyfile(lock, root / lock.name)
    done = process.run(
        ("chroot", str(root), "/usr/bin/python3", f"/{pip}/pip", "install", "--no-cache-dir", "--only-binary=:all:",
         "--root-user-action=ignore", "--disable-pip-version-check", "--no-deps", "--require-hashes",
         "-r", f"/{lock.name}"),
        reach | {"PATH": engine.ADMIN_PATH, "HOME": "/root", "LANG": "C.UTF-8", "PIP_CERT": f"/{BUNDLE}"},
    )  # fmt: skip
    if done.status:
        cure = "see that this machine reaches its Python package index; try again"
        raise BuildError("the stand-in's runtime client was not installed", process.tail(done.output), cure)
    (root / lock.name).unlink()
    shutil.copyfile(_emulator(), root / EMULATOR)
    (root / "lambda-entrypoint.sh").write_text(ENTRY_POINT, encoding="utf-8")
    for program in (root / EMULATOR, root / "lambda-entrypoint.sh"):
        program.chmod(0o755)
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    (root / "var/task").mkdir(mode=0o755)
    for name in LOCAL:
        (root / name).unlink(missing_ok=True)


def _emulator() -> Path:
    """Return the runtime interface emulator that aws-sam-cli brings, without importing that."""
    spec = importlib.util.find_spec("samcli")
    places = (spec and spec.submodule_search_locations) or []
    for place in places:
        file = Path(place, "local", "rapid", f"aws-lambda-rie-{own_architecture()}")
        if file.is_file():
            return file
    raise BuildError("aws-sam-cli has no runtime interface emulator", cure="install requirements/run.txt")


def changes(env: Mapping[str, str]) -> tuple[str, ...]:
    """Return what makes the file system Lambda's image; an index of `env` goes in unless it has a login."""
    index = {name: value for name, value in env.items() if name.startswith("PIP_") and name.lower() in REACH}
    return (*CHANGES, *(f'ENV {name}="{value}"' for name, value in sorted(index.items()) if "@" not in value))


def pack(root: Path) -> Iterator[bytes]:
    """Yield a tar of the file system at `root`, in pieces, without what EMPTIED names."""
    pieces = io.BytesIO()
    with tarfile.open(fileobj=pieces, mode="w|") as tar:
        for folder, folders, files in os.walk(root):
            inside = Path(folder).relative_to(root)
            if str(inside) in EMPTIED:
                folders.clear()
                continue
            for name in sorted((*folders, *files)):
                tar.add(Path(folder, name), str(inside / name), recursive=False)
                yield pieces.getvalue()
                pieces.seek(0)
                pieces.truncate()
    yield pieces.getvalue()
