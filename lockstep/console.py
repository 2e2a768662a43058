"""Prints. Words go to stdout, or to stderr where stdout holds a JSON document; errors always go to stderr."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Console:
    """The terminal, or the log of a build: the same lines in both."""

    as_json: bool = False

    def say(self, line: str) -> None:
        """Print one line of words at once."""
        print(line, file=sys.stderr if self.as_json else sys.stdout, flush=True)

    def complain(self, text: str) -> None:
        """Print an error."""
        sys.stdout.flush()
        print(text, file=sys.stderr, flush=True)

    def result(self, lines: tuple[str, ...], document: object) -> None:
        """Print a result: its lines, or where JSON was asked for its document alone."""
        if self.as_json:
            print(json.dumps(document, indent=2), flush=True)
        else:
            for line in lines:
                print(line, flush=True)

    def alone(self, word: str) -> None:
        """Print the one word that whoever runs this waits for, on stdout; words for people go elsewhere then."""
        print(word, flush=True)

    def confirm(self, question: str) -> bool | None:
        """Ask on the terminal; None where there is none, since nobody can answer there."""
        answer = self.ask(f"{question} [y/N]")
        return None if answer is None else answer.lower() in {"y", "yes"}

    def ask(self, question: str) -> str | None:
        """Ask for a word on the terminal; None where there is none."""
        if not sys.stdin.isatty():
            return None
        print(f"{question} ", end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip()
