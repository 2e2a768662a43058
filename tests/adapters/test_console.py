"""The console: words, results and errors each go where a person and a pipe expect them."""

from __future__ import annotations

import json
import os
import pty
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lockstep.console import Console

DOCUMENT = {"release": "c0ffee", "services": [1, None]}


@contextmanager
def terminal(typed: str) -> Iterator[None]:
    """Have a person at a terminal who types."""
    person, ours = pty.openpty()
    before = sys.stdin
    try:
        with os.fdopen(ours, encoding="utf-8") as sys.stdin:
            os.write(person, typed.encode())
            yield
    finally:
        sys.stdin = before
        os.close(person)


def test_words_and_results(capsys: pytest.CaptureFixture[str]) -> None:
    """Words and a result's lines go to stdout, errors to stderr."""
    console = Console()

    console.say("building")
    console.complain("error: no")
    console.result(("one", "two"), DOCUMENT)

    assert capsys.readouterr() == ("building\none\ntwo\n", "error: no\n")


def test_json_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """Where JSON was asked for, stdout holds one document and nothing else."""
    console = Console(as_json=True)

    console.say("building")
    console.complain("error: no")
    console.result(("one", "two"), DOCUMENT)

    out, err = capsys.readouterr()
    assert json.loads(out) == DOCUMENT
    assert err == "building\nerror: no\n"


@pytest.mark.parametrize(
    ("typed", "answer"),
    [("y\n", True), ("Yes\n", True), ("n\n", False), ("\n", False), ("\x04", False), ("ja\n", False)],
)
def test_a_person_is_asked(capsys: pytest.CaptureFixture[str], typed: str, *, answer: bool) -> None:
    """A question is a yes only where a person says so; it is asked on stderr."""
    with terminal(typed):
        confirmed = Console().confirm("Deploy to prod?")

    assert confirmed is answer
    assert capsys.readouterr() == ("", "Deploy to prod? [y/N] ")


def test_nobody_is_asked_in_a_build(capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is no terminal a question has no answer, and is not even asked."""
    before = sys.stdin
    with open(os.devnull, encoding="utf-8") as sys.stdin:  # noqa: PTH123 - a stream, not a file
        confirmed = Console().confirm("Deploy to prod?")
    sys.stdin = before

    assert confirmed is None
    assert capsys.readouterr() == ("", "")
