"""The mend of MiniStack's CloudTrail: which call it was, and who made it. Records no more calls than MiniStack does.

AWS pages are named by their last part.
"""

# MiniStack ships no types: what comes from it, and what takes its functions' places, is Any.
# ruff: noqa: ANN401

from __future__ import annotations

import json
from typing import Any

from lockstep.sandbox import seams

_RECORD = (
    "record_event(service, event_name, username, access_key_id, resources, region, request_id, user_agent, "
    "request_params, method)"
)


def trail_names_call_and_caller() -> None:
    """An event carries the operation's name and the caller's ARN (cloudtrail-event-reference-user-identity).

    MiniStack records a query call as POST.cloudformation, and every caller as an IAM user called like its access
    key. The name is taken from the request, the caller from whoever signed it.
    """

    def wrap(original: Any) -> Any:
        def record(service: str, event_name: str, **given: Any) -> None:
            original(service, given["request_params"].get("Action", event_name), **given)
            event = seams.used("services.cloudtrail", "_get_event_queue")()[-1]
            who = seams.caller()
            detail = json.loads(event["CloudTrailEvent"])
            detail["userIdentity"] = {
                "type": who.type,
                "arn": who.arn,
                "accountId": who.account,
                "accessKeyId": given["access_key_id"],
            }
            event["Username"] = who.arn.rsplit("/", 1)[-1]
            event["CloudTrailEvent"] = json.dumps(detail)

        return record

    seams.replace("services.cloudtrail", _RECORD, wrap)
