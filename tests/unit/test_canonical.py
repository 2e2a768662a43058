"""Equal values have equal bytes, and so equal hashes."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep import canonical

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def turned(value: object) -> object:
    """Return an equal value whose mappings, however deep, were filled in the opposite order."""
    if isinstance(value, dict):
        return {key: turned(value[key]) for key in reversed(value)}
    return [turned(item) for item in value] if isinstance(value, list) else value


def test_the_canonical_form() -> None:
    """A value becomes UTF-8 JSON with sorted keys, no spare space, and one newline at its end."""
    assert canonical.encode({"b": [1, "\u00e9"], "a": None}) == b'{"a":null,"b":[1,"\xc3\xa9"]}\n'


@given(JSON)
def test_the_order_of_keys_is_not_seen(value: object) -> None:
    """The order in which a mapping was filled changes neither the bytes of a value nor its hash."""
    other = turned(value)

    assert (canonical.encode(other), canonical.hash_of(other)) == (canonical.encode(value), canonical.hash_of(value))


@given(JSON)
def test_nothing_is_lost(value: object) -> None:
    """Reading the canonical form of a value gives the value back."""
    assert json.loads(canonical.encode(value)) == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_json_does_not_know_is_refused(value: float) -> None:
    """A number that JSON does not know has no canonical form."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical.encode([value])


def test_hashes_are_sha256() -> None:
    """The hash of a value is the SHA-256 of its canonical form, in hex digits."""
    expected = hashlib.sha256(b"{}\n").hexdigest()

    assert (canonical.hash_of({}), canonical.sha256(b"{}\n")) == (expected, expected)
