"""The service's own tests: they need only its own requirements and pytest."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from app import handler


@dataclass
class Context:
    """The part of a Lambda context that the handler's logger reads."""

    function_name: str = "hello"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:222222222222:function:hello"
    aws_request_id: str = "request"


def request(path: str) -> dict[str, Any]:
    """An API Gateway proxy event for GET `path`."""
    return {
        "httpMethod": "GET",
        "path": path,
        "resource": path,
        "headers": {},
        "requestContext": {"requestId": "test", "stage": "live"},
        "body": None,
    }


def test_hello_greets() -> None:
    """GET /hello answers 200 with a greeting and the environment's name."""
    answer = handler(request("/hello"), Context())

    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == {"message": "hello", "environment": "local"}


def test_unknown_path_is_not_found() -> None:
    """Any other path answers 404."""
    answer = handler(request("/nothing"), Context())

    assert answer["statusCode"] == 404
