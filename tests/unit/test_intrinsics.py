"""What a template's intrinsic functions give before anything is made."""

from __future__ import annotations

from typing import Any

import pytest

from lockstep import intrinsics
from lockstep.intrinsics import Stack
from lockstep.testing import TEST

ACCOUNT = "eu-west-1:" + TEST
PARAMETERS = {
    "Stage": {"Type": "String"},
    "Zones": {"Type": "CommaDelimitedList"},
    "Size": {"Type": "Number", "Default": 3},
    "Debug": {"Type": "String", "Default": True},
    "Ports": {"Type": "List<Number>", "Default": 80},
    "Unset": {"Type": "String"},
    "Looked": {"Type": "AWS::SSM::Parameter::Value<String>"},
    "LookedUp": {"Type": "AWS::SSM::Parameter::Value<List<String>>", "Default": "/shop/zones"},
    "Broken": None,
}
VALUES = {"Stage": "test", "Zones": "a, b,c", "Looked": "/shop/image"}
MAPPINGS = {"Sizes": {"test": {"Memory": 256, "Zones": ["a", "b"]}, "eu-west-1": {"Memory": 512}}}
CONDITIONS = {
    "InTest": {"Fn::Equals": [{"Ref": "Stage"}, "test"]},
    "InProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]},
}


def resolve(value: object, resources: dict[str, Any] | None = None, region: str = "eu-west-1") -> Any:  # noqa: ANN401 - any value of a template
    """Return what a value is as a property of a resource of the stack shop-test-hello."""
    template = {
        "Parameters": PARAMETERS,
        "Mappings": MAPPINGS,
        "Conditions": CONDITIONS,
        "Resources": {"Asked": {"Type": "AWS::Test::Thing", "Properties": {"Value": value}}, **(resources or {})},
    }
    parameters = intrinsics.split_lists(template, VALUES)
    made = intrinsics.resources(template, Stack("shop-test-hello", TEST, region, parameters))
    return made["Asked"]["Properties"].get("Value")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"Fn::Base64": "hello"}, "aGVsbG8="),
        ({"Fn::Base64": {"Ref": "Stage"}}, "dGVzdA=="),
        ({"Fn::Join": ["-", ["a", {"Ref": "Stage"}, 1, True]]}, "a-test-1-true"),
        ({"Fn::Join": [",", {"Ref": "Zones"}]}, "a,b,c"),
        ({"Fn::Join": ["", ["a", {"Ref": "AWS::NoValue"}, "b"]]}, "ab"),
        ({"Fn::Select": [1, ["a", "b"]]}, "b"),
        ({"Fn::Select": ["2", {"Ref": "Zones"}]}, "c"),
        ({"Fn::Select": [0, [{"Ref": "Stage"}]]}, "test"),
        ({"Fn::Split": ["-", "a-b"]}, ["a", "b"]),
        ({"Fn::Select": [0, {"Fn::Split": ["e", {"Ref": "Stage"}]}]}, "t"),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "Memory"]}, 256),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "AWS::Region"}, "Memory"]}, 512),
        ({"Fn::FindInMap": ["Sizes", "test", "Zones"]}, ["a", "b"]),
        ({"Fn::If": ["InTest", "yes", "no"]}, "yes"),
        ({"Fn::If": ["InProd", "yes", {"Ref": "Stage"}]}, "test"),
        ({"Key": [{"Fn::Join": ["", ["a", "b"]]}, {"Nested": {"Ref": "Stage"}}]}, {"Key": ["ab", {"Nested": "test"}]}),
    ],
)
def test_functions(value: object, found: object) -> None:
    """Each function gives what CloudFormation would, however deep it stands and whatever functions it holds."""
    made = resolve(value)

    assert made == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("${Stage}-${AWS::Region}", "test-eu-west-1"),
        ("${ Stage }", "test"),
        ("${!Stage} ${Stage}", "${Stage} test"),
        ("${Size} ${Debug}", "3 true"),
        ("no variable", "no variable"),
        ("${Thing}", "*"),
        (["${Own} ${Stage}", {"Own": {"Fn::Join": ["", ["o", "wn"]]}}], "own test"),
        (["${Stage}", {"Stage": "mine"}], "mine"),
        (["${On}", {"On": False}], "false"),
    ],
)
def test_sub(text: object, found: str) -> None:
    """A text takes its variables from its own values, then from parameters and resources; ${!This} is literal."""
    made = resolve({"Fn::Sub": text})

    assert made == found


@pytest.mark.parametrize(
    ("region", "found"),
    [
        ("eu-west-1", ["aws", "amazonaws.com"]),
        ("cn-north-1", ["aws-cn", "amazonaws.com.cn"]),
        ("us-gov-west-1", ["aws-us-gov", "amazonaws.com"]),
    ],
)
def test_pseudo_parameters(region: str, found: list[str]) -> None:
    """What CloudFormation knows by itself is that of the stack, in the partition of its region."""
    names = ("Partition", "URLSuffix", "AccountId", "Region", "StackName", "StackId")

    made = resolve([{"Ref": f"AWS::{name}"} for name in names], region=region)

    partition = found[0]
    stack = f"arn:{partition}:cloudformation:{region}:{TEST}:stack/shop-test-hello/*"
    assert made == [*found, TEST, region, "shop-test-hello", stack]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Stage", "test"),
        ("Zones", ["a", "b", "c"]),
        ("Size", 3),
        ("Ports", ["80"]),
        ("Unset", "*"),
        ("Broken", "*"),
        ("Looked", "*"),
        ("LookedUp", ["*"]),
    ],
)
def test_parameters(name: str, found: object) -> None:
    """A parameter has its value or its default, a list its trimmed parts; what is looked up by AWS is not known."""
    made = resolve({"Ref": name})

    assert made == found


