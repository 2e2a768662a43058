"""What CloudFormation needs for a resource, as a small hand-made list of actions says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from lockstep import needs
from lockstep.intrinsics import Stack
from lockstep.needs import Need
from lockstep.testing import TEST, TOOLING

STACK = Stack("shop-test-hello", TEST, "eu-west-1")
HERE = f"eu-west-1:{TEST}"
NAMED = "arn:${Partition}:gate:${Region}:${Account}:tollgate/.*"


@dataclass(frozen=True)
class SomeKnowledge:
    """Knows what a test tells it: the actions by operation of every type, and what their resources look like."""

    actions: Mapping[str, tuple[str, ...]]
    forms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    everywhere: tuple[str, ...] | None = (NAMED,)

    def handlers(self, kind: str) -> Mapping[str, tuple[str, ...]]:
        """The same actions for each type but the one that no schema describes."""
        return {} if kind == "AWS::Undescribed::Thing" else self.actions

    def arn_forms(self, action: str) -> tuple[str, ...] | None:
        """The forms that were told, else those of everything."""
        return self.forms.get(action, self.everywhere)

    def actions_like(self, action: str) -> tuple[str, ...]:
        """Every action that has a form."""
        del action
        return tuple(self.forms)


def needed(
    properties: Mapping[str, object], *actions: str, kind: str = "AWS::Gate::TollGate", **forms: tuple[str, ...]
) -> tuple[Need, ...]:
    """Return what making a resource, Thing, needs that takes some actions; forms go by the action's name."""
    by_action = {action: forms[name] for action in actions if (name := action.partition(":")[2]) in forms}
    knowledge = SomeKnowledge({"create": actions}, by_action)
    return needs.of_resource(kind, "Thing", properties, STACK, knowledge, TOOLING)


def resource(properties: Mapping[str, object], form: str, kind: str = "AWS::Gate::TollGate") -> str:
    """Return the ARN of what the one action on a resource is taken on."""
    (found,) = needed(properties, "gate:MakeTollGate", kind=kind, MakeTollGate=(form,))
    return found.resource


@pytest.mark.parametrize(
    ("properties", "name"),
    [
        ({}, "shop-test-hello-Thing-*"),
        ({"TollGateName": "mine"}, "mine"),
        ({"Name": "mine"}, "mine"),
        ({"TollGateName": "mine", "Name": "shown"}, "mine"),
        ({"Name": "/shop/mine"}, "shop/mine"),
        ({"Nickname": "mine"}, "shop-test-hello-Thing-*"),
    ],
)
def test_names(properties: dict[str, object], name: str) -> None:
    """An action is on the name that the properties give, without a slash of its own, or on the generated one."""
    found = resource(properties, NAMED)

    assert found == f"arn:aws:gate:{HERE}:tollgate/{name}"


def test_a_name_that_is_an_arn() -> None:
    """A property that names a resource by its ARN is taken as it is."""
    found = resource({"Name": f"arn:aws:gate:{HERE}:tollgate/mine"}, NAMED)

    assert found == f"arn:aws:gate:{HERE}:tollgate/mine"


def test_the_form_that_fits() -> None:
    """Of several kinds of resources an action is on the one that is called like the type, else on the first."""
    forms = ("arn:${Partition}:gate::${Account}:road/.*", "arn:${Partition}:gate:${Zone}::toll-gate:.*")

    found = [
        needed({}, "gate:Make", kind=kind, Make=forms)[0].resource for kind in ("AWS::Gate::TollGate", "AWS::Gate::X")
    ]

    assert found == [
        "arn:aws:gate:*::toll-gate:shop-test-hello-Thing-*",
        f"arn:aws:gate::{TEST}:road/shop-test-hello-Thing-*",
    ]


def test_what_takes_no_resource() -> None:
    """An action that takes no resource is on everything, and needed for certain all the same."""
    found = needed({}, "gate:List", List=())

    assert found == (Need("gate:List", "*", "Thing"),)


def test_what_is_no_action() -> None:
    """What a schema names and IAM does not know is left out."""
    knowledge = SomeKnowledge({"create": ("gate:REST.PUT",)}, everywhere=None)

    found = needs.of_resource("AWS::Gate::TollGate", "Thing", {}, STACK, knowledge, TOOLING)

    assert found == ()


def test_a_type_without_a_schema() -> None:
    """A type that no schema describes needs nothing that could be told."""
    found = needed({"Name": "x"}, "gate:Make", kind="AWS::Undescribed::Thing")

    assert found == ()


