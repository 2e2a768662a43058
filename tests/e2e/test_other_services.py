"""Services that are not hello, and hello without Lockstep: zip functions and layers, plain SAM."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from tests.e2e.conftest import TEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.conftest import Place

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  PermissionsBoundary: {Type: String}
Globals:
  Function: {PermissionsBoundary: !Ref PermissionsBoundary, Timeout: 10}
Resources:
  Shared:
    Type: AWS::Serverless::LayerVersion
    Properties: {LayerName: !Sub "${AWS::StackName}-shared", ContentUri: layer, CompatibleRuntimes: [RUNTIME]}
  Zipped:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: zipped, Handler: app.handler, Runtime: RUNTIME, Layers: [!Ref Shared]}
  Contained:
    Type: AWS::Serverless::Function
    Metadata: {DockerContext: image, DockerTag: mixed}
    Properties: {PackageType: Image}
"""
FILES = {
    "template.yaml": TEMPLATE.replace("RUNTIME", f"python3.{sys.version_info.minor}"),
    "layer/python/shared.py": "WORD = 'shared'\n",
    "zipped/app.py": "import shared\n\n\ndef handler(event, context):\n    return {'said': shared.WORD}\n",
    "zipped/requirements.txt": "",
    "image/Dockerfile": 'FROM public.ecr.aws/lambda/python:3.13\nCOPY app.py ./\nCMD ["app.handler"]\n',
    "image/app.py": "def handler(event, context):\n    return {'said': event['word']}\n",
    "smoke.json": json.dumps(
        {
            "events": [
                {"name": "zipped", "function": "Zipped", "event": {}, "expect": {"said": "shared"}},
                {"name": "contained", "function": "Contained", "event": {"word": "x"}, "expect": {"said": "x"}},
            ]
        }
    ),
}


@pytest.fixture
def mixed(place: Place) -> Iterator[Place]:
    """The place with one service more, for which the accounts are set up; it goes from there too in the end."""
    for name, content in FILES.items():
        file = place.folder / "services" / "mixed" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    place.invoke("bootstrap", "--yes")
    yield place
    ran = place.invoke("destroy", "--service", "mixed", "--unprotect", "--confirm", "lockstep")
    assert ran.status == 0, ran.stderr


def test_a_service_may_hold_zip_functions_and_layers(mixed: Place) -> None:
    """A template with an image function, a zip function and a layer is deployed, and all of it answers."""
    place = mixed

    ran = place.invoke("deploy", "--env", "test", "--service", "mixed", "--json")

    assert ran.status == 0, ran.stdout + ran.stderr
    assert [(test["name"], test["passed"]) for test in ran.document["smoke"]] == [("zipped", True), ("contained", True)]
    template = place.client("cloudformation", TEST).get_template(StackName="lockstep-test-mixed")["TemplateBody"]
    assert json.dumps(template).count("@sha256:") == 1


def test_plain_sam_builds_and_invokes_hello(place: Place, docker_host: str) -> None:
    """In services/hello, `sam build` and `sam local invoke` work without Lockstep."""
    sam = str(place.folder / ".venv" / "bin" / "sam")
    folder = str(place.folder / "services" / "hello")
    event = json.loads((place.folder / "services" / "hello" / "smoke.json").read_text())["events"][0]["event"]
    (place.folder / "event.json").write_text(json.dumps(event))
    env = {"SAM_CLI_TELEMETRY": "0", "DOCKER_HOST": docker_host, "AWS_DEFAULT_REGION": "eu-west-1"}

    built = place.run("env", "-C", folder, sam, "build", **env)
    ran = place.run("env", "-C", folder, sam, "local", "invoke", "-e", str(place.folder / "event.json"), **env)

    assert built.status == 0, built.stderr
    assert '"statusCode": 200' in ran.stdout, ran.stderr
