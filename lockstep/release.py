"""Releases: builds the manifest, names it by its content, reads it back and verifies it. Pure.

A manifest is stored as `{"manifest": ..., "made": ...}`. The name is the hash of the manifest alone, so the same
tree gives the same release whoever makes it, whenever, on whatever branch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lockstep import canonical
from lockstep.errors import GateError, LockstepError
from lockstep.model import Commit, ImageRef, Release, ReleaseId, ServiceBuild, Sha256

FORMAT = 1
# What reading a damaged record can raise, `decode_build` included.
DAMAGE = (ValueError, KeyError, TypeError, AttributeError, RecursionError, LockstepError)


def make(project: str, commit: Commit, builds: tuple[ServiceBuild, ...]) -> Release:
    """Return the release of a commit and the builds of its services."""
    manifest = _manifest(project, commit, builds)
    return Release(ReleaseId(canonical.hash_of(manifest)), commit, builds)


def encode(project: str, release: Release, made: Mapping[str, str]) -> bytes:
    """Return a release as it is stored. `made` says who made it and when; it is not part of its name."""
    manifest = _manifest(project, release.commit, release.services)
    made = {"branch": release.commit.branch, **made}
    return canonical.encode({"manifest": manifest, "made": made})


def decode(content: bytes, release_id: ReleaseId) -> Release:
    """Read a stored release and verify that its content is what its name says; raises GateError where not."""
    try:
        stored = json.loads(content)
        manifest = stored["manifest"]
        commit = manifest["commit"]
        builds = tuple(decode_build(name, body) for name, body in manifest["services"].items())
        sound = ReleaseId(canonical.hash_of(manifest)) == release_id and manifest["format"] == FORMAT
        release = Release(release_id, Commit(commit["sha"], stored["made"]["branch"], commit["dirty"]), builds)
    except DAMAGE as error:
        raise GateError(f"reading release {release_id}", "its manifest is damaged", "invoke release") from error
    if not sound:
        raise GateError(
            f"verifying release {release_id}", "its content is not what its name says: it was altered", "invoke release"
        )
    return release


def encode_build(build: ServiceBuild) -> dict[str, Any]:
    """Return a service's build as JSON can hold it."""
    return {
        "source_hash": build.source_hash,
        "images": {name: str(ref) for name, ref in build.images},
        "template_sha256": build.template_sha256,
    }


def decode_build(name: str, body: Mapping[str, Any]) -> ServiceBuild:
    """Read what `encode_build` wrote; raises one of `DAMAGE` for anything else."""
    return ServiceBuild(
        name=name,
        source_hash=Sha256(body["source_hash"]),
        images=tuple((function, ImageRef.parse(uri)) for function, uri in sorted(body["images"].items())),
        template_sha256=Sha256(body["template_sha256"]),
    )


def verify_template(content: bytes, build: ServiceBuild) -> None:
    """Compare a stored template with the hash in its release; raises GateError where they differ."""
    found = canonical.sha256(content)
    if found != build.template_sha256:
        raise GateError(
            f"verifying the packaged template of {build.name}",
            f"its SHA-256 is {found}, the release says {build.template_sha256}: it was altered",
            "invoke release",
        )


def _manifest(project: str, commit: Commit, builds: tuple[ServiceBuild, ...]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "project": project,
        "commit": {"sha": commit.sha, "dirty": commit.dirty},
        "services": {build.name: encode_build(build) for build in builds},
    }
