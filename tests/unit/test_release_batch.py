"""The buildspec of a release that several machines make."""

from __future__ import annotations

from pathlib import Path

import yaml

from lockstep import shards
from lockstep.shards import Shard

FILE = Path(__file__).parents[2] / "buildspecs" / "release-batch.yml"


def test_the_batch_of_builds() -> None:
    """It has each of so many shards once, and after all of them a join, which is the release of one machine."""
    *parts, join = yaml.safe_load(FILE.read_text(encoding="utf-8"))["batch"]["build-graph"]

    found = [shards.parse(part["env"]["variables"]["LOCKSTEP_SHARD"]) for part in parts]

    names = [part["identifier"] for part in parts]
    assert found == [Shard(number, len(parts)) for number in range(1, len(parts) + 1)]
    assert names == [f"shard{shard.number}" for shard in found]
    assert join == {"identifier": "join", "buildspec": "buildspecs/release.yml", "depend-on": names}


def test_what_a_shard_runs() -> None:
    """A shard's one command is its task; the version is a number, since a batch takes no text there."""
    text = FILE.read_text(encoding="utf-8")
    read = yaml.safe_load(text)

    assert len(text.splitlines()) <= 25
    assert read["version"] == 0.2
    assert read["phases"]["build"] == {"commands": ['invoke release --shard "$LOCKSTEP_SHARD"']}
