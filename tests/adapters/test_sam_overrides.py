"""Parameters and tags for SAM: what SAM's own code reads is what was given, or it is refused."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from samcli.cli.types import CfnParameterOverridesType, CfnTags  # type: ignore[import-untyped] # SAM ships no types

from lockstep import sam
from lockstep.errors import ConfigError

TEXT = st.text(st.one_of(st.sampled_from("\\\"' =,\n"), st.characters(codec="utf-8")))
TAG_KEY = st.text("abcXYZ09 +-._:/@", min_size=1).map(str.strip).filter(bool)


@given(key=st.text("abcXYZ09", min_size=1), value=TEXT)
@example("Pattern", r"^\d+$")
@example("Path", r"C:\Program Files\x")
@example("Text", 'say "hi", it\'s = fine')
@example("Even", r"a\\" + '"b')
@example("Empty", "")
@example("Blank", " ")
def test_sam_reads_the_parameter_that_was_given(key: str, value: str) -> None:
    """Whatever a parameter's value is, SAM reads that value, or the deployment stops before SAM runs."""
    try:
        word = sam.override(key, value)
    except ConfigError:
        return

    assert CfnParameterOverridesType().convert((word,), None, None) == {key: value}


@given(key=TAG_KEY, value=TEXT)
@example("lockstep:release", "c0ffee")
@example("cost center", "4711 / sales")
@example("lockstep:template", "base64==")
@example("query", "a=b&c=d")
def test_sam_reads_the_tag_that_was_given(key: str, value: str) -> None:
    """Whatever a tag's value is, SAM reads that value, or the deployment stops before SAM runs."""
    try:
        word = sam.tag(key, value)
    except ConfigError:
        return

    assert CfnTags().convert((word,), None, None) == {key: value}


@pytest.mark.parametrize(
    "value", ["", "plain", "two words", "a=b", r"^\d+\.\d+$", r"\\server\share", "it's", 'say "hi"']
)
def test_what_people_write_is_not_refused(value: str) -> None:
    """Paths, patterns, quotes and equal signs can be parameters."""
    word = sam.override("Key", value)

    assert CfnParameterOverridesType().convert((word,), None, None) == {"Key": value}


@pytest.mark.parametrize("value", ["", "plain", "two words", "a=b", "a+b-c.d_e:f/g@h", "Zoë"])
def test_what_aws_takes_for_a_tag_is_not_refused(value: str) -> None:
    """What AWS takes for a tag's value can be one, but for an equal sign together with a space."""
    word = sam.tag("team:owner", value)

    assert CfnTags().convert((word,), None, None) == {"team:owner": value}


@pytest.mark.parametrize("value", ["ends with \\", 'a\\"b', "a\\\nb", "ParameterKey=A,ParameterValue=b"])
def test_what_sam_would_misread_is_refused(value: str) -> None:
    """A value that SAM has no way to be given is refused, and the error names it."""
    with pytest.raises(ConfigError) as caught:
        sam.override("Key", value)

    assert str(caught.value) == (
        f"error: passing Key to SAM\n  answer: SAM would misread {value!r}\n  next: write the value in another way"
    )


@pytest.mark.parametrize(("key", "value"), [("a", "b = c"), ("a b", "c=d"), ("a=b", "c"), ('a"b', "c"), ("a", "b=\tc")])
def test_a_tag_that_sam_would_misread_is_refused(key: str, value: str) -> None:
    """A tag with an equal sign in its value and a space, or an equal sign or a quote in its key, is refused."""
    with pytest.raises(ConfigError, match="SAM would misread"):
        sam.tag(key, value)
