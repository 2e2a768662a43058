"""What the rules look at: the source files, parsed."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Source:
    """A Python file of ours, as text and as a tree."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.relative_to(ROOT).as_posix()
        self.text = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.text)

    def imports(self) -> set[str]:
        """Every module that is imported anywhere in the file, by full name; of `from a import b` also `a.b`."""
        found: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        return found

    def tops(self) -> set[str]:
        """The top packages of what is imported."""
        return {name.partition(".")[0] for name in self.imports()}

    def dotted(self) -> set[str]:
        """Every dotted name that is used, like os.environ."""
        return {ast.unparse(node) for node in ast.walk(self.tree) if isinstance(node, ast.Attribute)}


def _sources(*patterns: str) -> list[Source]:
    return [Source(path) for pattern in patterns for path in sorted(ROOT.glob(pattern))]


@pytest.fixture(scope="session")
def library() -> list[Source]:
    """Every file of the library."""
    return _sources("lockstep/**/*.py")


@pytest.fixture(scope="session")
def doors() -> list[Source]:
    """The two files at the top."""
    return _sources("tasks.py", "noxfile.py")


@pytest.fixture(scope="session")
def tests() -> list[Source]:
    """Every test file."""
    return _sources("tests/**/*.py", "services/*/tests/**/*.py", "services/*/integration/**/*.py")


@pytest.fixture(scope="session")
def tracked() -> list[Path]:
    """Every file of the repository that is text and ours: what a reader of it would open."""
    folders = ("lockstep", "infra", "services", "tests", "docs", "requirements", "buildspecs", ".ci")
    files = [path for folder in folders for path in sorted((ROOT / folder).rglob("*")) if path.is_file()]
    files += [path for path in sorted(ROOT.glob("*")) if path.is_file() and path.name != ".coverage"]
    skipped = {"__pycache__", ".aws-sam", ".pytest_cache", ".mypy_cache"}
    return [path for path in files if not skipped.intersection(path.parts) and ".coverage" not in path.name]
