"""The account templates have none of the faults that `faults.py` looks for, among them all that the sample had."""

from __future__ import annotations

import re

import pytest

from lockstep import access
from tests.templates.faults import CHECKS, SEED, findings
from tests.templates.sample import KEY, ROOT, projects


@pytest.mark.parametrize("check", CHECKS)
def test_the_templates_hold(check: str) -> None:
    """No check finds a fault, whatever the settings say of an organization, of protection and of people."""
    found = [finding for project in projects() for finding in findings(project, check)]

    assert found == []


def test_every_fault_of_the_sample_is_looked_for() -> None:
    """Each fault of the sample that docs/security.md tells of is answered for by checks that there are."""
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    part = page.partition("## Faults of the sample")[2].partition("\n## ")[0]
    rows = [row for row in re.findall(r"^\| (.+?) \|", part, re.MULTILINE) if row != "in the sample"]

    assert rows == list(SEED)[: len(rows)]
    assert {name for names in SEED.values() for name in names} - CHECKS.keys() == set()


def test_the_samples_are_what_bootstrap_makes() -> None:
    """What is judged here is what Lockstep itself reads out of its plan and infra/."""
    for project in projects():
        expected = access.read(project.steps, ROOT, project.settings.region)

        assert repr(project.judge.access) == repr(expected).replace(KEY.replace("/made", "/*"), KEY)
