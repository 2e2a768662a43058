"""Lambda: which functions there are, which digests they run, and what one answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, WaiterError

from lockstep.aws.session import Session, answers, code_of
from lockstep.errors import DeployError
from lockstep.model import Digest, digest

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_lambda.type_defs import FunctionCodeLocationTypeDef, FunctionConfigurationTypeDef

_BROKEN = {"ResourceNotFoundException", "InvalidRuntimeException", "ServiceException"}


@dataclass(frozen=True)
class Functions:
    """The functions of one account in one region."""

    session: Session
    account: str

    @cached_property
    def _lambda(self) -> LambdaClient:
        client: LambdaClient = self.session.client("lambda")
        return client

    @cached_property
    def _once(self) -> LambdaClient:
        """A client that calls a function once and waits for its answer as long as Lambda lets a function run.

        https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
        """
        client: LambdaClient = self.session.client("lambda", attempts=1, timeout=900)
        return client

    def image(self, function: str) -> Digest | None:
        """Return the digest that a function runs; None where there is no such function, or it is no image."""
        with answers(f"looking at the function {function} in account {self.account}"):
            code = self._code(function)
        return None if code is None else _digest(code)

    def images(self, prefix: str) -> dict[str, str]:
        """Return the image, as its function names it, of every image function whose name begins so."""
        with answers(f"listing the functions {prefix}* of account {self.account}"):
            names = [f["FunctionName"] for f in self._list(prefix) if f.get("PackageType") == "Image"]
            found = {name: self._lambda.get_function(FunctionName=name) for name in names}
        return {name: answer["Code"].get("ImageUri", "") for name, answer in found.items()}

    def names(self, prefix: str) -> tuple[str, ...]:
        """Return every function whose name begins so."""
        with answers(f"listing the functions {prefix}* of account {self.account}"):
            return tuple(function["FunctionName"] for function in self._list(prefix))

    def digests(self) -> frozenset[Digest]:
        """Return the digest of every version of every image function; raises DeployError for one that names none.

        An alias names a version, so with all of them no digest is missed that somebody can call.
        """
        tried = f"looking at every version of the functions of account {self.account}"
        with answers(tried):
            names = [f["FunctionName"] for f in self._list("") if f.get("PackageType") == "Image"]
            found = {
                f"{name}:{version}": self._code(name, version) for name in names for version in self._versions(name)
            }
        digests = {version: _digest(code) for version, code in found.items() if code is not None}
        if unknown := ", ".join(version for version, digest in digests.items() if digest is None):
            raise DeployError(tried, f"{unknown} names no image by its digest", "deploy it by a digest, or delete it")
        return frozenset(digest for digest in digests.values() if digest is not None)

    def _versions(self, function: str) -> tuple[str, ...]:
        """Return the versions of a function, the unpublished one first; none of one that is deleted meanwhile."""
        try:
            pages = self._lambda.get_paginator("list_versions_by_function").paginate(FunctionName=function)
            return tuple(version["Version"] for page in pages for version in page["Versions"])
        except ClientError as error:
            if code_of(error) == "ResourceNotFoundException":
                return ()
            raise

    def _code(self, function: str, version: str = "") -> FunctionCodeLocationTypeDef | None:
        """Return where the code of a function, or of one of its versions, is; None where there is no such function."""
        try:
            if version:
                return self._lambda.get_function(FunctionName=function, Qualifier=version)["Code"]
            return self._lambda.get_function(FunctionName=function)["Code"]
        except ClientError as error:
            if code_of(error) == "ResourceNotFoundException":
                return None
            raise

    def _list(self, prefix: str) -> Iterator[FunctionConfigurationTypeDef]:
        for page in self._lambda.get_paginator("list_functions").paginate():
            yield from (function for function in page["Functions"] if function["FunctionName"].startswith(prefix))

    def invoke(self, function: str, event: object) -> object:
        """Call a function, once it is ready and not twice, and return its answer; raises DeployError where it fails."""
        tried = f"invoking {function} in account {self.account}"
        payload = json.dumps(event).encode()
        with answers(tried):
            try:
                answer = self._once.invoke(FunctionName=function, Payload=payload)
            except ClientError as error:
                if code_of(error) in _BROKEN:
                    raise DeployError(tried, str(error), "invoke status") from error
                if code_of(error) != "ResourceConflictException":
                    raise
                self._wait(function, tried)
                answer = self._once.invoke(FunctionName=function, Payload=payload)
        text = answer["Payload"].read().decode()
        if "FunctionError" in answer:
            raise DeployError(tried, f"it failed: {text[:500]}", "read the function's log")
        try:
            return json.loads(text) if text else None
        except ValueError as error:
            raise DeployError(tried, f"its answer is no JSON: {text[:200]}") from error

    def _wait(self, function: str, tried: str) -> None:
        """Wait until Lambda has prepared a function: https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html"""
        try:
            with answers(tried):
                self._lambda.get_waiter("function_active_v2").wait(FunctionName=function)
        except WaiterError as error:
            now: Any = error.last_response.get("Configuration")
            raise DeployError(tried, f"it is {now['State']}: {now.get('StateReason', '')}", "invoke status") from error


def _digest(code: FunctionCodeLocationTypeDef) -> Digest | None:
    """Return the digest that Lambda resolved, or that the function names; None where neither is there."""
    _, _, name = code.get("ResolvedImageUri", code.get("ImageUri", "")).partition("@")
    return digest(name) if name else None
