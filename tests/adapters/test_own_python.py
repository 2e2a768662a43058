"""The Python environment of a build: what it installs is seen by it alone, and what is there already is found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lockstep.pipeline import buildspec, own_python
from lockstep.pipeline.build import Build, BuildOutcome
from lockstep.pipeline.own_python import Origin
from lockstep.testing import FakeClock
from tests.adapters import wheels
from tests.adapters.building import PATH, phases

SEE = (
    "python -c \"import importlib.metadata as m, tiny; print(tiny.VERSION, m.version('tiny'), "
    "*[one.name for one in m.entry_points(group='lockstep')])\""
)
INSTALL = "pip install --quiet --no-deps --no-index {}"
MAKE = """
import sys
from pathlib import Path
from lockstep.pipeline import own_python
print(own_python.make(Path(sys.argv[1]), own_python.Origin(Path(sys.argv[2]), ())))
"""
# Whom no permission binds has to give that up.
BOUND = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search") if os.geteuid() == 0 else ()


@pytest.fixture
def caller(tmp_path: Path) -> Origin:
    """Have an environment with tiny 1.0, from which builds are started."""
    return wheels.environment(tmp_path / "caller")


def build(folder: Path, caller: Origin, *commands: str) -> tuple[BuildOutcome, list[str]]:
    """Run commands in a build with an environment of its own, and return what they said."""
    said: list[str] = []
    folder.mkdir()
    machine = {"PATH": f"{caller.tools}:{PATH}", "LANG": "C.UTF-8", "HOME": str(folder)}
    machine = own_python.given(machine, folder / "python", caller)
    spec = buildspec.parse(f"version: 0.2\n{phases(build=commands)}", "b.yml")
    ended = Build(spec, folder, folder / "scratch", {}, said.append, FakeClock(), None, machine).run()
    return ended, [line for line in said if not line.startswith("[Container] ")]


def test_what_a_build_installs_is_its_own(caller: Origin, tmp_path: Path) -> None:
    """A build that installs another version of a package has that one; the caller and the next build have theirs."""
    before = wheels.content(tmp_path / "caller")
    install = INSTALL.format(wheels.wheel(tmp_path, "2.0"))

    first, saw = build(tmp_path / "first", caller, SEE, install, SEE, "tiny")
    second, saw_then = build(tmp_path / "second", caller, SEE)

    assert (first.failed, second.failed) == (None, None)
    assert saw == ["1.0 1.0 v1.0", "2.0 2.0 v2.0", "tiny 2.0"]
    assert saw_then == ["1.0 1.0 v1.0"]
    assert wheels.content(tmp_path / "caller") == before


def test_what_is_there_is_not_installed_again(caller: Origin, tmp_path: Path) -> None:
    """A package that the caller has in the wanted version is found, and nothing is fetched for it."""
    ended, said = build(tmp_path / "first", caller, "pip install --no-deps --no-index tiny==1.0")

    assert ended.failed is None
    assert said[0].startswith("Requirement already satisfied: tiny==1.0")


def test_a_package_of_the_caller_s_is_not_removed(caller: Origin, tmp_path: Path) -> None:
    """A build that uninstalls what the caller has leaves that as it is."""
    before = wheels.content(tmp_path / "caller")

    build(tmp_path / "first", caller, "pip uninstall --yes tiny", SEE)

    assert wheels.content(tmp_path / "caller") == before


def test_the_tools_are_the_build_s(caller: Origin, tmp_path: Path) -> None:
    """Scripts of the caller run with the build's own Python and see what that sees; tools of other kinds are there."""
    folder = tmp_path / "first"
    install = INSTALL.format(wheels.wheel(tmp_path, "2.0"))
    which = 'python -c "import sys; print(sys.prefix, sys.executable)"'

    _, said = build(folder, caller, which, "tiny 'a b'", install, "pip --version", "tool")

    own = folder / "python"
    assert said[:3] == [f"{own} {own}/bin/python", f"{own}/bin/tiny a b", "tiny 1.0"]
    assert said[3].startswith("pip ")
    assert said[4:] == ["a tool of the caller"]


@pytest.mark.parametrize("name", ["it's a $(touch ran) place", "x" * 120])
def test_a_folder_with_a_hostile_name(caller: Origin, tmp_path: Path, name: str) -> None:
    """Tools run also from a folder whose name a shell would read, or is too long for a first line."""
    ended, said = build(tmp_path / name, caller, "tiny")

    assert ended.failed is None
    assert said[-1] == "tiny 1.0"
    assert not (tmp_path / name / "ran").exists()


def test_a_build_in_a_build(caller: Origin, tmp_path: Path) -> None:
    """A build that a build starts has what that one installed, and installs for itself alone."""
    outer, inner = tmp_path / "outer", tmp_path / "inner"
    build(outer, caller, INSTALL.format(wheels.wheel(tmp_path, "2.0")))
    (packages,) = (outer / "python" / "lib").glob("*/site-packages")
    before = wheels.content(outer / "python")

    ended, said = build(
        inner, Origin(outer / "python" / "bin", (packages,)),
        SEE, INSTALL.format(wheels.wheel(tmp_path, "3.0")), SEE, "pip --version", "tiny",
    )  # fmt: skip

    assert ended.failed is None
    assert (said[0], said[1], said[3]) == ("2.0 2.0 v2.0", "3.0 3.0 v3.0", "tiny 3.0")
    assert {name: text for name, text in wheels.content(outer / "python").items() if "__pycache__" not in name} == {
        name: text for name, text in before.items() if "__pycache__" not in name
    }


def test_where_packages_come_from(tmp_path: Path) -> None:
    """A build's pip asks the registry that the caller's environment is set to ask."""
    caller = wheels.environment(tmp_path / "caller")
    (tmp_path / "caller" / "pip.conf").write_text("[global]\nfind-links = /from/here\n")

    _, said = build(tmp_path / "first", caller, "pip config list")

    assert "global.find-links='/from/here'" in said


def test_a_caller_without_pip(tmp_path: Path) -> None:
    """Where the caller has no pip a build has none, rather than one of the machine's that would change the machine."""
    (tmp_path / "bin").mkdir()

    ended, said = build(tmp_path / "first", Origin(tmp_path / "bin", ()), "pip --version")

    assert ended.failed is not None
    assert said[-1].endswith("No module named pip")


def test_a_tool_that_nobody_may_read(caller: Origin, tmp_path: Path) -> None:
    """A tool that may be run and not read, as sudo is in many places, is left where it is, and keeps no build away."""
    (caller.tools / "tool").chmod(0o111)

    ran = subprocess.run(
        (*BOUND, sys.executable, "-c", MAKE, str(tmp_path / "first"), str(caller.tools)),
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (ran.returncode, ran.stderr) == (0, "")
    made = {one.name for one in Path(ran.stdout.strip()).iterdir()}
    assert ("tiny" in made, "tool" in made) == (True, False)


def test_who_asks() -> None:
    """This interpreter's environment is where its tools are, and where its packages come from."""
    found = own_python.current()

    assert (found.tools / "pytest").is_file()
    assert any((folder / "pytest").is_dir() for folder in found.packages)
