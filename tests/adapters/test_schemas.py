"""What is known of resource types and of actions, as cfn-lint ships it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lockstep import process, schemas
from lockstep.errors import ConfigError
from lockstep.schemas import Schemas

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def known() -> Schemas:
    """Know what is known in Ireland."""
    return Schemas(schemas.installed(), "eu-west-1")


def test_what_a_resource_type_takes(known: Schemas) -> None:
    """Of a resource type it is known which actions each operation on it may take, tagging it included."""
    found = known.handlers("AWS::SQS::Queue")

    assert sorted(found) == ["create", "delete", "list", "read", "tag", "update"]
    assert found["delete"] == ("sqs:DeleteQueue", "sqs:GetQueueAttributes")


@pytest.mark.parametrize("kind", ["AWS::SQS::Quue", "Custom::Thing", "AWS::Serverless::Function", ""])
def test_a_resource_type_that_is_unknown(known: Schemas, kind: str) -> None:
    """Of a type that CloudFormation does not have, nothing is known."""
    assert known.handlers(kind) == {}


def test_a_resource_type_that_does_not_say(known: Schemas) -> None:
    """A type whose schema tells no actions takes none that are known."""
    assert known.handlers("AWS::CodeBuild::Project") == {}


def test_a_region_that_lacks_a_type(known: Schemas) -> None:
    """What a region lacks is unknown there, though it is known elsewhere."""
    elsewhere = Schemas(known.folder, "us-gov-east-1")

    assert known.handlers("AWS::AppRunner::Service") != {}
    assert elsewhere.handlers("AWS::AppRunner::Service") == {}


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("sqs:SendMessage", ("arn:${Partition}:sqs:${Region}:${Account}:.*",)),
        ("sqs:sendmessage", ("arn:${Partition}:sqs:${Region}:${Account}:.*",)),
        ("s3:GetObject", ("arn:${Partition}:s3:${Region}:${Account}:accesspoint/.*", "arn:${Partition}:s3:::.*")),
        ("ecr:GetAuthorizationToken", ()),
        ("s3:GetObjekt", None),
        ("s4:GetObject", None),
        ("s3", None),
    ],
)
def test_what_an_action_is_on(known: Schemas, action: str, expected: tuple[str, ...] | None) -> None:
    """Of an action it is known what its resources' ARNs look like, that it takes none, or that it is no action."""
    assert known.arn_forms(action) == expected


def test_the_actions_of_a_service(known: Schemas) -> None:
    """A service's actions are known by name; a service that there is not has none."""
    assert "sqs:deletequeue" in known.actions_like("sqs:DeletQueue")
    assert known.actions_like("s4:GetObject") == ()


MISSING = (
    "error: looking for the provider schemas\n  answer: cfn-lint is not installed\n  next: install requirements/run.txt"
)
WITHOUT = """
import sys
sys.path[:] = [{folder!r}, *(path for path in sys.path if "site-packages" not in path)]
from lockstep import errors, schemas
try:
    print(schemas.installed())
except errors.ConfigError as error:
    print(error)
"""


def test_without_cfn_lint(tmp_path: Path) -> None:
    """Where cfn-lint is not installed that is an error which says what to install."""
    found = process.run((sys.executable, "-c", WITHOUT.format(folder=str(tmp_path))), {}, cwd=ROOT)

    assert found.output == MISSING


def test_cfn_lint_without_its_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something else that is called as cfn-lint is, and lacks its data, is as good as none."""
    (tmp_path / "cfnlint").mkdir()
    (tmp_path / "cfnlint" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    # Whatever ran before may have imported the real one.
    monkeypatch.delitem(sys.modules, "cfnlint", raising=False)

    with pytest.raises(ConfigError) as caught:
        schemas.installed()

    assert str(caught.value) == MISSING


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("AWS::KMS::Key", {}),
        ("AWS::KMS::Alias", {"AliasName": "Always"}),
        ("AWS::ECR::Repository", {"RepositoryName": "Always", "EncryptionConfiguration": "Always"}),
        ("AWS::Custom::Thing", None),
    ],
)
def test_what_makes_a_resource_anew(known: Schemas, kind: str, expected: dict[str, str] | None) -> None:
    """Of a resource type it is known which properties make it anew when they change."""
    assert known.recreating(kind) == expected


def test_what_may_make_a_resource_anew(known: Schemas) -> None:
    """A property that makes a resource anew in some cases, or of which a part does, may make it anew."""
    found = known.recreating("AWS::RDS::DBInstance") or {}

    assert (found["DBName"], found["MultiAZ"]) == ("Always", "Conditionally")
