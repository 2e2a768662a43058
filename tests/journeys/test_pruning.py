"""Removing what nothing needs: shown first, then exactly that, and nothing where it is not known what is needed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from lockstep.account_ports import Administrator
from lockstep.errors import ConfigError, DeniedError, GateError, IdentityError, LockstepError
from lockstep.testing import PROD, TEST, TOOLING, FakeArchive, a_digest
from tests.journeys.account_stacks_shown import AWS
from tests.journeys.terminal import Outside, changed, text

if TYPE_CHECKING:
    from collections.abc import Collection

    from lockstep.model import AccountId, Digest
    from tests.journeys.terminal import Terminal

REPOSITORY = "shop/hello/hellofunction"
ALL = ("prune", "--keep", "1", "--days", "0")
HEAD = "Plan for prune: the last 1 deployments of each environment stay, and what is younger than 0 days."
# Of four releases the last one runs in test, and the third is what a rollback would bring.
PLAN = (f"  {REPOSITORY}: 2 of 4 images, 100.0 MB", "  releases: 2 of 4", "  other files: 4")


@pytest.fixture
def grown(terminal: Terminal) -> Terminal:
    """A terminal in whose project four releases were made and deployed to test, one after the other."""
    terminal.world.repositories.add(REPOSITORY)
    service = terminal.services[0]
    for number in range(4):
        terminal.services = (changed(service, f"line {number}"),)
        assert terminal.invoke("deploy", "--env", "test").code == 0
    terminal.changes()
    return terminal


def images(terminal: Terminal) -> set[Digest]:
    """Return what is in the registry."""
    return set(terminal.world.pushed.values())


def made(terminal: Terminal) -> list[str]:
    """Return the releases that were deployed to test, in their order."""
    records: list[Any] = terminal.invoke("history", "--env", "test", "--json").document["deployments"]
    return [record["release"] for record in reversed(records)]


def test_a_dry_run(grown: Terminal) -> None:
    """Without --yes it is shown what would go, with its bytes, and nothing changes."""
    before = grown.accounts()

    seen = grown.invoke(*ALL)

    last = "Dry run: nothing was removed. To remove it: invoke prune --keep 1 --days 0 --yes"
    assert seen == (0, text(AWS, HEAD, *PLAN, last), "")
    assert (grown.accounts(), grown.changes()) == (before, [])


def test_as_json(grown: Terminal) -> None:
    """With --json it is one document: how much of each repository, which releases, which files."""
    first, second, *_ = made(grown)

    seen = grown.invoke(*ALL, "--json")

    document = seen.document
    files = document.pop("files")
    assert sorted(key.partition("/")[0] for key in files) == ["builds"] * 2 + ["releases"] * 2 + ["templates"] * 2
    assert document == {
        "target": "aws",
        "keep": 1,
        "days": 0,
        "dry_run": True,
        "repositories": [{"name": REPOSITORY, "images": 4, "removed": 2, "bytes": 100_000_000}],
        "releases": sorted([first, second]),
    }


def test_what_was_shown_goes(grown: Terminal) -> None:
    """With --yes exactly that goes which was shown, files before images; what runs stays, and a rollback goes well."""
    shown = grown.invoke(*ALL, "--json").document
    before, files = images(grown), set(grown.world.files)

    seen = grown.invoke(*ALL, "--yes")

    assert seen == (
        0,
        text(
            AWS,
            HEAD,
            *PLAN,
            "Removing files, then images; each after another look at what is needed.",
            "Removed. Images: 2, 100.0 MB; releases: 2; other files: 4.",
        ),
        "",
    )
    assert grown.changes() == ["delete 2 files", "delete 4 files", f"delete 2 images of {REPOSITORY}"]
    assert files - set(grown.world.files) == set(shown["files"])
    assert len(before - images(grown)) == 2
    assert set(grown.world.running.values()) <= images(grown)
    assert grown.invoke("rollback", "--env", "test").code == 0


def test_again(grown: Terminal) -> None:
    """A second time there is nothing to be removed."""
    grown.invoke(*ALL, "--yes")
    before = grown.accounts()

    seen = grown.invoke(*ALL, "--yes")

    assert (seen.code, seen.out.splitlines()[-1]) == (0, "Nothing is there to be removed.")
    assert grown.accounts() == before


def test_what_was_removed_is_made_again(grown: Terminal) -> None:
    """The source of a release that went is built again, rather than taken for built."""
    first = made(grown)[0]
    grown.invoke(*ALL, "--yes")
    grown.changes()
    grown.world.local.clear()
    grown.services = (changed(replace(grown.services[0]), "line 0"),)

    again = grown.invoke("deploy", "--env", "test")

    assert again.code == 0
    assert any(call.startswith("build hello") for call in grown.changes())
    assert made(grown)[-1] == first


def test_what_is_young_stays(grown: Terminal) -> None:
    """As it comes, prune keeps what is younger than 30 days, and says nothing of flags that nobody gave."""
    seen = grown.invoke("prune")

    assert seen.out.splitlines()[-1] == "Nothing is there to be removed."


def test_as_it_comes(grown: Terminal) -> None:
    """Of what is older than 30 days that goes which the last 20 deployments do not need."""
    grown.world.pushed[f"{REPOSITORY}:never-released"] = a_digest("never released")
    grown.world.dates[a_digest("never released")] = "2025-12-02T00:00:00+00:00"

    seen = grown.invoke("prune")

    assert seen == (
        0,
        text(
            AWS,
            "Plan for prune: the last 20 deployments of each environment stay, and what is younger than 30 days.",
            f"  {REPOSITORY}: 1 of 5 images, 50.0 MB",
            "  releases: 0 of 4",
            "  other files: 0",
            "Dry run: nothing was removed. To remove it: invoke prune --yes",
        ),
        "",
    )


def test_a_version_that_an_alias_may_name(grown: Terminal) -> None:
    """The image of an older version of a function stays: an alias may name it."""
    oldest = next(iter(grown.world.pushed.values()))
    grown.world.running["shop-prod-hello-HelloFunction:1"] = oldest

    grown.invoke(*ALL, "--yes")

    assert oldest in images(grown)


@pytest.mark.parametrize(
    "error",
    [DeniedError("listing the functions", "AccessDenied"), LockstepError("listing the functions", "no answer")],
)
def test_an_environment_that_cannot_be_looked_at(grown: Terminal, error: LockstepError) -> None:
    """Where one environment cannot be looked at, nothing goes, and it is said which: exit code 9."""
    grown.world.fails[f"functions {PROD}"] = error
    before = grown.accounts()

    seen = grown.invoke(*ALL, "--yes")

    assert (seen.code, seen.err) == (
        GateError.exit_code,
        text(
            "error: pruning: looking at what prod needs",
            f"  answer: {error.tried}: {error.answer}",
            "  next: nothing is removed until all environments can be looked at",
        ),
    )
    assert (grown.accounts(), grown.changes()) == (before, [])


@pytest.mark.parametrize("account", [TOOLING, TEST, PROD])
def test_without_an_administrator(grown: Terminal, account: AccountId) -> None:
    """Who is not the administrator of every account removes nothing: exit code 3."""
    grown.world.fails[f"admin {account}"] = IdentityError("opening the account", "no such profile", "name one")
    before = grown.accounts()

    seen = grown.invoke(*ALL, "--yes")

    assert (seen.code, seen.err) == (
        IdentityError.exit_code,
        text("error: opening the account", "  answer: no such profile", "  next: name one"),
    )
    assert grown.accounts() == before


@pytest.mark.parametrize(
    "flags", [("--keep", "0"), ("--keep", "501"), ("--days", "-1"), ("--days", "36501"), ("--keep", "ten")]
)
def test_numbers_that_make_no_sense(grown: Terminal, flags: tuple[str, str]) -> None:
    """To keep no deployment, or more than are read, or things from the future, is refused with exit code 2."""
    seen = grown.invoke("prune", "=".join(flags), "--yes")

    assert seen.code == ConfigError.exit_code
    assert seen.err.startswith(f"error: reading {flags[0]}\n  answer: it is '{flags[1]}'\n")
    assert grown.changes() == []


@dataclass
class Watched(FakeArchive):
    """A bucket; once files were deleted so often, prod runs the image that was pushed first."""

    deletions: int

    def delete(self, keys: Collection[str]) -> None:
        """Delete files, and perhaps let it happen."""
        super().delete(keys)
        if sum(call.endswith(" files") for call in self.world.calls) == self.deletions:
            self.world.running["shop-prod-hello-HelloFunction"] = next(iter(self.world.pushed.values()))


def busy(deletions: int) -> type[Outside]:
    """Return an outside in which somebody deploys an old image while prune is at work."""

    class Busy(Outside):
        def admin(self, account: AccountId) -> Administrator:
            return replace(super().admin(account), store=Watched(self.world, deletions))

    return Busy


@pytest.mark.parametrize("deletions", [1, 2])
def test_somebody_deploys_meanwhile(grown: Terminal, deletions: int) -> None:
    """An image that somebody comes to run after it was shown stays; the rest goes."""
    grown.outside = busy(deletions)
    oldest = next(iter(grown.world.pushed.values()))

    seen = grown.invoke(*ALL, "--yes")

    assert (seen.code, len(images(grown))) == (0, 3)
    assert oldest in images(grown)
    assert "Images: 1, 50.0 MB" in seen.out


def test_a_release_that_is_damaged(grown: Terminal) -> None:
    """Where a release that has to stay cannot be read, it is not known what it names: nothing goes, exit code 9."""
    grown.world.files[f"releases/{made(grown)[-1]}.json"] = b"{}"
    before = grown.accounts()

    seen = grown.invoke(*ALL, "--yes")

    assert (seen.code, "is damaged" in seen.err) == (GateError.exit_code, True)
    assert grown.accounts() == before


def test_after_an_interruption(grown: Terminal) -> None:
    """Where deleting images fails the files are gone already, and a second run removes the images."""
    grown.world.fails[f"delete 2 images of {REPOSITORY}"] = LockstepError("deleting images", "no answer")
    assert grown.invoke(*ALL, "--yes").code == 1
    grown.world.fails.clear()

    seen = grown.invoke(*ALL, "--yes")

    assert seen.out.splitlines()[-1] == "Removed. Images: 2, 100.0 MB; releases: 0; other files: 0."
    assert len(images(grown)) == 2
