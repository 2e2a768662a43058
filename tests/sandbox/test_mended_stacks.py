"""What the mends make true of what stacks make, and of APIs, and that MiniStack still needs each of them."""

# ruff: noqa: ANN401 - elements of a policy are what they are

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest

from tests.sandbox.conftest import (
    FOR_STACKS,
    REGION,
    TEST,
    TOOLING,
    Keys,
    Server,
    allow,
    message,
    outcome,
    policy,
    until,
)

ABSENT = f"sha256:{'0' * 64}"
PULL = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
NO_PULL = "Lambda does not have permission to access the ECR image. Check the ECR permissions."


def for_lambda(functions: str) -> dict[str, Any]:
    """Return the statement of a repository policy that lets Lambda pull for functions of the test account."""
    condition = {"ArnLike": {"aws:sourceArn": f"arn:aws:lambda:{REGION}:{TEST}:function:{functions}"}}
    return pull(Principal={"Service": "lambda.amazonaws.com"}, Condition=condition)


def for_role(name: str) -> dict[str, Any]:
    """Return the statement of a repository policy that lets a role of the test account pull."""
    condition = {"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{TEST}:role/{name}"}}
    return pull(Principal={"AWS": f"arn:aws:iam::{TEST}:root"}, Condition=condition)


def pull(**more: Any) -> dict[str, Any]:
    """Return a statement of a repository policy, which has no resource."""
    statement = allow(PULL, **more)
    del statement["Resource"]
    return statement


def image(server: Server, name: str, *granted: dict[str, Any]) -> str:
    """Put an image into a repository of tooling that has a policy; return its URI by digest."""
    ecr = server.client("ecr", TOOLING)
    ecr.create_repository(repositoryName=name)
    if granted:
        ecr.set_repository_policy(repositoryName=name, policyText=policy(*granted))
    digest = ecr.put_image(repositoryName=name, imageManifest=f'{{"name": "{name}"}}')["image"]["imageId"]
    return f"127.0.0.1:{server.port}/{name}@{digest['imageDigest']}"


def make(server: Server, name: str, uri: str) -> str:
    """Make an image function as a role of the test account that may pull; return the answer."""
    maker = server.role(TEST, name, allow(["lambda:*", "iam:PassRole", *PULL]))
    functions = server.client("lambda", server.assume(maker))
    arguments = {"FunctionName": name, "PackageType": "Image", "Role": maker}
    return message(functions.create_function, Code={"ImageUri": uri}, **arguments)


def deploy(server: Server, name: str, uri: str) -> tuple[str, str]:
    """Deploy an image function with an execution role that may pull; return how it ended, and why."""
    deployer = server.role(TEST, f"{name}-deployer", allow(["cloudformation:*", "iam:PassRole"]))
    role = server.role(TEST, name, allow(["lambda:*", "iam:PassRole", *PULL]), trust=FOR_STACKS)
    properties = {"FunctionName": name, "PackageType": "Image", "Code": {"ImageUri": uri}, "Role": role}
    function = {"Type": "AWS::Lambda::Function", "Properties": properties}
    return server.deploy(server.assume(deployer), name, {"Function": function}, RoleARN=role)


def test_absent_image(mended: Server) -> None:
    """Lambda refuses an image that is not in the registry."""
    uri = f"127.0.0.1:{mended.port}/absent@{ABSENT}"

    found = make(mended, "absent", uri)

    assert found == f"Source image {uri} does not exist. Provide a valid source image."


def test_absent_image_in_a_stack(mended: Server) -> None:
    """A stack with an image that is not in the registry is rolled back, and says so."""
    uri = f"127.0.0.1:{mended.port}/absent@{ABSENT}"

    found = deploy(mended, "absent-stack", uri)

    reason = f"Source image {uri} does not exist. Provide a valid source image."
    assert found == ("ROLLBACK_COMPLETE", reason)


def test_absent_image_in_an_update(mended: Server) -> None:
    """Lambda refuses to update a function to an image that is not in the registry."""
    uri = image(mended, "update", for_lambda("update"), for_role("update"))
    made = make(mended, "update", uri)
    functions = mended.client("lambda", TEST)

    found = outcome(functions.update_function_code, FunctionName="update", ImageUri=f"{uri[:-1]}x")

    assert (made, found) == ("done", "InvalidParameterValueException")


def test_upstream_still_lacks_absent_images(unmended: Server) -> None:
    """Once this fails, upstream has it: delete the mend `images_must_exist`, if it also asks the policies."""
    found = make(unmended, "absent", f"127.0.0.1:{unmended.port}/absent@{ABSENT}")

    assert found == "done"


def test_image_of_another_account(mended: Server) -> None:
    """A function uses another account's image if the repository lets Lambda and the maker pull it."""
    uri = image(mended, "pulled", for_lambda("pulled*"), for_role("pulled"))

    found = deploy(mended, "pulled", uri)

    assert found == ("CREATE_COMPLETE", "")


