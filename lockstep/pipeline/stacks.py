"""Carries out one CloudFormation action: makes, plans, changes or deletes a stack as the role that the action names.

That role is taken by the pipeline's own, which is how a pipeline reaches another account. Files are read and written
as it too. https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-create-cross-account.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

from lockstep.errors import DeployError
from lockstep.model import AccountId, StackName
from lockstep.pipeline import archives, stack_actions
from lockstep.pipeline.definition import Action
from lockstep.pipeline.jobs import Around, Done, artifact_key
from lockstep.pipeline.reading import Part
from lockstep.pipeline.stack_actions import CREATE_UPDATE, DELETE, EXECUTE, InFile, OfArtifact, Override, StackAction
from lockstep.pipeline.substitution import Variables, substitute, substitute_in_json
from lockstep.pipeline_ports import ActionStacks, Agent, StackOrder
from lockstep.ports import Say


def check(action: StackAction, sources: Collection[str], source: Callable[[], bytes]) -> None:
    """See that the template and the configuration are there, and the latter is readable, where the source has them.

    Raises ConfigError, and DeployError where one is missing. What an earlier action makes, or a variable names, is seen
    when it is there.
    """
    for text in (action.template, action.configuration) if action.has_content else ():
        file = stack_actions.file(text)
        if file.artifact in sources and "#{" not in text:
            content = archives.text(source(), file.name)
            if text == action.configuration:
                stack_actions.configuration(content, text)


@dataclass(frozen=True)
class StackJob:
    """One CloudFormation action of one execution. `artifacts` are the keys of its inputs."""

    around: Around
    action: Action
    execution: str
    variables: Variables
    artifacts: Mapping[str, str]
    say: Say

    def run(self) -> Done:
        """Do it and wait; raises LockstepError with the reason of the first resource that failed."""
        work, account = self._work, AccountId(self._role.split(":")[4])
        self.say(f"  {work.mode} of the stack {work.stack} in account {account}, as {self._role}")
        stacks, stack = self._agent.stacks(account), StackName(work.stack)
        self.say(f"  {work.stack}: {self._carry_out(stacks, stack)}")
        outputs = {} if work.mode == DELETE else dict(stacks.outputs(stack))
        return Done(outputs, self._upload(outputs))

    def _carry_out(self, stacks: ActionStacks, stack: StackName) -> str:
        """Do what the mode says, and return what became of it."""
        work = self._work
        if work.mode == DELETE:
            return "deleted" if stacks.delete(stack, work.role) else "not there"
        if work.mode == EXECUTE:
            return stacks.execute(stack, work.change_set)
        if work.mode == CREATE_UPDATE:
            return stacks.apply(self._order(stack))
        would = "waits" if stacks.plan(self._order(stack), work.change_set) else "would change nothing"
        return f"the change set {work.change_set} {would}"

    @cached_property
    def _work(self) -> StackAction:
        """What is to be done, with the values of the variables."""
        assert isinstance(self.action.work, StackAction)  # noqa: S101 - the runner makes such jobs of no other actions

        def put(key: str, text: str) -> str:
            if key == "ParameterOverrides":
                return substitute_in_json(text, self.variables, key)
            return substitute(text, self.variables)

        return stack_actions.resolved(self.action.work, put, f"the action {self.action.name}")

    @property
    def _role(self) -> str:
        return self.action.role or self.around.pipeline.role

    @cached_property
    def _agent(self) -> Agent:
        around = self.around
        pipeline = around.machinery.become(around.pipeline.role, around.pipeline_arn, self.execution)
        return pipeline.become(self.action.role) if self.action.role else pipeline

    def _order(self, stack: StackName) -> StackOrder:
        work, given = self._work, stack_actions.Configuration({}, {})
        if work.configuration:
            given = stack_actions.configuration(self._text(work.configuration), work.configuration)
        own = stack_actions.overrides(Part(f"the action {self.action.name}", "ParameterOverrides", work.overrides))
        return StackOrder(
            stack=stack,
            template=self._text(work.template),
            parameters={**given.parameters, **{name: self._value(one) for name, one in own.items()}},
            tags=given.tags,
            capabilities=tuple(work.capabilities.split(",")) if work.capabilities else (),
            role=work.role,
        )

    def _value(self, given: Override) -> str:
        """Return the value of a parameter that the action gives."""
        if isinstance(given, InFile):
            return stack_actions.value_in(self._text(f"{given.file.artifact}::{given.file.name}"), given)
        if isinstance(given, OfArtifact):
            place = {"BucketName": self.around.pipeline.bucket, "ObjectKey": self._key(given.artifact)}
            return place[given.attribute]
        return given

    def _text(self, named: str) -> str:
        """Return a file of an input artifact; raises DeployError where there is none."""
        file = stack_actions.file(named)
        content = self._agent.get(self.around.pipeline.bucket, self._key(file.artifact))
        return archives.text(content, file.name)

    def _key(self, artifact: str) -> str:
        if artifact not in self.action.inputs:
            answer = f"its input artifacts are {', '.join(self.action.inputs) or 'none'}"
            raise DeployError(f"reading the artifact {artifact} for {self.action.name}", answer, "name one of them")
        return self.artifacts[artifact]

    def _upload(self, outputs: Mapping[str, str]) -> dict[str, str]:
        """Put the outputs into the bucket, as the one file of the one artifact that the action gives."""
        found = {}
        for name in self.action.outputs:
            found[name] = artifact_key(self.around.pipeline.name, name)
            content = archives.packed(self._work.output, json.dumps(outputs, indent=2))
            self._agent.put(self.around.pipeline.bucket, found[name], content, self.around.pipeline.key)
        return found
