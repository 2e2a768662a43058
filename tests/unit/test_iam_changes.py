"""Who may do more and who less, by what two versions of a template say."""

from __future__ import annotations

from typing import Any

import pytest

from lockstep import iam_changes
from lockstep.iam_changes import AccessChange, Verdict
from lockstep.intrinsics import Stack
from lockstep.testing import TEST

BROADER, NARROWER, BOTH, SAME = Verdict
STACK = Stack("shop-test-hello", TEST, "eu-west-1")
TRUST = {
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]
}


def allow(action: object = "s3:GetObject", resource: object = "arn:aws:s3:::files/*", **more: object) -> dict[str, Any]:
    """Return a statement that allows something."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: object = "s3:GetObject", resource: object = "arn:aws:s3:::files/*", **more: object) -> dict[str, Any]:
    """Return a statement that denies something."""
    return {**allow(action, resource, **more), "Effect": "Deny"}


def document(*statements: object) -> dict[str, Any]:
    """Return a policy."""
    return {"Version": "2012-10-17", "Statement": [*statements]}


def resource(kind: str, **properties: object) -> dict[str, Any]:
    """Return a resource."""
    return {"Type": kind, "Properties": properties}


def role(*statements: object, **more: object) -> dict[str, Any]:
    """Return a role that may what some statements say."""
    policies = [{"PolicyName": "own", "PolicyDocument": document(*statements)}]
    return resource("AWS::IAM::Role", AssumeRolePolicyDocument=TRUST, **({"Policies": policies} | more))


def compared(before: dict[str, Any] | None, after: dict[str, Any] | None, **more: object) -> AccessChange | None:
    """Compare two versions of one resource, in templates that say more, perhaps; None where nothing changed."""
    old, new = ({"Resources": {} if body is None else {"It": body}, **more} for body in (before, after))
    found = iam_changes.compare(old, STACK, new, STACK)
    assert len(found) < 2
    return found[0] if found else None


def verdict(before: dict[str, Any] | None, after: dict[str, Any] | None) -> Verdict | None:
    """Compare two versions of one resource; return only which way it goes."""
    found = compared(before, after)
    return None if found is None else found.verdict


HERE = {"StringEquals": {"aws:SourceAccount": ["1", "2"]}}
STATEMENTS: dict[str, tuple[list[Any], list[Any], Verdict | None]] = {
    "an action more": ([allow()], [allow(["s3:GetObject", "s3:PutObject"])], BROADER),
    "an action less": ([allow(["s3:GetObject", "s3:PutObject"])], [allow()], NARROWER),
    "another action": ([allow()], [allow("s3:PutObject")], BOTH),
    "a wider resource": ([allow()], [allow(resource="*")], BROADER),
    "a narrower resource": ([allow()], [allow(resource="arn:aws:s3:::files/a")], NARROWER),
    "a denial less": ([allow(), deny()], [allow()], BROADER),
    "a denial more": ([allow()], [allow(), deny()], NARROWER),
    "a narrower denial": ([deny()], [deny(resource="arn:aws:s3:::files/a")], BROADER),
    "a condition less": ([allow(Condition=HERE)], [allow()], BROADER),
    "a condition more": ([allow()], [allow(Condition=HERE)], NARROWER),
    "a condition of a denial less": ([deny(Condition=HERE)], [deny()], NARROWER),
    "a value of a condition more": (
        [allow(Condition={"StringEquals": {"aws:SourceAccount": "1"}})], [allow(Condition=HERE)], BROADER
    ),
    "another key": ([allow(Condition=HERE)], [allow(Condition={"StringEquals": {"aws:SourceArn": "1"}})], BOTH),
    "a star that is none": (
        [allow(Condition={"StringEquals": {"a": "*"}})], [allow(Condition={"StringEquals": {"a": "x"}})], BOTH
    ),
    "a pattern": (
        [allow(Condition={"StringLike": {"a": "x*"}})], [allow(Condition={"StringLike": {"a": "xy"}})], NARROWER
    ),
    "an ARN's pattern": (
        [allow(Condition={"ArnLike": {"a": "arn:aws:*:::*"}})], [allow(Condition={"ArnLike": {"a": "arn:aws:s3:::b"}})],
        NARROWER,
    ),
    "a star over a colon": (
        [allow(Condition={"ArnLike": {"a": "arn:*:b"}})], [allow(Condition={"ArnLike": {"a": "arn:aws:s3:::b"}})], BOTH
    ),
    "an operator that is not known": (
        [allow(Condition={"NumericLessThan": {"a": "2"}})], [allow(Condition={"NumericLessThan": {"a": "1"}})], BOTH
    ),
    "a condition that cannot be told": (
        [allow(Condition={"Fn::Transform": "A"})], [allow(Condition={"Fn::Transform": "B"})], BOTH
    ),
    "an operator that cannot be told": (
        [allow(Condition={"StringEquals": {"Fn::Transform": "A"}})],
        [allow(Condition={"StringEquals": {"Fn::Transform": "B"}})],
        BOTH,
    ),
    "a question mark for a star": ([allow("s3:?")], [allow("s3:*")], BROADER),
    "a question mark": ([allow("s3:Get?")], [allow("s3:GetX")], NARROWER),
    "more than some": ([allow(NotAction="iam:*", Action=[])], [allow(NotAction="iam:Get*", Action=[])], BOTH),
    "everything, and now not": ([allow("*")], [allow(NotAction=["iam:*", "sts:*"], Action=[])], NARROWER),
    "another order": (
        [allow(["s3:GetObject", "s3:PutObject"]), deny("s3:*", Sid="No")],
        [deny("S3:*", Sid="Never"), allow(["s3:PutObject", "s3:GetObject"])],
        SAME,
    ),
    "the very same in another order": (
        [allow(["a:B", "a:C"], Sid="One"), deny("a:*")], [deny(["a:*"]), allow("a:C"), allow(["a:B"])], None
    ),
    "what was allowed already": ([allow("s3:*")], [allow("s3:*"), allow()], SAME),
    "a statement that cannot be told": ([{"Fn::Transform": "A"}], [{"Fn::Transform": "B"}], BOTH),
    "an effect that cannot be told": ([allow()], [allow(Effect={"Fn::If": ["Unknown", "Allow", "Deny"]})], BOTH),
}  # fmt: skip


@pytest.mark.parametrize("name", STATEMENTS)
def test_statements(name: str) -> None:
    """More is broader, less is narrower; what cannot be told is both; order, case and Sid are nothing."""
    before, after, expected = STATEMENTS[name]

    assert verdict(role(*before), role(*after)) == expected


OLD_LANGUAGE = '{"Statement":[{"Action":"s3:GetObject","Effect":"Allow","Resource":"${aws:username}"}]}'
ROLES: dict[str, tuple[dict[str, Any] | None, dict[str, Any] | None, AccessChange | None]] = {
    "new": (
        None, role(allow(), deny("s3:Put*"), PermissionsBoundary="arn:bound"),
        AccessChange("It", BROADER, ("Service lambda.amazonaws.com may now sts:AssumeRole",
                                     "may now s3:GetObject on arn:aws:s3:::files/*")),
    ),
    "gone": (
        role(deny("s3:Put*"), PermissionsBoundary="arn:bound"), None,
        AccessChange("It", NARROWER, ("Service lambda.amazonaws.com may no longer sts:AssumeRole",)),
    ),
    "a managed policy more": (
        role(), role(ManagedPolicyArns=["arn:admin"]), AccessChange("It", BROADER, ("has now the policy arn:admin",)),
    ),
    "a managed policy less": (
        role(ManagedPolicyArns=[{"Ref": "Other"}]), role(),
        AccessChange("It", NARROWER, ("has no longer the policy ${Other}",)),
    ),
    "no boundary any more": (
        role(PermissionsBoundary="arn:bound"), role(),
        AccessChange("It", BROADER, ("was bounded by arn:bound, and is now by nothing",)),
    ),
    "another boundary": (
        role(PermissionsBoundary="arn:bound"), role(PermissionsBoundary={"Ref": "Bound"}),
        AccessChange("It", BROADER, ("was bounded by arn:bound, and is now by ${Bound}",)),
    ),
    "a boundary": (
        role(), role(PermissionsBoundary="arn:bound"), AccessChange("It", NARROWER, ("is now bounded by arn:bound",)),
    ),
    "another description": (role(Description="a"), role(Description="b"), None),
    "policies that cannot be told": (
        role(), role(Policies={"Fn::Transform": "A"}),
        AccessChange("It", BROADER, ("has now the policy ${Fn::Transform A}",)),
    ),
    "an old language": (
        role(), role(Policies=[{"PolicyDocument": {"Statement": [allow(resource="${aws:username}")]}}]),
        AccessChange("It", BROADER, (f"has now the policy {OLD_LANGUAGE}",)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ROLES)
def test_roles(name: str) -> None:
    """Of a role also its trust, its managed policies and its boundary count; what it is denied comes with it."""
    before, after, expected = ROLES[name]

    assert compared(before, after) == expected


def test_sentences() -> None:
    """Each difference is a sentence: what on what, for whom, under which conditions; actions on one thing together."""
    before = role(allow(["s3:A", "s3:B"], "x", Condition={"StringLike": {"k": ["b", "a"]}}), deny("s3:C", "y"))
    after = role(allow(["s3:D", "s3:E"], "z"), deny(NotAction=["s3:F"], Action=[], NotResource="y", Resource=[]))

    assert compared(before, after) == AccessChange(
        "It",
        BOTH,
        (
            "may now s3:D, s3:E on z",
            "is no longer denied s3:C on y",
            "may no longer s3:A, s3:B on x where StringLike k a or b",
            "is now denied everything but s3:F on everything but y",
        ),
    )


def policy(kind: str, principal: object, **more: object) -> dict[str, Any]:
    """Return a policy of a resource that lets somebody read it."""
    return resource(kind, PolicyDocument=document(allow(Principal=principal)), **more)


BUCKET = "AWS::S3::BucketPolicy"
ROLE_X = {"AWS": "arn:aws:iam::1:role/x"}
OTHERS: dict[str, tuple[dict[str, Any] | None, dict[str, Any] | None, Verdict | None]] = {
    "everybody": (policy(BUCKET, ROLE_X), policy(BUCKET, "*"), BROADER),
    "a role and no more everybody": (policy(BUCKET, {"AWS": "*"}), policy(BUCKET, ROLE_X), NARROWER),
    "everybody in other words": (policy(BUCKET, {"AWS": "*"}), policy(BUCKET, "*"), SAME),
    "a service is not everybody": (policy(BUCKET, "*"), policy(BUCKET, {"Service": "s3.amazonaws.com"}), BOTH),
    "on another bucket": (
        policy(BUCKET, "*", Bucket="a"), policy(BUCKET, "*", Bucket={"Fn::GetAtt": ["B", "Name"]}), BOTH,
    ),
    "for a role more": (
        resource("AWS::IAM::Policy", PolicyDocument=document(allow()), Roles=["a"]),
        resource("AWS::IAM::Policy", PolicyDocument=document(allow()), Roles=["b", "a"]),
        BROADER,
    ),
    "a denial that is gone": (resource("AWS::IAM::Policy", PolicyDocument=document(deny())), None, BROADER),
    "without a policy": (resource("AWS::KMS::Key", Description="a"), resource("AWS::KMS::Key", Description="b"), None),
    "no rights at all": (resource("AWS::S3::Bucket", BucketName="a"), None, None),
    "another type": (
        resource("AWS::IAM::Policy", PolicyDocument=document(allow())), resource("AWS::S3::Bucket"), NARROWER,
    ),
    "whatever a macro makes": (role(), {"Type": "AWS::IAM::Role", "Properties": {"Fn::Transform": "A"}}, BOTH),
    "no properties": ({"Type": "AWS::IAM::Group"}, {"Type": "AWS::IAM::Group"}, None),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_other_policies(name: str) -> None:
    """Policies of their own count with what they are for, those of resources with whom they let in."""
    before, after, expected = OTHERS[name]

    assert verdict(before, after) == expected


def permission(**more: object) -> dict[str, Any]:
    """Return a permission to call a function."""
    who = {"Principal": "apigateway.amazonaws.com", "Action": "lambda:InvokeFunction", "FunctionName": {"Ref": "Hello"}}
    return resource("AWS::Lambda::Permission", **(who | more))


def test_who_may_call_a_function() -> None:
    """A permission of Lambda is a grant with conditions: without them more may call it."""
    source = {"Fn::Sub": "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*"}

    term = f"ArnLike aws:SourceArn arn:aws:execute-api:eu-west-1:{TEST}:${{Api}}/*"

    assert compared(permission(SourceArn=source), permission()) == AccessChange(
        "It", BROADER, ("apigateway.amazonaws.com may now lambda:InvokeFunction on ${Hello}",)
    )
    assert compared(None, permission(SourceArn=source)) == AccessChange(
        "It",
        BROADER,
        (f"apigateway.amazonaws.com may now lambda:InvokeFunction on ${{Hello}} where {term}",),
    )


def test_no_template() -> None:
    """A stack that is not there says nothing of rights."""
    assert iam_changes.compare({}, STACK, {"Resources": {"Loop": ["not a resource"]}}, STACK) == ()


def with_parameters(**values: str) -> Stack:
    """Return the stack with parameters."""
    return Stack(STACK.name, STACK.account, STACK.region, values)


PARAMETERS = {
    "Where": {"Type": "String"},
    "Several": {"Type": "CommaDelimitedList"},
    "Found": {"Type": "AWS::SSM::Parameter::Value<String>"},
}
REFERENCES: dict[str, tuple[object, Verdict | None]] = {
    "by Ref": ({"Ref": "Where"}, BROADER),
    "by Sub": ({"Fn::Sub": "${Where}"}, BROADER),
    "by a Sub's own variable": ({"Fn::Sub": ["${It}", {"It": {"Ref": "Where"}}]}, BROADER),
    "by Join": ({"Fn::Join": ["", [{"Ref": "Where"}, ""]]}, BROADER),
    "by a condition": ({"Fn::If": ["Everywhere", "*", "files"]}, BROADER),
    "by a condition in a list": ([{"Fn::If": ["Everywhere", "*", {"Ref": "AWS::NoValue"}]}, "files"], BROADER),
    "in a list": ({"Ref": "Several"}, BROADER),
    "under a name that is looked up": ({"Ref": "Found"}, BOTH),
    "not at all": ({"Fn::Sub": "${!Where}-${Other}"}, None),
    "by what nobody can tell": ({"Fn::Join": ["", [{"Fn::ImportValue": "a"}, {"Fn::GetAtt": "Table.Arn"}]]}, None),
    "by a function nobody resolves": ({"Fn::Join": ["", {"Fn::Split": [",", "a"]}]}, None),
}  # fmt: skip


@pytest.mark.parametrize("name", REFERENCES)
def test_parameters(name: str) -> None:
    """A parameter that changes changes what is allowed where the template uses it, and nowhere else."""
    resource_, expected = REFERENCES[name]
    conditions = {"Everywhere": {"Fn::Equals": [{"Ref": "Where"}, "*"]}, "Broken": {"Fn::Equals": ["one"]}}
    template = {
        "Parameters": PARAMETERS,
        "Conditions": conditions,
        "Resources": {"It": role(allow(resource=resource_))},
    }
    old, new = (with_parameters(Where=one, Several=f"a, {one}", Found=f"/{one}") for one in ("files", "*"))

    found = iam_changes.compare(template, old, template, new)

    assert (found[0].verdict if found else None) == expected


def test_a_resource_that_is_not_made() -> None:
    """A resource whose condition does not hold gives no rights; in doubt it does."""
    conditions = {"Never": {"Fn::Equals": ["a", "b"]}}
    absent, doubtful = ({**role(allow()), "Condition": name} for name in ("Never", "Unknown"))

    assert compared(None, absent, Conditions=conditions) is None
    assert compared(None, doubtful, Conditions=conditions) is not None


def test_what_is_broader() -> None:
    """Only what is narrower, or the same, is not broader."""
    assert [one for one in Verdict if AccessChange("It", one).is_broader] == [BROADER, BOTH]
