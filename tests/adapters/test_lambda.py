"""Lambda: which digest a function runs, what it answers, and how its failures are told."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from lockstep.aws.lambda_ import Functions
from lockstep.aws.session import Reach, Session
from lockstep.errors import DeployError, IdentityError, UnavailableError
from lockstep.testing import a_digest
from tests.adapters.stubs import REGION, a_boto_session, stubbed

NAME = {"FunctionName": "shop-test-hello"}
URI = "111111111111.dkr.ecr.eu-west-1.amazonaws.com/shop/hello"
TRIED = "invoking shop-test-hello in account 222222222222"

Lambda = tuple[Functions, Stubber]


@pytest.fixture
def functions() -> Iterator[Lambda]:
    """Have functions whose answers a test puts in."""
    with stubbed("lambda") as (session, stub):
        yield Functions(session, "222222222222"), stub


def answer(text: str, **more: str) -> dict[str, object]:
    """Return a function's answer."""
    return {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(text.encode()), len(text.encode())), **more}


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ({"ImageUri": f"{URI}:tag", "ResolvedImageUri": f"{URI}@{a_digest()}"}, a_digest()),
        ({"ImageUri": f"{URI}@{a_digest()}"}, a_digest()),
        ({"ImageUri": f"{URI}:tag"}, None),
        ({"Location": "https://zip"}, None),
    ],
)
def test_the_digest_that_runs(functions: Lambda, code: dict[str, str], found: str | None) -> None:
    """A function's digest is what Lambda itself resolved; a zip function, or a mere tag, has none."""
    lambda_, stub = functions
    stub.add_response("get_function", {"Code": code}, NAME)

    assert lambda_.image("shop-test-hello") == found


def test_the_images_that_functions_name(functions: Lambda) -> None:
    """Of all functions the image of each image function whose name begins so is told, as the function names it."""
    lambda_, stub = functions
    image = {"PackageType": "Image"}
    first = [{"FunctionName": "shop-test-hello", **image}, {"FunctionName": "other", **image}]
    second = [{"FunctionName": "shop-test-zip", "PackageType": "Zip"}, {"FunctionName": "shop-test-broken", **image}]
    stub.add_response("list_functions", {"Functions": first, "NextMarker": "2"}, {})
    stub.add_response("list_functions", {"Functions": second}, {"Marker": "2"})
    stub.add_response("get_function", {"Code": {"ImageUri": f"{URI}@{a_digest()}"}}, NAME)
    stub.add_response("get_function", {"Code": {}}, {"FunctionName": "shop-test-broken"})

    found = lambda_.images("shop-test-")

    assert found == {"shop-test-hello": f"{URI}@{a_digest()}", "shop-test-broken": ""}


def test_functions_by_their_beginning(functions: Lambda) -> None:
    """Every function whose name begins so is told, of whatever sort it is and however many there are."""
    lambda_, stub = functions
    first = [{"FunctionName": "shop-test-hello", "PackageType": "Image"}, {"FunctionName": "shop-test2-hello"}]
    stub.add_response("list_functions", {"Functions": first, "NextMarker": "2"}, {})
    stub.add_response("list_functions", {"Functions": [{"FunctionName": "shop-test-zip"}]}, {"Marker": "2"})

    assert lambda_.names("shop-test-") == ("shop-test-hello", "shop-test-zip")


@pytest.mark.parametrize("ask", [Functions.images, Functions.names])
def test_functions_that_may_not_be_listed(functions: Lambda, ask: Callable[[Functions, str], object]) -> None:
    """Functions that may not be listed are an error, and not none."""
    lambda_, stub = functions
    stub.add_client_error("list_functions", "AccessDeniedException", "no", 403)

    with pytest.raises(IdentityError, match=r"listing the functions shop-test-\* of account 222222222222"):
        ask(lambda_, "shop-test-")


def test_a_function_that_is_not_there(functions: Lambda) -> None:
    """A function that does not exist runs nothing, which is no error."""
    lambda_, stub = functions
    stub.add_client_error("get_function", "ResourceNotFoundException", http_status_code=404)

    assert lambda_.image("shop-test-hello") is None


def test_a_function_that_may_not_be_seen(functions: Lambda) -> None:
    """A caller who may not look at a function is told so, rather than that there is none."""
    lambda_, stub = functions
    stub.add_client_error("get_function", "AccessDeniedException", "no", 403)

    with pytest.raises(IdentityError, match="looking at the function shop-test-hello in account 222222222222"):
        lambda_.image("shop-test-hello")


@pytest.mark.parametrize("value", [{"statusCode": 200, "body": "ü"}, [1], "text", None])
def test_a_function_answers(functions: Lambda, value: object) -> None:
    """A function gets its event as JSON, and its answer comes back as JSON holds it."""
    lambda_, stub = functions
    stub.add_response("invoke", answer(json.dumps(value)), {**NAME, "Payload": b'{"a": 1}'})

    assert lambda_.invoke("shop-test-hello", {"a": 1}) == value


