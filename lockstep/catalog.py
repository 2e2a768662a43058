"""Reads services/: which services there are, what each is built from, how each is smoke-tested.

The files of an image are exactly those that Docker would send, which only images.py can tell; it is handed in.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from lockstep import canonical, grants, smoke, template
from lockstep.errors import ConfigError, did_you_mean
from lockstep.model import Grants, ImageFunction, Service, Sha256, SmokeEvent
from lockstep.names import INTEGRATION, RESERVED
from lockstep.needs import Knowledge

ContextFiles = Callable[[Path, Path], Iterable[str]]
_NAME = re.compile(r"(?=.{1,31}$)[a-z](-?[a-z0-9])*")
# Never part of what is deployed: changing these leaves the release as it is.
_NOT_PACKAGED = frozenset({"tests", ".aws-sam", "__pycache__", "smoke.json", ".pytest_cache", grants.FILE})


def load(root: Path, context_files: ContextFiles, knowledge: Knowledge) -> tuple[Service, ...]:
    """Read every service below `root`/services, by name.

    `context_files(context, dockerfile)` names the files that Docker sends for a build, relative to the context;
    `knowledge` tells which permissions there are. Raises ConfigError for a folder that is no service.
    """
    home = root / "services"
    entries = home.iterdir() if home.is_dir() else ()
    folders = sorted(p for p in entries if p.is_dir() and not p.name.startswith((".", "_")))
    if not folders:
        raise ConfigError("reading services/", "there is no service", "add a folder like services/hello")
    return tuple(_service(root, folder, context_files, knowledge) for folder in folders)


def select(services: tuple[Service, ...], wanted: Collection[str]) -> tuple[Service, ...]:
    """Return the services called `wanted`, all where none is; raises ConfigError for a name that is none."""
    known = [service.name for service in services]
    for name in wanted:
        if name not in known:
            raise ConfigError(
                f"looking for service '{name}' in services/",
                f"there are: {', '.join(known)}",
                did_you_mean(name, known),
            )
    return tuple(service for service in services if not wanted or service.name in wanted)


def is_unchanged(load_again: Callable[[], tuple[Service, ...]], service: Service) -> bool:
    """Are a service's files still those that it was read from? Not where they can no longer be read."""
    try:
        return any((now.name, now.source_hash) == (service.name, service.source_hash) for now in load_again())
    except ConfigError:
        return False


def _service(root: Path, folder: Path, context_files: ContextFiles, knowledge: Knowledge) -> Service:
    _check_folder(folder)
    file = f"services/{folder.name}/template.yaml"
    text = _text(folder, "template.yaml")
    if text is None:
        raise ConfigError(f"reading {file}", "there is no such file", f"add it, or remove services/{folder.name}")
    parsed = template.read(text, file)
    template.check_layers(parsed, file)
    images = template.image_functions(parsed, file)
    paths = _local_paths(folder, parsed, images)
    _check_paths(root, folder, paths, images, file)
    hashes = tuple((i.logical_id, _image_hash(folder, i, context_files)) for i in images)
    package = _package_hash(folder, images, paths.values())
    return Service(
        name=folder.name,
        images=images,
        smoke=_smoke(folder, parsed),
        source_hash=canonical.hash_of({"package": package, "images": dict(hashes)}),
        package_hash=package,
        image_hashes=hashes,
        grants=_grants(folder, knowledge),
        has_integration=(folder / INTEGRATION).is_dir(),
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


def _text(folder: Path, name: str) -> str | None:
    try:
        return (folder / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise ConfigError(f"reading services/{folder.name}/{name}", "it is not UTF-8", "save it as UTF-8") from error


def _place(folder: Path, path: object) -> Path:
    """Return where a relative path leads, without looking whether anything is there."""
    return Path(os.path.normpath(folder / str(path)))


def _local_paths(folder: Path, parsed: template.Template, images: tuple[ImageFunction, ...]) -> dict[str, Path]:
    """Return every text of a template that could be a path, and where it leads; what builds its images left out."""
    rest = template.unpinned(parsed, {image.logical_id: "" for image in images})
    texts = template.strings([rest.get("Globals"), rest["Resources"]])
    return {text: _place(folder, text) for text in texts if text and not text.startswith("/")}


def _check_paths(
    root: Path, folder: Path, paths: dict[str, Path], images: tuple[ImageFunction, ...], file: str
) -> None:
    for image in images:
        context = (folder / image.context).resolve()
        dockerfile = context / image.dockerfile
        if not all(path.is_relative_to(root.resolve()) for path in (context, dockerfile.resolve())):
            raise ConfigError(
                f"reading {file}",
                f"what {image.logical_id} is built from lies outside the repository",
                "move it into the repository",
            )
        if not dockerfile.is_file():
            raise ConfigError(
                f"reading {file}", f"{image.logical_id} names {image.context / image.dockerfile}, which is no file"
            )
    for text, path in paths.items():
        if not path.is_relative_to(_place(folder, ".")) and path.exists():
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
    # The Dockerfile too where it lies outside the context: Docker sends that one besides.
    sent = {*context_files(context, context / image.dockerfile), str(image.dockerfile)}
    files = {name: _file_entry(context / name) for name in sent}
    return canonical.hash_of(
        {
            "files": files,
            "dockerfile": str(image.dockerfile),
            "architecture": image.architecture,
            "arguments": dict(image.build_args),
            "target": image.target,
        }
    )


def _package_hash(folder: Path, images: tuple[ImageFunction, ...], paths: Collection[Path]) -> Sha256:
    """Hash every file of a service but those that concern an image or its tests alone.

    That is an image's context and the folder of integration tests, each if nothing else of the template uses it.
    """
    home = _place(folder, ".")
    contexts = [
        folder / context.relative_to(home)
        for context in {home / INTEGRATION, *(_place(folder, image.context) for image in images)}
        if home in context.parents and not any(p.is_relative_to(context) or context.is_relative_to(p) for p in paths)
    ]
    files: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        skipped = _NOT_PACKAGED.intersection(parts) or any(path.is_relative_to(context) for context in contexts)
        if not skipped and (path.is_file() or path.is_symlink()):
            files["/".join(parts)] = _file_entry(path)
    return canonical.hash_of(files)


def _grants(folder: Path, knowledge: Knowledge) -> Grants:
    text = _text(folder, grants.FILE)
    return Grants() if text is None else grants.read(text, f"services/{folder.name}/{grants.FILE}", knowledge)


def _smoke(folder: Path, parsed: template.Template) -> tuple[SmokeEvent, ...]:
    text = _text(folder, "smoke.json")
    if text is None:
        return ()
    return smoke.read(text, f"services/{folder.name}/smoke.json", template.functions(parsed))
