"""What the mends make true, against a real MiniStack; and that MiniStack still needs each of them.

Most scenarios are played twice: with the mends they come out as on AWS, without them the gap shows.
"""

# ruff: noqa: ANN401 - elements of a policy are what they are

from __future__ import annotations

import os
from typing import Any

from lockstep import process, schemas
from tests.sandbox.conftest import FOR_STACKS, REPOSITORY, TEST, TOOLING, Server, allow, message, outcome, zipped


def assume_under_role_condition(server: Server) -> str:
    """Assume a role across accounts whose trust asks for `aws:PrincipalArn`; the caller's role has a path."""
    caller = server.role(TEST, "arn-caller", allow("sts:AssumeRole"), Path="/team/")
    condition = {"ArnEquals": {"aws:PrincipalArn": caller}}
    trusted = {
        "Effect": "Allow",
        "Principal": {"AWS": TEST},
        "Action": "sts:AssumeRole",
        "Condition": condition,
    }
    target = server.role(TOOLING, "arn-target", trust=trusted)
    return outcome(server.assume, role=target, caller=server.assume(caller))


def test_principal_arn_is_the_role(mended: Server) -> None:
    """A condition on `aws:PrincipalArn` matches a session by its role's ARN, path included."""
    found = assume_under_role_condition(mended)

    assert found == "done"


def test_upstream_still_lacks_principal_arn(unmended: Server) -> None:
    """Once this fails, upstream has it: delete the mend `principal_arn_is_the_role`."""
    found = assume_under_role_condition(unmended)

    assert found == "AccessDenied"


def put_under_variable(server: Server, variable: str) -> str:
    """Write where an identity policy names the resource with a variable."""
    name = f"variable-{variable.partition(':')[2].partition('/')[0].lower()}"
    server.bucket(name)
    writer = server.role(TOOLING, name, allow("s3:PutObject", f"arn:aws:s3:::{name}/${{{variable}}}/*"))
    s3 = server.client("s3", server.assume(writer))
    return outcome(s3.put_object, Bucket=name, Key=f"{TOOLING}/file", Body=b"")


def test_policy_variables(mended: Server) -> None:
    """A variable in a policy's resource stands for its value in the request."""
    found = put_under_variable(mended, "aws:PrincipalAccount")

    assert found == "done"


def test_unknown_policy_variable(mended: Server) -> None:
    """A statement with a variable that has no value allows nothing."""
    found = put_under_variable(mended, "aws:PrincipalTag/absent")

    assert found == "AccessDenied"


def test_upstream_still_lacks_policy_variables(unmended: Server) -> None:
    """Once this fails, upstream has it: delete the mend `policy_variables`."""
    found = put_under_variable(unmended, "aws:PrincipalAccount")

    assert found == "AccessDenied"


def test_policy_variables_in_conditions(mended: Server) -> None:
    """A variable in a condition's value stands for its value in the request."""
    condition = {"StringEquals": {"s3:prefix": "${aws:PrincipalAccount}/"}}
    mended.bucket("variable-condition")
    lister = mended.role(TOOLING, "variable-condition", allow("s3:ListBucket", Condition=condition))
    s3 = mended.client("s3", mended.assume(lister))

    own = outcome(s3.list_objects_v2, Bucket="variable-condition", Prefix=f"{TOOLING}/")
    other = outcome(s3.list_objects_v2, Bucket="variable-condition", Prefix=f"{TEST}/")

    assert (own, other) == ("done", "AccessDenied")


def read_where_plain_http_is_denied(server: Server) -> str:
    """Read, over loopback, from a bucket whose policy denies what does not come over TLS."""
    plain = {"Bool": {"aws:SecureTransport": "false"}}
    denied = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": plain}
    server.bucket("tls-only", denied, file=b"")
    s3 = server.client("s3", server.assume(server.role(TOOLING, "tls-reader", allow("s3:GetObject"))))
    return outcome(s3.get_object, Bucket="tls-only", Key="file")


def test_loopback_is_secure(mended: Server) -> None:
    """A bucket policy that refuses plain http lets requests over loopback through."""
    found = read_where_plain_http_is_denied(mended)

    assert found == "done"


