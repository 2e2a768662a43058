"""The table of who may do what in docs/security.md, and that it is the one that the templates give."""

from __future__ import annotations

import pytest

from lockstep.testing import TEST, TOOLING
from tests.templates import matrix, table
from tests.templates.judge import almighty
from tests.templates.probes import PROBES, Probe


def test_the_page_is_as_generated() -> None:
    """docs/security.md has the table that infra/ gives; `nox -s table` writes it anew."""
    page = table.PAGE.read_text(encoding="utf-8")

    assert table.written(page) == page


def test_a_page_without_the_marks_is_refused() -> None:
    """Where the page has lost the place of the table, writing it is refused."""
    with pytest.raises(ValueError, match=r"security.md has no <!-- who may do what"):
        table.written("# Security\n")


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.what)
def test_a_question_can_be_answered_both_ways(probe: Probe) -> None:
    """What the table asks for is no question that everybody is refused: somebody who may everything can do it."""
    asked = table.judge()
    administrators = [f"arn:aws:iam::{account}:role/administrator" for account in (TOOLING, TEST)]

    can = [who for who in (*administrators, *matrix.ROLES) if not probe.is_refused(asked, almighty(who))]

    assert can != []
