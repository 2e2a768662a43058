"""Our interpreter against the table of what CodeBuild does: every buildspec of this folder, run by its task."""

from __future__ import annotations

import pytest

from tests.conformance import cases
from tests.conformance.cases import FOLDER, KEPT, Case, Outcome
from tests.journeys.terminal import Terminal

CASES = cases.cases()


def in_shell(text: str, shell: str) -> str:
    """Return a buildspec for a shell, unless it has one already."""
    if "  shell: " in text:
        return text
    named = f"env:\n  shell: {shell}\n"
    return text.replace("env:\n", named) if "env:\n" in text else text.replace("phases:", f"{named}phases:")


def test_every_buildspec_is_in_the_table() -> None:
    """Each buildspec of the folder is in the table once, and the table has no others."""
    assert sorted(case.name for case in CASES) == sorted(file.stem for file in FOLDER.glob("*.yml"))
    assert len({case.shows for case in CASES}) == len(CASES)


@pytest.mark.parametrize("shell", ["/bin/sh", "bash"])
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_what_a_build_does(terminal: Terminal, case: Case, shell: str) -> None:
    """A buildspec runs the phases that CodeBuild runs, in either shell; what CodeBuild does not begin is refused."""
    (terminal.root / "buildspec.yml").write_text(in_shell(case.file.read_text(), shell))

    seen = terminal.invoke("buildspec.run", "buildspec.yml")

    # A build whose file is wrong has no log: it fails while its source is fetched, and here before it begins.
    is_begun = seen.code != 2
    did = cases.outcome(seen.out.splitlines()) if is_begun else Outcome("DOWNLOAD_SOURCE!", ())
    assert (did.phases, case.says in (None, did.says)) == (case.phases, True), seen.out + seen.err
    assert (seen.code == 0) == ("!" not in case.phases)
    artifact = terminal.root / ".lockstep" / "builds" / "buildspec" / "primary.zip"
    assert artifact.exists() == (f"- {KEPT}" in case.file.read_text() and case.phases.endswith("UPLOAD_ARTIFACTS"))
