"""A folder with a source, in which a test runs buildspecs with the shells of this machine."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import indent

from lockstep.pipeline import buildspec
from lockstep.pipeline.build import Build, BuildOutcome
from lockstep.testing import FakeClock, FakeVault, World

PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass
class Site:
    """Where builds run; `lines` is what they said."""

    root: Path
    world: World = field(default_factory=World)
    lines: list[str] = field(default_factory=list)

    @property
    def source(self) -> Path:
        """The folder of the source."""
        return self.root / "src"

    def write(self, name: str, text: str = "") -> Path:
        """Write a file of the source."""
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def run(self, text: str, environment: Mapping[str, str] | None = None) -> BuildOutcome:
        """Run a buildspec of version 0.2."""
        self.source.mkdir(exist_ok=True)
        spec = buildspec.parse(f"version: 0.2\n{text}", "b.yml")
        given, vault, machine = environment or {}, FakeVault(self.world), {"PATH": PATH, "LANG": "C.UTF-8"}
        return Build(spec, self.source, self.root, given, self.lines.append, FakeClock(), vault, machine).run()

    def said(self) -> list[str]:
        """What the commands themselves said."""
        return [line for line in self.lines if not line.startswith("[Container] ")]


def states(ended: BuildOutcome) -> str:
    """Return each phase that ran after the source's, a failed one with an exclamation mark."""
    marked = (f"{phase.name}{'!' if phase.state == 'FAILED' else ''}" for phase in ended.phases[1:])
    return " ".join(marked)


def phases(**commands: tuple[str, ...]) -> str:
    """Return phases with these commands, each of which may have many lines; `name_finally` for what always runs."""
    text = "phases:\n"
    for name in ("install", "pre_build", "build", "post_build"):
        lists = {"commands": commands.get(name, ()), "finally": commands.get(f"{name}_finally", ())}
        if any(lists.values()):
            text += f"  {name}:\n"
        for key, items in lists.items():
            if items:
                text += f"    {key}:\n" + "".join(f"      - |-\n{indent(item, ' ' * 10)}\n" for item in items)
    return text


def names(path: Path) -> list[str]:
    """Return the names of a zip."""
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()
