"""Answers GET /hello."""

from __future__ import annotations

import os
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.logging import correlation_paths

logger = Logger()
api = APIGatewayRestResolver()


@api.get("/hello")
def hello() -> dict[str, str]:
    """Greet, and say which environment did."""
    return {"message": "hello", "environment": os.environ.get("ENVIRONMENT", "local")}


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Route an API Gateway proxy event to the function above that answers it."""
    return api.resolve(event, context)
