"""SAM templates: how they are read, which images they build."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from lockstep import canonical, template
from lockstep.errors import ConfigError
from lockstep.model import Architecture, ImageFunction
from lockstep.testing import an_image

FILE = "services/hello/template.yaml"
SERVERLESS = "AWS::Serverless::Function"


def read(text: str) -> template.Template:
    """Read a template of the service hello."""
    return template.read(text, FILE)


def complaint(text: str) -> str:
    """Return what is said of a template that is refused, without the file."""
    with pytest.raises(ConfigError) as caught:
        template.image_functions(read(text), FILE)
    assert caught.value.tried == f"reading {FILE}"
    return "; next: ".join(filter(None, (caught.value.answer, caught.value.cure)))


def images(parsed: template.Template) -> tuple[ImageFunction, ...]:
    """Return the image functions of a template."""
    return template.image_functions(parsed, FILE)


def test_short_tags_are_read_in_their_long_form() -> None:
    """CloudFormation's short tags become what they stand for."""
    parsed = read(
        "Resources: {A: {Type: X, Properties: {B: !Ref C, D: !GetAtt E.F, G: !Sub '${H}', I: !If [J, 1, 2]}}}"
    )

    assert parsed["Resources"]["A"]["Properties"] == {
        "B": {"Ref": "C"},
        "D": {"Fn::GetAtt": ["E", "F"]},
        "G": {"Fn::Sub": "${H}"},
        "I": {"Fn::If": ["J", 1, 2]},
    }


def test_dates_and_keys_are_what_is_written() -> None:
    """A date without quotes is its text and a number that is a key is too, as CloudFormation takes them."""
    parsed = read(
        "AWSTemplateFormatVersion: 2010-09-09\n"
        "Resources: {A: {Type: X, Properties: {responses: {200: fine, default: bad, on: x}}}}\n"
    )

    assert canonical.encode(parsed) == canonical.encode(
        {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Resources": {
                "A": {"Type": "X", "Properties": {"responses": {"200": "fine", "default": "bad", "on": "x"}}}
            },
        }
    )


def test_merge_keys_are_followed() -> None:
    """A mapping may be merged into another, as YAML has it."""
    parsed = read("Resources: {A: &a {Type: X, 1: y}, B: {<<: *a, Type: Z}}")

    assert parsed["Resources"]["B"] == {"Type": "Z", "1": "y"}


NO_RESOURCES = "it has no Resources; next: see services/hello/template.yaml"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("", NO_RESOURCES),
        ("[]", NO_RESOURCES),
        ("Resources:", NO_RESOURCES),
        ("Resources: [a]", NO_RESOURCES),
        ("Parameters: [a]\nResources: {}", "Parameters is not a mapping"),
        ("Globals: x\nResources: {}", "Globals is not a mapping"),
        ("Globals: {Function: x}\nResources: {}", "Globals.Function is not a mapping"),
        ("Resources: {A: null}", "Resources.A is not a mapping"),
        ("Resources: {A: {Properties: x}}", "Resources.A.Properties is not a mapping"),
        ("Resources: {A: {Metadata: [x]}}", "Resources.A.Metadata is not a mapping"),
        (
            "Resources: {A: {Metadata: {DockerBuildArgs: [x]}}}",
            "Resources.A.Metadata.DockerBuildArgs is not a mapping",
        ),
        ("Resources: {A: {B: .nan}}", "it holds what JSON cannot: .nan, .inf, or a loop"),
        (
            "? [a]\n: b",
            (
                'while constructing a mapping in "<unicode string>", line 1, column 1: ? [a] ^ '
                'found unhashable key in "<unicode string>", line 1, column 3: ? [a] ^'
            ),
        ),
        ("Resources: {A: !!int x}", "invalid literal for int() with base 10: 'x'"),
        ("Resources: &a {A: *a}", "it holds what JSON cannot: .nan, .inf, or a loop"),
        ("\0", 'unacceptable character #x0000: special characters are not allowed in "<unicode string>", position 0'),
    ],
)
def test_templates_that_are_none(text: str, answer: str) -> None:
    """What is no template is refused with what is wrong about it, and no traceback."""
    assert complaint(text) == answer


def test_templates_nested_too_deep() -> None:
    """A template that is nested beyond what its parser bears is refused."""
    assert complaint("[" * 5000).startswith("maximum recursion depth exceeded")


def test_loops_are_left_to_cloudformation() -> None:
    """A loop among the resources is no resource, and no mapping either."""
    parsed = read("Resources: {'Fn::ForEach::Queues': [Name, [A, B], {'${Name}': {Type: 'AWS::SQS::Queue'}}]}")

    assert (images(parsed), template.functions(parsed)) == ((), frozenset())


def test_what_an_image_is_built_from() -> None:
    """An image function's Metadata says what its image is built from."""
    parsed = read(
        "Resources:\n"
        "  A:\n"
        "    Type: AWS::Serverless::Function\n"
        "    Metadata: {DockerContext: ./app, Dockerfile: a/F, DockerBuildTarget: t, DockerBuildArgs: {Z: 1, B: x}}\n"
        "    Properties: {PackageType: Image, Architectures: [arm64]}\n"
        "  B: {Type: AWS::Lambda::Function, Metadata: {DockerContext: .}, Properties: {PackageType: Image}}\n"
        "  C: {Type: AWS::Serverless::Function, Properties: {CodeUri: src}}\n"
    )

    assert images(parsed) == (
        ImageFunction(
            "A", PurePosixPath("app"), PurePosixPath("a/F"), Architecture.ARM64, (("B", "x"), ("Z", "1")), "t"
        ),
        an_image("B", context=PurePosixPath()),
    )