@pytest.mark.parametrize(
    ("operations", "actions"),
    [
        (("create",), ["gate:Make", "gate:See"]),
        (("delete",), ["gate:End"]),
        (("delete", "read", "create"), ["gate:End", "gate:See", "gate:Make"]),
        (needs.OPERATIONS, ["gate:Make", "gate:See", "gate:Turn", "gate:End"]),
        ((), []),
    ],
)
def test_operations(operations: tuple[str, ...], actions: list[str]) -> None:
    """Only what the chosen operations take is needed, each action once."""
    by_operation = {
        "create": ("gate:Make", "gate:See"),
        "read": ("gate:See",),
        "update": ("gate:Turn",),
        "delete": ("gate:End",),
        "list": ("gate:List",),
    }

    found = needs.of_resource(
        "AWS::Gate::TollGate", "Thing", {}, STACK, SomeKnowledge(by_operation), TOOLING, operations
    )

    assert [need.action for need in found] == actions


@pytest.mark.parametrize("service", ["gate", "gate-keeper"])
@pytest.mark.parametrize(("operations", "certain"), [(("create", "read"), False), (("create", "update"), True)])
def test_an_update_that_a_creation_lists(service: str, operations: tuple[str, ...], certain: bool) -> None:
    """What updates a thing as a whole is needed for certain only where one is updated, whatever a schema lists."""
    actions = (f"{service}:CreateTollGate", f"{service}:UpdateTollGate")
    knowledge = SomeKnowledge({"create": actions, "update": actions})

    found = needs.of_resource("AWS::Gate::TollGate", "Thing", {}, STACK, knowledge, TOOLING, operations)

    assert [(need.action, need.certain) for need in found] == [(actions[0], True), (actions[1], certain)]


@pytest.mark.parametrize(
    ("properties", "perhaps"),
    [
        ({}, False),
        ({"KmsKeyArn": f"arn:aws:kms:{HERE}:key/1"}, True),
        ({"Encryption": [{"KMSMasterKeyID": f"arn:aws:kms:{HERE}:key/1"}]}, True),
        ({"KmsKeyId": "alias/aws/s3"}, False),
        ({"KmsKeyId": ""}, False),
        ({"KmsKeyArn": "*"}, False),
    ],
)
def test_actions_of_other_services(properties: dict[str, object], perhaps: bool) -> None:
    """What another service is asked for is perhaps needed where a property names something of one's own."""
    found = needed(properties, "gate:Make", "kms:Decrypt", "other:Thing")

    assert [(need.certain, need.perhaps) for need in found] == [(True, False), (False, perhaps), (False, False)]


@pytest.mark.parametrize(
    ("properties", "resources"),
    [
        ({"KmsKeyArn": f"arn:aws:kms:{HERE}:key/1"}, [f"arn:aws:kms:{HERE}:key/1"]),
        (
            {"Keys": {"KmsKeyIds": [f"arn:aws:kms:{HERE}:key/1", {"Own": f"arn:aws:kms:{HERE}:key/2"}, 3]}},
            [f"arn:aws:kms:{HERE}:key/1", f"arn:aws:kms:{HERE}:key/2"],
        ),
        ({"KmsKeyArn": "1234abcd"}, ["*"]),
    ],
)
def test_keys(properties: dict[str, object], resources: list[str]) -> None:
    """A key is used under each ARN that a property gives; a key without an ARN may be any."""
    found = needed(properties, "gate:Make", "kms:Decrypt")

    assert [need.resource for need in found if need.action == "kms:Decrypt"] == resources


def test_a_key_that_is_not_told() -> None:
    """Which key it is that a name stands for, nobody can tell."""
    found = needed({"KmsKeyArn": "1234abcd"}, "kms:Decrypt")

    assert [(need.resource, need.guessed) for need in found] == [("*", True)]


@pytest.mark.parametrize("name", ["*", "*-jobs"])
def test_a_name_that_is_not_told(name: str) -> None:
    """A resource of a known type is a guess all the same where the beginning of its name is not known."""
    knowledge = SomeKnowledge({"create": ("sqs:Make",)}, everywhere=("arn:${Partition}:sqs:${Region}:${Account}:.*",))
    kind, named = "AWS::SQS::Queue", ({"QueueName": name}, {"QueueName": "jobs"})

    found = [needs.of_resource(kind, "Thing", one, STACK, knowledge, TOOLING) for one in named]

    assert found == [
        (Need("sqs:Make", f"arn:aws:sqs:{HERE}:{name}", "Thing", guessed=True),),
        (Need("sqs:Make", f"arn:aws:sqs:{HERE}:jobs", "Thing"),),
    ]


def test_the_service_of_a_type() -> None:
    """A type's own service is the one called like it, however many actions of others it takes; else the commonest."""
    actions = ("kms:Decrypt", "kms:Encrypt", "gate:Make", "road:Block", "road:Free")

    found = {
        kind: [need.action for need in needed({}, *actions, kind=kind) if need.certain or need.perhaps]
        for kind in ("AWS::Gate::TollGate", "AWS::Bridge::Toll", "Odd")
    }

    assert found == {
        "AWS::Gate::TollGate": ["gate:Make"],
        "AWS::Bridge::Toll": ["road:Block", "road:Free"],
        "Odd": ["road:Block", "road:Free"],
    }