def test_nothing() -> None:
    """AWS::NoValue takes its property, or its place in a list, with it."""
    nothing = {"Ref": "AWS::NoValue"}

    made = resolve({"Kept": 1, "Gone": nothing, "List": ["a", nothing, {"Fn::If": ["InProd", "b", nothing]}]})

    assert made == {"Kept": 1, "List": ["a"]}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"Fn::Equals": [{"Ref": "Stage"}, "test"]}, True),
        ({"Fn::Equals": [{"Ref": "Stage"}, "prod"]}, False),
        ({"Fn::Equals": [{"Ref": "Debug"}, "true"]}, True),
        ({"Fn::Equals": [{"Ref": "Size"}, "3"]}, True),
        ({"Fn::Equals": ["false", False]}, True),
        ({"Fn::Not": [{"Condition": "InProd"}]}, True),
        ({"Fn::Not": [{"Condition": "InTest"}]}, False),
        ({"Fn::And": [{"Condition": "InTest"}, {"Fn::Equals": ["a", "a"]}]}, True),
        ({"Fn::And": [{"Condition": "InTest"}, {"Condition": "InProd"}]}, False),
        ({"Fn::Or": [{"Condition": "InTest"}, {"Condition": "InProd"}]}, True),
        ({"Fn::Or": [{"Condition": "InProd"}, {"Condition": "InProd"}]}, False),
        ("true", True),
        ("false", False),
    ],
)
def test_conditions(condition: object, holds: bool) -> None:
    """A resource is made where its condition holds, and is left out where it does not."""
    body = {"Type": "AWS::SNS::Topic", "Condition": "Asked"}
    template = {
        "Parameters": PARAMETERS,
        "Conditions": {**CONDITIONS, "Asked": condition},
        "Resources": {"Topic": body, "Always": {"Type": "AWS::SNS::Topic"}},
    }

    made = intrinsics.resources(template, Stack("shop-test-hello", TEST, "eu-west-1", VALUES))

    assert list(made) == (["Topic", "Always"] if holds else ["Always"])


def test_a_condition_that_nobody_declares() -> None:
    """A resource whose condition is not in the template counts as made: in doubt it needs its rights."""
    template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Condition": "Undeclared"}}}

    made = intrinsics.resources(template, Stack("shop-test-hello", TEST, "eu-west-1"))

    assert list(made) == ["Topic"]


@pytest.mark.parametrize(
    "value",
    [
        {"Fn::ImportValue": "shop-network-vpc"},
        {"Fn::GetAZs": ""},
        {"Fn::Transform": {"Name": "AWS::Include"}},
        {"Fn::ForEach::Zone": ["Z", ["a"], {"x": 1}]},
        {"Ref": "Nobody"},
        {"Ref": ["Stage"]},
        {"Fn::GetAtt": ["Nobody", "Arn"]},
        {"Fn::FindInMap": ["Sizes", "prod", "Memory"]},
        {"Fn::FindInMap": ["Sizes", "prod", "Memory", {"DefaultValue": 1}]},
        {"Fn::If": ["Undeclared", "yes", "no"]},
        {"Fn::Select": [7, ["a"]]},
        {"Fn::Select": ["x", ["a"]]},
        {"Fn::Split": ["", "ab"]},
        {"Fn::Join": 3},
        {"Fn::Sub": 3},
    ],
)
def test_what_only_aws_can_tell(value: object) -> None:
    """What is not known before the stack is made, or makes no sense, is a *."""
    made = resolve(value)

    assert made == "*"


def test_what_is_unknown_within_a_text() -> None:
    """Of a text of which a part is not known, the rest is."""
    made = resolve({"Fn::Join": ["-", ["shop", {"Fn::ImportValue": "x"}, "queue"]]})

    assert made == "shop-*-queue"


def test_what_is_no_resource() -> None:
    """A loop and a body without a type are left out, and a macro in the place of properties leaves a resource none."""
    template = {
        "Resources": {
            "Fn::ForEach::Queues": ["Name", ["A"], {"Q${Name}": {"Type": "AWS::SQS::Queue"}}],
            "Typeless": {"Properties": {"A": 1}},
            "Included": {"Type": "AWS::SQS::Queue", "Properties": {"Fn::Transform": {"Name": "AWS::Include"}}},
        }
    }

    made = intrinsics.resources(template, Stack("shop-test-hello", TEST, "eu-west-1"))

    assert made == {"Included": {"Type": "AWS::SQS::Queue", "Properties": {}}}


def test_names_that_go_round() -> None:
    """Names that stand for each other, which CloudFormation refuses, come to an end here too."""
    template = {
        "Resources": {
            "One": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "Two"}}},
            "Two": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "One"}}},
        }
    }

    made = intrinsics.resources(template, Stack("shop-test-hello", TEST, "eu-west-1"))

    assert made["One"]["Properties"] == {"QueueName": "*"}
