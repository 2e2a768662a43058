"""Creates AWS sessions. The only place that does; there is no default session, region or account.

A session is made from a named profile, from the credentials that the machine provides to a job, or by assuming a
role with another session. Every session knows its region, and its endpoint where the sandbox is meant.
"""

from __future__ import annotations

import http
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    WaiterError,
)
from botocore.exceptions import (
    ConnectionError as NoConnection,
)
from botocore.loaders import Loader
from botocore.parsers import ResponseParserError

from lockstep.errors import DeniedError, IdentityError, LockstepError, UnavailableError, wrong_clock
from lockstep.model import AccountId

if TYPE_CHECKING:
    from mypy_boto3_sts.type_defs import CredentialsTypeDef

# Of a signature that AWS does not take: its key is another one, or its time.
_UNSIGNED = {"InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed", "SignatureDoesNotMatch"}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException",
            "InvalidToken", "InvalidAccessKeyId"}  # fmt: skip
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"}
_BUSY = {"Throttling", "ThrottlingException", "TooManyRequestsException", "SlowDown", "RequestLimitExceeded",
         "ServiceUnavailable", "InternalFailure", "InternalError"}  # fmt: skip
# https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html: a session's name has two letters or more
_SHORTEST = 2


@dataclass(frozen=True)
class Reach:
    """How to reach AWS: the region, and for the sandbox its endpoint and its own files of profiles."""

    region: str
    endpoint: str | None = None
    config_file: Path | None = None
    credentials_file: Path | None = None
    # Service descriptions are read from disk once, not once for each session.
    loader: Loader = field(default_factory=lambda: Loader(include_default_search_paths=True), repr=False)


