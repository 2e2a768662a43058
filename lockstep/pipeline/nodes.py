"""Reads YAML so that every value knows its file, line and dotted key. Pure: text in, values out.

Refuses what YAML lets pass: keys that are there twice, tags of somebody's own, values of another shape.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import yaml

from lockstep.errors import ConfigError, did_you_mean

_YAML = "tag:yaml.org,2002:"
_WORDS = frozenset(f"{_YAML}{kind}" for kind in ("str", "int", "float", "bool", "timestamp"))
_ANSWERS = {"yes": True, "true": True, "no": False, "false": False}


@dataclass(frozen=True)
class Node:
    """A value of a file, and where it stands: `path` is its dotted key, empty for the file as a whole."""

    file: str
    path: str
    raw: yaml.Node

    @property
    def line(self) -> int:
        """Its line, from 1."""
        return int(self.raw.start_mark.line) + 1

    def refused(self, answer: str, cure: str = "") -> ConfigError:
        """Return the error that says why this value cannot be used, by file, line and key."""
        return ConfigError(f"{self.file}:{self.line}: cannot use {self.path or 'the file'}", answer, cure)

    def table(self) -> dict[str, Node]:
        """Return a mapping's values by their keys, each of which stands there once; raises ConfigError."""
        if not isinstance(self.raw, yaml.MappingNode):
            raise self.refused("it is not a mapping of keys to values")
        found: dict[str, Node] = {}
        for key, value in self.raw.value:
            name = Node(self.file, self.path, key).text()
            inner = Node(self.file, f"{self.path}.{name}" if self.path else name, value)
            if name in found:
                raise Node(self.file, inner.path, key).refused(f"it stands in line {found[name].line} already")
            found[name] = inner
        return found

    def keys(self, known: Collection[str], unsupported: Mapping[str, str] | None = None) -> dict[str, Node]:
        """Return a mapping whose keys are all known; `unsupported` says of other keys why they are not taken."""
        found = self.table()
        for name, value in found.items():
            if why := (unsupported or {}).get(name):
                raise value.refused(f"this interpreter does not support '{name}': {why}")
            if name not in known:
                cure = did_you_mean(name, known) or f"one of: {', '.join(known)}"
                raise value.refused(f"there is no key '{name}' here", cure)
        return found

    def items(self) -> tuple[Node, ...]:
        """Return a list's values, at least one; raises ConfigError."""
        if not isinstance(self.raw, yaml.SequenceNode) or not self.raw.value:
            raise self.refused("it is not a list with at least one item")
        return tuple(Node(self.file, f"{self.path}[{number}]", raw) for number, raw in enumerate(self.raw.value))

    def text(self) -> str:
        """Return a single value as it is written; raises ConfigError for anything but text, a number or a date."""
        if isinstance(self.raw, yaml.MappingNode):
            raise self.refused("it is a mapping where text is wanted", "put text that holds ': ' between quotes")
        if not isinstance(self.raw, yaml.ScalarNode) or self.raw.tag not in _WORDS:
            raise self.refused("it is not text")
        value = str(self.raw.value)
        if any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in value):
            raise self.refused("it holds what no text can hold")
        return value

    def words(self) -> str:
        """Return a single value that is not blank; raises ConfigError."""
        if not (value := self.text()).strip():
            raise self.refused("it is blank")
        return value

    def is_on(self) -> bool:
        """Is it yes and not no? Raises ConfigError where it is neither."""
        answer = _ANSWERS.get(self.text().lower())
        if answer is None:
            raise self.refused("it is neither yes nor no")
        return answer


def read(text: str, file: str) -> Node:
    """Read a file of one YAML document; raises ConfigError with the line where it is none."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{file}:{line}: cannot read the file", f"it is not YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise ConfigError(f"{file}:1: cannot read the file", f"it is not YAML: {type(error).__name__}") from error
    if root is None:
        raise ConfigError(f"{file}:1: cannot read the file", "it is empty")
    return Node(file, "", root)
