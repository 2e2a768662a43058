"""What AWS answers, and what becomes of it: which exit code, in whose words, with which cure."""

from __future__ import annotations

import re
import socket
import time
from email.utils import formatdate

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ReadTimeoutError,
    WaiterError,
)
from botocore.parsers import ResponseParserError

from lockstep.aws.session import answers, code_of
from lockstep.errors import LockstepError, UnavailableError
from tests.adapters.stubs import a_session

CURES = {3: "sign in again, then repeat", 10: "try again in a minute"}

pytestmark = pytest.mark.usefixtures("alone")


def failing_with(code: str, message: str = "no", status: int = 400, **headers: str) -> ClientError:
    """Return what botocore raises for an answer that is an error."""
    metadata = {"HTTPStatusCode": status, "HTTPHeaders": headers}
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata}
    return ClientError(answer, "DoIt")  # type: ignore[arg-type] # as much of an answer as there is


def error_of(raised: Exception) -> LockstepError:
    """Return what `answers` makes of an exception."""
    with pytest.raises(LockstepError) as caught, answers("doing it"):
        raise raised
    return caught.value


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        *((code, 3) for code in ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId",
                                 "UnrecognizedClientException", "SignatureDoesNotMatch", "RequestTimeTooSkewed",
                                 "InvalidSignatureException")),
        *((code, 10) for code in ("Throttling", "ThrottlingException", "TooManyRequestsException", "SlowDown",
                                  "RequestLimitExceeded", "ServiceUnavailable", "InternalFailure")),
    ],
)  # fmt: skip
def test_what_aws_answers_decides_the_exit_code(code: str, exit_code: int) -> None:
    """Expired credentials end with 3, throttling and AWS's own faults with 10, each in AWS's words with a cure."""
    error = error_of(failing_with(code, "Rate exceeded"))

    assert error.exit_code == exit_code
    assert str(error) == f"error: doing it\n  answer: {code}: Rate exceeded\n  next: {CURES[exit_code]}"


SIGNED = ("InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed", "SignatureDoesNotMatch")


@pytest.mark.parametrize("code", SIGNED)
@pytest.mark.parametrize(("ahead", "late"), [(600, "ahead of"), (-3600, "behind")])
def test_a_clock_that_aws_refuses(code: str, ahead: int, late: str) -> None:
    """Where AWS takes no signature and its date is not ours, the error says how far this machine's clock is off."""
    error = error_of(failing_with(code, "Signature expired", date=formatdate(time.time() - ahead, usegmt=True)))

    told = re.fullmatch(rf"{code}: Signature expired; this machine is (\d+) s {late} AWS", error.answer)
    assert told
    assert round(int(told[1]) / 60) == abs(ahead) / 60
    assert (error.exit_code, error.cure) == (3, "set its clock, by NTP")


@pytest.mark.parametrize("ahead", [0, 200, -200])
@pytest.mark.parametrize("code", SIGNED)
def test_a_signature_that_is_wrong(code: str, ahead: int) -> None:
    """Where AWS takes no signature and the clocks agree, the keys are wrong, and nothing is said of clocks."""
    error = error_of(failing_with(code, date=formatdate(time.time() - ahead, usegmt=True)))

    assert (error.answer, error.cure) == (f"{code}: no", "sign in again, then repeat")


@pytest.mark.parametrize("code", ["ExpiredToken", "AccessDenied", "Throttling"])
def test_a_clock_that_is_not_to_blame(code: str) -> None:
    """What AWS refuses for another reason is not put down to a clock that is wrong too."""
    error = error_of(failing_with(code, date=formatdate(0.0, usegmt=True)))

    assert error.answer == f"{code}: no"


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"])
def test_a_refusal_says_whom_to_ask(code: str) -> None:
    """What the caller may not do ends with 3, and says who can change it."""
    error = error_of(failing_with(code, "User: A is not authorized to perform: B"))

    assert error.exit_code == 3
    assert str(error) == (
        f"error: doing it\n  answer: {code}: User: A is not authorized to perform: B\n"
        "  next: ask who may do this, or an administrator to invoke bootstrap"
    )


@pytest.mark.parametrize("code", ["503", "ServerException", "ThrottledException"])
def test_any_fault_of_aws_is_one(code: str) -> None:
    """A fault that AWS takes upon itself by its status is one whatever it is called."""
    assert error_of(failing_with(code, status=503)).exit_code == 10


def test_any_other_answer_keeps_its_words() -> None:
    """An answer that nobody foresaw is our bug, and says what AWS said."""
    error = error_of(failing_with("ValidationError", "1 validation error detected"))

    assert (error.exit_code, error.answer) == (1, "ValidationError: 1 validation error detected")


@pytest.mark.parametrize("raised", [NoCredentialsError(), PartialCredentialsError(provider="env", cred_var="secret")])
def test_missing_credentials_name_the_profile(raised: Exception) -> None:
    """No credentials, or half of them, end with 3 and say where to name a profile."""
    error = error_of(raised)

    assert (error.exit_code, error.cure) == (
        3,
        "set a profile that this machine has; tooling's also by --profile",
    )


@pytest.mark.parametrize(
    "raised",
    [
        EndpointConnectionError(endpoint_url="http://x"),
        ReadTimeoutError(endpoint_url="http://x"),
        ConnectionClosedError(endpoint_url="http://x"),
        ResponseParserError("no XML"),
    ],
)
def test_no_answer_is_unavailable(raised: Exception) -> None:
    """An AWS that cannot be reached, falls silent or answers nonsense ends with 10."""
    error = error_of(raised)

    assert (error.exit_code, error.cure) == (10, "invoke doctor")


def test_a_call_that_cannot_be_is_our_bug() -> None:
    """A call that botocore itself refuses is our bug, not the caller's identity."""
    assert error_of(ParamValidationError(report="too short")).exit_code == 1


def test_a_refusal_while_waiting_is_one() -> None:
    """Credentials that expire while something is waited for are told as that, not as its failure."""
    expired = {"Error": {"Code": "ExpiredToken", "Message": "The security token included in the request is expired"}}

    error = error_of(WaiterError("StackCreateComplete", "An error occurred", expired))  # type: ignore[arg-type] # enough

    assert (error.exit_code, error.answer.partition(":")[0]) == (3, "ExpiredToken")


def test_anything_else_about_credentials_is_identity() -> None:
    """What else botocore says before a call, of tokens and of files, ends with 3."""
    assert error_of(BotoCoreError()).exit_code == 3


def test_refused_connections_are_unavailable() -> None:
    """An endpoint where nobody listens ends with 10 and names the endpoint."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{probe.getsockname()[1]}"

        with pytest.raises(UnavailableError) as caught:
            a_session("sts", endpoint).caller("opening test")

    assert caught.value.exit_code == 10
    assert str(caught.value) == (
        f'error: opening test\n  answer: Could not connect to the endpoint URL: "{endpoint}/"\n  next: invoke doctor'
    )


def test_the_code_of_an_error() -> None:
    """An error without a code has an empty one."""
    assert code_of(ClientError({"Error": {}}, "DoIt")) == ""
