"""Whether the checks of `faults.py` find what they are for: each account template, made worse in one place, is found.

A mutant that no check finds is either a safeguard that nothing holds, or it is listed here with the reason why it is
no worse.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest

from tests.templates.faults import CHECKS
from tests.templates.mutants import Mutant, mutants
from tests.templates.sample import Project, projects

_BUCKET_KEY = "Properties.BucketEncryption.ServerSideEncryptionConfiguration.0.BucketKeyEnabled"
EQUIVALENT = {
    f"tooling-resources.yaml: Resources.Bucket.{_BUCKET_KEY} {what}": (
        "A bucket key saves calls of KMS; without it every file is encrypted with the same key all the same."
    )
    for what in ("is gone", "is False")
}


@dataclass
class Hunt:
    """What became of every mutant: how many there were, which are alive, and how many each check found first."""

    changed: list[tuple[Project, ...]] = field(default_factory=list)
    alive: list[str] = field(default_factory=list)
    found: Counter[str] = field(default_factory=Counter)

    def look_for(self, mutant: Mutant) -> None:
        """Try the checks on a mutant, those first that found the most."""
        changed = mutant.template()
        # Nothing is resolved anew for another check.
        self.changed.append(tuple(project.with_template(mutant.file, changed) for project in projects()))
        order = sorted(CHECKS, key=lambda name: -self.found[name])
        name = next((name for project in self.changed[-1] for name in order if finds(name, project)), "")
        if name:
            self.found[name] += 1
        else:
            self.alive.append(mutant.name)


def finds(check: str, project: Project) -> bool:
    """Does a check find anything in a project?"""
    return next(CHECKS[check](project), None) is not None


@pytest.fixture(scope="module")
def hunt() -> Hunt:
    """Look for every mutant."""
    result = Hunt()
    for mutant in mutants():
        result.look_for(mutant)
    return result


def test_every_mutant_is_found(hunt: Hunt) -> None:
    """Whatever is taken from the templates' safeguards, or added to their rights, a check finds it."""
    print(f"{len(hunt.changed)} mutants, not found: {hunt.alive}")

    assert sorted(hunt.alive) == sorted(EQUIVALENT)


def test_every_check_finds_something(hunt: Hunt) -> None:
    """No check is for show: each finds a mutant at least."""
    silent = [name for name in CHECKS if not hunt.found[name]]

    idle = [name for name in silent if not any(finds(name, one) for changed in hunt.changed for one in changed)]

    assert idle == []


def test_an_unchanged_template_is_no_mutant() -> None:
    """Every mutant differs from its template, and from every other mutant."""
    made = list(mutants())

    assert len({mutant.name for mutant in made}) == len(made)
    assert [mutant.name for mutant in made if mutant.template() == projects()[0].templates[mutant.file]] == []
