"""IAM: what a role's policies say, which roles there are, and what the caller may not do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber

from lockstep.aws.iam import Policies, Rights
from lockstep.errors import ConfigError, IdentityError, LockstepError, UnavailableError
from lockstep.policy import Identity
from tests.adapters.stubs import stubbed

ACCOUNT = "222222222222"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/shop/shop-execution-test"
NAME = {"RoleName": "shop-execution-test"}
POLICY, BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/shop", f"arn:aws:iam::{ACCOUNT}:policy/boundary"

Iam = tuple[Policies, Stubber]


@pytest.fixture
def iam() -> Iterator[Iam]:
    """Have an account's roles, whose answers a test puts in."""
    with stubbed("iam") as (session, stub):
        yield Policies(session, ACCOUNT), stub


def document(action: str) -> dict[str, Any]:
    """Return a policy that allows one action."""
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}


def role(arn: str = ROLE, **more: object) -> dict[str, Any]:
    """Return a role as IAM tells of it."""
    path, _, name = arn.partition(":role")[2].rpartition("/")
    return {"Path": f"{path}/", "RoleName": name, "RoleId": "A" * 16, "Arn": arn, "CreateDate": "2026-01-01", **more}


def managed(stub: Stubber, arn: str, action: str) -> None:
    """Have a managed policy be read, of which there was an earlier version."""
    stub.add_response("get_policy", {"Policy": {"DefaultVersionId": "v2"}}, {"PolicyArn": arn})
    version = {"PolicyVersion": {"Document": json.dumps(document(action))}}
    stub.add_response("get_policy_version", version, {"PolicyArn": arn, "VersionId": "v2"})


def test_what_a_role_may(iam: Iam) -> None:
    """A role is told with all its policies, managed ones and its own, and with its boundary."""
    policies, stub = iam
    bounded = role(PermissionsBoundary={"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": BOUNDARY})
    stub.add_response("get_role", {"Role": bounded}, NAME)
    stub.add_response("list_attached_role_policies", {"AttachedPolicies": [{"PolicyArn": POLICY}]}, NAME)
    managed(stub, POLICY, "s3:GetObject")
    stub.add_response("list_role_policies", {"PolicyNames": ["one"], "IsTruncated": True, "Marker": "2"}, NAME)
    for name, more in (("one", {"PolicyNames": ["two"]}), ("two", None)):
        own = {**NAME, "PolicyName": name, "PolicyDocument": json.dumps(document(f"sqs:{name}"))}
        stub.add_response("get_role_policy", own, {**NAME, "PolicyName": name})
        if more:
            stub.add_response("list_role_policies", more, {**NAME, "Marker": "2"})
    managed(stub, BOUNDARY, "*")

    found = policies.identity(ROLE)

    expected = (document("s3:GetObject"), document("sqs:one"), document("sqs:two"))
    assert found == Identity(ROLE, expected, document("*"))


def test_policies_of_others(iam: Iam) -> None:
    """What others attached to a role and the caller may not read is left out, and it is told that something is."""
    policies, stub = iam
    bounded = role(PermissionsBoundary={"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": BOUNDARY})
    stub.add_response("get_role", {"Role": bounded}, NAME)
    theirs = "arn:aws:iam::222222222222:policy/theirs"
    attached = [{"PolicyArn": POLICY}, {"PolicyArn": theirs}]
    stub.add_response("list_attached_role_policies", {"AttachedPolicies": attached}, NAME)
    managed(stub, POLICY, "s3:GetObject")
    stub.add_client_error("get_policy", "AccessDenied", "no", expected_params={"PolicyArn": theirs})
    stub.add_response("list_role_policies", {"PolicyNames": []}, NAME)
    stub.add_client_error("get_policy", "AccessDenied", "no", expected_params={"PolicyArn": BOUNDARY})

    assert policies.identity(ROLE) == Identity(ROLE, (document("s3:GetObject"),), is_whole=False)


def test_a_policy_that_cannot_be_read_now(iam: Iam) -> None:
    """Any other answer than a refusal is an error."""
    policies, stub = iam
    stub.add_response("get_role", {"Role": role()}, NAME)
    stub.add_response("list_attached_role_policies", {"AttachedPolicies": [{"PolicyArn": POLICY}]}, NAME)
    stub.add_client_error("get_policy", "ServiceFailure", "later", 500)

    with pytest.raises(UnavailableError):
        policies.identity(ROLE)


