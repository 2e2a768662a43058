"""What goes into an image: the files that are hashed are those that the engine is sent."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockstep.images import Images, context_files
from lockstep.testing import an_image
from tests.adapters import fake_engine

FILES = ("Dockerfile", "app.py", "a.pyc", "#note", "lib/b.py", "lib/b.pyc", "lib/deep/c.py", "data/keep.csv",
         "data/x.csv")  # fmt: skip
LINES = ("*.pyc", "**/*.pyc", "lib", "lib/", "/lib/deep", "!lib/b.py", "data", "!data/keep.csv", "data/*", "# app.py",
         " # app.py", "  app.py  ", "", "#note", " #note", "\\#note", "*", "!app.py", "Dockerfile",
         ".dockerignore")  # fmt: skip

pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture(scope="module")
def engine() -> Iterator[fake_engine.Engine]:
    """Run an engine that takes any build. One for all: it only keeps what it is sent."""
    with fake_engine.running() as found:
        found.answers["POST /build"] = (200, ({"stream": "done\n"},))
        found.answers["GET /images/x/json"] = (200, {"Architecture": "amd64", "Size": 1})
        yield found


def tree(root: Path, ignored: str | None = None) -> Path:
    """Make a build's context."""
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    if ignored is not None:
        (root / ".dockerignore").write_text(ignored)
    return root


def test_everything_is_sent(tmp_path: Path) -> None:
    """Without a .dockerignore every file is sent, in an order that does not depend on the machine."""
    root = tree(tmp_path)

    assert context_files(root, root / "Dockerfile") == tuple(sorted(FILES))


def test_what_is_ignored_is_not_sent(tmp_path: Path) -> None:
    """What .dockerignore names is left out, what it takes back is sent, and its comments name nothing."""
    root = tree(tmp_path, "# app.py\n**/*.pyc\n\ndata/*\n!data/keep.csv\nlib/deep\n")

    found = context_files(root, root / "Dockerfile")

    assert found == ("#note", ".dockerignore", "Dockerfile", "app.py", "data/keep.csv", "lib/b.py")


def test_the_dockerfile_is_always_sent(tmp_path: Path) -> None:
    """A Dockerfile is sent even where it is ignored, since the engine builds by it."""
    root = tree(tmp_path, "*\n")

    assert context_files(root, root / "lib" / "b.py") == (".dockerignore", "lib/b.py")


def test_links_are_sent_as_links(tmp_path: Path) -> None:
    """A link is sent as itself wherever it leads; a folder is sent as what is in it."""
    (tmp_path / "Dockerfile").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "nowhere").symlink_to("gone")
    (tmp_path / "around").symlink_to("folder")

    assert context_files(tmp_path, tmp_path / "Dockerfile") == ("Dockerfile", "around", "nowhere")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(lines=st.lists(st.sampled_from(LINES), max_size=5))
def test_what_is_hashed_is_what_is_sent(engine: fake_engine.Engine, lines: list[str]) -> None:
    """Whatever .dockerignore says, the files that an image's hash covers are those that the engine gets."""
    with tempfile.TemporaryDirectory() as folder:
        root = tree(Path(folder, "app"), "\n".join(lines))

        Images(engine.host).build(Path(folder), an_image(), "x", {}, lambda _line: None)

        assert list(context_files(root, root / "Dockerfile")) == engine.at("/build").files
