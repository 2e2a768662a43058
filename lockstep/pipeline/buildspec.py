"""A buildspec of version 0.2, read strictly. Pure: the whole file is judged before its first command runs.

What it cannot do as CodeBuild does, it refuses by file, line and key, and skips nothing.
https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from lockstep.errors import ConfigError
from lockstep.pipeline import globs, nodes
from lockstep.pipeline.nodes import Node

PHASES = ("install", "pre_build", "build", "post_build")
# The name of the artifact that has none: what `artifacts` holds beside its secondary ones.
PRIMARY = ""
JUNIT, COBERTURA = "JUNITXML", "COBERTURAXML"
_SHELLS = ("/bin/sh", "bash")
_SOURCES = ("variables", "parameter-store", "secrets-manager")
_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_IDENTIFIER = re.compile("[A-Za-z0-9_]{1,100}")
_REPORT = re.compile(r"(?:arn:aws[a-z-]*:codebuild:[a-z0-9-]+:[0-9]{12}:report-group/)?[A-Za-z0-9_-]{1,100}")
# https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html
_MOST_REPORTS = 5
_USER = "builds here run as whoever starts them"
_ON_FAILURE = "CodeBuild documents neither the order of its phases nor the build's state after it"
_OF_TOP = {
    "run-as": _USER,
    "batch": "a single build is no batch; an action of a pipeline runs one with BatchEnabled",
    "proxy": "this machine has its own way out",
}
_OF_ENV = {"git-credential-helper": "a build gets its source without git"}
_OF_PHASE = {"run-as": _USER, "on-failure": _ON_FAILURE}
_OF_CACHE = dict.fromkeys(("key", "fallback-keys", "action"), "a cache is never kept here")
_OF_ARTIFACT = {
    "s3-prefix": "artifacts go where the pipeline puts them",
    "enable-symlinks": "a link is never put into an artifact",
}
_FILES = ("files", "base-directory", "discard-paths")


@dataclass(frozen=True)
class Command:
    """One item of a list of commands, and its line."""

    text: str
    line: int


@dataclass(frozen=True)
class Phase:
    """What a phase runs, and what it runs in any case after that."""

    name: str
    commands: tuple[Command, ...] = ()
    always: tuple[Command, ...] = ()


@dataclass(frozen=True)
class Secret:
    """Where a secret is: with `key` one value of the JSON that it holds; a stage or a version, or neither."""

    id: str
    key: str = ""
    stage: str = ""
    version: str = ""


@dataclass(frozen=True)
class Files:
    """Which files: what fits `patterns` and not `excluded` below the folder `base`; `line` is where they are named."""

    patterns: tuple[str, ...]
    base: str = "."
    excluded: tuple[str, ...] = ()
    discard_paths: bool = False
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Report:
    """A report of tests or of coverage: JUNIT or COBERTURA."""

    name: str
    files: Files
    format: str = JUNIT


@dataclass(frozen=True)
class Buildspec:
    """What a file says: variables and where their values come from, phases in order, what is left in the end."""

    file: str
    shell: str
    phases: tuple[Phase, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    exported: tuple[str, ...] = ()
    artifacts: Mapping[str, Files] = field(default_factory=dict)
    reports: tuple[Report, ...] = ()
    cache: tuple[str, ...] = ()
    python: str = ""
    python_line: int = 0
    exported_line: int = field(default=0, compare=False)

    def check_python(self, version: str) -> None:
        """Raise ConfigError where the file asks for another Python than this one, 3.11 for example."""
        if self.python not in {"", version}:
            raise ConfigError(
                f"{self.file}:{self.python_line}: cannot use phases.install.runtime-versions.python",
                f"it asks for {self.python}, the interpreter here is {version}; nothing is installed",
                f"python: {version}, or run the tasks with Python {self.python}",
            )


def parse(text: str, file: str) -> Buildspec:
    """Read a buildspec; raises ConfigError for the first thing in it that is wrong or not supported."""
    root = nodes.read(text, file)
    top = root.keys(("version", "env", "phases", "reports", "artifacts", "cache"), _OF_TOP)
    for name in ("version", "phases"):
        if name not in top:
            raise root.refused(f"'{name}' is missing")
    if (version := top["version"].text()) != "0.2":
        raise top["version"].refused(f"this interpreter does not support version {version}", "version: 0.2")
    env = top["env"].keys(("shell", *_SOURCES, "exported-variables"), _OF_ENV) if "env" in top else {}
    sources, python = _sources(env), _python(top["phases"])
    return Buildspec(
        file=file,
        shell=_shell(env),
        phases=_phases(top["phases"]),
        variables={name: value.text() for name, value in sources["variables"].items()},
        parameters={name: value.words() for name, value in sources["parameter-store"].items()},
        secrets={name: _secret(value) for name, value in sources["secrets-manager"].items()},
        exported=_exported(env, {*sources["parameter-store"], *sources["secrets-manager"]}),
        artifacts=_artifacts(top["artifacts"]) if "artifacts" in top else {},
        reports=_reports(top["reports"]) if "reports" in top else (),
        cache=_cache(top),
        python=python.text() if python else "",
        python_line=python.line if python else 0,
        exported_line=env["exported-variables"].line if "exported-variables" in env else 0,
    )


def _shell(env: Mapping[str, Node]) -> str:
    if "shell" not in env:
        return _SHELLS[0]
    if (shell := env["shell"].text()) not in _SHELLS:
        raise env["shell"].refused(f"this interpreter does not support the shell {shell}", "/bin/sh or bash")
    return shell


def _sources(env: Mapping[str, Node]) -> dict[str, dict[str, Node]]:
    """Return where variables have their values from, by key of the file; a variable has one source."""
    sources = {key: env[key].table() if key in env else {} for key in _SOURCES}
    seen: set[str] = set()
    for source in sources.values():
        for name, value in source.items():
            check_variable(name, value)
            if name in seen:
                raise value.refused(f"{name} has its value from elsewhere in the file already")
            seen.add(name)
    return sources


def check_variable(name: str, value: Node) -> None:
    """Raise ConfigError where a variable has a name that no file may set."""
    if not _NAME.fullmatch(name):
        raise value.refused("a variable's name has letters, digits and _, and begins with no digit")
    if name.startswith("CODEBUILD_"):
        raise value.refused("only CodeBuild itself sets what begins with CODEBUILD_")


def _secret(value: Node) -> Secret:
    text = value.words()
    # An ARN holds six colons of its own.
    ours = 7 if text.startswith("arn:") else 1
    parts = text.split(":")
    name, rest = ":".join(parts[:ours]), parts[ours:]
    if len(rest) > len(("key", "stage", "version")) or not name or len(parts) < ours:
        raise value.refused("a secret is secret-id[:json-key[:version-stage[:version-id]]]")
    key, stage, version = (*rest, "", "", "")[:3]
    if stage and version:
        raise value.refused("it names a version by its stage and by its id, and may do only one")
    return Secret(name, key, stage, version)


def _exported(env: Mapping[str, Node], secret: Collection[str]) -> tuple[str, ...]:
    if "exported-variables" not in env:
        return ()
    found: list[str] = []
    for item in env["exported-variables"].items():
        name = item.text()
        if not _NAME.fullmatch(name):
            raise item.refused("a variable's name has letters, digits and _, and begins with no digit")
        if name.startswith("AWS_"):
            raise item.refused("CodeBuild exports nothing that begins with AWS_")
        if name in found:
            raise item.refused(f"{name} is exported already")
        if name in secret:
            raise item.refused(f"{name} is a parameter or a secret: exported, everybody could read it")
        found.append(name)
    return tuple(found)


def _phases(place: Node) -> tuple[Phase, ...]:
    found = place.keys(PHASES)
    if not found:
        raise place.refused("it has no phase")
    return tuple(_phase(name, found[name]) for name in PHASES if name in found)


def _phase(name: str, place: Node) -> Phase:
    known = ("commands", "finally", *(("runtime-versions",) if name == "install" else ()))
    found = place.keys(known, _OF_PHASE)
    if "commands" not in found and name != "install":
        raise place.refused("it has no commands")
    return Phase(name, *(_commands(found[key]) if key in found else () for key in ("commands", "finally")))


def _commands(place: Node) -> tuple[Command, ...]:
    return tuple(Command(item.words(), item.line) for item in place.items())


def _python(phases: Node) -> Node | None:
    """Return the version of Python that is asked for; a runtime of another kind is refused."""
    install = phases.keys(PHASES).get("install")
    if install is None or "runtime-versions" not in (found := install.table()):
        return None
    runtimes = found["runtime-versions"].table()
    for name, value in runtimes.items():
        if name != "python":
            raise value.refused(f"this interpreter does not support the runtime {name}: it installs none")
    if not runtimes:
        raise found["runtime-versions"].refused("it names no runtime")
    version = runtimes["python"]
    if not re.fullmatch(r"3\.[0-9]{1,2}", version.text()):
        raise version.refused("only one exact version can be compared with the interpreter here", "python: 3.11")
    return version


def _artifacts(place: Node) -> dict[str, Files]:
    found = _artifact_keys(place, "secondary-artifacts")
    artifacts = {PRIMARY: _files(place, found)}
    if "secondary-artifacts" in found:
        for name, inner in found["secondary-artifacts"].table().items():
            if not _IDENTIFIER.fullmatch(name):
                raise inner.refused("an artifact's identifier has letters, digits and _")
            artifacts[name] = _files(inner, _artifact_keys(inner))
    return artifacts


def _artifact_keys(place: Node, *more: str) -> dict[str, Node]:
    found = place.keys((*_FILES, "exclude-paths", "name", *more), _OF_ARTIFACT)
    if "name" in found and re.search(r"[$`]", found["name"].words()):
        raise found["name"].refused("this interpreter does not support a name that a shell works out")
    return found


def _files(place: Node, found: Mapping[str, Node]) -> Files:
    if "files" not in found:
        raise place.refused("it has no files")
    base = _glob(found["base-directory"]) if "base-directory" in found else "."
    if "*" in base:
        raise found["base-directory"].refused("this interpreter does not support a base directory with *")
    excluded = found["exclude-paths"].items() if "exclude-paths" in found else ()
    return Files(
        patterns=tuple(_glob(item) for item in found["files"].items()),
        base=base,
        excluded=tuple(_glob(item) for item in excluded),
        discard_paths="discard-paths" in found and found["discard-paths"].is_on(),
        line=found["files"].line,
    )


def _glob(place: Node) -> str:
    pattern = place.words()
    if answer := globs.fault(pattern):
        raise place.refused(answer)
    return pattern


def _reports(place: Node) -> tuple[Report, ...]:
    groups = place.table()
    if len(groups) > _MOST_REPORTS:
        raise place.refused(f"CodeBuild takes {_MOST_REPORTS} report groups at most")
    return tuple(_report(name, group) for name, group in groups.items())


def _report(name: str, place: Node) -> Report:
    if not _REPORT.fullmatch(name):
        raise place.refused("a report group is a name of letters, digits, - and _, or an ARN")
    found = place.keys((*_FILES, "file-format"))
    kind = found["file-format"].text().upper() if "file-format" in found else JUNIT
    if kind not in {JUNIT, COBERTURA}:
        raise found["file-format"].refused(f"this interpreter does not support {kind}", f"{JUNIT} or {COBERTURA}")
    return Report(name, _files(place, found), kind)


def _cache(top: Mapping[str, Node]) -> tuple[str, ...]:
    if "cache" not in top:
        return ()
    found = top["cache"].keys(("paths",), _OF_CACHE)
    if "paths" not in found:
        raise top["cache"].refused("it has no paths")
    return tuple(item.words() for item in found["paths"].items())