@pytest.mark.parametrize(
    ("name", "granted"),
    [
        ("no-policy", []),
        ("no-lambda", [for_role("no-lambda")]),
        ("other-function", [for_lambda("another-*"), for_role("other-function")]),
        ("other-maker", [for_lambda("other-maker"), for_role("another")]),
    ],
)
def test_image_of_another_account_refused(mended: Server, name: str, granted: list[dict[str, Any]]) -> None:
    """Another account's image is refused where its repository does not let Lambda, or the maker, pull it."""
    uri = image(mended, name, *granted)

    found = (make(mended, name, uri), deploy(mended, f"{name}-stack", uri)[0])

    assert found == (NO_PULL, "ROLLBACK_COMPLETE")


def test_image_by_digest(mended: Server) -> None:
    """GetFunction tells the digest that a function runs."""
    uri = image(mended, "digest", for_lambda("digest"), for_role("digest"))
    made = make(mended, "digest", uri)

    found = mended.client("lambda", TEST).get_function(FunctionName="digest")["Code"]

    assert (made, found["ImageUri"], found["ResolvedImageUri"]) == ("done", uri, uri)


def call_api_of_test_account(server: Server) -> int:
    """Call an API of the test account without credentials; return the status."""
    gateway = server.client("apigateway", TEST)
    api = gateway.create_rest_api(name="hello")["id"]
    root = gateway.get_resources(restApiId=api)["items"][0]["id"]
    where = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
    gateway.put_method(**where, authorizationType="NONE")
    gateway.put_integration(**where, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    gateway.put_method_response(**where, statusCode="200")
    gateway.put_integration_response(**where, statusCode="200")
    gateway.create_deployment(restApiId=api, stageName="live")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", f"/_aws/execute-api/{api}/live/")
    with connection.getresponse() as response:
        connection.close()
        return response.status


def test_api_of_another_account(mended: Server) -> None:
    """An API of an environment's account answers an unsigned call."""
    found = call_api_of_test_account(mended)

    assert found == http.HTTPStatus.OK


def test_upstream_still_lacks_apis_of_other_accounts(unmended: Server) -> None:
    """Once this fails, upstream has it: delete the mend `apis_of_other_accounts`."""
    found = call_api_of_test_account(unmended)

    assert found == http.HTTPStatus.NOT_FOUND


def boundary_of_role_in_stack(server: Server) -> str:
    """Deploy a role with a boundary; return the boundary that it has."""
    boundary = f"arn:aws:iam::{TEST}:policy/bound"
    allowed = policy(allow("s3:*"))
    server.client("iam", TEST).create_policy(PolicyName="bound", PolicyDocument=allowed)
    trusted = {"Effect": "Allow", "Principal": {"AWS": TEST}, "Action": "sts:AssumeRole"}
    properties = {"RoleName": "bound", "AssumeRolePolicyDocument": policy(trusted)}
    role = {"Type": "AWS::IAM::Role", "Properties": properties | {"PermissionsBoundary": boundary}}
    server.deploy(Keys(TEST), "bound", {"Role": role}, Capabilities=["CAPABILITY_NAMED_IAM"])
    found = server.client("iam", TEST).get_role(RoleName="bound")["Role"]
    return str(found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", "none"))


def test_boundary_of_role_in_stack(mended: Server) -> None:
    """A role that a stack makes has the permissions boundary of its template."""
    found = boundary_of_role_in_stack(mended)

    assert found == f"arn:aws:iam::{TEST}:policy/bound"


def test_upstream_still_lacks_boundaries_of_roles_in_stacks(unmended: Server) -> None:
    """Once this fails, upstream has it: delete the mend `roles_of_stacks_have_boundaries`."""
    found = boundary_of_role_in_stack(unmended)

    assert found == "none"


def replacements(server: Server) -> dict[str, str]:
    """Deploy a key and its alias, plan another description and another name; return what is said to be made anew."""

    def resources(word: str) -> dict[str, Any]:
        key = {"Type": "AWS::KMS::Key", "Properties": {"Description": word}}
        properties = {"AliasName": f"alias/{word}", "TargetKeyId": {"Ref": "Key"}}
        return {"Key": key, "Alias": {"Type": "AWS::KMS::Alias", "Properties": properties}}

    server.deploy(Keys(TEST), "keys", resources("old"))
    client = server.client("cloudformation", TEST)
    named = {"StackName": "keys", "ChangeSetName": "another"}
    client.create_change_set(**named, TemplateBody=json.dumps({"Resources": resources("new")}))
    until(lambda: client.describe_change_set(**named)["Status"] == "CREATE_COMPLETE", "change set")
    changes = [one["ResourceChange"] for one in client.describe_change_set(**named)["Changes"]]
    return {one["LogicalResourceId"]: one["Replacement"] for one in changes}


def test_what_is_made_anew(mended: Server) -> None:
    """A change set says that a key with another description stays, and that an alias with another name does not."""
    found = replacements(mended)

    assert found == {"Alias": "True", "Key": "False"}


def test_upstream_still_lacks_what_is_made_anew(unmended: Server) -> None:
    """Once this fails, upstream has it: delete the mend `change_sets_know_what_is_made_anew`."""
    found = replacements(unmended)

    assert found["Key"] == "Conditional"
