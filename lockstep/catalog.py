"""Reads services/: which services there are, what each is built from, how each is smoke-tested.

The files of an image are exactly those that Docker would send, which only images.py can tell; it is handed in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from difflib import get_close_matches
from pathlib import Path

from lockstep import canonical, smoke, template
from lockstep.errors import ConfigError
from lockstep.model import ImageFunction, Service, Sha256, SmokeEvent
from lockstep.names import RESERVED

ContextFiles = Callable[[Path, Path], Iterable[str]]
_NAME = re.compile(r"[a-z](-?[a-z0-9]){0,30}")
# Never part of what is deployed: changing these leaves the release as it is.
_NOT_PACKAGED = frozenset({"tests", ".aws-sam", "__pycache__", "smoke.json", ".pytest_cache"})


def load(root: Path, context_files: ContextFiles) -> tuple[Service, ...]:
    """Read every service below `root`/services, by name.

    `context_files(context, dockerfile)` names the files that Docker sends for a build, relative to the context.
    Raises ConfigError for a folder that is no service.
    """
    home = root / "services"
    entries = home.iterdir() if home.is_dir() else ()
    folders = sorted(p for p in entries if p.is_dir() and not p.name.startswith((".", "_")))
    if not folders:
        raise ConfigError("reading services/", "there is no service", "add a folder like services/hello")
    return tuple(_service(root, folder, context_files) for folder in folders)


def select(services: tuple[Service, ...], wanted: Collection[str]) -> tuple[Service, ...]:
    """Return the services called `wanted`, all where none is; raises ConfigError for a name that is none."""
    known = [service.name for service in services]
    for name in wanted:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            raise ConfigError(
                f"looking for service '{name}' in services/",
                f"there are: {', '.join(known)}",
                f"did you mean '{near[0]}'?" if near else "",
            )
    return tuple(service for service in services if not wanted or service.name in wanted)


def _service(root: Path, folder: Path, context_files: ContextFiles) -> Service:
    _check_folder(folder)
    file = f"services/{folder.name}/template.yaml"
    try:
        text = (folder / "template.yaml").read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(
            f"reading {file}", "there is no such file", f"add it, or remove services/{folder.name}"
        ) from error
    parsed = template.read(text, file)
    images = template.image_functions(parsed, file)
    _check_paths(root, folder, parsed, images, file)
    hashes = tuple((i.logical_id, _image_hash(folder, i, context_files)) for i in images)
    package = _package_hash(folder, images)
    return Service(
        name=folder.name,
        images=images,
        smoke=_smoke(folder, parsed),
        source_hash=canonical.hash_of({"package": package, "images": dict(hashes)}),
        package_hash=package,
        image_hashes=hashes,
    )


def _check_folder(folder: Path) -> None:
    if not _NAME.fullmatch(folder.name) or folder.name in RESERVED:
        raise ConfigError(
            f"reading services/{folder.name}",
            "a service's name is 1 to 31 small letters, digits and single hyphens, and none of: "
            + ", ".join(sorted(RESERVED)),
            "rename the folder",
        )
    if folder.is_symlink():
        raise ConfigError(f"reading services/{folder.name}", "it is a symbolic link", "copy the folder itself there")


def _check_paths(
    root: Path, folder: Path, parsed: template.Template, images: tuple[ImageFunction, ...], file: str
) -> None:
    for image in images:
        context = (folder / image.context).resolve()
        dockerfile = context / image.dockerfile
        if not context.is_relative_to(root.resolve()):
            raise ConfigError(f"reading {file}", f"the context of {image.logical_id} lies outside the repository")
        if not dockerfile.is_file():
            raise ConfigError(
                f"reading {file}", f"{image.logical_id} names {image.context / image.dockerfile}, which is no file"
            )
    contexts = {str(image.context) for image in images}
    for text in template.strings(parsed["Resources"]):
        if text.startswith("../") and text not in contexts and (folder / text).exists():
            raise ConfigError(
                f"reading {file}",
                f"'{text}' lies outside the service's folder, so a change there would not be noticed",
                f"move it into services/{folder.name}",
            )


def _file_entry(path: Path) -> str:
    if path.is_symlink():
        return f"link {path.readlink()}"
    return f"{'x' if path.stat().st_mode & 0o100 else '-'} {canonical.sha256(path.read_bytes())}"


def _image_hash(folder: Path, image: ImageFunction, context_files: ContextFiles) -> Sha256:
    context = folder / image.context
    files = {name: _file_entry(context / name) for name in context_files(context, context / image.dockerfile)}
    return canonical.hash_of(
        {
            "files": files,
            "dockerfile": str(image.dockerfile),
            "architecture": image.architecture,
            "arguments": dict(image.build_args),
            "target": image.target,
        }
    )


def _package_hash(folder: Path, images: tuple[ImageFunction, ...]) -> Sha256:
    contexts = {folder / image.context for image in images} - {folder}
    files: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        skipped = _NOT_PACKAGED.intersection(parts) or any(path.is_relative_to(context) for context in contexts)
        if not skipped and (path.is_file() or path.is_symlink()):
            files["/".join(parts)] = _file_entry(path)
    return canonical.hash_of(files)


def _smoke(folder: Path, parsed: template.Template) -> tuple[SmokeEvent, ...]:
    try:
        text = (folder / "smoke.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    return smoke.read(text, f"services/{folder.name}/smoke.json", template.functions(parsed))
