"""How a SAM template becomes a plain one, on this machine and with nobody asked."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from lockstep import transform
from lockstep.errors import ConfigError

FILE = "services/hello/template.yaml"
FUNCTION: dict[str, Any] = {
    "Type": "AWS::Serverless::Function",
    "Properties": {"PackageType": "Image", "ImageUri": "r/hello@sha256:0"},
}
ZIP: dict[str, Any] = {
    "Type": "AWS::Serverless::Function",
    "Properties": {"Handler": "app.run", "Runtime": "python3.13"},
}
CODE = {"Bucket": "files", "Key": "artifacts/code"}


def sam(resources: dict[str, Any], **sections: object) -> dict[str, Any]:
    """Return a SAM template with some resources and, where a test gives them, other sections."""
    return {"Transform": transform.SAM, "Resources": resources, **sections}


def plain(template: dict[str, Any], **parameters: str) -> dict[str, Any]:
    """Translate a template for eu-west-1, with code that is not uploaded yet in a bucket."""
    return transform.plain(template, parameters, "eu-west-1", FILE, CODE)


def test_a_function_and_its_role() -> None:
    """A SAM function becomes a function and the role that it runs as."""
    made = plain(sam({"Hello": FUNCTION}))

    hello, role = (made["Resources"][name] for name in ("Hello", "HelloRole"))
    assert (hello["Type"], hello["Properties"]["Code"], hello["Properties"]["Role"]) == (
        "AWS::Lambda::Function",
        {"ImageUri": "r/hello@sha256:0"},
        {"Fn::GetAtt": ["HelloRole", "Arn"]},
    )
    assert (role["Type"], role["Properties"]["ManagedPolicyArns"]) == (
        "AWS::IAM::Role",
        ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"],
    )
    assert "Transform" not in made


@pytest.mark.parametrize("transforms", [None, [], "AWS::Include", ["AWS::LanguageExtensions"]])
def test_a_plain_template(transforms: object) -> None:
    """A template without SAM's transform stays as it is."""
    template = (
        {"Transform": transforms, "Resources": {"Hello": FUNCTION}} if transforms is not None else {"Resources": {}}
    )

    made = plain(template)

    assert made is template


def test_one_transform_of_several() -> None:
    """SAM's resources are translated where its transform is one of several."""
    made = plain({"Transform": ["AWS::LanguageExtensions", transform.SAM], "Resources": {"Hello": FUNCTION}})

    assert made["Resources"]["Hello"]["Type"] == "AWS::Lambda::Function"


def test_the_template_is_not_changed() -> None:
    """Translating a template leaves it as it was."""
    template = sam({"Hello": {**ZIP, "Properties": {**ZIP["Properties"], "CodeUri": "src/"}}})
    before = copy.deepcopy(template)

    plain(template)

    assert template == before


