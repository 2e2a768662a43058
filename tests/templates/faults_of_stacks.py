"""Faults of how stacks are made, by whom and with what: the boundary, the account stacks, what bootstrap gives them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator

from lockstep import policy, template
from lockstep.account_stacks import KEY_ARN
from lockstep.model import Environment
from lockstep.policy import Identity
from tests.templates.judge import EVERYTHING
from tests.templates.sample import Project

# What may be done to a service's role whatever it is bounded by: nothing that gives it a right.
_KEEP = {
    "iam:DeleteRole", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies",
    "iam:ListRoleTags", "iam:TagRole", "iam:UntagRole", "iam:UpdateRoleDescription",
}  # fmt: skip
# What makes a role or changes what it may do. Each of these IAM judges by the role's boundary.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
_MAKE = {
    "iam:AttachRolePolicy", "iam:CreateRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy",
    "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy",
}  # fmt: skip
_READS = re.compile(r"\w+:(Describe|Get|List|Simulate)\w*")
_OLD = re.compile(
    r"python3\.\d\b|nodejs1?\d\.x|:latest\b"
    r"|aws/codebuild/(standard:[1-6]|\w+-x86_64-standard:[1-4]|\w+-aarch64-standard:[12])\."
)


def roles_are_made_with_the_boundary(project: Project) -> Iterator[str]:
    """The execution role makes or changes a role only while that has the boundary, and only the roles of services."""
    judge, names = project.judge, project.names
    for environment in project.settings.environments:
        execution = judge.identity(f"execution-{environment.name}")
        boundary = names.boundary(environment.name, environment.account)
        role = _service_role(project, environment)
        contexts: tuple[tuple[dict[str, str], set[str]], ...] = (
            ({"iam:PermissionsBoundary": boundary}, _KEEP | _MAKE),
            ({"iam:PermissionsBoundary": f"{boundary}s"}, _KEEP),
            ({}, _KEEP),
        )
        mine = {action for action in policy.actions(execution.policies) if action.startswith(("iam:", "*"))}
        for context, wanted in contexts:
            allowed = {action for action in mine | _MAKE | _KEEP if judge.may(execution, action, role, context)}
            if allowed != wanted:
                yield f"execution-{environment.name} with {context}: {sorted(allowed ^ wanted)}"
        elsewhere = role.replace(f"-{environment.name}-", f"-{environment.name}ing-")
        if allowed := {action for action in mine if judge.may(execution, action, elsewhere, contexts[0][0])}:
            yield f"execution-{environment.name} on {elsewhere}: {sorted(allowed)}"


def our_own_roles_and_policies_stay(project: Project) -> Iterator[str]:
    """Nobody changes a role or a policy that bootstrap made, the boundary least of all."""
    judge = project.judge
    for name, role in judge.roles.items():
        changes = [one for one in policy.actions(role.identity.policies) if one.startswith("iam:")]
        changes = [one for one in changes if not _READS.fullmatch(one)]
        account = role.identity.arn.split(":")[4]
        for ours in (*judge.access.roles, *judge.access.boundaries):
            for boundary in (arn for arn in judge.access.boundaries if account in ours and account in arn):
                context = {"iam:PermissionsBoundary": boundary}
                found = [one for one in changes if judge.may(role.identity, one, ours, context)]
                yield from (f"{name}: {action} on {ours}" for action in found)


def services_stay_within_the_boundary(project: Project) -> Iterator[str]:
    """A function whose role allows everything writes its log and calls its siblings; it does nothing else."""
    judge, names = project.judge, project.names
    targets = project.settings.environments
    for environment in targets:
        document = judge.access.boundaries[names.boundary(environment.name, environment.account)]
        who = Identity(_service_role(project, environment), (EVERYTHING,), document)
        sibling = judge.function(names.service_stack(environment.name, "hello"), environment.account)
        others = [judge.function(names.service_stack(o.name, "hello"), environment.account) for o in targets]
        log = sibling.replace(":lambda:", ":logs:").replace(":function:", ":log-group:/aws/lambda/") + ":log-stream:a"
        asked = (
            ("logs:PutLogEvents", log, True),
            ("logs:PutLogEvents", log.replace("/aws/lambda/", "/aws/codebuild/"), False),
            ("lambda:InvokeFunction", sibling, True),
            *(("lambda:InvokeFunction", other, other == sibling) for other in others),
            ("lambda:UpdateFunctionCode", sibling, False),
            ("s3:GetObject", f"{judge.bucket}/environments/{environment.account}/a", False),
            ("kms:Decrypt", judge.key, False),
            ("iam:CreateRole", who.arn, False),
            *(("sts:AssumeRole", role, False) for role in judge.access.roles),
        )
        for action, resource, is_wanted in asked:
            if judge.may(who, action, resource, judge.through_s3()) != is_wanted:
                yield f"the boundary of {environment.name}: {action} on {resource}"


def stacks_change_as_the_execution_role_only(project: Project) -> Iterator[str]:
    """A deploy role makes change sets of its environment's services only, and only with its execution role."""
    judge, names = project.judge, project.names
    execution = {e.name: names.execution_role(e.name, e.account) for e in project.settings.environments}
    for environment in project.settings.environments:
        for name in judge.roles:
            stack = judge.stack(names.service_stack(environment.name, "hello"), environment.account)
            for role in (*execution.values(), names.status_role(environment.name, environment.account), ""):
                context = {"cloudformation:RoleArn": role} if role else {}
                is_right = (name, role) == (f"deploy-{environment.name}", execution[environment.name])
                if judge.may(judge.identity(name), "cloudformation:CreateChangeSet", stack, context) != is_right:
                    yield f"{name}: a change set of {stack} with {role or 'no role'}"


