"""Patterns of a buildspec: which files they name, and that none names a file elsewhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.pipeline import globs

PATHS = ("a", "b.xml", "sub/a", "sub/b.xml", "sub/deep/c.xml", "sub/.hidden", "su.b/new\nline")
MATCHED = {
    "a": ("a",),
    "./sub//a": ("sub/a",),
    "*": ("a", "b.xml"),
    "sub/*": ("sub/a", "sub/b.xml", "sub/.hidden"),
    "sub/**/*": ("sub/a", "sub/b.xml", "sub/deep/c.xml", "sub/.hidden"),
    "sub/**": ("sub/a", "sub/b.xml", "sub/deep/c.xml", "sub/.hidden"),
    "**/*": PATHS,
    "**/**/*": PATHS,
    "**/*.xml": ("b.xml", "sub/b.xml", "sub/deep/c.xml"),
    "su.b/*": ("su.b/new\nline",),
    "s*/**/c.xml": ("sub/deep/c.xml",),
    "sub": (),
}


@pytest.mark.parametrize(("pattern", "matched"), MATCHED.items())
def test_what_a_pattern_names(pattern: str, matched: tuple[str, ...]) -> None:
    """A star stands for what is in one folder, two for any folders; a folder's name alone names no file."""
    assert globs.fault(pattern) == ""
    assert tuple(path for path in PATHS if globs.matches(pattern, path)) == matched


@pytest.mark.parametrize(
    "pattern", ["/a", "~/a", "..", "../a", "a/..", "a?", "[ab]", "{a,b}", "!a", "$A", "a\\b", "//"]
)
def test_a_pattern_that_cannot_be_used(pattern: str) -> None:
    """A pattern that leads elsewhere, or that CodeBuild does not explain, cannot be used."""
    assert globs.fault(pattern) != ""


@given(st.lists(st.sampled_from(["a", "*", "**", "a*", ".", ""]), max_size=30).map("/".join), st.text(max_size=60))
def test_any_pattern_and_any_path(pattern: str, path: str) -> None:
    """Whatever is written, the question is answered, and a pattern without stars names one path only."""
    found = globs.matches(pattern, path)

    if found and "*" not in pattern:
        assert [part for part in pattern.split("/") if part not in {"", "."}] == path.split("/")
