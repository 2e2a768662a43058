"""The mends of what a call tells policies and the trail, against a real MiniStack; and that each is still needed."""

from __future__ import annotations

import json

from lockstep.sandbox.mended_policies import SOURCE_HEADER
from tests.sandbox.conftest import FOR_STACKS, REGION, TEST, TOOLING, Server, allow, outcome

NOTHING = json.dumps({"Resources": {"Wait": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}})


def write_once(server: Server, **headers: str) -> str:
    """Write where the bucket's policy insists on If-None-Match."""
    name = f"write-once-{len(headers)}"
    unconditional = {"Null": {"s3:if-none-match": "true"}}
    denied = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Condition": unconditional}
    server.bucket(name, denied)
    writer = server.role(TOOLING, name, allow("s3:PutObject"))
    s3 = server.client("s3", server.assume(writer))
    return outcome(s3.put_object, Bucket=name, Key="file", Body=b"", **headers)


def test_a_conditional_write_is_let_through(mended: Server) -> None:
    """A policy that insists on If-None-Match lets a write through that brings it."""
    found = write_once(mended, IfNoneMatch="*")

    assert found == "done"


def test_an_unconditional_write_is_denied(mended: Server) -> None:
    """A policy that insists on If-None-Match denies a write that lacks it."""
    found = write_once(mended)

    assert found == "AccessDenied"


def test_upstream_still_lacks_conditional_writes(unmended: Server) -> None:
    """Once this fails, upstream has it: delete the mend `conditional_writes_are_seen`."""
    found = write_once(unmended, IfNoneMatch="*")

    assert found == "AccessDenied"


def change_as(server: Server, caller: str, given: str) -> str:
    """Create a change set, with a role given, as somebody who may give one role only."""
    only = {"StringEquals": {"cloudformation:RoleArn": f"arn:aws:iam::{TEST}:role/the-one"}}
    change = allow("cloudformation:CreateChangeSet", Condition=only)
    deployer = server.role(TEST, caller, change, allow("iam:PassRole"))
    client = server.client("cloudformation", server.assume(deployer))
    return outcome(
        client.create_change_set,
        StackName=caller,
        ChangeSetName="change",
        ChangeSetType="CREATE",
        TemplateBody=NOTHING,
        RoleARN=f"arn:aws:iam::{TEST}:role/{given}",
    )


def test_a_stack_may_be_changed_with_the_one_role(mended: Server) -> None:
    """A condition on `cloudformation:RoleArn` lets the role through that it names, and no other."""
    mended.role(TEST, "the-one", trust=FOR_STACKS)
    mended.role(TEST, "another", trust=FOR_STACKS)

    found = change_as(mended, "with-the-one", "the-one"), change_as(mended, "with-another", "another")

    assert found == ("done", "AccessDenied")


def test_upstream_still_lacks_the_stack_role(unmended: Server) -> None:
    """Once this fails, upstream has it: delete the mend `stack_calls_name_their_role`."""
    unmended.role(TEST, "the-one")

    found = change_as(unmended, "with-the-one", "the-one")

    assert found == "AccessDenied"


def traced(server: Server) -> tuple[str, str]:
    """Look at stacks as a role's session; return the call's name and the caller's ARN, as the trail has them."""
    viewer = server.role(TEST, "viewer", allow("cloudformation:DescribeStacks"))
    server.client("cloudformation", server.assume(viewer)).describe_stacks()
    events = server.client("cloudtrail", TEST).lookup_events()["Events"]
    last = next(json.loads(e["CloudTrailEvent"]) for e in events if "cloudformation" in e["EventSource"])
    return last["eventName"], last["userIdentity"]["arn"]


def test_the_trail_names_call_and_caller(mended: Server) -> None:
    """An event of the trail has the operation's name and the session's ARN."""
    found = traced(mended)

    assert found == ("DescribeStacks", f"arn:aws:sts::{TEST}:assumed-role/viewer/tester")


def test_upstream_still_lacks_the_trail(unmended: Server) -> None:
    """Once this fails, upstream has it: delete the mend `trail_names_call_and_caller`."""
    name, arn = traced(unmended)

    assert name == "POST.cloudformation"
    assert ":user/" in arn


def test_the_region_of_an_event_is_the_request_s(mended: Server) -> None:
    """Naming call and caller leaves the rest of an event as it was recorded."""
    mended.client("sts", TEST).get_caller_identity()

    newest = mended.client("cloudtrail", TEST).lookup_events()["Events"][0]

    detail = json.loads(newest["CloudTrailEvent"])
    assert (detail["awsRegion"], detail["eventName"], detail["userIdentity"]["type"]) == (
        REGION,
        "GetCallerIdentity",
        "Root",
    )


def bounded_role(server: Server, name: str, boundary: str) -> str:
    """Make a role with a boundary, as somebody who may make roles with another one only."""
    only = {"StringEquals": {"iam:PermissionsBoundary": f"arn:aws:iam::{TEST}:policy/the-boundary"}}
    maker = server.role(TEST, f"{name}-maker", allow("iam:CreateRole", Condition=only))
    trust = json.dumps({"Version": "2012-10-17", "Statement": [FOR_STACKS]})
    given = {"PermissionsBoundary": f"arn:aws:iam::{TEST}:policy/{boundary}"}
    iam = server.client("iam", server.assume(maker))
    return outcome(iam.create_role, RoleName=name, AssumeRolePolicyDocument=trust, **given)


