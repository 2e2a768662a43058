"""Shows what would become of account stacks, has it agreed to, and does it: for bootstrap and for the pipeline.

Changes nothing that was not shown and agreed to. What waits meanwhile is taken away where nobody agrees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lockstep import account_report, bootstrap
from lockstep.account_ports import Administrator
from lockstep.account_stacks import AccountStack
from lockstep.bootstrap import Applied, Planned
from lockstep.errors import ConfigError
from lockstep.model import AccountId
from lockstep.ports import Wiring

Opened = dict[AccountId, Administrator]


@dataclass(frozen=True)
class Job:
    """Some account stacks that a task wants, and how far it may go: without a question, or no further than a plan."""

    task: str
    steps: tuple[AccountStack, ...]
    yes: bool
    dry_run: bool


@dataclass(frozen=True)
class Done:
    """What was planned, as JSON, and what came of it."""

    document: dict[str, Any]
    applied: tuple[Applied, ...]


def carry_out(wiring: Wiring, job: Job, opened: Opened, target: str) -> Done | None:
    """Show, ask and apply; None where that ends with what was shown, which is then printed as the task's result.

    Raises IdentityError where an administrator may not, ConfigError where nobody is there to be asked.
    """
    planned = bootstrap.preview(job.steps, wiring.root, opened)
    document = account_report.plan_document(planned, target, dry_run=job.dry_run)
    agreed = False
    try:
        agreed = _is_agreed(wiring, job, planned, opened)
    finally:
        if not agreed:
            bootstrap.discard(planned, opened)
    if not agreed:
        declined = f"Nothing was changed. To apply it without a question: invoke {job.task} --yes"
        wiring.console.result(("Dry run: nothing was changed." if job.dry_run else declined,), document)
        return None
    return Done(document, bootstrap.apply(planned, wiring.root, opened, wiring.clock, wiring.console.say))


def _is_agreed(wiring: Wiring, job: Job, planned: tuple[Planned, ...], opened: Opened) -> bool:
    """Show a plan, see that it can be carried out, and ask; raises IdentityError where it cannot."""
    for line in account_report.plan_lines(planned, job.task):
        wiring.console.say(line)
    bootstrap.check_rights(planned, opened, wiring.knowledge(), wiring.settings().region)
    if job.dry_run or job.yes or not any(one.is_needed for one in planned):
        return not job.dry_run
    answer = wiring.console.confirm("Apply it?")
    if answer is None:
        raise ConfigError("asking whether to apply it", "nobody can answer here", f"invoke {job.task} --yes")
    return answer
