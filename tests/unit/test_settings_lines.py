"""In which line of a settings text a key is found, and what is said of a text that has no keys."""

from __future__ import annotations

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep import settings
from lockstep.errors import ConfigError

FILE = "infra/environments.toml"
DOCUMENT = '''# a comment, and = no [header]
long = """
[tooling]
name = "no key"
"""
"quoted key".inner = 1
  [tooling] # indented
account = "1"
list = [
  "a", # ]
  "b",
]
braces = { one = 1, two = { three = 3 } }
[[environments]]
name = "test"
[environments.parameters.hello]
LogLevel = "DEBUG"
[[environments]]
# between header and name

name = "prod"
[ environments . parameters . "he.llo" ]
LogLevel = "INFO"
[[environments.deep]]
[[environments.deep]]
x = 2'''


def complaint(text: str) -> str:
    """Return what is said of a text that is refused."""
    with pytest.raises(ConfigError) as caught:
        settings.parse(text, FILE)
    return str(caught.value)


@pytest.mark.parametrize(
    ("line", "key"),
    [
        (2, ("long",)),
        (6, ("quoted key", "inner")),
        (7, ("tooling",)),
        (8, ("tooling", "account")),
        (9, ("tooling", "list")),
        (9, ("tooling", "list", 1)),
        (13, ("tooling", "braces", "two", "three")),
        (14, ("environments",)),
        (15, ("environments", 0, "name")),
        (17, ("environments", 0, "parameters", "hello", "LogLevel")),
        (18, ("environments", 1)),
        (21, ("environments", 1, "name")),
        (23, ("environments", 1, "parameters", "he.llo", "LogLevel")),
        (26, ("environments", 1, "deep", 1, "x")),
        # these are not there
        (1, ()),
        (1, ("nowhere", "at all")),
        (7, ("tooling", "profile")),
        (8, ("tooling", "account", "deeper")),
        (14, ("environments", 2, "name")),
        (18, ("environments", 1, "account")),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_where_keys_are(line: int, key: settings.Key, end: str) -> None:
    """A key's line is that where its statement begins; one that is not there has the line of what is around it."""
    assert settings.locate(DOCUMENT.replace("\n", end), key) == line


@pytest.mark.parametrize(
    ("text", "line", "answer"),
    [
        ("a = \n", ":1", "Invalid value (at line 1, column 5)"),
        ("a = 1\nb = 2\na = 3\n", ":3", "Cannot overwrite a value (at line 3, column 6)"),
        ("a = '''", "", "Expected \"'''\" (at end of document)"),
        ("'\ud800' = 1", "", r"'utf-8' codec can't encode character '\ud800' in position 1: surrogates not allowed"),
        (f"a = {'[' * 9000}", "", ""),
        (f"a = {'1' * 5000}", "", "Exceeds the limit (4300 digits)"),
    ],
)
def test_texts_that_are_no_toml(text: str, line: str, answer: str) -> None:
    """What is no TOML, or beyond what its parser bears, is refused with what the parser says of it."""
    first, second, third = complaint(text).splitlines()

    assert second.startswith(f"  answer: {answer}")
    assert (first, third) == (f"error: {FILE}{line}: this is not TOML", f"  next: see {settings.EXAMPLE}")


def test_texts_that_are_too_long() -> None:
    """A text longer than any settings file is not even parsed."""
    told = complaint("#" * 32769)

    assert told == f"error: {FILE} is too long\n  answer: settings take at most 32768 bytes"


WORD = st.from_regex("[a-z]{1,4}", fullmatch=True)
VALUES = st.sampled_from(("1", '"x"', "[\n1,\n2]", '"""\n[t]\na = 1\n"""'))


@hypothesis.settings(deadline=None)
@given(st.lists(st.tuples(st.dictionaries(WORD, VALUES, max_size=4), st.sampled_from(("", "# [t]"))), max_size=4))
def test_every_key_of_a_document_is_found(tables: list[tuple[dict[str, str], str]]) -> None:
    """Whatever stands between and within the statements, each key is found where it was written."""
    lines: list[str] = []
    written: dict[settings.Key, int] = {}
    for number, (table, noise) in enumerate(tables):
        lines += [noise, "[[t]]"]
        written["t", number] = len(lines)
        for key, value in table.items():
            written["t", number, key] = len(lines) + 1
            lines += [*f"{key} = {value}".split("\n"), noise]

    found = {key: settings.locate("\n".join(lines), key) for key in written}

    assert found == written
