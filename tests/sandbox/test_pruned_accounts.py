"""Prune on the sandbox: what it removes is gone there, what a version runs stays, and all of it can be made again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lockstep import administration, canonical, pruning, release
from lockstep.aws.s3 import Bucket
from lockstep.model import Digest, ImageRef, Release, digest
from lockstep.names import build_key, release_key, template_key
from lockstep.testing import a_build, a_release
from tests.sandbox.accounts import Accounts
from tests.sandbox.conftest import TEST, TOOLING, allow, policy, served

REPOSITORY = "lockstep/hello/hellofunction"
FUNCTION = "lockstep-test-hello-HelloFunction"
FOR_LAMBDA = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
TYPE = "application/vnd.docker.distribution.manifest.v2+json"


@dataclass(frozen=True)
class Place:
    """Accounts that are set up, and what was published in them."""

    accounts: Accounts

    @property
    def store(self) -> Bucket:
        """The artifact bucket, as a developer has it."""
        names = self.accounts.names
        return Bucket(self.accounts.become("developer"), names.bucket, names.tooling)

    @property
    def ecr(self) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        """The registry, as the root of tooling has it."""
        return self.accounts.server.client("ecr", TOOLING)

    def push(self, of: str) -> ImageRef:
        """Push an image with two tags."""
        manifest = json.dumps({"schemaVersion": 2, "mediaType": TYPE, "layers": [{"size": 1000}], "of": of})
        for tag in (of, f"{of}-again"):
            made = self.ecr.put_image(
                repositoryName=REPOSITORY, imageManifest=manifest, imageManifestMediaType=TYPE, imageTag=tag
            )
        name = digest(made["image"]["imageId"]["imageDigest"])
        return ImageRef(f"127.0.0.1:{self.accounts.server.port}/{REPOSITORY}", name)

    def publish(self, of: str) -> Release:
        """Publish a release of an image, with its template and the record of its build."""
        build = a_build(
            images=(("HelloFunction", self.push(of)),),
            template_sha256=a_build(of).template_sha256,
            source_hash=a_build(of).source_hash,
        )
        made = a_release(build)
        self.store.put_once(build_key("hello", build.source_hash), canonical.encode(release.encode_build(build)))
        self.store.put_once(template_key(build.template_sha256), b"{}")
        self.store.put_once(release_key(made.release_id), release.encode("lockstep", made, {}))
        return made

    def functions(self) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        """Lambda, as who may pull the images has it: the execution role, which may here without CloudFormation too."""
        rights = policy(allow(["lambda:*", "iam:PassRole"]))
        iam = self.accounts.server.client("iam", TEST)
        iam.put_role_policy(RoleName="lockstep-execution-test", PolicyName="tests", PolicyDocument=rights)
        return self.accounts.become("execution-test").client("lambda")

    def images(self) -> set[Digest]:
        """The digests in the registry."""
        return {one["imageDigest"] for one in self.ecr.describe_images(repositoryName=REPOSITORY)["imageDetails"]}

    def files(self) -> set[str]:
        """The published files."""
        return {key for prefix in ("builds/", "releases/", "templates/") for key in self.store.keys(prefix)}


@pytest.fixture
def place(sandbox_python: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Have accounts that are set up, in a MiniStack of their own."""
    with served(sandbox_python, tmp_path_factory.mktemp("pruning")) as server:
        accounts = Accounts(server, tmp_path)
        accounts.seed()
        assert administration.set_up(accounts.wiring(), yes=True) == 0
        yield Place(accounts)


def test_what_nothing_needs_goes(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """Of three releases those go that no version of a function runs, with images and files; they can be made again."""
    first, second, third = (place.publish(of) for of in ("first", "second", "third"))
    run = [str(one.build_of("hello").images[0][1]) for one in (first, second)]
    functions = place.functions()
    role = place.accounts.server.role(TEST, "runs", trust=FOR_LAMBDA)
    functions.create_function(FunctionName=FUNCTION, Role=role, PackageType="Image", Code={"ImageUri": run[0]})
    functions.publish_version(FunctionName=FUNCTION)
    functions.update_function_code(FunctionName=FUNCTION, ImageUri=run[1])
    digests, files = place.images(), place.files()
    capsys.readouterr()

    shown = (pruning.clear_out(place.accounts.wiring(), keep=1, days=0), json.loads(capsys.readouterr().out))
    untouched = (place.images(), place.files())
    removed = (
        pruning.clear_out(place.accounts.wiring(), keep=1, days=0, yes=True),
        json.loads(capsys.readouterr().out),
    )

    gone = third.build_of("hello").images[0][1].digest
    assert (shown[0], removed[0], untouched) == (0, 0, (digests, files))
    assert digests - place.images() == {gone}
    assert files - place.files() == set(removed[1]["files"]) == set(shown[1]["files"])
    assert len(removed[1]["releases"]) == 3
    assert removed[1]["repositories"][0]["bytes"] > 0
    again = place.publish("third")
    assert place.images() == digests
    assert release_key(again.release_id) in place.files()
