"""Variables of a pipeline: a value is put where it is named, as data, and what has no value is an error."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.errors import DeployError
from lockstep.pipeline import substitution

NAMES = st.from_regex("[A-Za-z0-9@_-]{1,8}", fullmatch=True)
PLAIN = st.text().filter(lambda text: "#{" not in text and not text.endswith("#"))


def test_a_value() -> None:
    """A variable is replaced by its value; text beside it stays."""
    found = substitution.substitute("a #{Build.ID}-#{Build.ID}, $HOME", {"Build": {"ID": "1"}})

    assert found == "a 1-1, $HOME"


@given(PLAIN, NAMES, NAMES, st.text(), PLAIN)
def test_any_value_is_data(before: str, namespace: str, name: str, value: str, after: str) -> None:
    """Whatever a value holds, also another variable's name, it is put in as it is and not read again."""
    text = f"{before}#{{{namespace}.{name}}}{after}"

    assert substitution.substitute(text, {namespace: {name: value}}) == f"{before}{value}{after}"


@given(PLAIN)
def test_text_without_variables(text: str) -> None:
    """Text that names no variable stays as it is."""
    assert substitution.substitute(text, {}) == text
    assert substitution.names(text) == ()


@pytest.mark.parametrize("text", ["#{A.B}", "x #{C.X}"])
def test_what_nothing_gives(text: str) -> None:
    """A variable without a value is an error that says which there are."""
    with pytest.raises(DeployError) as caught:
        substitution.substitute(text, {"A": {"X": "1"}})

    assert "there is A.X" in caught.value.answer


@pytest.mark.parametrize("text", ["#{A}", "#{A.B", "#{A B.C}", "a #{.X} b", "#{A.X}#{"])
def test_what_is_no_variable(text: str) -> None:
    """What begins like a variable and is none is an error, and never text."""
    with pytest.raises(DeployError, match="resolving"):
        substitution.substitute(text, {"A": {"X": "1"}})


IN_JSON = json.dumps([{"name": "A", "value": "#{N.V}"}])


def is_plain(value: str) -> bool:
    """Is a value the same in JSON as it is?"""
    return json.dumps(value, ensure_ascii=False) == f'"{value}"'


@given(st.text().filter(is_plain))
def test_a_value_in_json(value: str) -> None:
    """In JSON a value arrives as it is."""
    found = substitution.substitute_in_json(IN_JSON, {"N": {"V": value}})

    assert json.loads(found) == [{"name": "A", "value": value}]


@given(st.text(), st.sampled_from(['"', "\\", "\n", "\0"]), st.text())
def test_a_value_that_breaks_json(before: str, sign: str, after: str) -> None:
    """A value that JSON would need escaped fails the action, as it does in CodePipeline; it adds nothing to it."""
    with pytest.raises(DeployError) as caught:
        substitution.substitute_in_json(IN_JSON, {"N": {"V": before + sign + after}})

    assert "CodePipeline does not escape" in caught.value.answer


def test_the_variables_of_a_text() -> None:
    """Which variables a text names is told with their namespaces."""
    assert substitution.names("#{A.B} and #{C.D}") == (("A", "B"), ("C", "D"))
