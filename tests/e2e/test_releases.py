"""Releases on real tools: promoted, refused, brought back, deployed by one at a time."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.conftest import REGION, RELEASER, TOOLING, settle
from tests.e2e.test_main_job import change_handler, deployed

if TYPE_CHECKING:
    from tests.e2e.conftest import Place

BUCKET = f"lockstep-artifacts-{TOOLING}-{REGION}"
PROMOTE = ("promote", "--to", "prod", "--profile", RELEASER)


def history(place: Place, environment: str) -> list[Any]:
    """The records of an environment, the last one first."""
    found: list[Any] = place.invoke("history", "--env", environment, "--json").document["deployments"]
    return found


def pushes(place: Place) -> int:
    """How many images were ever pushed, as the tooling account's registry and CloudTrail have it."""
    events = place.client("cloudtrail", TOOLING).lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "PutImage"}]
    )["Events"]
    images = place.client("ecr", TOOLING).describe_images(repositoryName="lockstep/hello/hellofunction")["imageDetails"]
    return len(events) + len(images)


@contextmanager
def altered(place: Place, key: str) -> Iterator[None]:
    """Change one byte of a published file, as nobody but the account's root could, by deleting it first."""
    s3 = place.client("s3", TOOLING)
    content = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    changed = content.replace(b"hello", b"hallo", 1)
    assert changed != content
    for body in (changed, content):
        s3.delete_object(Bucket=BUCKET, Key=key)
        s3.put_object(Bucket=BUCKET, Key=key, Body=body, IfNoneMatch="*")
        if body is changed:
            yield


def test_what_is_promoted_is_what_was_tested(place: Place) -> None:
    """After deploy and promote both environments run one release: the same digests, and templates of one hash."""
    change_handler(place, "as promoted")
    settle(place)

    status = place.invoke("status", "--json").document
    test, prod = (deployed(place, environment) for environment in ("test", "prod"))
    records = [history(place, environment)[0]["services"]["hello"] for environment in ("test", "prod")]

    assert (test["release"], test["images"]) == (prod["release"], prod["images"])
    assert status["notes"] == ["prod runs the release that test runs."]
    assert records[0]["template_sha256"] == records[1]["template_sha256"]
    assert records[0]["images"] == records[1]["images"] == prod["images"]


def test_what_a_manifest_says(place: Place) -> None:
    """A manifest tells of each image its kind, size, layers and base, of a service its tools, and who made it where."""
    change_handler(place, "as described")
    place.commit()
    release = place.invoke("release", "--json").document["release"]

    found = place.client("s3", TOOLING).get_object(Bucket=BUCKET, Key=f"releases/{release}.json")
    stored = json.loads(found["Body"].read())

    hello = stored["manifest"]["services"]["hello"]
    image = hello["images"]["HelloFunction"]
    assert image["media_type"] == "application/vnd.docker.distribution.manifest.v2+json"
    assert (image["architecture"], image["size"] > 1_000_000, image["layers"] > 1) == ("x86_64", True, True)
    assert image["base"].partition("sha256:")[1] == "sha256:"
    assert set(hello["tools"]) == {"aws-sam-cli", "docker", "lockstep"}
    assert (stored["made"]["branch"], stored["manifest"]["commit"]["dirty"]) == ("main", False)
    assert stored["made"]["by"].endswith(":assumed-role/lockstep-developer/developer")


def test_promoting_needs_no_engine(place: Place) -> None:
    """A promotion builds nothing and pushes nothing, and goes well without a Docker engine."""
    change_handler(place, "without an engine")
    place.commit()
    place.invoke("deploy", "--env", "test")
    before = pushes(place)

    ran = place.invoke(*PROMOTE, DOCKER_HOST="tcp://127.0.0.1:9")

    assert ran.status == 0, ran.stderr
    assert "hello: updated in prod" in ran.stdout
    assert pushes(place) == before


