"""Makes the Python environment of one build: it has what the caller's has, and what it installs is its own.

It is a virtual environment behind whose packages those of the caller come, so that pip finds there what is wanted
already. pip takes nothing out of another environment than its own, and writes to none.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import sysconfig
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# What folders of packages are called; Debian has names of its own.
_PACKAGES = ("site-packages", "dist-packages")
_LINK = "behind.pth"
# A first line has no room for every path, nor for a space in it. This is a shell's script and Python's at once, as
# pip writes it in such a case.
_FIRST, _LAST = "#!/bin/sh\n'''exec' ", "' '''\n"
_PIP = b"import runpy\nrunpy.run_module('pip', run_name='__main__')\n"


@dataclass(frozen=True)
class Origin:
    """A Python environment: the folder of its tools, and those of its packages in the order in which they are seen."""

    tools: Path
    packages: tuple[Path, ...]


def current() -> Origin:
    """Return the environment of this interpreter."""
    packages = tuple(Path(one) for one in sys.path if Path(one).name in _PACKAGES)
    return Origin(Path(sys.executable).parent, packages)


def given(machine: Mapping[str, str], folder: Path, origin: Origin) -> dict[str, str]:
    """Return a build's variables with a PATH on which an environment of its own comes first, which is made there."""
    return {**machine, "PATH": os.pathsep.join((str(make(folder, origin)), machine.get("PATH", "")))}


def make(folder: Path, origin: Origin) -> Path:
    """Make an environment behind which another is, and return the folder of its tools."""
    venv.EnvBuilder(symlinks=True).create(folder)
    tools, python = folder / "bin", folder / "bin" / "python"
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
    # Not their plain paths: what they link to in turn is to be seen too.
    lines = (f"import site; site.addsitedir({str(one)!r})\n" for one in origin.packages)
    (packages / _LINK).write_text("".join(lines), encoding="utf-8")
    # Whatever pip the machine has would install into the machine.
    bodies = dict.fromkeys(("pip", "pip3"), _PIP)
    scripts = ((one.name, _body(one, origin.tools)) for one in origin.tools.iterdir())
    bodies |= {name: body for name, body in scripts if body is not None}
    begin = os.fsencode(f'{_FIRST}{shlex.quote(str(python))} "$0" "$@"\n{_LAST}')
    # What is there already leads to the interpreter itself.
    for name in bodies.keys() - {one.name for one in tools.iterdir()}:
        (tools / name).write_bytes(begin + bodies[name])
        (tools / name).chmod(0o755)
    config = origin.tools.parent / "pip.conf"
    if config.is_file():
        shutil.copy(config, folder / config.name)
    return tools


def _body(script: Path, tools: Path) -> bytes | None:
    """Return what a script of this environment's Python does, without the lines that start it; None for others."""
    if not (script.is_file() and os.access(script, os.R_OK | os.X_OK)):
        return None
    with script.open("rb") as file:
        if file.read(2) != b"#!":
            return None
    text = script.read_bytes()
    if text.startswith(os.fsencode(_FIRST)):
        return text.split(b"\n", 3)[3]
    first, _, rest = text.partition(b"\n")
    python = Path(os.fsdecode(first[2:].strip()))
    return rest if python.name.startswith("python") and _is_in(python, tools) else None


def _is_in(python: Path, tools: Path) -> bool:
    return python.parent.resolve() == tools.resolve()
