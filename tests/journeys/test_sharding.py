"""Releases that several machines make: each the builds of its shard, and one joins them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lockstep import canonical
from lockstep.testing import World, a_service, engine_down
from tests.journeys.terminal import Terminal, changed, text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SERVICES = tuple(a_service(name) for name in ("hello", "orders", "stock"))
LAST = "No release is published by a shard: when all are done, invoke release joins them."


@pytest.fixture
def machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[World], Terminal]:
    """Return how to get another machine: a tree and images of its own, and the accounts that all share."""
    count = iter(range(9))

    def another(world: World) -> Terminal:
        own = replace(world, local=set(), calls=[], fails={})
        return Terminal(tmp_path / f"machine{next(count)}", capsys, world=own, services=SERVICES)

    return another


def image_of(service: str) -> str:
    """Return the image of a service's function by its digest."""
    repository = f"registry/shop/{service}/hellofunction"
    source = canonical.hash_of([service, "image"])[:32]
    return f"{repository}@sha256:{canonical.hash_of(f'{repository}:source-{source}')}"


def test_a_shard(machine: Callable[[World], Terminal]) -> None:
    """A shard builds, pushes and packages its share, says which that is, and publishes no release."""
    first = machine(World())

    seen = first.invoke("release", "--shard", "1/2")

    assert seen == (
        0,
        text(
            "AWS: a fake one",
            *(line for name in ("hello", "stock") for line in _made(name)),
            "Shard 1/2 of 3 services: hello, stock",
            f"  hello: HelloFunction {image_of('hello')}",
            f"  stock: HelloFunction {image_of('stock')}",
            LAST,
        ),
        "",
    )
    assert {key.partition("/")[0] for key in first.world.files} == {"builds", "packages", "templates", "smoke"}
    assert [key.split("/")[1] for key in sorted(first.world.files) if key.startswith("builds/")] == ["hello", "stock"]


def _made(service: str) -> tuple[str, ...]:
    source = canonical.hash_of([service, "image"])[:32]
    return (
        f"{service}: building HelloFunction from services/{service}/app",
        "  labels ['lockstep.source-hash', 'org.opencontainers.image.revision']",
        f"{service}: pushing HelloFunction",
        f"pushed registry/shop/{service}/hellofunction:source-{source}",
        f"{service}: packaging",
        f"  packaged {service}",
    )


def test_two_machines_make_one_release(machine: Callable[[World], Terminal]) -> None:
    """Two machines make a shard each, a third joins them without an engine: the release is that of one machine."""
    alone = machine(World())
    accounts = World()
    first, second, third = machine(accounts), machine(accounts), machine(accounts)
    third.world.fails["engine"] = engine_down()
    expected = alone.release()

    shards = [first.invoke("release", "--shard", "1/2"), second.invoke("release", "--shard", "2/2")]
    between = [key for key in accounts.files if key.startswith("releases/")]
    joined = third.invoke("release")

    assert [seen.code for seen in shards] == [0, 0]
    assert between == []
    assert joined == (
        0,
        text(
            "AWS: a fake one",
            *(f"{service.name}: nothing changed since it was built" for service in SERVICES),
            f"Release {expected} (new), commit c0ffee000000",
            *(f"  {service.name}: HelloFunction {image_of(service.name)}" for service in SERVICES),
        ),
        "",
    )
    assert (accounts.files, accounts.pushed) == (alone.world.files, alone.world.pushed)
    assert third.changes() == ["put releases"]
    assert first.world.local.isdisjoint(second.world.local)


def test_a_shard_as_json(machine: Callable[[World], Terminal]) -> None:
    """With --json a shard is one document that says which one it is and what it made."""
    seen = machine(World()).invoke("release", "--shard", "2/2", "--json")

    (made,) = seen.document["services"].values()
    assert seen.document == {
        "target": "aws",
        "shard": "2/2",
        "services": {
            "orders": {
                "images": {"HelloFunction": image_of("orders")},
                "template_sha256": made["template_sha256"],
            }
        },
    }
    assert seen.err.splitlines()[0] == "AWS: a fake one"


def test_a_shard_with_no_service(machine: Callable[[World], Terminal]) -> None:
    """Where there are more machines than services, those left over say so, end well and need no account."""
    spare = machine(World())
    spare.world.fails["identity"] = engine_down()

    seen = [spare.invoke("release", "--shard", "4/4"), spare.invoke("release", "--shard", "4/4", "--json")]

    assert seen[0] == (0, text("AWS: a fake one", "Shard 4/4 of 3 services: no service", LAST), "")
    assert seen[1].document == {"target": "aws", "shard": "4/4", "services": {}}
    assert spare.changes() == []


@pytest.mark.parametrize(
    ("given", "answer", "cure"),
    [
        ("3/2", "of 2 there are 1/2 to 2/2", "  next: did you mean '2/2'?\n"),
        ("0/2", "a shard is its number and how many there are, for example 1/2", "  next: did you mean '1/2'?\n"),
        ("", "a shard is its number and how many there are, for example 1/2", ""),
    ],
)
def test_no_such_shard(machine: Callable[[World], Terminal], given: str, answer: str, cure: str) -> None:
    """What is no shard, the empty text of an unset variable too, ends with 2 and the nearest; nothing is made."""
    terminal = machine(World())

    seen = terminal.invoke("release", "--shard", given)

    assert seen == (2, text("AWS: a fake one"), f"error: reading the shard '{given}'\n  answer: {answer}\n{cure}")
    assert terminal.changes() == []


def test_a_shard_that_never_ran(machine: Callable[[World], Terminal]) -> None:
    """What a shard left out the join makes itself, so a release is never made of a part of the services."""
    accounts = World()
    machine(accounts).invoke("release", "--shard", "1/2")
    joining = machine(accounts)

    seen = joining.invoke("release", "--json")

    assert sorted(seen.document["services"]) == ["hello", "orders", "stock"]
    assert [call for call in joining.changes() if call.startswith("build")] == ["build orders HelloFunction"]


def test_a_join_that_cannot_build(machine: Callable[[World], Terminal]) -> None:
    """Where a shard's builds are missing and there is no engine, the join ends with 4 and publishes nothing."""
    accounts = World()
    machine(accounts).invoke("release", "--shard", "1/2")
    joining = machine(accounts)
    joining.world.fails["engine"] = engine_down()

    seen = joining.invoke("release")

    assert (seen.code, [key for key in accounts.files if key.startswith("releases/")]) == (4, [])


def test_a_shard_again(machine: Callable[[World], Terminal]) -> None:
    """A shard that is repeated on another machine, after one of its services changed, makes that one alone."""
    accounts = World()
    machine(accounts).invoke("release", "--shard", "1/2")
    repeating = machine(accounts)
    repeating.services = (*SERVICES[:2], changed(SERVICES[2]))

    seen = repeating.invoke("release", "--shard", "1/2")

    assert seen.code == 0
    assert [call for call in repeating.changes() if call.startswith("build")] == ["build stock HelloFunction"]


def test_a_shard_has_no_name(terminal: Terminal) -> None:
    """A shard publishes no release, so its name cannot be asked for."""
    seen = terminal.invoke("release", "--shard", "1/2", "--id")

    assert (seen.code, "it has no release whose name could be told" in seen.err) == (2, True)
