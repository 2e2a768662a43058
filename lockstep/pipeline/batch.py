"""The build graph of a batch, read strictly. Pure: the whole of it is judged before the first of its builds runs.

What cannot be done as CodeBuild does it, or is not documented, is refused by file, line and key; nothing is skipped.
https://docs.aws.amazon.com/codebuild/latest/userguide/batch-build-buildspec.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lockstep.errors import ConfigError, did_you_mean
from lockstep.pipeline import buildspec, nodes
from lockstep.pipeline.nodes import Node

_IDENTIFIER = re.compile("[A-Za-z0-9_]{1,100}")
# https://docs.aws.amazon.com/cli/latest/reference/codebuild/batch-get-build-batches.html: the batch's own first build
_OWN = "DOWNLOAD_SOURCE"
# CodeBuild reads a batch's version as a number: https://github.com/aws/aws-cdk/issues/29592
_NUMBER = "tag:yaml.org,2002:float"
_ALONE = "each build of a batch has a buildspec of its own here"
_OF_TOP = dict.fromkeys(("run-as", "env", "proxy", "phases", "reports", "artifacts", "cache"), _ALONE)
_OF_BATCH = dict.fromkeys(("build-list", "build-matrix", "build-fanout"), "of batches it knows build-graph alone")
_OF_BUILD = {
    "ignore-failure": "a build that fails fails its batch here",
    "debug-session": "nobody can look into a build here",
}
_OF_ENV = dict.fromkeys(
    ("compute-type", "fleet", "image", "privileged-mode", "type"), "each build has its project's machine here"
)


@dataclass(frozen=True)
class Entry:
    """One build of a batch: its buildspec, a file of the source, its variables, and which builds it comes after."""

    identifier: str
    buildspec: str
    variables: Mapping[str, str] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Batch:
    """The builds of a batch, each behind those that it comes after. With `fast_fail` one that fails ends them all."""

    file: str
    entries: tuple[Entry, ...]
    fast_fail: bool = False

    def refused(self, entry: Entry, answer: str, cure: str = "") -> ConfigError:
        """Return the error that says why a build of it cannot be run, by file and line."""
        return ConfigError(f"{self.file}:{entry.line}: cannot use the build {entry.identifier}", answer, cure)


def parse(text: str, file: str) -> Batch:
    """Read a buildspec that holds a build graph and nothing else; raises ConfigError for the first thing wrong."""
    root = nodes.read(text, file)
    top = root.keys(("version", "batch"), _OF_TOP)
    for name in ("version", "batch"):
        if name not in top:
            raise root.refused(f"'{name}' is missing")
    if (top["version"].text(), top["version"].raw.tag) != ("0.2", _NUMBER):
        raise top["version"].refused("a batch has the number 0.2 here, which is no text", "version: 0.2")
    found = top["batch"].keys(("fast-fail", "build-graph"), _OF_BATCH)
    if "build-graph" not in found:
        raise top["batch"].refused("it has no build-graph")
    builds = found["build-graph"].items()
    batch = Batch(file, tuple(_entry(one) for one in builds), "fast-fail" in found and found["fast-fail"].is_on())
    return Batch(file, _ordered(batch, builds), batch.fast_fail)


def _entry(place: Node) -> Entry:
    found = place.keys(("identifier", "buildspec", "env", "depend-on"), _OF_BUILD)
    for name in ("identifier", "buildspec"):
        if name not in found:
            raise place.refused(f"it has no {name}")
    identifier, named = found["identifier"].text(), found["buildspec"].words()
    if not _IDENTIFIER.fullmatch(identifier) or identifier == _OWN:
        raise found["identifier"].refused(f"an identifier has letters, digits and _, and is not {_OWN}")
    if "\n" in named or named.startswith("arn:"):
        raise found["buildspec"].refused("this interpreter takes a file of the source here")
    env = found["env"].keys(("variables",), _OF_ENV) if "env" in found else {}
    variables = env["variables"].table() if "variables" in env else {}
    for name, value in variables.items():
        buildspec.check_variable(name, value)
    return Entry(
        identifier=identifier,
        buildspec=named,
        variables={name: value.text() for name, value in variables.items()},
        after=tuple(one.text() for one in found["depend-on"].items()) if "depend-on" in found else (),
        line=place.line,
    )


def _ordered(batch: Batch, builds: Sequence[Node]) -> tuple[Entry, ...]:
    """Return the builds as they stand, each moved behind those that it comes after; raises ConfigError."""
    _check(batch, builds)
    done: list[Entry] = []
    left = list(batch.entries)
    while left:
        names = {one.identifier for one in done}
        ready = next((one for one in left if names.issuperset(one.after)), None)
        if ready is None:
            raise batch.refused(left[0], "it waits for builds that wait for each other", "see each depend-on")
        left.remove(ready)
        done.append(ready)
    return tuple(done)


def _check(batch: Batch, builds: Sequence[Node]) -> None:
    """See that each identifier stands there once, and that those that are waited for are there."""
    names = [one.identifier for one in batch.entries]
    for number, (entry, place) in enumerate(zip(batch.entries, builds, strict=True)):
        if entry.identifier in names[:number]:
            raise place.table()["identifier"].refused(f"{entry.identifier} is there already")
        for name in entry.after:
            if name not in names:
                cure = did_you_mean(name, names) or f"one of: {', '.join(names)}"
                raise place.table()["depend-on"].refused(f"there is no build '{name}' in this batch", cure)
        if len(set(entry.after)) != len(entry.after):
            raise place.table()["depend-on"].refused("it names a build twice")
