"""The use cases of the pipeline. One for each task; each returns its code."""

from __future__ import annotations

from dataclasses import replace

from lockstep import account_report, account_stacks, agreeing
from lockstep.account_ports import Administrator
from lockstep.account_stacks import KEY_ARN, AccountStack
from lockstep.agreeing import Job
from lockstep.errors import ConfigError
from lockstep.ports import Wiring
from lockstep.settings import Settings
from lockstep.usecase import say_which, target_of, use_case


@use_case
def deploy(wiring: Wiring, *, yes: bool = False, dry_run: bool = False) -> int:
    """Make or update the stack of the pipeline, as the administrator of tooling."""
    say_which(wiring)
    settings = wiring.settings()
    step = account_stacks.pipeline(settings)
    opened = {step.account: wiring.admin(step.account)}
    job = Job("pipeline.deploy", (_with_key(step, settings, opened[step.account]),), yes=yes, dry_run=dry_run)
    done = agreeing.carry_out(wiring, job, opened, target_of(wiring))
    if done is not None:
        wiring.console.result(
            (account_report.applied_line(done.applied),),
            account_report.applied_document(done.document, done.applied, (), ""),
        )
    return 0


def _with_key(step: AccountStack, settings: Settings, tooling: Administrator) -> AccountStack:
    """Return a stack with the key that bootstrap made; raises ConfigError where it, or a role that builds, is not."""
    names = settings.names
    needed = (
        names.tooling_resources_stack,
        names.tooling_roles_stack,
        *(names.deployer_stack(environment.name) for environment in settings.environments),
    )
    there = {stack: state for stack in needed if (state := tooling.stacks.describe(stack)) and not state.is_hollow}
    if missing := [stack for stack in needed if stack not in there]:
        raise ConfigError("deploying the pipeline", f"not there yet: {', '.join(missing)}", "invoke bootstrap")
    key = there[names.tooling_resources_stack].outputs[KEY_ARN]
    return replace(step, needs_key=False, parameters={**step.parameters, KEY_ARN: key})