def test_functions_take_after_globals() -> None:
    """Globals say for every serverless function what it does not say itself, and nothing for other resources."""
    parsed = read(
        "Globals: {Function: {PackageType: Image, Architectures: [x86_64]}}\n"
        "Resources:\n"
        "  A: {Type: AWS::Serverless::Function, Metadata: {DockerContext: app}}\n"
        "  B: {Type: AWS::Serverless::Function, Metadata: {DockerContext: app}, Properties: {Architectures: [arm64]}}\n"
        "  C: {Type: AWS::Serverless::Function, Properties: {PackageType: Zip}}\n"
        "  D: {Type: AWS::Lambda::Function, Properties: {Code: src}}\n"
        "  E: {Type: AWS::Lambda::Function, Metadata: {DockerContext: app}, Properties: {PackageType: Image}}\n"
    )

    assert images(parsed) == (an_image("A"), an_image("B", architecture=Architecture.ARM64), an_image("E"))


def function(metadata: str = "{DockerContext: app}", properties: str = "", name: str = "A") -> str:
    """Return a template with one image function."""
    return (
        f"Resources: {{{name}: {{Type: {SERVERLESS}, Metadata: {metadata}, "
        f"Properties: {{PackageType: Image{properties}}}}}}}"
    )


NO_CONTEXT = (
    "the image function A has no Metadata.DockerContext to build from; "
    "next: add Metadata with Dockerfile and DockerContext, as services/hello/template.yaml does"
)
LONG = "B" * 65


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (function("{}"), NO_CONTEXT),
        (function("{DockerContext: [app]}"), NO_CONTEXT),
        (function("{Dockerfile: x}", ", ImageUri: 'public:latest'"), NO_CONTEXT),
        *(
            (
                function(properties=f", Architectures: {named}"),
                f"A names an unknown architecture: {shown}; next: use [x86_64] or [arm64]",
            )
            for named, shown in (("[mips]", "['mips']"), ("arm64", "arm64"), ("[]", "[]"), ("{Ref: X}", "{'Ref': 'X'}"))
        ),
        (
            function(name=LONG),
            f"an image function's logical id is 1 to 64 letters and digits: '{LONG}' is not; next: rename it",
        ),
    ],
)
def test_image_functions_that_cannot_be_built(text: str, answer: str) -> None:
    """An image function that cannot be built is refused with what it lacks."""
    assert complaint(text) == answer


def layer(properties: str) -> str:
    """Return a template with one layer."""
    return f"Resources: {{Shared: {{Type: AWS::Serverless::LayerVersion, Properties: {properties}}}}}"


@pytest.mark.parametrize(
    "properties",
    [
        "",
        "{ContentUri: layer}",
        "{LayerName: shared}",
        "{LayerName: !Sub 'shared-${AWS::StackName}'}",
        "{LayerName: !Sub ['${Name}-shared', {Name: x}]}",
        "{LayerName: !Ref Name}",
    ],
)
def test_layers_that_may_not_be_made(properties: str) -> None:
    """A layer whose name does not begin with its stack's, which the execution role may not make, is refused."""
    with pytest.raises(ConfigError) as caught:
        template.check_layers(read(layer(properties)), FILE)

    assert str(caught.value) == (
        f"error: reading {FILE}\n"
        "  answer: the layer Shared has no LayerName that begins with its stack's name\n"
        '  next: set its LayerName: !Sub "${AWS::StackName}-NAME"'
    )


def test_layers_that_may_be_made() -> None:
    """A layer whose name begins with its stack's passes."""
    parsed = read(layer("{LayerName: !Sub '${AWS::StackName}-shared'}"))

    template.check_layers(parsed, FILE)

    assert template.functions(parsed) == frozenset()


def test_all_functions_of_a_template() -> None:
    """Smoke tests may call any function of a template, image or zip."""
    parsed = read(
        "Resources: {A: {Type: AWS::Serverless::Function}, B: {Type: AWS::Lambda::Function}, C: {Type: [x]}, D: {}}"
    )

    assert template.functions(parsed) == {"A", "B"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("Parameters:\n", {}),
        ("Parameters: {A: {Type: String}, B:}\n", {"A": None, "B": None}),
        ("Parameters: {A: {Default: x}, B: {Default: ''}}\n", {"A": "x", "B": ""}),
        ("Parameters: {A: {Default: true}, B: {Default: no}}\n", {"A": "true", "B": "false"}),
        ("Parameters: {A: {Default: 10}, B: {Default: 0.5}}\n", {"A": "10", "B": "0.5"}),
    ],
)
def test_parameters_of_a_template(text: str, expected: dict[str, str | None]) -> None:
    """A template's parameters are known with their defaults, as the text that CloudFormation takes them for."""
    assert template.parameters(read(f"{text}Resources: {{}}")) == expected


def test_strings_of_a_template() -> None:
    """Every text in a template is found, however deep; keys and numbers are none."""
    assert list(template.strings({"a": "b", "c": ["d", {"e": "f"}, 1, None]})) == ["b", "d", "f"]
