"""The mends of IAM's policy simulator, against a real MiniStack; and that each is still needed."""

from __future__ import annotations

from tests.sandbox.conftest import TOOLING, Server, allow, outcome


def simulate(server: Server) -> list[str]:
    """Ask IAM's simulator about two roles, as the first of them, which may ask about itself only."""
    names = ("asks-itself", "somebody-else")
    roles = [f"arn:aws:iam::{TOOLING}:role/{name}" for name in names]
    allowed = allow("iam:SimulatePrincipalPolicy", roles[0])
    first, _ = (server.role(TOOLING, name, allowed) for name in names)
    ask = server.client("iam", server.assume(first)).simulate_principal_policy
    return [outcome(ask, PolicySourceArn=role, ActionNames=["s3:GetObject"]) for role in roles]


def test_a_simulation_is_of_one_role(mended: Server) -> None:
    """Who may ask what one role may, may not ask it of another."""
    assert simulate(mended) == ["done", "AccessDenied"]


def test_upstream_still_lacks_simulations_of_one_role(unmended: Server) -> None:
    """Once this fails, upstream has it: delete the mend `simulations_are_of_somebody`."""
    assert simulate(unmended) == ["AccessDenied", "AccessDenied"]


def missing(server: Server) -> tuple[str, list[str]]:
    """Ask about an action that a policy allows to one service only: how it is decided, and what is missing."""
    only = {"StringEquals": {"iam:PassedToService": "codepipeline.amazonaws.com"}}
    passing = server.role(TOOLING, "passes", allow("iam:PassRole", Condition=only))
    found = server.client("iam", TOOLING).simulate_principal_policy(
        PolicySourceArn=passing, ActionNames=["iam:PassRole"], ResourceArns=["arn:aws:iam::1:role/a"]
    )
    (result,) = found["EvaluationResults"]
    return result["EvalDecision"], result["MissingContextValues"]


def test_a_simulation_tells_what_it_misses(mended: Server) -> None:
    """What depends on a key that the simulation was not given, is denied with that key's name."""
    assert missing(mended) == ("implicitDeny", ["iam:PassedToService"])


def test_upstream_still_lacks_what_is_missing(unmended: Server) -> None:
    """Once this fails, upstream has it: delete the mend `simulations_tell_what_they_miss`."""
    assert missing(unmended) == ("implicitDeny", [])
