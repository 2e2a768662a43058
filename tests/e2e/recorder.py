"""Records every call that boto3 and SAM report of themselves, and tells who made it.

With AWS_CSM_ENABLED each SDK sends a datagram for each call (botocore/monitoring.py). It names the call and the access
key; whose key that is stands in CloudTrail.
"""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lockstep import policy

DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
_BIG = 1 << 22


class Recorder:
    """Listens for the datagrams as long as it is open."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BIG)
        self._socket.bind(("127.0.0.1", 0))
        self._attempts: list[dict[str, Any]] = []
        self._callers: dict[str, str] = {}
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    @property
    def env(self) -> dict[str, str]:
        """What makes an SDK report to us."""
        host, port = self._socket.getsockname()
        return {"AWS_CSM_ENABLED": "true", "AWS_CSM_HOST": host, "AWS_CSM_PORT": str(port)}

    def _listen(self) -> None:
        while data := self._socket.recv(65535):
            event = json.loads(data)
            if event["Type"] == "ApiCallAttempt" and "AccessKey" in event:
                self._attempts.append(event)

    def close(self) -> None:
        """Listen no more."""
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join(5)
        self._socket.close()

    def name(self, caller: Callable[[str], str]) -> None:
        """Find out whose the new keys are, as long as somebody knows: `caller` gives the ARN of a key."""
        new = {attempt["AccessKey"] for attempt in self._attempts} - self._callers.keys()
        self._callers |= {key: caller(key) for key in new}

    def made_as(self, role: str) -> tuple[str, ...]:
        """Return the calls that a role made, in order, as `service:operation`; `name` has to be called before."""
        mine = {key for key, arn in self._callers.items() if policy.role_of(arn).endswith(f":role/{role}")}
        return tuple(f"{one['Service']}:{one['Api']}" for one in self._attempts if one["AccessKey"] in mine)

    def write(self, file: Path) -> None:
        """Write who made which calls how often; those that were denied are not among them. No key and no token is."""
        found: dict[str, Counter[str]] = {}
        for attempt in self._attempts:
            if attempt.get("AwsException") not in DENIED and attempt.get("HttpStatusCode") != 403:
                who = policy.role_of(self._callers.get(attempt["AccessKey"], "unknown"))
                found.setdefault(who, Counter())[f"{attempt['Service']}:{attempt['Api']}"] += 1
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(found, indent=1, sort_keys=True))
