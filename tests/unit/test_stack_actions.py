"""CloudFormation actions of a pipeline, read strictly: what is not known is an error by its name."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.errors import ConfigError
from lockstep.pipeline import definition, stack_actions
from lockstep.pipeline.reading import Part
from lockstep.pipeline.stack_actions import Configuration, File, InFile, OfArtifact, StackAction
from lockstep.testing import a_pipeline, a_stack_action, a_stage

ROLE = "arn:aws:iam::222222222222:role/shop-execution"
WHOLE = {
    "ActionMode": "CREATE_UPDATE",
    "StackName": "shop-#{SourceVariables.BranchName}",
    "RoleArn": ROLE,
    "TemplatePath": "Source::infra/net.yaml",
    "TemplateConfiguration": "Source::infra/net.json",
    "Capabilities": "CAPABILITY_NAMED_IAM,CAPABILITY_AUTO_EXPAND",
    "OutputFileName": "made.json",
    "ParameterOverrides": '{"Commit": "#{SourceVariables.CommitId}"}',
}


def an_action(changes: dict[str, Any]) -> dict[str, Any]:
    """A pipeline's CloudFormation action with other words in its configuration; None takes a key out."""
    configuration = {key: value for key, value in (WHOLE | changes).items() if value is not None}
    outputs = [{"name": "Made"}] if "OutputFileName" in configuration else []
    return a_stack_action("Net", **configuration) | {"outputArtifacts": outputs}


def refused(action: dict[str, Any]) -> str:
    """Why a pipeline with this action cannot be run."""
    with pytest.raises(ConfigError) as caught:
        definition.read(a_pipeline(a_stage("Net", copy.deepcopy(action))))
    return str(caught.value)


def test_what_is_read() -> None:
    """Each key of an action is read as the pipeline has it, and the action is one of CloudFormation."""
    found = definition.read(a_pipeline(a_stage("Net", an_action({})))).stages[1].actions[0]

    assert found.kind == "CloudFormation"
    assert found.work == StackAction(
        mode="CREATE_UPDATE",
        stack="shop-#{SourceVariables.BranchName}",
        role=ROLE,
        template="Source::infra/net.yaml",
        configuration="Source::infra/net.json",
        capabilities="CAPABILITY_NAMED_IAM,CAPABILITY_AUTO_EXPAND",
        output="made.json",
        overrides='{"Commit": "#{SourceVariables.CommitId}"}',
    )


def test_an_action_that_says_little() -> None:
    """An action needs no more than its mode does; the rest is empty."""
    configuration = {"ActionMode": "DELETE_ONLY", "StackName": "shop-net", "RoleArn": ROLE}

    found = definition.read(a_pipeline(a_stage("Net", a_stack_action("Net", **configuration))))

    assert found.stages[1].actions[0].work == StackAction("DELETE_ONLY", "shop-net", role=ROLE)


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"ActionMode": "REPLACE_ON_FAILURE"}, "ActionMode: 'REPLACE_ON_FAILURE' is not one that the local runner"),
        ({"ActionMode": "#{a.b}"}, "'#{a.b}' is not one that the local runner"),
        ({"ActionMode": None}, "'ActionMode' is missing"),
        ({"StackName": None}, "'StackName' is missing"),
        ({"RoleArn": None}, "'RoleArn' is missing"),
        ({"TemplatePath": None}, "'TemplatePath' is missing"),
        ({"ActionMode": "CHANGE_SET_REPLACE"}, "'ChangeSetName' is missing"),
        ({"ActionMode": "CHANGE_SET_EXECUTE"}, "'ChangeSetName' is missing"),
        ({"ActionMode": "DELETE_ONLY", "RoleArn": None}, "'RoleArn' is missing"),
        ({"ActionMode": "DELETE_ONLY"}, "what is deleted has no outputs"),
        ({"StackNames": "a"}, "did you mean 'StackName'?"),
        ({"StackName": "1st"}, "StackName: '1st' is no name of a stack"),
        ({"ChangeSetName": "a b"}, "'a b' is no name of a change set"),
        ({"RoleArn": "execution"}, "'execution' is not the ARN of a role"),
        ({"TemplatePath": "https://s3/net.yaml"}, "'https://s3/net.yaml' is not Artifact::file"),
        ({"TemplatePath": "Source::/net.yaml"}, "is not Artifact::file"),
        ({"TemplateConfiguration": "net.json"}, "TemplateConfiguration: 'net.json' is not Artifact::file"),
        ({"TemplatePath": "Other::net.yaml"}, "Net.Net has in TemplatePath the artifact Other, which is none of its"),
        ({"TemplateConfiguration": "Other::x"}, "has in TemplateConfiguration the artifact Other"),
        ({"Capabilities": "CAPABILITY_IAM, CAPABILITY_NAMED_IAM"}, "is no list of capabilities"),
        ({"OutputFileName": "a/b"}, "'a/b' is not the name of a file"),
        ({"OutputFileName": ".."}, "'..' is not the name of a file"),
        ({"ParameterOverrides": "{"}, "ParameterOverrides: it is not JSON"),
        ({"ParameterOverrides": "[1]"}, "ParameterOverrides: it is not a table of parameters"),
        ({"ParameterOverrides": '{"A": 1}'}, "ParameterOverrides.A: it is not text"),
        ({"ParameterOverrides": '{"A": {"Ref": "B"}}'}, "unknown field 'Ref'"),
        ({"ParameterOverrides": '{"A": {"Fn::GetParam": ["Source", "f"]}}'}, "knows Fn::GetParam with artifact, file"),
        ({"ParameterOverrides": '{"A": {"Fn::GetArtifactAtt": ["Source", "URL"]}}'}, "BucketName or ObjectKey"),
        (
            {"ParameterOverrides": '{"A": {"Fn::GetArtifactAtt": ["Source", "ObjectKey"], "Fn::GetParam": ["a"]}}'},
            "the local runner knows",
        ),
        (
            {"ParameterOverrides": '{"A": {"Fn::GetParam": ["Other", "f", "k"]}}'},
            "has in ParameterOverrides.A the artifact Other",
        ),
        (
            {"ParameterOverrides": '{"A": {"Fn::GetArtifactAtt": ["Other", "ObjectKey"]}}'},
            "has in ParameterOverrides.A the artifact Other",
        ),
        ({"ParameterOverrides": json.dumps({"A": "x" * 1024})}, "it has 1033 bytes, of which CodePipeline takes 1024"),
        ({"ParameterOverrides": '{"A": "#{Other.X}"}'}, "nothing before it has that namespace"),
        ({"StackName": "a-#{Other.X}"}, "nothing before it has that namespace"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], answer: str) -> None:
    """What CodePipeline, or the local runner, does not carry out is refused with its key."""
    assert answer in refused(an_action(changes))


