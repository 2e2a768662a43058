"""Smoke tests: what a file of them says, and when an answer is what was expected."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep import smoke
from lockstep.errors import ConfigError
from lockstep.model import SmokeEvent

FILE = "services/hello/smoke.json"
EVENT: dict[str, Any] = {"name": "greets", "function": "Hello", "event": None, "expect": {"statusCode": 200}}
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8
)
TABLES = st.dictionaries(st.text(), JSON, min_size=1, max_size=3)


def complaint(text: str) -> str:
    """Return what is said of a smoke file that is refused."""
    with pytest.raises(ConfigError) as caught:
        smoke.read(text, FILE, ["Hello"])
    return str(caught.value)


def test_what_a_file_says() -> None:
    """A smoke file gives its events in their order, with whatever JSON they send and expect."""
    text = json.dumps({"events": [EVENT, EVENT | {"name": "lists", "event": [1, {"a": "b"}], "expect": "text"}]})

    assert smoke.read(text, FILE, ["Hello"]) == (
        SmokeEvent("greets", "Hello", None, {"statusCode": 200}),
        SmokeEvent("lists", "Hello", [1, {"a": "b"}], "text"),
    )


@pytest.mark.parametrize(
    ("document", "answer"),
    [
        ({"events": []}, "events: List should have at least 1 item after validation, not 0"),
        ({}, "events: Field required"),
        ({"events": [EVENT], "x": 1}, "x: Extra inputs are not permitted"),
        ({"events": [EVENT | {"expected": 1}]}, "events.0.expected: Extra inputs are not permitted"),
        ({"events": [EVENT, EVENT | {"name": ""}]}, "events.1.name: String should have at least 1 character"),
        ({"events": [EVENT | {"name": 1}]}, "events.0.name: Input should be a valid string"),
        ({"events": [EVENT | {"function": "Gone"}]}, "'greets' names the function 'Gone', which the template lacks"),
    ],
)
def test_files_that_say_something_else(document: object, answer: str) -> None:
    """A smoke file with an unknown or missing key, or a function that is none, is refused with its place."""
    assert complaint(json.dumps(document)) == f"error: reading {FILE}\n  answer: {answer}"


def test_files_that_are_no_json() -> None:
    """A smoke file that is no JSON is refused with the place where it ends to be."""
    assert complaint('{"events":') == (
        f"error: reading {FILE}\n  answer: Invalid JSON: EOF while parsing a value at line 1 column 10"
    )


@given(JSON)
def test_an_answer_is_itself(value: object) -> None:
    """An answer that is what was expected differs in nothing."""
    assert smoke.difference(value, value) == ""


@given(TABLES, st.dictionaries(st.text(), JSON, max_size=3))
def test_an_answer_may_hold_more(expected: dict[str, object], more: dict[str, object]) -> None:
    """An answer that holds more keys than were expected passes."""
    assert smoke.difference(expected, more | expected) == ""


@given(TABLES, st.data())
def test_a_missing_key_is_found(expected: dict[str, object], data: st.DataObject) -> None:
    """An answer that lacks any one of the expected keys fails, and the key is named."""
    key = data.draw(st.sampled_from(sorted(expected)))
    answer = {name: value for name, value in expected.items() if name != key}

    assert smoke.difference({"body": expected}, {"body": answer}) == f"answer.body.{key} is missing"


@given(TABLES, SCALARS, st.data())
def test_a_changed_value_is_found(expected: dict[str, object], other: object, data: st.DataObject) -> None:
    """An answer that holds another value under any one of the expected keys fails, and the key is named."""
    key = data.draw(st.sampled_from(sorted(expected)))
    changed = [expected[key], other]

    found = smoke.difference({"body": expected}, {"body": expected | {key: changed}})

    assert found.startswith(f"answer.body.{key} is ")


@pytest.mark.parametrize(
    ("expected", "answer"),
    [(1, True), (0, False), ([1], [True]), ([{"a": 0}], [{"a": False}]), (1, 1.0), ([1], [1.0]), (None, False)],
)
def test_values_of_another_type_are_other_values(expected: object, answer: object) -> None:
    """A value of another type is another value, however deep in a list it lies: true is not 1."""
    assert smoke.difference(expected, answer) == f"answer is {json.dumps(answer)}, expected {json.dumps(expected)}"


@given(JSON.filter(lambda value: not isinstance(value, str)))
def test_json_in_text_is_compared_as_json(value: object) -> None:
    """A body that is JSON text counts as what it encodes."""
    assert smoke.difference({"body": value}, {"body": json.dumps(value, indent=2)}) == ""


def test_text_is_compared_as_text() -> None:
    """Where text is expected, text is compared, though it may look like JSON."""
    assert smoke.difference("1", "1.0") == 'answer is "1.0", expected "1"'


@pytest.mark.parametrize("text", ["Internal Server Error", "[" * 100_000])
def test_text_that_is_no_json(text: str) -> None:
    """An answer in plain text, where JSON was expected, is shown as it came."""
    assert smoke.difference({"a": 1}, text) == f'answer is the text {text!r}, expected {{"a": 1}}'


def test_the_first_difference_is_told_with_its_path() -> None:
    """Of several differences the first expected one is told, by its path."""
    expected = {"statusCode": 200, "body": {"message": "hello", "items": [1, 2]}}
    answer = {"statusCode": 200, "body": '{"message": "hello", "items": [2, 1]}', "headers": {}}

    assert smoke.difference(expected, answer) == "answer.body.items is [2, 1], expected [1, 2]"
