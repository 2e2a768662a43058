"""Splitting the services of a release among machines."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep import app, shards
from lockstep.errors import ConfigError
from lockstep.model import Service
from lockstep.shards import Shard
from lockstep.testing import FakeWiring, World, a_service, engine_down

NAMES = st.sets(st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,4})?", fullmatch=True), max_size=12)
COUNTS = st.integers(1, 9999)
FORM = "a shard is its number and how many there are, for example 1/2"


@given(names=NAMES, count=st.integers(1, 15), chance=st.randoms())
def test_shards_are_disjoint_and_cover_everything(names: set[str], count: int, chance: random.Random) -> None:
    """Whatever services there are and in whatever order, each is in one shard, and shards differ by one at most."""
    services = [a_service(name) for name in names]
    chance.shuffle(services)

    shares = [Shard(number, count).share(services) for number in range(1, count + 1)]

    everywhere = [service.name for share in shares for service in share]
    assert sorted(everywhere) == sorted(names)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert shares == [Shard(number, count).share(sorted(services, key=_name)) for number in range(1, count + 1)]


def _name(service: Service) -> str:
    return service.name


def test_the_split() -> None:
    """Services are dealt out like cards, in the order of their names."""
    services = [a_service(name) for name in ("e", "b", "d", "a", "c")]

    shares = [[service.name for service in Shard(number, 2).share(services)] for number in (1, 2)]

    assert shares == [["a", "c", "e"], ["b", "d"]]


@given(count=COUNTS, number=COUNTS)
def test_a_shard_is_read_as_it_is_written(count: int, number: int) -> None:
    """A shard that is one is read back from its text, and any other is refused with the nearest that is one."""
    shard = Shard(number, count)

    if number <= count:
        assert shards.parse(str(shard)) == shard
    else:
        with pytest.raises(ConfigError) as caught:
            shards.parse(str(shard))
        assert caught.value.cure == f"did you mean '{count}/{count}'?"


@pytest.mark.parametrize(
    ("text", "answer", "cure"),
    [
        ("3/2", "of 2 there are 1/2 to 2/2", "did you mean '2/2'?"),
        ("0/2", FORM, "did you mean '1/2'?"),
        ("1/0", FORM, "did you mean '1/1'?"),
        ("01/2", FORM, "did you mean '1/2'?"),
        ("1 of 2", FORM, "did you mean '1/2'?"),
        ("shard2/3", FORM, "did you mean '2/3'?"),
        ("1/2\n", FORM, "did you mean '1/2'?"),
        ("1", FORM, ""),
        ("", FORM, ""),
        ("1/2/3", FORM, ""),
        ("\u0661/\u0662", FORM, ""),
        ("9" * 5000 + "/2", FORM, ""),
    ],
)
def test_what_is_no_shard(text: str, answer: str, cure: str) -> None:
    """What is no shard is refused, with the form of one, and with the nearest where that can be told."""
    with pytest.raises(ConfigError) as caught:
        shards.parse(text)

    assert (caught.value.answer, caught.value.cure) == (answer, cure)
    assert len(caught.value.tried) < 90


def release(root: Path, world: World, services: tuple[Service, ...], shard: Shard | None = None) -> None:
    """Make a release of some services, or a shard of it."""
    assert app.release(FakeWiring(root, world=world, catalog=services), None if shard is None else str(shard)) == 0


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a working tree with services from a to g."""
    root = tmp_path_factory.mktemp("tree")
    for name in "abcdefg":
        folder = root / "services" / name
        folder.mkdir(parents=True)
        (folder / "template.yaml").write_text(
            '{"Resources": {"HelloFunction": {"Type": "AWS::Serverless::Function",'
            ' "Properties": {"PackageType": "Image"}}}}',
            encoding="utf-8",
        )
    return root


@settings(deadline=None, max_examples=50)
@given(names=st.sets(st.sampled_from("abcdefg"), min_size=1), count=st.integers(1, 9), data=st.data())
def test_shards_join_into_one_release(tree: Path, names: set[str], count: int, data: st.DataObject) -> None:
    """In whatever order shards run, and if some run twice, joined they give what one machine gives, file by file."""
    services = tuple(a_service(name) for name in sorted(names))
    order = data.draw(st.permutations([Shard(number, count) for number in range(1, count + 1)]))
    again = data.draw(st.lists(st.sampled_from(order), max_size=2))
    alone, joined = World(), World()

    release(tree, alone, services)
    for shard in [*order, *again]:
        joined.local.clear()
        release(tree, joined, services, shard)
    joined.local.clear()
    joined.fails["engine"] = engine_down()
    release(tree, joined, services)

    assert (joined.files, joined.pushed) == (alone.files, alone.pushed)