def nobody_changes_the_account_stacks(project: Project) -> Iterator[str]:
    """No role changes the stacks that bootstrap made: nothing here rewrites what it is itself allowed."""
    judge = project.judge
    for name, role in judge.roles.items():
        for action in policy.actions(role.identity.policies):
            if action.startswith(("cloudformation:", "*")) and not _READS.fullmatch(action):
                for step in project.steps:
                    stack = judge.stack(step.stack, step.account)
                    executions = [one for one in judge.access.roles if step.account in one and "-execution-" in one]
                    if (name, step.stack) == ("pipeline-update", judge.names.pipeline_stack):
                        continue  # With what rights it changes it, is another check's.
                    for context in ({}, *({"cloudformation:RoleArn": one} for one in executions)):
                        if judge.may(role.identity, action, stack, context):
                            yield f"{name}: {action} on {step.stack}"


def branches_reach_their_own_stacks(project: Project) -> Iterator[str]:
    """Whatever a branch is called, its stack is one that its environment alone deploys, and no other branch's."""
    judge, names = project.judge, project.names
    branches = ("", "feature/login", "featurelogin", "feature-login", "../prod", "prod", "-account-test", "*", "é")
    for environment in project.settings.environments:
        stacks = [names.service_stack(environment.name, "hello", branch) for branch in branches]
        if len(set(stacks)) != len(branches):
            yield f"{environment.name}: two branches have one stack of {stacks}"
        for other in project.settings.environments:
            deploy = judge.identity(f"deploy-{other.name}")
            context = {"cloudformation:RoleArn": names.execution_role(other.name, other.account)}
            for stack in stacks:
                arn = judge.stack(stack, other.account)
                if judge.may(deploy, "cloudformation:CreateChangeSet", arn, context) != (other == environment):
                    yield f"deploy-{other.name}: the stack {stack}"


def protection_follows_the_settings(project: Project) -> Iterator[str]:
    """Where an environment is protected, its stacks and those that it needs are, and its services may be; else not."""
    judge, names = project.judge, project.names
    protected = {environment.name: environment.protect for environment in project.settings.environments}
    for step in project.steps:
        environment = step.parameters.get("Environment")
        wanted = protected[environment] if environment else any(protected.values())
        if step.protected != wanted:
            yield f"{step.stack}: protected is {step.protected}"
    for target in project.settings.environments:
        stack = judge.stack(names.service_stack(target.name, "hello"), target.account)
        deploy = judge.identity(f"deploy-{target.name}")
        if judge.may(deploy, "cloudformation:UpdateTerminationProtection", stack) != target.protect:
            yield f"deploy-{target.name}: protecting stacks"


def there_is_what_was_planned(project: Project) -> Iterator[str]:
    """The account stacks make these resources and no others: no user, no stored key, no code that runs."""
    environments, people = len(project.settings.environments), bool(project.settings.tooling.developers)
    pipeline = project.settings.pipeline
    assert pipeline is not None
    ruled, updates, plans = pipeline.connection is None, pipeline.update, bool(project.settings.approved)
    batched = pipeline.shards > 1
    wanted = {
        "AWS::CodeBuild::Project": 2 + updates + plans + environments,
        "AWS::CodePipeline::Pipeline": 1 + bool(pipeline.branches),
        "AWS::CodeStarNotifications::NotificationRule": 1 + bool(pipeline.branches),
        "AWS::Events::Rule": int(ruled),
        "AWS::SNS::Topic": 1,
        "AWS::SNS::TopicPolicy": 1,
        "AWS::ECR::Repository": 1,
        "AWS::IAM::ManagedPolicy": 1 + 2 * environments,
        "AWS::IAM::Role": 3 + ruled + updates + plans + batched + people + 4 * environments,
        "AWS::KMS::Alias": 1,
        "AWS::KMS::Key": 1,
        "AWS::Logs::LogGroup": 2 + updates + plans + environments,
        "AWS::S3::Bucket": 2,
        "AWS::S3::BucketPolicy": 2,
    }
    if (found := Counter(one.kind for one in project.made)) != Counter(wanted):
        yield f"the account stacks make {dict(found)}"


def nothing_is_pasted_or_old(project: Project) -> Iterator[str]:
    """No template holds an account's id, a secret, a retired runtime or a retired build image."""
    for file, parsed in project.templates.items():
        for text in template.strings(parsed["Resources"]):
            if re.search(r"\b\d{12}\b", text) or "{{resolve:" in text or _OLD.search(text):
                yield f"{file}: {text}"


def parameters_are_all_given(project: Project) -> Iterator[str]:
    """Bootstrap gives each stack every parameter that its template declares, and each is used: none is left unset."""
    for step in project.steps:
        parsed = project.templates[step.template]
        given = {*step.parameters, *([KEY_ARN] if step.needs_key else [])}
        if given != parsed["Parameters"].keys():
            yield f"{step.stack}: {sorted(given ^ parsed['Parameters'].keys())}"
        body = json.dumps([parsed["Resources"], parsed.get("Conditions")])
        unused = [name for name in given if f'"{name}"' not in body and f"${{{name}}}" not in body]
        yield from (f"{step.template}: {name} is not used" for name in unused)


def _service_role(project: Project, environment: Environment) -> str:
    stack = project.names.service_stack(environment.name, "hello")
    return f"arn:{project.names.partition}:iam::{environment.account}:role/{stack}-Role"


CHECKS = (
    roles_are_made_with_the_boundary,
    our_own_roles_and_policies_stay,
    services_stay_within_the_boundary,
    stacks_change_as_the_execution_role_only,
    nobody_changes_the_account_stacks,
    branches_reach_their_own_stacks,
    protection_follows_the_settings,
    there_is_what_was_planned,
    nothing_is_pasted_or_old,
    parameters_are_all_given,
)