def test_upstream_still_lacks_secure_loopback(unmended: Server) -> None:
    """Once this fails, upstream has it: delete the mend `loopback_is_secure`."""
    found = read_where_plain_http_is_denied(unmended)

    assert found == "AccessDenied"


def foreign_reader(server: Server, name: str, *granted: dict[str, Any], own: str = "s3:GetObject") -> str:
    """Read as the role `name` of the test account, from a bucket of tooling whose policy is `granted`."""
    reader = server.role(TEST, name, allow(own))
    server.bucket(name, *granted, file=b"")
    s3 = server.client("s3", server.assume(reader))
    return outcome(s3.get_object, Bucket=name, Key="file")


def grant(principal: str, **more: Any) -> dict[str, Any]:
    """Return a statement of a bucket policy that lets a principal of the test account read."""
    return allow("s3:GetObject", Principal={"AWS": f"arn:aws:iam::{TEST}:{principal}"}, **more)


def is_role(name: str) -> dict[str, Any]:
    """Return a condition that the caller is a role of the test account."""
    return {"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{TEST}:role/{name}"}}


def test_bucket_policy_knows_a_role(mended: Server) -> None:
    """A role that another account's bucket policy names as principal may read."""
    found = foreign_reader(mended, "by-role", grant("role/by-role"))

    assert found == "done"


def test_upstream_still_lacks_roles_in_bucket_policies(unmended: Server) -> None:
    """Once this fails, upstream has it: delete the mend `bucket_policies_see_the_caller`."""
    found = foreign_reader(unmended, "by-role", grant("role/by-role"))

    assert found == "AccessDenied"


def test_bucket_policy_knows_the_principal_of_an_account(mended: Server) -> None:
    """A bucket policy may name an account and narrow it to a role by `aws:PrincipalArn`."""
    named = foreign_reader(mended, "by-arn", grant("root", Condition=is_role("by-arn")))
    other = foreign_reader(mended, "by-other-arn", grant("root", Condition=is_role("by-arn")))

    assert (named, other) == ("done", "AccessDenied")


def test_bucket_policy_denies(mended: Server) -> None:
    """An explicit deny for the role wins over an allow for its account."""
    denied = {**grant("role/by-deny"), "Effect": "Deny"}

    found = foreign_reader(mended, "by-deny", grant("root"), denied)

    assert found == "AccessDenied"


def test_bucket_policy_is_half_of_it(mended: Server) -> None:
    """Across accounts a bucket policy's allow is not enough: the caller's own policies must allow too."""
    found = foreign_reader(mended, "by-half", grant("root"), own="s3:ListBucket")

    assert found == "AccessDenied"


def template_of_tooling(server: Server, name: str, granted: str) -> str:
    """Validate, as a role, a template in a bucket of tooling whose policy lets the role `granted` read."""
    reader = server.role(TEST, name, allow(["cloudformation:ValidateTemplate", "s3:GetObject"]))
    server.bucket(name, grant(f"role/{granted}"), file=b'{"Resources": {"A": {"Type": "AWS::SNS::Topic"}}}')
    cloudformation = server.client("cloudformation", server.assume(reader))
    return message(cloudformation.validate_template, TemplateURL=f"http://127.0.0.1:{server.port}/{name}/file")


def test_template_of_another_account(mended: Server) -> None:
    """CloudFormation reads a template from another account's bucket if the caller may."""
    found = template_of_tooling(mended, "template-reader", "template-reader")

    assert found == "done"


def test_template_of_another_account_refused(mended: Server) -> None:
    """CloudFormation refuses a template that the caller may not read."""
    found = template_of_tooling(mended, "template-stranger", "template-reader")

    assert found == "S3 error: Access Denied"


def test_upstream_still_lacks_templates_of_other_accounts(unmended: Server) -> None:
    """Once this fails, upstream has it: delete the mend `templates_of_other_accounts`."""
    found = template_of_tooling(unmended, "template-reader", "template-reader")

    assert found.startswith("Template not found at ")