def test_a_role_that_may_nothing(iam: Iam) -> None:
    """A role without policies and without a boundary is told as one."""
    policies, stub = iam
    stub.add_response("get_role", {"Role": role()}, NAME)
    stub.add_response("list_attached_role_policies", {"AttachedPolicies": []}, NAME)
    stub.add_response("list_role_policies", {"PolicyNames": []}, NAME)

    assert policies.identity(ROLE) == Identity(ROLE)


def test_a_role_that_is_missing(iam: Iam) -> None:
    """A role that is missing ends with 2 and says how to make it."""
    policies, stub = iam
    stub.add_client_error("get_role", "NoSuchEntity", "no", 404, expected_params=NAME)

    with pytest.raises(ConfigError) as caught:
        policies.identity(ROLE)

    assert caught.value.exit_code == 2
    assert str(caught.value) == (
        f"error: reading the role {ROLE}\n  answer: it does not exist\n  next: invoke bootstrap"
    )


def test_a_role_that_may_not_be_read(iam: Iam) -> None:
    """Who may not read a role is told so, and not that there is none."""
    policies, stub = iam
    stub.add_client_error("get_role", "AccessDenied", "User: A is not authorized")

    with pytest.raises(IdentityError, match=f"reading the policies of {ROLE}"):
        policies.identity(ROLE)


def test_what_a_policy_says(iam: Iam) -> None:
    """A managed policy is told as it stands in its default version."""
    policies, stub = iam
    managed(stub, BOUNDARY, "logs:*")

    assert policies.document(BOUNDARY) == document("logs:*")


def test_a_policy_that_is_missing(iam: Iam) -> None:
    """A policy that is missing ends with 2 and says how to make it."""
    policies, stub = iam
    stub.add_client_error("get_policy", "NoSuchEntity", "no", 404)

    with pytest.raises(ConfigError) as caught:
        policies.document(BOUNDARY)

    assert str(caught.value) == (
        f"error: reading the policy {BOUNDARY}\n  answer: it does not exist\n  next: invoke bootstrap"
    )


def test_a_policy_that_may_not_be_read(iam: Iam) -> None:
    """Who may not read a policy is told so, and not that there is none."""
    policies, stub = iam
    stub.add_client_error("get_policy", "AccessDenied", "User: A is not authorized")

    with pytest.raises(IdentityError, match=f"reading the policy {BOUNDARY}"):
        policies.document(BOUNDARY)


def test_the_roles_of_a_project(iam: Iam) -> None:
    """The roles whose names begin so are told, whatever their path and however many there are."""
    policies, stub = iam
    arn = f"arn:aws:iam::{ACCOUNT}:role/"
    first = {"Roles": [role(f"{arn}shop-a"), role(f"{arn}other-shop-b")], "IsTruncated": True, "Marker": "2"}
    stub.add_response("list_roles", first, {})
    stub.add_response("list_roles", {"Roles": [role(f"{arn}path/shop-c")]}, {"Marker": "2"})

    assert policies.roles("shop-") == ("shop-a", "shop-c")


def test_roles_that_may_not_be_listed(iam: Iam) -> None:
    """Roles that may not be listed are an error, and not none."""
    policies, stub = iam
    stub.add_client_error("list_roles", "AccessDenied", "User: A is not authorized")

    with pytest.raises(IdentityError, match=r"listing the roles shop-\*"):
        policies.roles("shop-")


USER = f"arn:aws:iam::{ACCOUNT}:user/administrator"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_Admin_1/me"
SSO_ROLE = f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_1"
BUCKET = "arn:aws:s3:::files"


def results(**decisions: str) -> dict[str, Any]:
    """Return what the simulator says of some actions of S3."""
    return {
        "EvaluationResults": [
            {"EvalActionName": f"s3:{name}", "EvalDecision": decision} for name, decision in decisions.items()
        ]
    }


def question(source: str, actions: list[str], resource: str, **more: str) -> dict[str, Any]:
    """Return what the simulator is asked."""
    return {"PolicySourceArn": source, "ActionNames": actions, "ResourceArns": [resource], **more}


def test_what_an_administrator_may_not() -> None:
    """What is not allowed, by nothing or by a word against it, is told, each action once, whatever it is on."""
    with stubbed("iam") as (session, stub):
        asked = question(USER, ["s3:CreateBucket", "s3:DeleteBucket", "s3:PutObject"], BUCKET)
        first = results(CreateBucket="allowed", DeleteBucket="explicitDeny")
        stub.add_response("simulate_principal_policy", {**first, "IsTruncated": True, "Marker": "2"}, asked)
        stub.add_response("simulate_principal_policy", results(PutObject="implicitDeny"), {**asked, "Marker": "2"})
        again = question(USER, ["s3:PutObject"], "*")
        stub.add_response("simulate_principal_policy", results(PutObject="implicitDeny"), again)

        refused = Rights(session, USER).refused(
            {BUCKET: ["s3:PutObject", "s3:CreateBucket", "s3:DeleteBucket", "s3:PutObject"], "*": ["s3:PutObject"]}
        )

    assert refused == ("s3:DeleteBucket", "s3:PutObject")


