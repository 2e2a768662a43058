"""Lambda: which digest a function runs, and what it answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lockstep.aws.session import Session, answers, code_of
from lockstep.errors import DeployError
from lockstep.model import Digest, digest

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


@dataclass(frozen=True)
class Functions:
    """The functions of one account in one region."""

    session: Session
    account: str

    @cached_property
    def _lambda(self) -> LambdaClient:
        client: LambdaClient = self.session.client("lambda")
        return client

    def image(self, function: str) -> Digest | None:
        """Return the digest that a function runs; None where there is no such function, or it is no image."""
        with answers(f"looking at the function {function} in account {self.account}"):
            try:
                code = self._lambda.get_function(FunctionName=function)["Code"]
            except ClientError as error:
                if code_of(error) == "ResourceNotFoundException":
                    return None
                raise
        _, _, name = code.get("ResolvedImageUri", code.get("ImageUri", "")).partition("@")
        return digest(name) if name else None

    def invoke(self, function: str, event: object) -> object:
        """Wait until a function is ready, call it and return its answer; raises DeployError where it fails."""
        tried = f"invoking {function} in account {self.account}"
        with answers(tried):
            try:
                answer = self._lambda.invoke(FunctionName=function, Payload=json.dumps(event).encode())
            except ClientError as error:
                if code_of(error) in {"ResourceNotFoundException", "InvalidRuntimeException", "ServiceException"}:
                    raise DeployError(tried, str(error), "invoke status") from error
                raise
        text = answer["Payload"].read().decode()
        if "FunctionError" in answer:
            raise DeployError(tried, f"it failed: {text[:500]}", "read the function's log")
        try:
            return json.loads(text) if text else None
        except ValueError as error:
            raise DeployError(tried, f"its answer is no JSON: {text[:200]}") from error