def function_of_tooling_code(server: Server, name: str, granted: str) -> str | int:
    """Make a function from code in a bucket of tooling; return the size of its code, or why there is none."""
    maker = server.role(TEST, name, allow(["lambda:CreateFunction", "iam:PassRole", "s3:GetObject"]))
    server.bucket(name, grant(f"role/{granted}"), file=zipped())
    functions = server.client("lambda", server.assume(maker))
    code = {"S3Bucket": name, "S3Key": "file"}
    arguments = {"FunctionName": name, "Runtime": "python3.13", "Handler": "code.handler", "Role": maker}
    refused = outcome(functions.create_function, Code=code, **arguments)
    if refused != "done":
        return refused
    return int(server.client("lambda", TEST).get_function(FunctionName=name)["Configuration"]["CodeSize"])


def test_code_of_another_account(mended: Server) -> None:
    """A zip function's code may lie in another account's bucket, if who makes the function may read it."""
    found = function_of_tooling_code(mended, "code-reader", "code-reader")

    assert found == len(zipped())


def test_code_of_another_account_refused(mended: Server) -> None:
    """A function whose maker may not read its code is not made."""
    found = function_of_tooling_code(mended, "code-stranger", "code-reader")

    assert found == "AccessDeniedException"


def test_upstream_still_lacks_code_of_other_accounts(unmended: Server) -> None:
    """Once this fails, upstream has it: delete the mend `code_of_other_accounts`."""
    found = function_of_tooling_code(unmended, "code-reader", "code-reader")

    assert found == 0


def layer_by_execution_role(server: Server, execution: str) -> tuple[str, int]:
    """Deploy a layer as a role that may read nothing; return how it ended and the layer's size."""
    statements = (allow("cloudformation:*"), allow("iam:PassRole"))
    deployer = server.assume(server.role(TEST, f"{execution}-deployer", *statements))
    role = server.role(TEST, execution, allow(["s3:GetObject", "lambda:*"]), trust=FOR_STACKS)
    server.bucket(execution, grant("role/layer-maker"), file=zipped())
    content = {"S3Bucket": execution, "S3Key": "file"}
    layer = {"Type": "AWS::Lambda::LayerVersion", "Properties": {"LayerName": execution, "Content": content}}
    status, _ = server.deploy(deployer, execution, {"Layer": layer}, RoleARN=role)
    made = server.client("lambda", TEST).list_layer_versions(LayerName=execution)["LayerVersions"]
    sizes = [_layer_size(server, execution, layer["Version"]) for layer in made]
    return status, sum(sizes)


def _layer_size(server: Server, name: str, version: int) -> int:
    content = server.client("lambda", TEST).get_layer_version(LayerName=name, VersionNumber=version)["Content"]
    return int(content["CodeSize"])


def test_layer_by_execution_role(mended: Server) -> None:
    """A change set's execution role, not its caller, reads a layer's code from another account's bucket."""
    found = layer_by_execution_role(mended, "layer-maker")

    assert found == ("CREATE_COMPLETE", len(zipped()))


def test_layer_by_execution_role_refused(mended: Server) -> None:
    """A stack whose execution role may not read a layer's code is rolled back."""
    found = layer_by_execution_role(mended, "layer-stranger")

    assert found == ("ROLLBACK_COMPLETE", 0)


def test_upstream_still_lacks_execution_role(unmended: Server) -> None:
    """Once this fails, upstream has it: delete the mend `remember_the_execution_role`."""
    found = layer_by_execution_role(unmended, "layer-maker")

    assert found == ("CREATE_COMPLETE", 0)


def test_a_mend_that_no_longer_fits(sandbox_python: str) -> None:
    """The sandbox does not start where a function that a mend replaces is gone; it says which mend."""
    without = "import ministack.app as app; del app.pin_request_origin; from lockstep.sandbox import emulator"
    env = process.child_environment(os.environ, PYTHONPATH=str(REPOSITORY), LOCKSTEP_SCHEMAS=str(schemas.installed()))

    ended = process.run((sandbox_python, "-c", f"{without}; emulator.main()"), env)

    said = ended.output.splitlines()[-1]
    assert ended.status == 1
    assert said.startswith("error: the mend 'loopback_is_secure' does not fit ministack ")
    assert said.endswith("has no attribute 'pin_request_origin'")
