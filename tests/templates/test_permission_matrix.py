"""Who may do what, and what an attacker may not, as the evaluator answers out of the account templates."""

from __future__ import annotations

from functools import cache

import pytest

from lockstep import access
from lockstep.testing import SETTINGS, some_settings
from tests.templates.judge import Judge, almighty
from tests.templates.matrix import ROWS, Row
from tests.templates.sample import ROOT, STRICT, projects


@cache
def judge(*, organization: bool) -> Judge:
    """Return what answers for the sample settings, without an organization or with one."""
    settings = some_settings(STRICT if organization else SETTINGS)
    return Judge(access.read(projects()[organization].steps, ROOT, settings.region), settings)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_who_may_do_what(row: Row) -> None:
    """Each request is answered as its row says: our roles do their work, and every attack is refused."""
    asked = judge(organization=row.organization)
    who = almighty(row.who) if row.who.startswith("arn:") else asked.identity(row.who)

    if row.action == "sts:AssumeRole":
        allowed = asked.becomes(who, row.resource, row.context)
    else:
        allowed = asked.may(who, row.action, row.resource, row.context)

    assert allowed is row.allowed