def test_partitions_and_parameters() -> None:
    """What SAM decides by parameters and region, it decides by those that are given."""
    template = sam(
        {"Hello": {**FUNCTION, "Properties": {**FUNCTION["Properties"], "AutoPublishAlias": {"Ref": "Alias"}}}},
        Parameters={"Alias": {"Type": "String", "Default": "live"}},
    )

    made = transform.plain(template, {"Alias": "next"}, "cn-north-1", FILE)

    assert "HelloAliasnext" in made["Resources"]
    assert made["Resources"]["HelloRole"]["Properties"]["ManagedPolicyArns"] == [
        "arn:aws-cn:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    ]


@pytest.mark.parametrize(
    ("resource", "key", "property_", "placed"),
    [
        (ZIP, "CodeUri", "Code", {"S3Bucket": "files", "S3Key": "artifacts/code"}),
        (
            {"Type": "AWS::Serverless::LayerVersion", "Properties": {"LayerName": "deps"}},
            "ContentUri",
            "Content",
            {"S3Bucket": "files", "S3Key": "artifacts/code"},
        ),
        (
            {"Type": "AWS::Serverless::Api", "Properties": {"StageName": "live"}},
            "DefinitionUri",
            "BodyS3Location",
            CODE,
        ),
        (
            {"Type": "AWS::Serverless::StateMachine", "Properties": {"Role": "arn:aws:iam::222222222222:role/x"}},
            "DefinitionUri",
            "DefinitionS3Location",
            CODE,
        ),
    ],
)
def test_code_that_is_not_uploaded_yet(
    resource: dict[str, Any], key: str, property_: str, placed: dict[str, str]
) -> None:
    """A folder or file beside the template lies where it would be once it is uploaded."""
    made = plain(sam({"Thing": {**resource, "Properties": {**resource["Properties"], key: "folder/"}}}))

    found = [body["Properties"][property_] for body in made["Resources"].values() if property_ in body["Properties"]]
    assert found == [placed]


@pytest.mark.parametrize("uri", ["s3://uploaded/x.zip", {"Bucket": "uploaded", "Key": "x.zip"}])
def test_code_that_is_uploaded(uri: object) -> None:
    """Code that is uploaded stays where it is."""
    made = plain(sam({"Thing": {**ZIP, "Properties": {**ZIP["Properties"], "CodeUri": uri}}}))

    assert made["Resources"]["Thing"]["Properties"]["Code"] == {"S3Bucket": "uploaded", "S3Key": "x.zip"}


def test_globals() -> None:
    """What a template says of all its functions counts for each, code that is not uploaded yet among it."""
    everything = {"Function": {**ZIP["Properties"], "CodeUri": "src/"}}

    made = plain(sam({"Thing": {"Type": "AWS::Serverless::Function"}}, Globals=everything))

    thing = made["Resources"]["Thing"]["Properties"]
    assert (thing["Handler"], thing["Code"]) == ("app.run", {"S3Bucket": "files", "S3Key": "artifacts/code"})


def test_loops() -> None:
    """A loop stays as it is, beside what is translated."""
    loop = ["Name", ["A", "B"], {"Queue${Name}": {"Type": "AWS::SQS::Queue"}}]
    template = sam({"Fn::ForEach::Queues": loop, "Hello": FUNCTION})

    made = plain(template | {"Transform": ["AWS::LanguageExtensions", transform.SAM]})

    assert made["Resources"]["Fn::ForEach::Queues"] == loop
    assert made["Resources"]["Hello"]["Type"] == "AWS::Lambda::Function"


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ({"ApplicationId": "arn:aws:serverlessrepo:us-east-1:1:applications/x", "SemanticVersion": "1.0.0"}, "*"),
        ("https://files/child.yaml", "https://files/child.yaml"),
    ],
)
def test_applications(location: object, url: str) -> None:
    """An application becomes a stack of its own; where it is in a repository, that repository is not asked for it."""
    application = {"Type": "AWS::Serverless::Application", "Properties": {"Location": location}}

    made = plain(sam({"Child": application, "Empty": {"Type": "AWS::SNS::Topic", "Properties": None}}))

    child = made["Resources"]["Child"]
    assert (child["Type"], child["Properties"]["TemplateURL"]) == ("AWS::CloudFormation::Stack", url)


@pytest.mark.parametrize(
    ("template", "answer"),
    [
        (
            sam({"Hello": {"Type": "AWS::Serverless::Function", "Properties": {}}}),
            "Resource with id [Hello] is invalid. Only one of 'InlineCode' or 'CodeUri' can be set.",
        ),
        (
            sam({"One": {"Type": "AWS::Serverless::Function"}, "Two": {"Type": "AWS::Serverless::Api"}}),
            (
                "Resource with id [One] is invalid. Only one of 'InlineCode' or 'CodeUri' can be set.; "
                "Resource with id [Two] is invalid. Missing required property 'StageName'."
            ),
        ),
        (sam({"Hello": "text"}), None),
        (sam({"Hello": FUNCTION}, Globals={"Nope": {"x": 1}}), None),
    ],
)
def test_what_sam_refuses(template: dict[str, Any], answer: str | None, capfd: pytest.CaptureFixture[str]) -> None:
    """What SAM does not take is an error that names the file and how to look at it, and nothing else is printed."""
    with pytest.raises(ConfigError) as caught:
        plain(template)

    error = caught.value
    assert (error.tried, error.cure) == (f"translating {FILE}", f"sam validate --lint --template {FILE}")
    assert error.answer == (answer or error.answer) != ""
    assert capfd.readouterr() == ("", "")


def test_silence(capfd: pytest.CaptureFixture[str]) -> None:
    """Translating a template prints nothing, now or when the translator goes."""
    plain(sam({"Hello": FUNCTION}))

    assert capfd.readouterr() == ("", "")