def the_boundary(server: Server) -> None:
    """Have a policy that bounds roles."""
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow("sqs:*")]})
    server.client("iam", TEST).create_policy(PolicyName="the-boundary", PolicyDocument=document)


def test_a_role_may_be_made_with_the_one_boundary(mended: Server) -> None:
    """A condition on `iam:PermissionsBoundary` lets a role with that boundary through, and no other."""
    the_boundary(mended)

    found = bounded_role(mended, "with-it", "the-boundary"), bounded_role(mended, "with-another", "another")

    assert found == ("done", "AccessDenied")


def test_upstream_still_lacks_the_boundary(unmended: Server) -> None:
    """Once this fails, upstream has it: delete the mend `role_calls_name_the_boundary`."""
    the_boundary(unmended)

    found = bounded_role(unmended, "with-it", "the-boundary")

    assert found == "AccessDenied"


def take_as_service(server: Server, source: str | None) -> str:
    """Take a role that one project of CodeBuild may take, as its account's root, for a resource of a service."""
    project = f"arn:aws:codebuild:{REGION}:{TEST}:project/its"
    only = {"StringEquals": {"aws:SourceAccount": TEST}, "ArnEquals": {"aws:SourceArn": project}}
    trusted = {"Effect": "Allow", "Principal": {"Service": "codebuild.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = server.role(TEST, f"its-{(source or 'none').rpartition('/')[2]}", trust={**trusted, "Condition": only})
    sts = server.client("sts", TEST)
    if source:
        sts.meta.events.register("before-sign", lambda request, **_: request.headers.add_header(SOURCE_HEADER, source))
    return outcome(sts.assume_role, RoleArn=role, RoleSessionName="tester")


def test_a_service_takes_a_role(mended: Server) -> None:
    """A root that names a service's resource takes the role that trusts the service for that resource, and no other."""
    own, other = (f"arn:aws:codebuild:{REGION}:{TEST}:project/{name}" for name in ("its", "theirs"))

    found = take_as_service(mended, own), take_as_service(mended, other), take_as_service(mended, None)

    assert found == ("done", "AccessDenied", "AccessDenied")


def test_upstream_still_lacks_sources_of_services(unmended: Server) -> None:
    """Once this fails, upstream has it: delete the mend `services_name_their_source`."""
    found = take_as_service(unmended, f"arn:aws:codebuild:{REGION}:{TEST}:project/its")

    assert found == "AccessDenied"


def scan_of(server: Server, name: str, *, on_push: bool = True, digest: str = "") -> str:
    """Push an image to a repository that scans on push, or does not, and ask for the scan of it, or of another."""
    ecr = server.client("ecr", TOOLING)
    ecr.create_repository(repositoryName=name, imageScanningConfiguration={"scanOnPush": on_push})
    pushed = ecr.put_image(repositoryName=name, imageManifest=f'{{"name": "{name}"}}')["image"]["imageId"]
    wanted = {"imageDigest": digest or pushed["imageDigest"]}
    return outcome(ecr.describe_image_scan_findings, repositoryName=name, imageId=wanted)


def test_an_image_is_scanned(mended: Server) -> None:
    """An image of a repository that scans on push has a scan; another image, or one of another repository, has none."""
    other = f"sha256:{'0' * 64}"

    found = scan_of(mended, "one"), scan_of(mended, "two", digest=other), scan_of(mended, "three", on_push=False)

    assert found == ("done", "ImageNotFoundException", "ScanNotFoundException")


def test_upstream_still_lacks_scans(unmended: Server) -> None:
    """Once this fails, upstream has it: delete the mend `scans_find_nothing`."""
    found = scan_of(unmended, "one")

    assert found == "InvalidAction"


def test_a_hash_is_signed(mended: Server) -> None:
    """An asymmetric key signs a hash for who may sign with it, and its signature is good for that hash alone."""
    kms = mended.client("kms", TOOLING)
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    asked = {"KeyId": key, "MessageType": "DIGEST", "SigningAlgorithm": "ECDSA_SHA_256"}
    who = {name: mended.role(TOOLING, name, allow(f"kms:{name}", key)) for name in ("Sign", "Verify")}
    signer, verifier = (mended.client("kms", mended.assume(role)) for role in who.values())

    signature = signer.sign(Message=bytes(32), **asked)["Signature"]

    assert outcome(verifier.sign, Message=bytes(32), **asked) == "AccessDeniedException"
    assert outcome(verifier.verify, Message=bytes(32), Signature=signature, **asked) == "done"
    other = outcome(verifier.verify, Message=b"1" * 32, Signature=signature, **asked)
    assert other == "KMSInvalidSignatureException"


def size_of(server: Server) -> int:
    """Push an image of a configuration and two layers, and ask for its size."""
    ecr = server.client("ecr", TOOLING)
    ecr.create_repository(repositoryName="sized")
    manifest = json.dumps({"config": {"size": 1}, "layers": [{"size": 20}, {"size": 300}]})
    ecr.put_image(repositoryName="sized", imageManifest=manifest)
    return int(ecr.describe_images(repositoryName="sized")["imageDetails"][0]["imageSizeInBytes"])


def test_an_image_has_its_size(mended: Server) -> None:
    """An image is as large as its configuration and its layers."""
    assert size_of(mended) == 321


def test_upstream_still_lacks_sizes(unmended: Server) -> None:
    """Once this fails, upstream has it: delete the mend `images_have_their_size`."""
    assert size_of(unmended) != 321
