"""Runs the commands of a build as CodeBuild's agent does: each in a shell of its own.

What goes on from one command to the next is the exported environment and the folder; functions, aliases, `set -e`
and arrays do not. `set -a` makes every variable an exported one. The wrapper is that of AWS's own runner:
https://github.com/aws/codecatalyst-runner-cli
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from lockstep import process

# A shell that a signal ended has this and the signal's number as its status, as shells say it of their children.
_SIGNALLED = 128
_SCRIPT = """\
set -a
. {env}
CODEBUILD_BUILD_SUCCEEDING={succeeding}
{command}
CODEBUILD_LAST_EXIT=$?
export -p > {env}
pwd > {folder}
exit $CODEBUILD_LAST_EXIT
"""
_DUMP = "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1], 'w'))"


@dataclass(frozen=True)
class Shell:
    """The shells of one build: `program` is which, `home` the folder of what goes on between them."""

    program: str
    home: Path
    path: str

    def begin(self, folder: Path, environment: Mapping[str, str]) -> None:
        """Prepare the first command: where it runs, and with which variables. Raises ConfigError without the shell."""
        process.find(self.program, self._env)
        self.home.mkdir(parents=True, exist_ok=True)
        lines = (f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
        self._variables.write_bytes(os.fsencode("".join(lines)))
        self._folder.write_bytes(os.fsencode(folder) + b"\n")

    def run(self, command: str, on_line: Callable[[str], None], *, succeeding: bool) -> int:
        """Run a command where the one before it left off, and return its status."""
        folder = Path(os.fsdecode(self._folder.read_bytes().removesuffix(b"\n")))
        if not folder.is_dir():
            on_line(f"cd: {folder}: there is no such folder any more")
            return 1
        script = _SCRIPT.format(
            env=shlex.quote(str(self._variables)),
            folder=shlex.quote(str(self._folder)),
            succeeding=int(succeeding),
            command=command,
        )
        status = self._start("script.sh", script, folder, on_line)
        return status if status >= 0 else _SIGNALLED - status

    def values(self, names: Collection[str]) -> dict[str, str]:
        """Return the variables of these names that are set, as they are now."""
        if not names:
            return {}
        answer = self.home / "values.json"
        argv = shlex.join((sys.executable, "-ISc", _DUMP, str(answer)))
        self._start("values.sh", f"set -a\n. {shlex.quote(str(self._variables))}\nexec {argv}\n", self.home)
        found: dict[str, str] = json.loads(answer.read_text())
        return {name: found[name] for name in names if name in found}

    @property
    def _env(self) -> dict[str, str]:
        return {"PATH": self.path}

    @property
    def _variables(self) -> Path:
        return self.home / "env.sh"

    @property
    def _folder(self) -> Path:
        return self.home / "dir.txt"

    def _start(self, name: str, script: str, folder: Path, on_line: Callable[[str], None] | None = None) -> int:
        file = self.home / name
        file.write_text(script, encoding="utf-8")
        return process.run((self.program, str(file)), self._env, folder, on_line).status
