"""Takes commits out of git: the files of one as a zip, and what it says of itself. Changes nothing there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lockstep import process
from lockstep.errors import ConfigError
from lockstep.pipeline_ports import Revision

# Between the parts of what git says of a commit; no commit message holds it, for it cannot hold a NUL either.
_END = "\x00"
_FORMAT = "%H%x00%aI%x00%B"


@dataclass(frozen=True)
class Repository:
    """The repository of the working tree at `root`; `env` is what git may see."""

    root: Path
    env: Mapping[str, str]

    def revision(self, commit: str | None, branch: str) -> Revision:
        """Return a commit, or a branch's newest one; raises ConfigError where there is none."""
        # As a revision and not as an option, whatever it begins with; a commit and not a file, whatever it is called.
        wanted = f"{commit}^{{commit}}" if commit else f"refs/heads/{branch}^{{commit}}"
        found = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", wanted)
        if found.status != 0:
            what = f"the commit {commit}" if commit else f"the branch {branch}"
            raise ConfigError(f"looking for {what}", f"{self.root.name} has none", "see git log, or name another")
        said = self._git("log", "-1", f"--format={_FORMAT}", "--end-of-options", found.output.strip())
        sha, date, message = said.output.split(_END, 2)
        return Revision(sha, branch, date, message.strip("\n"))

    def archive(self, commit: str, file: Path) -> None:
        """Write the files of a commit as a zip, without .git, as CodePipeline's CODE_ZIP is."""
        made = self._git("archive", "--format=zip", f"--output={file}", "--end-of-options", commit)
        if made.status != 0:
            raise ConfigError(f"taking the files of commit {commit}", process.tail(made.output), "see git status")

    def _git(self, *argv: str) -> process.Completed:
        return process.run(("git", "-C", str(self.root), *argv), self.env)