@pytest.mark.parametrize(
    ("name", "outputs", "answer"), [("a.json", 0, "0 output"), (None, 1, "1 output"), ("a", 2, "2")]
)
def test_what_an_action_gives(name: str | None, outputs: int, answer: str) -> None:
    """An output file goes into the one output artifact; either alone is refused."""
    action = an_action({"OutputFileName": name})
    action["outputArtifacts"] = [{"name": f"Made{number}"} for number in range(outputs)]

    assert answer in refused(action)


@pytest.mark.parametrize("mode", ["CHANGE_SET_EXECUTE", "DELETE_ONLY"])
def test_what_a_mode_has_no_use_for(mode: str) -> None:
    """A mode that takes no template ignores where one would be, as CodePipeline does."""
    overrides = '{"A": {"Fn::GetArtifactAtt": ["Other", "ObjectKey"]}}'
    changes = {"ActionMode": mode, "ChangeSetName": "x", "TemplatePath": "Other::a", "OutputFileName": None}

    action = an_action(changes | {"ParameterOverrides": overrides})

    assert definition.read(a_pipeline(a_stage("Net", action))).stages[1].actions[0].kind == "CloudFormation"


def test_variables_get_their_values() -> None:
    """Once variables have their values each text is judged, with what it has become."""
    action = StackAction(
        "CREATE_UPDATE", "#{a.name}", role="#{a.role}", template="A::t", overrides='{"A": "#{a.name}"}'
    )
    values = {"#{a.name}": "net", "#{a.role}": ROLE}

    def put(_key: str, text: str) -> str:
        for name, value in values.items():
            text = text.replace(name, value)
        return text

    found = stack_actions.resolved(action, put, "the action Net")

    assert (found.stack, found.role, found.overrides) == ("net", ROLE, '{"A": "net"}')
    values["#{a.role}"] = "nobody"
    with pytest.raises(ConfigError, match="RoleArn: 'nobody' is not the ARN of a role"):
        stack_actions.resolved(action, put, "the action Net")


def test_overrides() -> None:
    """A parameter is given as text, out of a file of an artifact, or as where an artifact lies."""
    text = json.dumps(
        {
            "Text": "",
            "Param": {"Fn::GetParam": ["A", "f.json", "Key"]},
            "Place": {"Fn::GetArtifactAtt": ["A", "BucketName"]},
        }
    )

    assert stack_actions.overrides(Part("it", "p", text)) == {
        "Text": "",
        "Param": InFile(File("A", "f.json"), "Key"),
        "Place": OfArtifact("A", "BucketName"),
    }


def test_a_configuration() -> None:
    """A template configuration holds parameters and tags; without them it is empty."""
    text = '{"Parameters": {"A": "1", "B": ""}, "Tags": {"Team": "shop"}}'

    assert stack_actions.configuration(text, "f") == Configuration({"A": "1", "B": ""}, {"Team": "shop"})
    assert stack_actions.configuration("{}", "f") == Configuration({}, {})


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("{", "it is not JSON"),
        ("[]", "it is not a table of fields"),
        ('{"StackPolicy": {"Statement": []}}', "StackPolicy: the local runner sets no policy of a stack"),
        ('{"Parameter": {"A": "1"}}', "unknown field 'Parameter'"),
        ('{"Parameters": ["A"]}', "Parameters: it is not a table of texts"),
        ('{"Parameters": {"A": 1}}', "Parameters.A: it is not text"),
        ('{"Tags": {"A": true}}', "Tags.A: it is not text"),
    ],
)
def test_a_configuration_that_is_refused(text: str, answer: str) -> None:
    """A stack policy, an unknown key and a value that is no text are refused by their place in the file."""
    with pytest.raises(ConfigError) as caught:
        stack_actions.configuration(text, "Source::net.json")

    assert str(caught.value).startswith("error: reading Source::net.json\n")
    assert answer in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"Key": 1}'])
def test_a_value_that_is_not_in_its_file(text: str) -> None:
    """What Fn::GetParam names has to be a text in a table of JSON."""
    wanted = InFile(File("A", "f.json"), "Key")

    assert stack_actions.value_in('{"Key": "found"}', wanted) == "found"
    with pytest.raises(ConfigError, match=r"reading A::f\.json"):
        stack_actions.value_in(text, wanted)


@given(st.dictionaries(st.from_regex("[A-Za-z0-9]{1,8}", fullmatch=True), st.text(max_size=20), max_size=5))
def test_values_as_they_are(values: dict[str, str]) -> None:
    """Whatever text a parameter has, it is given as it is."""
    assert stack_actions.overrides(Part("it", "p", json.dumps(values, ensure_ascii=False))) == values
