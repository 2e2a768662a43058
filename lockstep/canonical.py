"""One way to write a value as bytes, so that equal values have equal hashes. Pure."""

from __future__ import annotations

import hashlib
import json

from lockstep.model import Sha256


def encode(value: object) -> bytes:
    """Return `value` as JSON with sorted keys and no spare space, in UTF-8 with one newline at the end."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def sha256(content: bytes) -> Sha256:
    """Return the SHA-256 of `content` as 64 hex digits."""
    return Sha256(hashlib.sha256(content).hexdigest())


def hash_of(value: object) -> Sha256:
    """Return the SHA-256 of `value` in its canonical form."""
    return sha256(encode(value))
