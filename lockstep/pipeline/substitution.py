"""Puts the values of a run where a pipeline says `#{namespace.NAME}`. Pure; what is put in is never read again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from lockstep.errors import DeployError

Variables = Mapping[str, Mapping[str, str]]

# https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-variables.html
_NAMED = re.compile(r"#\{([A-Za-z0-9@_-]+)\.([A-Za-z0-9@_-]+)\}")
_OPENED = "#{"


def substitute(text: str, variables: Variables) -> str:
    """Return a text with each `#{namespace.NAME}` replaced; raises DeployError for one that has no value."""
    return _replaced(text, variables, lambda _name, value: value)


def substitute_in_json(text: str, variables: Variables, key: str = "EnvironmentVariables") -> str:
    """Return the JSON text of a key with variables replaced; raises DeployError also for a value that breaks a string.

    CodePipeline puts a value into JSON as it is, so a quote or a new line in it breaks the action there:
    https://github.com/aws/aws-cdk/issues/8458
    """

    def checked(name: str, value: str) -> str:
        if json.dumps(value, ensure_ascii=False) != f'"{value}"':
            cure = f"do not hand it to an action by {key}"
            answer = "CodePipeline does not escape its quote, backslash or new line in JSON, where it breaks the action"
            raise DeployError(f"putting the value of #{{{name}}} into {key}", answer, cure)
        return value

    return _replaced(text, variables, checked)


def _replaced(text: str, variables: Variables, put: Callable[[str, str], str]) -> str:
    found, end = [], 0
    for match in _NAMED.finditer(text):
        namespace, name = match.groups()
        if name not in variables.get(namespace, {}):
            known = ", ".join(f"{one}.{each}" for one, values in variables.items() for each in values)
            raise DeployError(
                f"resolving {match[0]}", f"nothing before it gives it; there is {known or 'nothing yet'}",
                "see the action's namespace and the buildspec's exported-variables",
            )  # fmt: skip
        found += [_plain(text[end : match.start()]), put(f"{namespace}.{name}", variables[namespace][name])]
        end = match.end()
    return "".join((*found, _plain(text[end:])))


def names(text: str) -> tuple[tuple[str, str], ...]:
    """Return the variables that a text names: namespace and name."""
    return tuple((match[1], match[2]) for match in _NAMED.finditer(text))


def _plain(text: str) -> str:
    """Return text between variables; raises DeployError where it opens one that is none."""
    if _OPENED in text:
        begin = text[text.index(_OPENED) :][:40]
        raise DeployError(f"resolving '{begin}'", "it is no #{namespace.NAME}", "correct the pipeline's template")
    return text