@dataclass(frozen=True)
class Session:
    """A caller in an account. Its credentials are never part of its text."""

    reach: Reach
    boto: boto3.Session = field(repr=False)
    # When its credentials end, in UTC, ISO 8601; empty where it renews them itself.
    until: str = field(default="", kw_only=True)

    def client(self, service: str, *, attempts: int = 8, timeout: int = 60) -> Any:  # noqa: ANN401 - each module names its client's type
        """Make a client that tries each call so often, and waits so many seconds for an answer."""
        config = Config(
            retries={"mode": "standard", "total_max_attempts": attempts},
            connect_timeout=5,
            read_timeout=timeout,
            s3={"addressing_style": "path"} if self.reach.endpoint else {},
        )
        return self.boto.client(service, endpoint_url=self.reach.endpoint, config=config)  # type: ignore[call-overload]  # the service is no literal here

    def caller(self, purpose: str) -> tuple[AccountId, str]:
        """Ask AWS who we are; return the account and the ARN. Raises IdentityError."""
        with answers(purpose):
            identity = self.client("sts").get_caller_identity()
        return AccountId(identity["Account"]), identity["Arn"]

    def skew(self) -> float:
        """Return by how many seconds this machine's clock is ahead of AWS's, as the date of an answer tells it."""
        with answers("asking AWS what time it is"):
            answer = self.client("sts").get_caller_identity()
        found = _skew(answer["ResponseMetadata"])
        if found is None:
            raise LockstepError("asking AWS what time it is", f"it says '{_date(answer['ResponseMetadata'])}'")
        return found

    def prove(self, account: AccountId, purpose: str) -> str:
        """Return the caller's ARN where it is in `account`; raises IdentityError where it is not."""
        actual, arn = self.caller(purpose)
        if actual != account:
            raise IdentityError(
                f"{purpose}: the configuration says account {account}",
                f"the caller is {arn}, in account {actual}",
                "use a profile of the right account; nothing was changed",
            )
        return arn

    def assume(self, role: str, caller: str, cure: str) -> Session:
        """Assume a role; raises DeniedError with both sides and the cure, and never falls back to this session."""
        name = re.sub(r"[^\w+=,.@-]", "-", caller.rsplit("/", 1)[-1])[:64]
        if len(name) < _SHORTEST:
            name = f"lockstep-{name}"
        try:
            with answers(f"assuming {role} as {caller}"):
                answer = self.client("sts").assume_role(RoleArn=role, RoleSessionName=name, DurationSeconds=3600)
        except DeniedError as error:
            raise DeniedError(error.tried, error.answer, cure) from error
        keys = answer["Credentials"]
        return Session(self.reach, _boto(self.reach, None, keys), until=keys["Expiration"].astimezone(UTC).isoformat())

    def child_environment(self) -> dict[str, str]:
        """Return what a child process needs to be this caller, and nothing from which it could be another."""
        keys = self.boto.get_credentials()
        if keys is None:
            raise IdentityError("passing credentials to a child process", "there are none", "invoke doctor")
        frozen = keys.get_frozen_credentials()
        if frozen.access_key is None or frozen.secret_key is None:
            raise IdentityError("passing credentials to a child process", "they are not whole", "invoke doctor")
        token = {"AWS_SESSION_TOKEN": frozen.token} if frozen.token else {}
        endpoint = {"AWS_ENDPOINT_URL": self.reach.endpoint} if self.reach.endpoint else {}
        return {
            "AWS_ACCESS_KEY_ID": frozen.access_key,
            "AWS_SECRET_ACCESS_KEY": frozen.secret_key,
            **token,
            **endpoint,
            "AWS_REGION": self.reach.region,
            "AWS_DEFAULT_REGION": self.reach.region,
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


def open_session(reach: Reach, profile: str | None, purpose: str) -> Session:
    """Open a session from a profile, or with None from the credentials that the machine gives a job.

    Those are the keys of its environment, a web identity token's role, a container's or an instance's: with None
    no file of profiles is read, and neither AWS_PROFILE nor [default] lets anybody in.
    Raises IdentityError for a profile that does not exist.
    """
    with answers(purpose):
        return Session(reach, _boto(reach, profile, None))


@contextmanager
def answers(tried: str) -> Iterator[None]:
    """Turn what AWS answers into our errors: identity (3), unavailable (10), or a LockstepError with its words.

    Lets a WaiterError pass that tells how what was waited for has ended.
    """
    try:
        yield
    except ClientError as error:
        raise _refusal(tried, error.response) from error
    except WaiterError as error:
        if "Error" in error.last_response:
            raise _refusal(tried, error.last_response) from error
        raise
    except (NoCredentialsError, PartialCredentialsError, ProfileNotFound) as error:
        raise IdentityError(
            tried, str(error), "set a profile that this machine has; tooling's also by --profile"
        ) from error
    except (NoConnection, HTTPClientError, ResponseParserError) as error:
        raise UnavailableError(tried, str(error), "invoke doctor") from error
    except ParamValidationError as error:
        raise LockstepError(tried, str(error)) from error
    except BotoCoreError as error:
        raise IdentityError(tried, str(error), "invoke doctor") from error


def code_of(error: ClientError) -> str:
    """Return the code that AWS gave an error."""
    return str(error.response["Error"].get("Code", ""))


def _refusal(tried: str, response: Mapping[str, Any]) -> LockstepError:
    code = response["Error"].get("Code", "")
    answer = f"{code}: {response['Error'].get('Message', '')}"
    metadata = response.get("ResponseMetadata", {})
    status = metadata.get("HTTPStatusCode", 0)
    if code in _UNSIGNED and (wrong := wrong_clock(tried, _skew(metadata) or 0.0, answer)):
        return wrong
    if code in _EXPIRED | _UNSIGNED:
        return IdentityError(tried, answer, "sign in again, then repeat")
    if code in _DENIED:
        return DeniedError(tried, answer, "ask who may do this, or an administrator to invoke bootstrap")
    if code in _BUSY or status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        return UnavailableError(tried, answer, "try again in a minute")
    return LockstepError(tried, answer)


def _date(metadata: Mapping[str, Any]) -> str:
    return str(metadata.get("HTTPHeaders", {}).get("date", ""))


def _skew(metadata: Mapping[str, Any]) -> float | None:
    """Return by how many seconds we are ahead of the date of an answer; None where it has none."""
    try:
        return time.time() - parsedate_to_datetime(_date(metadata)).timestamp()
    except ValueError:
        return None


class _Core(botocore.session.Session):
    """A botocore session whose every client asks the AWS that is meant, whatever the shell or a file says.

    Also those that it makes for itself, of which nobody can tell it: the STS of a profile that takes a role.
    """

    def __init__(self, reach: Reach, profile: str | None) -> None:
        # No profile means none: botocore would take AWS_PROFILE, then [default].
        super().__init__(profile=profile, session_vars=None if profile else {"profile": (None, None, None, None)})
        self._endpoint = reach.endpoint
        self.register_component("data_loader", reach.loader)
        self.set_config_variable("ignore_configured_endpoint_urls", True)  # noqa: FBT003 - botocore takes it by place
        files = {"config_file": reach.config_file, "credentials_file": reach.credentials_file}
        for name, file in files.items():
            if file is not None or profile is None:
                self.set_config_variable(name, str(file) if profile else os.devnull)
        if profile is None:
            for old in ("ec2-credentials-file", "boto-config"):
                self.get_component("credential_provider").remove(old)

    def create_client(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as in botocore
        return super().create_client(*args, **options | {"endpoint_url": self._endpoint})


def _boto(reach: Reach, profile: str | None, keys: CredentialsTypeDef | None) -> boto3.Session:
    core = _Core(reach, profile)
    if keys is None:
        return boto3.Session(botocore_session=core, region_name=reach.region)
    return boto3.Session(
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
        botocore_session=core,
        region_name=reach.region,
    )
