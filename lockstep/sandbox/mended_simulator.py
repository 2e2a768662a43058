"""The mends of IAM's policy simulator: whom it may be asked about, and what only a real request would decide.

AWS pages are named by their last part.
"""

# MiniStack ships no types: what comes from it, and what takes its functions' places, is Any.
# ruff: noqa: ANN401

from __future__ import annotations

from typing import Any

from lockstep.sandbox import seams

_NOTHING = "<MissingContextValues></MissingContextValues>"


def simulations_are_of_somebody() -> None:
    """IAM's simulator is asked about a role, user or group, and a policy may say about which (list_awsiam).

    MiniStack lets only those ask who may ask about anybody.
    """

    def wrap(original: Any) -> Any:
        def extract(service: str, method: str, path: str, headers: Any, body: bytes, params: Any, *where: str) -> Any:
            about = params.get("PolicySourceArn") if service == "iam" else None
            found = about[0] if isinstance(about, list) else about
            return found or original(service, method, path, headers, body, params, *where)

        return extract

    resource = "service, method, path, headers, body, query_params, region, account_id"
    seams.replace("core.iam_actions", f"extract_resource_arn({resource})", wrap)


def simulations_tell_what_they_miss() -> None:
    """Condition keys that a policy asks for and a simulation was not given are told (API_EvaluationResult).

    MiniStack says only that the action is denied. No simulation here is given any keys.
    """

    def wrap(original: Any) -> Any:
        def results(actions: list[str], resource: str, principal: str, account: str, policies: Any) -> str:
            told = ""
            for action in actions:
                missing = "".join(f"<member>{key}</member>" for key in _keys(action, resource, policies))
                found = str(original([action], resource, principal, account, policies))
                told += found.replace(_NOTHING, f"<MissingContextValues>{missing}</MissingContextValues>")
            return told

        return results

    given = "actions, resource_arn, principal_arn, account_id, policies"
    seams.replace("services.iam", f"_build_simulate_results_real({given})", wrap)


def _keys(action: str, resource: str, policies: Any) -> list[str]:
    """Return which keys of a request the statements ask for that are about an action on a resource."""
    is_action, is_resource = (
        seams.used("core.iam_evaluator", name) for name in ("_action_matches", "_resource_matches")
    )
    about = [
        one
        for statements in policies
        for one in statements
        if is_action(action, one.actions, one.not_actions) and is_resource(resource, one.resources, one.not_resources)
    ]
    return sorted({key for one in about for asked in one.conditions.values() for key in asked})
