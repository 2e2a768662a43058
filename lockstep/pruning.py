"""The use case that removes images and published files that nothing needs, as the accounts' administrators.

Never by half of what there is to know: where one environment cannot be looked at, nothing goes. First the records of
builds go, that no build trusts them; then, after another look, the other files, each before what it names; then, after
one more, the images. Wherever that is interrupted, a second run finishes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lockstep import account_report, deployments, making, prune, release, report
from lockstep.account_ports import Administrator
from lockstep.errors import GateError, LockstepError
from lockstep.model import AccountId, Environment, Release, ReleaseId
from lockstep.names import RELEASE_TAG, RELEASES_PREFIX, Names, release_key
from lockstep.ports import Say, Wiring
from lockstep.prune import DAYS, KEEP, PREFIXES, Pruning, Stock, Terms, Use
from lockstep.usecase import number, say_which, target_of, use_case

_LONGEST, _AT_ONCE = 36500, 8


@use_case
def clear_out(wiring: Wiring, *, keep: str | int = KEEP, days: str | int = DAYS, yes: bool = False) -> int:
    """Show what nothing needs any more, and remove it where that is said."""
    say_which(wiring)
    # With none kept nothing could be rolled back; of more than LAST there are no records that are read.
    keep = number(keep, "--keep", 1, deployments.LAST)
    days = number(days, "--days", 0, _LONGEST)
    since = (datetime.fromisoformat(wiring.clock.now()) - timedelta(days=days)).isoformat(timespec="seconds")
    settings = wiring.settings()
    accounts = (settings.names.tooling, *(one.account for one in settings.environments))
    opened = {account: wiring.admin(account) for account in dict.fromkeys(accounts)}
    project = _Project(settings.names, settings.environments, opened, Terms(keep, since), wiring.console.say)
    found = project.look()
    for line in account_report.pruning_plan(found, keep, days):
        wiring.console.say(line)
    removed = project.remove(found) if yes else found
    wiring.console.result(
        account_report.pruning_lines(removed, keep, days, dry_run=not yes),
        account_report.pruning_document(removed, target_of(wiring), keep, days, dry_run=not yes),
    )
    return 0


@dataclass(frozen=True)
class _Project:
    """A project's tooling account and environments, each open as its administrator."""

    names: Names
    environments: tuple[Environment, ...]
    opened: Mapping[AccountId, Administrator]
    terms: Terms
    say: Say

    @property
    def _tooling(self) -> Administrator:
        return self.opened[self.names.tooling]

    def look(self) -> Pruning:
        """Return what nothing needs; raises GateError where that cannot be known.

        What there is is listed first, and what needs it after that: what comes meanwhile is needed and not listed.
        """
        stock = self._stock()
        uses = tuple(self._use(environment) for environment in self.environments)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            kept = tuple(pool.map(self._release, prune.releases(stock, uses, self.terms)))
            keys = prune.records(stock, kept, self.terms)
            contents = pool.map(self._tooling.store.get, keys)
            records = {key: making.read_build(key, found) for key, found in zip(keys, contents, strict=True) if found}
        return prune.plan(stock, uses, kept, records, self.terms)

    def remove(self, shown: Pruning) -> Pruning:
        """Remove what was shown and is not needed meanwhile; return it."""
        store, repositories = self._tooling.store, self._tooling.repositories
        self.say("Removing files, then images; each after another look at what is needed.")
        store.delete(shown.records)
        files = shown.still(self.look()).files
        store.delete(files)
        images = shown.still(self.look()).shelves
        for shelf in images:
            if shelf.removed:
                repositories.remove(shelf.repository, [image.digest for image in shelf.removed])
        return replace(shown, shelves=images, files=(*shown.records, *files))

    def _stock(self) -> Stock:
        store, repositories = self._tooling.store, self._tooling.repositories
        images = {name: repositories.images(name) for name in repositories.names(f"{self.names.project}/")}
        # Releases last: one that is published meanwhile is seen with what it names.
        prefixes = sorted(PREFIXES, key=lambda prefix: prefix == RELEASES_PREFIX)
        return Stock({key: at for prefix in prefixes for key, at in store.dates(f"{prefix}/").items()}, images)

    def _use(self, environment: Environment) -> Use:
        administrator = self.opened[environment.account]
        try:
            found = administrator.stacks.names()
            mine = [name for name in found if self.names.is_service_stack(name, environment.name)]
            states = [state for name in mine if (state := administrator.stacks.describe(name))]
            return Use(
                digests=administrator.functions.digests(),
                releases=frozenset(ReleaseId(one.tags[RELEASE_TAG]) for one in states if RELEASE_TAG in one.tags),
                deployments=deployments.read(self._tooling.store, self.names, environment.account),
            )
        except LockstepError as error:
            raise GateError(
                f"pruning: looking at what {environment.name} needs",
                report.on_one_line(error),
                "nothing is removed until all environments can be looked at",
            ) from error

    def _release(self, release_id: ReleaseId) -> Release:
        return release.decode(self._tooling.store.get(release_key(release_id)) or b"", release_id)
