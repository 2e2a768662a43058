"""Removing what nothing needs, on real tools: shown, removed, and what is kept still deploys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.conftest import RELEASER, settle
from tests.e2e.test_main_job import change_handler, deployed

if TYPE_CHECKING:
    from tests.e2e.conftest import Place

REPOSITORY = "lockstep/hello/hellofunction"
PRUNE = ("prune", "--keep", "1", "--days", "0")


def test_prune_leaves_what_is_needed(place: Place) -> None:
    """Prune shows what would go and changes nothing; with --yes that goes, and a rollback and prod still go well."""
    settle(place)
    change_handler(place, "that nobody deploys")
    place.commit()
    unneeded = place.invoke("release", "--json").document["release"]
    for words in ("to go back to", "that runs last"):
        change_handler(place, words)
        place.commit()
        before_last = deployed(place, "test")
        assert place.invoke("deploy", "--env", "test").status == 0
    before = place.accounts()

    shown = place.invoke(*PRUNE, "--json")
    untouched = place.accounts()
    ran = place.invoke(*PRUNE, "--yes", "--json")

    after = place.accounts()
    assert (shown.status, ran.status, untouched == before) == (0, 0, True), shown.stderr + ran.stderr
    assert {**ran.document, "dry_run": True} == shown.document
    assert unneeded in ran.document["releases"]
    (hello,) = (one for one in ran.document["repositories"] if one["name"] == REPOSITORY)
    assert hello["bytes"] > 0
    assert len(before[REPOSITORY]) - len(after[REPOSITORY]) == hello["removed"] > 0
    back = place.invoke("rollback", "--env", "test", DOCKER_HOST="tcp://127.0.0.1:9")
    assert back.status == 0, back.stderr
    assert deployed(place, "test")["images"] == before_last["images"]
    tested = place.invoke("smoke", "--env", "prod", "--profile", RELEASER)
    assert tested.status == 0, tested.stderr


def test_who_deploys_does_not_prune(place: Place) -> None:
    """With a tooling profile that may deploy and no administrator's, prune removes nothing: exit code 3."""
    settle(place)
    before = place.accounts()
    settings = place.folder / "infra" / "sandbox.toml"
    settings.write_text(settings.read_text().replace("admin_profile", "# admin_profile", 1))

    ran = place.invoke(*PRUNE, "--yes")

    assert ran.status == 3, ran.stdout
    assert "admin_profile" in ran.stderr
    assert place.accounts() == before
