"""Faults of the image repositories. Each check yields what it finds."""

from __future__ import annotations

import json
from collections.abc import Iterator

from lockstep import policy
from lockstep.needs import PULL
from tests.templates.judge import almighty
from tests.templates.sample import KEY, RESOURCE, Project

_OTHERS = ("ecr:PutImage", "ecr:BatchDeleteImage", "ecr:DescribeImages", "ecr:SetRepositoryPolicy")


def tags_are_immutable(project: Project) -> Iterator[str]:
    """A tag that was pushed names the same image for good."""
    for one in project.of("AWS::ECR::Repository"):
        if one.properties.get("ImageTagMutability") != "IMMUTABLE":
            yield f"{one.place}: its tags are {one.properties.get('ImageTagMutability')}"


def images_are_scanned(project: Project) -> Iterator[str]:
    """Every image is scanned when it is pushed."""
    for one in project.of("AWS::ECR::Repository"):
        if one.properties.get("ImageScanningConfiguration") != {"ScanOnPush": True}:
            yield f"{one.place}: images are not scanned"


def images_are_encrypted(project: Project) -> Iterator[str]:
    """Images are encrypted with the customer key."""
    for one in project.of("AWS::ECR::Repository"):
        if one.properties.get("EncryptionConfiguration") != {"EncryptionType": "KMS", "KmsKey": KEY}:
            yield f"{one.place}: encrypted by {one.properties.get('EncryptionConfiguration')}"


def only_untagged_images_expire(project: Project) -> Iterator[str]:
    """What runs is never removed: images expire that have no tag, after two weeks, and no others."""
    for one in project.of("AWS::ECR::Repository"):
        text = str(one.properties.get("LifecyclePolicy", {}).get("LifecyclePolicyText", "{}"))
        rules = [(rule["selection"], rule["action"]) for rule in json.loads(text).get("rules", [])]
        untagged = {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14}
        if rules != [(untagged, {"type": "expire"})]:
            yield f"{one.place}: its lifecycle is {rules}"


def repositories_have_two_statements(project: Project) -> Iterator[str]:
    """A repository's policy lets accounts pull, narrowed to exact roles, and Lambda for exact functions; nothing else.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policy-examples.html
    """
    for one in project.of("AWS::ECR::Repository"):
        found = [said for said in project.said if said.made == one and said.sort == RESOURCE]
        accounts = tuple(environment.account for environment in project.settings.environments)
        whose = [(said.statement["Effect"], said.principals("AWS"), said.principals("Service")) for said in found]
        if whose != [("Allow", accounts, ()), ("Allow", (), ("lambda.amazonaws.com",))]:
            yield f"{one.place}: its policy is for {whose}"
        yield from (f"{said.place}: it allows {said.actions}" for said in found if said.actions != PULL)


def execution_roles_alone_pull(project: Project) -> Iterator[str]:
    """Of an environment's account, the execution role pulls an image, and does nothing else with it."""
    names, judge = project.names, project.judge
    for one in project.of("AWS::ECR::Repository"):
        image = judge.repository(one.properties["RepositoryName"])
        for environment in project.settings.environments:
            execution = names.execution_role(environment.name, environment.account)
            deploy = names.deploy_role(environment.name, environment.account)
            forged = execution.replace(environment.account, "999999999999")
            for who in (execution, deploy, f"{execution}s", forged):
                for action in (*PULL, *_OTHERS):
                    if judge.may(almighty(who), action, image) != (who == execution and action in PULL):
                        yield f"{one.place}: {action} by {who}"


def lambda_pulls_for_our_functions_only(project: Project) -> Iterator[str]:
    """Lambda pulls an image for the functions of the project's environments, and for nobody else's."""
    names, judge = project.names, project.judge
    for one in project.of("AWS::ECR::Repository"):
        name = one.properties["RepositoryName"]
        document, image = judge.access.resources[name], judge.repository(name)
        asked: dict[str, bool] = {"": False}
        for environment in project.settings.environments:
            own = judge.function(names.service_stack(environment.name, "hello"), environment.account)
            others = (own.replace(environment.account, "999999999999"), own.replace(f":{names.project}-", ":other-"))
            asked |= {own: True, **dict.fromkeys(others, False)}
        for function, is_wanted in asked.items():
            context = {"aws:SourceArn": function} if function else {}
            for action in (*PULL, *_OTHERS):
                pulls = policy.service_may("lambda.amazonaws.com", action, image, document, context)
                if pulls != (is_wanted and action in PULL):
                    yield f"{one.place}: {action} by Lambda for {function or 'anything'}"


CHECKS = (
    tags_are_immutable,
    images_are_scanned,
    images_are_encrypted,
    only_untagged_images_expire,
    repositories_have_two_statements,
    execution_roles_alone_pull,
    lambda_pulls_for_our_functions_only,
)
