"""Sessions whose clients are stubbed by botocore's own Stubber, with made-up credentials."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.stub import Stubber

from lockstep.aws.session import Reach, Session

REGION = "eu-west-1"
ACCESS, SECRET, TOKEN = "ASIAIOSFODNN7EXAMPLE", "planted/secret+key", "planted//token=="


@dataclass(frozen=True)
class StubbedSession(Session):
    """A session that has its one client already."""

    ready: Any = None

    def client(self, service: str, *, attempts: int = 1, timeout: int = 1) -> Any:  # noqa: ANN401, ARG002 - as in Session
        """Return the client, which must be for this service."""
        assert self.ready.meta.service_model.service_name == service
        return self.ready


@functools.cache
def a_boto_session() -> boto3.Session:
    """Return a session with planted credentials. One for all tests: it remembers the services' descriptions."""
    return boto3.Session(ACCESS, SECRET, TOKEN, REGION)


def a_session(service: str, endpoint: str | None = None) -> StubbedSession:
    """Return a session whose client for `service` tries each call once."""
    boto: Any = a_boto_session()
    client = boto.client(service, endpoint_url=endpoint, config=Config(retries={"total_max_attempts": 1}))
    return StubbedSession(Reach(REGION), boto, client)


@contextmanager
def stubbed(service: str) -> Iterator[tuple[Session, Stubber]]:
    """Stub a service; every answer that was put in must have been asked for in the end."""
    session = a_session(service)
    with Stubber(session.ready) as stub:
        yield session, stub
        stub.assert_no_pending_responses()