def test_an_empty_answer(functions: Lambda) -> None:
    """A function that answers nothing answers None."""
    lambda_, stub = functions
    stub.add_response("invoke", answer(""))

    assert lambda_.invoke("shop-test-hello", {}) is None


def test_a_function_that_fails(functions: Lambda) -> None:
    """A function that raises ends with 6, in its own words."""
    lambda_, stub = functions
    stub.add_response("invoke", answer('{"errorMessage": "no such table"}', FunctionError="Unhandled"))

    with pytest.raises(DeployError) as caught:
        lambda_.invoke("shop-test-hello", {})

    assert caught.value.exit_code == 6
    assert str(caught.value) == (
        f'error: {TRIED}\n  answer: it failed: {{"errorMessage": "no such table"}}\n  next: read the function\'s log'
    )


def test_an_answer_that_is_no_json(functions: Lambda) -> None:
    """An answer that is no JSON is an error that quotes it."""
    lambda_, stub = functions
    stub.add_response("invoke", answer("<html>" * 100))

    with pytest.raises(DeployError) as caught:
        lambda_.invoke("shop-test-hello", {})

    assert caught.value.answer == "its answer is no JSON: " + ("<html>" * 100)[:200]


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "InvalidRuntimeException", "ServiceException"])
def test_a_function_that_cannot_be_called(functions: Lambda, code: str) -> None:
    """A function that is gone, or cannot run, fails the smoke test in AWS's words."""
    lambda_, stub = functions
    stub.add_client_error("invoke", code, "the reason")

    with pytest.raises(DeployError) as caught:
        lambda_.invoke("shop-test-hello", {})

    assert caught.value.tried == TRIED
    assert "the reason" in caught.value.answer
    assert caught.value.cure == "invoke status"


def test_a_function_that_is_not_ready_yet(functions: Lambda) -> None:
    """A function that is still being prepared is waited for, then called."""
    lambda_, stub = functions
    stub.add_client_error("invoke", "ResourceConflictException", "The function is currently in the state: Pending", 409)
    stub.add_response("get_function", {"Configuration": {"State": "Active", "LastUpdateStatus": "Successful"}}, NAME)
    stub.add_response("invoke", answer("1"))

    assert lambda_.invoke("shop-test-hello", {}) == 1


def test_a_function_that_will_never_be_ready(functions: Lambda) -> None:
    """A function that Lambda cannot prepare ends with 6 and gives Lambda's reason."""
    lambda_, stub = functions
    stub.add_client_error("invoke", "ResourceConflictException", "The function is currently in the state: Failed", 409)
    failed = {"State": "Failed", "StateReasonCode": "InvalidImage", "StateReason": "The image is no image"}
    stub.add_response("get_function", {"Configuration": failed}, NAME)

    with pytest.raises(DeployError) as caught:
        lambda_.invoke("shop-test-hello", {})

    assert str(caught.value) == (
        f"error: {TRIED}\n  answer: it is Failed: The image is no image\n  next: invoke status"
    )


def test_a_busy_lambda(functions: Lambda) -> None:
    """Throttling is not told as a failed smoke test."""
    lambda_, stub = functions
    stub.add_client_error("invoke", "TooManyRequestsException", "Rate exceeded", 429)

    with pytest.raises(UnavailableError):
        lambda_.invoke("shop-test-hello", {})


def test_a_slow_function_is_called_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call whose answer breaks off is not made again: the function may have done its work."""
    calls: list[str] = []

    class Breaking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            calls.append(self.path)
            self.close_connection = True

        def log_message(self, *_words: object) -> None:
            """Keep quiet."""

    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "5")
    with HTTPServer(("127.0.0.1", 0), Breaking) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(UnavailableError, match=TRIED):
            Functions(Session(Reach(REGION, endpoint), a_boto_session()), "222222222222").invoke("shop-test-hello", {})
        server.shutdown()
        thread.join()

    assert calls == ["/2015-03-31/functions/shop-test-hello/invocations"]


def test_a_function_may_take_as_long_as_lambda_lets_it() -> None:
    """An answer is waited for as long as a function may run, which is fifteen minutes."""
    made: list[Any] = []

    class Kept(Session):
        def client(self, service: str, *, attempts: int = 8, timeout: int = 60) -> Any:  # noqa: ANN401 - as in Session
            made.append(super().client(service, attempts=attempts, timeout=timeout))
            return made[-1]

    with pytest.raises(UnavailableError):
        Functions(Kept(Reach(REGION, "http://127.0.0.1:1"), a_boto_session()), "222222222222").invoke("x", {})

    assert [client.meta.config.read_timeout for client in made] == [900]
