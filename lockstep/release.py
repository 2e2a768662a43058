"""Releases: builds the manifest, names it by its content, reads it back and verifies it. Pure.

A manifest is stored as `{"manifest": ..., "made": ..., "made_sha256": ...}`. The name is the hash of the manifest
alone, so the same tree gives the same release whoever makes it, whenever, on whatever branch. That part has a hash of
its own: no byte of the file changes unnoticed. Who may write can forge it all the same; a signature cannot be forged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from lockstep import canonical
from lockstep.errors import GateError, LockstepError
from lockstep.model import Architecture, Commit, ImageDetails, ImageRef, Release, ReleaseId, ServiceBuild, Sha256
from lockstep.names import smoke_key, template_key

FORMAT = 2
_ALTERED = "see the versions of that file in S3; deploy another release meanwhile"
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
    return canonical.encode({"manifest": manifest, "made": made, "made_sha256": canonical.hash_of(made)})


def decode(content: bytes, release_id: ReleaseId) -> Release:
    """Read a stored release and verify that its content is what its name says; raises GateError where not."""
    try:
        stored = json.loads(content)
        manifest = stored["manifest"]
        sound = (
            ReleaseId(canonical.hash_of(manifest)) == release_id
            and canonical.hash_of(stored["made"]) == stored["made_sha256"]
            and canonical.encode(stored) == content
        )
        commit = Commit(manifest["commit"]["sha"], stored["made"]["branch"], manifest["commit"]["dirty"])
        known = manifest["format"] == FORMAT
        builds = tuple(_decode(name, body) for name, body in manifest["services"].items()) if known else ()
    except DAMAGE as error:
        raise GateError(f"reading the manifest of release {release_id}", "it is damaged", _ALTERED) from error
    tried = f"verifying the manifest of release {release_id}"
    if not sound:
        raise GateError(tried, "its content is not what its name says: it was altered", _ALTERED)
    if not known:
        raise GateError(tried, f"its format is {manifest['format']}, this version reads {FORMAT}", "invoke release")
    return Release(release_id, commit, builds)


def encode_build(build: ServiceBuild) -> dict[str, Any]:
    """Return a service's build as JSON can hold it."""
    return {
        "source_hash": build.source_hash,
        "images": {name: _encode_image(ref, dict(build.details).get(name)) for name, ref in build.images},
        "template": {"key": template_key(build.template_sha256), "sha256": build.template_sha256},
        "tools": dict(build.tools),
    }


def decode_build(name: str, body: Mapping[str, Any]) -> ServiceBuild:
    """Read what `encode_build` wrote; raises one of `DAMAGE` for anything else."""
    images = sorted(body["images"].items())
    if body["template"]["key"] != template_key(body["template"]["sha256"]):
        raise ValueError("the template's key is not that of its hash")
    return ServiceBuild(
        name=name,
        source_hash=Sha256(body["source_hash"]),
        images=tuple((function, ImageRef.parse(image["uri"])) for function, image in images),
        template_sha256=Sha256(body["template"]["sha256"]),
        details=tuple((function, _decode_details(image)) for function, image in images if "media_type" in image),
        tools=tuple(sorted(body["tools"].items())),
    )


def _decode(name: str, body: Mapping[str, Any]) -> ServiceBuild:
    found = body["smoke"]
    if found is not None and found["key"] != smoke_key(found["sha256"]):
        raise ValueError("the smoke file's key is not that of its hash")
    return replace(decode_build(name, body), smoke_sha256=None if found is None else Sha256(found["sha256"]))


def verify(content: bytes, wanted: Sha256, what: str) -> None:
    """Compare a stored file, called `what`, with the hash in its release; raises GateError where they differ."""
    found = canonical.sha256(content)
    if found != wanted:
        answer = f"its SHA-256 is {found}, the release says {wanted}: it was altered"
        raise GateError(f"verifying {what}", answer, _ALTERED)


def _manifest(project: str, commit: Commit, builds: tuple[ServiceBuild, ...]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "project": project,
        "commit": {"sha": commit.sha, "dirty": commit.dirty},
        "services": {
            build.name: {**encode_build(build), "smoke": build.smoke_sha256 and _encode_smoke(build.smoke_sha256)}
            for build in builds
        },
    }


def _encode_smoke(sha256: Sha256) -> dict[str, str]:
    return {"key": smoke_key(sha256), "sha256": sha256}


def _encode_image(ref: ImageRef, details: ImageDetails | None) -> dict[str, Any]:
    return {"uri": str(ref), **(asdict(details) if details else {})}


def _decode_details(body: Mapping[str, Any]) -> ImageDetails:
    return ImageDetails(
        media_type=str(body["media_type"]),
        architecture=Architecture(body["architecture"]),
        size=int(body["size"]),
        layers=int(body["layers"]),
        base=None if body["base"] is None else str(body["base"]),
    )
