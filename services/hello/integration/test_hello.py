"""Integration tests: what is deployed, asked by AWS's API, with the rights of the environment's deploy role."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3
import pytest


@pytest.fixture(scope="module")
def function() -> Any:
    """Call the deployed function with a request for a path; its answer is that of a proxy to API Gateway."""
    name = json.loads(os.environ["LOCKSTEP_FUNCTIONS"])["HelloFunction"]
    client = boto3.client("lambda")

    def call(path: str) -> dict[str, Any]:
        context = {"requestId": "integration", "stage": "live"}
        event = {"httpMethod": "GET", "path": path, "resource": path, "headers": {}, "requestContext": context}
        answer = client.invoke(FunctionName=name, Payload=json.dumps(event))
        found: dict[str, Any] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, found
        return found

    return call


def test_it_names_its_environment(function: Any) -> None:
    """GET /hello says which environment greets; smoke.json, one for all environments, cannot ask that."""
    answer = function("/hello")

    assert json.loads(answer["body"]) == {"message": "hello", "environment": os.environ["LOCKSTEP_ENVIRONMENT"]}


def test_an_unknown_path_is_not_found(function: Any) -> None:
    """What runs answers any other path with 404, as JSON."""
    answer = function("/nothing")

    assert (answer["statusCode"], json.loads(answer["body"])["statusCode"]) == (404, 404)


def test_its_address_is_told() -> None:
    """The stack tells where GET /hello answers, over TLS, at the path of the stage."""
    url = json.loads(os.environ["LOCKSTEP_OUTPUTS"])["HelloUrl"]

    assert url.startswith("https://")
    assert url.endswith("/live/hello")
