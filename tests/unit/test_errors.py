"""What an error says, and the exit code that it ends with."""

from __future__ import annotations

import re

import pytest

from lockstep import errors
from lockstep.errors import LockstepError


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """Each error ends with the exit code that the table of errors gives it, and no two share one."""
    drawn = {name: int(code) for name, code in re.findall(r"(\w+Error) +(\d+) ", errors.__doc__ or "")}
    tree: list[type[LockstepError]] = [LockstepError, *LockstepError.__subclasses__()]

    real = {error.__name__: error.exit_code for error in tree}

    assert real == drawn
    assert sorted(real.values()) == list(range(1, 11))


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (LockstepError("doing x"), "error: doing x"),
        (LockstepError("doing x", "no"), "error: doing x\n  answer: no"),
        (LockstepError("doing x", cure="try y"), "error: doing x\n  next: try y"),
        (LockstepError("doing x", "no", "try y"), "error: doing x\n  answer: no\n  next: try y"),
    ],
)
def test_what_an_error_says(error: LockstepError, text: str) -> None:
    """An error says what was tried, then what came back and what to do next, as far as they are known."""
    assert str(error) == text