def test_what_a_session_may_not() -> None:
    """Of a session its role is asked about, by the ARN that this has with its path."""
    with stubbed("iam") as (session, stub):
        stub.add_response("get_role", {"Role": role(SSO_ROLE)}, {"RoleName": "AWSReservedSSO_Admin_1"})
        asked = question(SSO_ROLE, ["s3:PutObject"], BUCKET)
        stub.add_response("simulate_principal_policy", results(PutObject="allowed"), asked)

        refused = Rights(session, SESSION).refused({BUCKET: {"s3:PutObject"}})

    assert refused == ()


MISSING = {"MissingContextValues": ["aws:MultiFactorAuthPresent"]}


@pytest.mark.parametrize(
    "undecided",
    [MISSING, {"ResourceSpecificResults": [{"EvalResourceName": BUCKET, "EvalResourceDecision": "allowed"} | MISSING]}],
)
@pytest.mark.parametrize("decision", ["explicitDeny", "implicitDeny"])
def test_what_only_the_request_itself_decides(undecided: dict[str, Any], decision: str) -> None:
    """Where a policy asks for what only a real request holds, such as MFA, nothing is told as refused."""
    known = {"ResourceSpecificResults": [{"EvalResourceName": BUCKET, "EvalResourceDecision": "implicitDeny"}]}
    told = [
        {"EvalActionName": "s3:CreateBucket", "EvalDecision": decision, **undecided},
        {"EvalActionName": "s3:PutObject", "EvalDecision": decision, "MissingContextValues": [], **known},
    ]
    with stubbed("iam") as (session, stub):
        stub.add_response("simulate_principal_policy", {"EvaluationResults": told})

        refused = Rights(session, USER).refused({BUCKET: ["s3:CreateBucket", "s3:PutObject"]})

    assert refused == ("s3:PutObject",)


def test_who_has_to_sign_in_again() -> None:
    """Whose session is over is not told that a right is missing, but to sign in again."""
    with stubbed("iam") as (session, stub):
        stub.add_client_error("simulate_principal_policy", "ExpiredToken", "The security token is expired")

        with pytest.raises(IdentityError) as caught:
            Rights(session, USER).refused({BUCKET: ["s3:PutObject"]})

    assert caught.value.cure == "sign in again, then repeat"


@pytest.mark.parametrize(
    ("arn", "wanted"), [(f"arn:aws:iam::{ACCOUNT}:root", {BUCKET: ["s3:PutObject"]}), (USER, dict[str, list[str]]())]
)
def test_nobody_is_asked(arn: str, wanted: dict[str, list[str]]) -> None:
    """An account's root may everything, and of nothing nothing is refused: nobody is asked."""
    with stubbed("iam") as (session, _):
        assert Rights(session, arn).refused(wanted) == ()


@pytest.mark.parametrize(("arn", "call"), [(USER, "simulate_principal_policy"), (SESSION, "get_role")])
def test_who_may_not_ask(arn: str, call: str) -> None:
    """Who may not ask what it may do ends with 3 and is told which rights that takes."""
    with stubbed("iam") as (session, stub):
        stub.add_client_error(call, "AccessDenied", "User: A is not authorized")

        with pytest.raises(IdentityError) as caught:
            Rights(session, arn).refused({BUCKET: ["s3:PutObject"]})

    assert caught.value.exit_code == 3
    assert str(caught.value) == (
        f"error: asking IAM what {arn} may do\n"
        "  answer: AccessDenied: User: A is not authorized\n"
        "  next: let it iam:GetRole and iam:SimulatePrincipalPolicy, or use an administrator; nothing was changed"
    )


@pytest.mark.parametrize(("code", "error"), [("Throttling", UnavailableError), ("InvalidInput", LockstepError)])
def test_a_simulator_that_fails(code: str, error: type[LockstepError]) -> None:
    """A simulator that cannot answer is not told as a lack of rights."""
    with stubbed("iam") as (session, stub):
        stub.add_client_error("simulate_principal_policy", code, "no")

        with pytest.raises(error) as caught:
            Rights(session, USER).refused({BUCKET: ["s3:PutObject"]})

    assert type(caught.value) is error
