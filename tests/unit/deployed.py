"""Records of deployments, as short as a test wants them."""

from __future__ import annotations

from dataclasses import replace

from lockstep import canonical
from lockstep.history import Deployments
from lockstep.model import DeployedService, Deployment, Kind, ReleaseId, Result
from lockstep.testing import a_digest


def a_release_id(name: str) -> ReleaseId:
    """Return the name of a release that a test calls by a word."""
    return ReleaseId(canonical.hash_of(["release", name]))


def a_service_in(name: str = "hello", *, passed: bool | None = True, **changes: object) -> DeployedService:
    """Return what was done to a service: updated, with one smoke test that passed, failed or (None) was not run."""
    values: dict[str, object] = {
        "before": None,
        "result": Result.UPDATED,
        "seconds": 1.5,
        "template_sha256": canonical.hash_of([name, "template"]),
        "images": (("HelloFunction", a_digest()),),
        "smoke": () if passed is None else (("greets", passed),),
    }
    return DeployedService(name, **(values | changes))  # type: ignore[arg-type]  # the changes are the test's own


def a_record(release: str, *services: DeployedService, kind: Kind = Kind.DEPLOY, **changes: object) -> Deployment:
    """Return the record of a deployment of hello, or of some services."""
    values: dict[str, object] = {
        "number": 1,
        "at": "2026-01-01T00:00:00+00:00",
        "caller": "arn:aws:sts::111111111111:assumed-role/shop-deployer-test/developer",
        "commit": "c0ffee" + "0" * 34,
    }
    made = services or (a_service_in(),)
    return Deployment(kind=kind, release=a_release_id(release), services=made, **(values | changes))  # type: ignore[arg-type]  # the changes are the test's own


def records(*made: Deployment) -> Deployments:
    """Return records, numbered in their order."""
    return tuple(replace(one, number=number) for number, one in enumerate(made, 1))