@pytest.mark.parametrize("part", ["manifest", "packaged template", "smoke file"])
def test_what_was_altered_is_not_promoted(place: Place, part: str) -> None:
    """One changed byte of manifest, template or smoke file: promote ends with 9, says which, and prod stays."""
    settle(place)
    release = str(deployed(place, "test")["release"])
    stored = place.client("s3", TOOLING).get_object(Bucket=BUCKET, Key=f"releases/{release}.json")["Body"].read()
    hello = json.loads(stored)["manifest"]["services"]["hello"]
    keys = {
        "manifest": f"releases/{release}.json",
        "packaged template": hello["template"]["key"],
        "smoke file": hello["smoke"]["key"],
    }
    before = place.accounts()

    with altered(place, keys[part]):
        ran = place.invoke(*PROMOTE)

    assert (ran.status, part in ran.stderr, "altered" in ran.stderr) == (9, True, True), ran.stderr
    assert place.accounts() == before


def test_what_never_reached_test_is_not_promoted(place: Place) -> None:
    """A release that was made and never deployed to test does not go to prod: exit code 9."""
    settle(place)
    change_handler(place, "never tested")
    place.commit()
    release = place.invoke("release", "--json").document["release"]

    ran = place.invoke("deploy", "--env", "prod", "--release", release, "--profile", RELEASER)

    assert ran.status == 9, ran.stdout
    assert "its hello was never deployed to test" in ran.stderr


def test_rolling_back_builds_nothing(place: Place) -> None:
    """After A and B a rollback brings A's digests back; history shows the three, and nothing was built or pushed."""
    change_handler(place, "as A")
    settle(place)
    first = deployed(place, "test")
    change_handler(place, "as B")
    place.commit()
    place.invoke("deploy", "--env", "test")
    second, before = deployed(place, "test"), pushes(place)

    ran = place.invoke("rollback", "--env", "test", DOCKER_HOST="tcp://127.0.0.1:9")

    shown = history(place, "test")[:3]
    assert ran.status == 0, ran.stderr
    assert deployed(place, "test")["images"] == first["images"] != second["images"]
    assert [(one["kind"], one["release"]) for one in shown] == [
        ("rollback", first["release"]),
        ("deploy", second["release"]),
        ("deploy", first["release"]),
    ]
    assert pushes(place) == before


def test_a_handler_that_answers_wrongly(place: Place) -> None:
    """A release whose handler answers wrongly: exit code 6, test runs what it ran before, prod is untouched."""
    settle(place)
    before = deployed(place, "test")["images"], deployed(place, "prod")
    app = place.folder / "services" / "hello" / "app" / "app.py"
    app.write_text(app.read_text().replace('"hello"', '"goodbye"'))
    place.commit()

    ran = place.invoke("deploy", "--env", "test", "--json")

    assert ran.status == 6, ran.stderr
    assert "goodbye" in ran.stderr
    assert ran.document["rolled_back"][0]["smoke"][0]["passed"] is True
    assert (deployed(place, "test")["images"], deployed(place, "prod")) == before
    assert [(one["kind"], one["automatic"]) for one in history(place, "test")[:2]] == [
        ("rollback", True),
        ("deploy", False),
    ]


def test_two_at_once(place: Place) -> None:
    """Of two deployments at once one wins, the other ends with 8 and names the first; test is as if one had run."""
    settle(place)
    change_handler(place, "by one of two")
    place.commit()
    place.invoke("release")
    before = history(place, "test")[0]["number"]
    argv = (str(place.folder / ".venv" / "bin" / "invoke"), "deploy", "--env", "test")
    both = [
        subprocess.Popen(
            argv, cwd=place.folder, env=dict(place.env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip

    ended = sorted((one.communicate()[1], one.returncode) for one in both)

    assert sorted(code for _, code in ended) == [0, 8], ended
    refused = next(err for err, code in ended if code == 8)
    assert "lockstep-deployer-test/developer" in refused
    assert history(place, "test")[0]["number"] == before + 1


def test_drift_is_seen(place: Place) -> None:
    """A stack that nobody changed beside CloudFormation has no drift."""
    settle(place)

    document = place.invoke("status", "--drift", "--json").document

    prod = document["environments"][1]
    assert (prod["name"], [service["drift"] for service in prod["services"]]) == ("prod", [[]])
