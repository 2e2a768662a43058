"""What is told where SAM reports a failure: the account decides whether it was one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest

from lockstep.errors import DeployError
from lockstep.model import Result, StackName
from lockstep.ports import Say
from lockstep.testing import TEST, FakeSam, World, a_release
from tests.unit.test_execute import STACK, planned, published, run, target


@dataclass
class GivesUp(FakeSam):
    """A SAM that loses sight of the stack, which ends as `status`, with the release's tags or the ones from before."""

    status: str = "CREATE_COMPLETE"
    keeps_tags: bool = True

    def deploy(
        self,
        *,
        stack: StackName,
        template: bytes,
        repositories: Mapping[str, str],
        parameters: tuple[tuple[str, str], ...],
        tags: tuple[tuple[str, str], ...],
        say: Say,
    ) -> None:
        """Deploy, and report a failure."""
        super().deploy(
            stack=stack, template=template, repositories=repositories, parameters=parameters, tags=tags, say=say
        )
        state = self.world.stacks[self.account, stack]
        left = state.tags if self.keeps_tags else {}
        self.world.stacks[self.account, stack] = replace(state, status=self.status, tags=left)
        raise DeployError("deploying", "the token expired", "sign in again")


def test_a_stack_that_ended_well_is_no_failure() -> None:
    """Where SAM reports a failure and the stack is complete with the release, the deployment is done."""
    world = World()
    opened = replace(target(world), sam=GivesUp(world, TEST))

    outcome, said = run(world, planned(world, a_release(published(world))), opened)

    assert [service.result for service in outcome.services] == [Result.CREATED]
    assert "hello: sam reported a failure, but the stack is CREATE_COMPLETE with this release" in said


@pytest.mark.parametrize(
    ("status", "keeps_tags", "more", "cure"),
    [
        ("UPDATE_IN_PROGRESS", True, " | the stack goes on: UPDATE_IN_PROGRESS", "wait, then invoke status"),
        ("REVIEW_IN_PROGRESS", True, "", "sign in again"),
        ("UPDATE_ROLLBACK_COMPLETE", True, "", "sign in again"),
        ("UPDATE_COMPLETE", False, "", "sign in again"),
    ],
)  # fmt: skip
def test_a_stack_that_did_not_is_one(status: str, keeps_tags: bool, more: str, cure: str) -> None:
    """Where the stack goes on, went back or holds another release, the failure stands and says what is known."""
    world = World()
    opened = replace(target(world), sam=GivesUp(world, TEST, status, keeps_tags))

    outcome, _ = run(world, planned(world, a_release(published(world))), opened)

    error = outcome.services[0].error
    assert error is not None
    assert (error.answer, error.cure) == (f"the token expired{more}", cure)


def test_a_stack_that_is_gone_is_one() -> None:
    """Where there is no stack at all, SAM's failure stands."""
    world = World(fails={f"sam deploy {STACK}": DeployError("deploying", "no")})

    outcome, _ = run(world, planned(world, a_release(published(world))))

    assert str(outcome.services[0].error) == "error: deploying\n  answer: no"