def test_the_work_of_a_type() -> None:
    """Of a type of which no more is known, what is called like it after a usual verb is certain, the rest perhaps."""
    actions = (
        "gate:CreateTollGate",
        "gate:ListTollGates",
        "gate:CreateTollGatePretty",
        "gate:PaintTollGate",
        "kms:Use",
    )

    found = [(need.certain, need.perhaps) for need in needed({}, *actions)]

    assert found == [(True, False), (True, False), (False, True), (False, True), (False, False)]


def test_the_only_action_of_an_operation() -> None:
    """What an operation that changes something takes alone of its type's service is certain, whatever it is called."""
    by_operation = {
        "create": ("gate:Put", "kms:Decrypt"),
        "read": ("gate:See",),
        "delete": ("gate:End", "gate:Wait"),
        "tag": ("gate:Tag",),
    }

    found = needs.of_resource("AWS::Gate::TollGate", "Thing", {}, STACK, SomeKnowledge(by_operation), TOOLING)

    assert [need.action for need in found if need.certain] == ["gate:Put"]


def test_tags() -> None:
    """What only tagging takes is possible, and never certain, for a type of which all is known too."""
    by_operation = {"create": ("sqs:CreateQueue",), "tag": ("sqs:CreateQueue", "sqs:TagQueue")}

    found = needs.of_resource("AWS::SQS::Queue", "Thing", {}, STACK, SomeKnowledge(by_operation), TOOLING)

    assert [(need.action, need.certain) for need in found] == [("sqs:CreateQueue", True), ("sqs:TagQueue", False)]


def test_a_type_of_shared_services_alone() -> None:
    """A type that takes only actions of services which others use too is of the one that it asks most."""
    found = needed({}, "kms:Decrypt", "elasticfilesystem:Make", "elasticfilesystem:Tag", kind="AWS::EFS::FileSystem")

    assert [need.perhaps for need in found] == [False, True, True]


@pytest.mark.parametrize(
    ("properties", "resource", "certain"),
    [
        ({"Code": {"S3Bucket": "files", "S3Key": "a/b.zip"}}, "arn:aws:s3:::files/a/b.zip", True),
        ({"BodyS3Location": {"Bucket": "files", "Key": "api.yaml"}}, "arn:aws:s3:::files/api.yaml", True),
        ({"Code": {"ZipFile": "pass"}}, "*", False),
        ({"Code": {"S3Bucket": "*", "S3Key": "a"}}, "*", False),
    ],
)
def test_code_in_a_bucket(properties: dict[str, object], resource: str, certain: bool) -> None:
    """Code in a bucket is read from there by whoever makes what it is for."""
    found = needed(properties, "gate:Make", "s3:GetObject")

    assert found[1] == Need("s3:GetObject", resource, "Thing", certain=certain, guessed=resource == "*")


def test_a_template() -> None:
    """Of a template every resource that is made is looked at, and what two of them need alike stands there twice."""
    template = {
        "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
        "Resources": {
            "One": {"Type": "AWS::Gate::TollGate"},
            "Two": {"Type": "AWS::Gate::TollGate", "Properties": {"Name": {"Fn::Sub": "${AWS::StackName}-two"}}},
            "Off": {"Type": "AWS::Gate::TollGate", "Condition": "Never"},
        },
    }

    found = needs.of_template(template, STACK, SomeKnowledge({"create": ("gate:Make", "gate:Make")}), TOOLING)

    assert found == (
        Need("gate:Make", f"arn:aws:gate:{HERE}:tollgate/shop-test-hello-One-*", "One", guessed=True),
        Need("gate:Make", f"arn:aws:gate:{HERE}:tollgate/shop-test-hello-two", "Two", guessed=True),
    )


@pytest.mark.parametrize(
    ("uri", "repository"),
    [
        (f"{TOOLING}.dkr.ecr.eu-west-1.amazonaws.com/shop/hello/api@sha256:0", "shop/hello/api"),
        ("127.0.0.1:5000/shop/hello/api:tag", "shop/hello/api"),
    ],
)
def test_an_image(uri: str, repository: str) -> None:
    """Who makes or updates an image function pulls its image from the account of the registry."""
    knowledge = SomeKnowledge({})

    found = [
        needs.of_resource(
            "AWS::Gate::TollGate", "Thing", {"Code": {"ImageUri": uri}}, STACK, knowledge, TOOLING, (one,)
        )
        for one in ("create", "update", "read", "delete")
    ]

    arn = f"arn:aws:ecr:eu-west-1:{TOOLING}:repository/{repository}"
    pull = (Need("ecr:BatchGetImage", arn, "Thing"), Need("ecr:GetDownloadUrlForLayer", arn, "Thing"))
    assert found == [pull, pull, (), ()]


@pytest.mark.parametrize("code", [{"ImageUri": "*"}, {"ZipFile": "pass"}, "src/", None])
def test_no_image(code: object) -> None:
    """Where no image is named, or one that is not known, none is pulled."""
    found = needed({"Code": code})

    assert found == ()
