"""ECR in the tooling account: finds images by tag or digest, gives a login.

For destroy alone it deletes repositories, for prune alone images.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lockstep.aws.session import Session, answers, code_of
from lockstep.errors import RegistryError
from lockstep.model import Digest, Finding, ImageRef, Scan, Severity, StoredImage, digest
from lockstep.policy import Document

if TYPE_CHECKING:
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_ecr.type_defs import ImageDetailTypeDef, ImageIdentifierTypeDef

# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html
_AT_ONCE = 100


# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageScanStatus.html: basic scanning ends with COMPLETE,
# enhanced scanning goes on and says ACTIVE.
_DONE, _PENDING = {"COMPLETE", "ACTIVE"}, {"IN_PROGRESS", "PENDING"}
# UNDEFINED and UNTRIAGED say that nobody has judged a finding yet: it may be bad, so it counts as high.
_SEVERITIES = {"INFORMATIONAL": Severity.LOW, "UNDEFINED": Severity.HIGH, "UNTRIAGED": Severity.HIGH}


@dataclass(frozen=True)
class Registry:
    """The registry of the tooling account, reached at `host`."""

    session: Session
    host: str

    @cached_property
    def _ecr(self) -> ECRClient:
        client: ECRClient = self.session.client("ecr")
        return client

    def find(self, repository: str, tag: str) -> ImageRef | None:
        """Return the image that carries a tag; raises RegistryError where the repository is missing."""
        found = self._describe(repository, {"imageTag": tag}, f"{repository}:{tag}")
        return ImageRef(f"{self.host}/{repository}", digest(found[0]["imageDigest"])) if found else None

    def has(self, ref: ImageRef) -> bool:
        """Is there still an image of this digest? Raises RegistryError where its repository is missing."""
        host, _, repository = ref.repository.partition("/")
        return host == self.host and bool(self._describe(repository, {"imageDigest": ref.digest}, str(ref)))

    def layers(self, ref: ImageRef) -> tuple[str, tuple[int, ...]]:
        """Return an image's media type, and the compressed size of each layer in bytes; raises RegistryError."""
        tried = f"reading the manifest of {ref}"
        with answers(tried):
            answer = self._ecr.batch_get_image(
                repositoryName=ref.repository.partition("/")[2], imageIds=[{"imageDigest": ref.digest}]
            )
        if not answer["images"]:
            raise RegistryError(tried, "it is not in the registry", "invoke push")
        found = answer["images"][0]
        manifest = json.loads(found["imageManifest"])
        media_type = found.get("imageManifestMediaType") or manifest["mediaType"]
        return media_type, tuple(int(layer["size"]) for layer in manifest["layers"])

    def scan(self, ref: ImageRef) -> Scan:
        """Return what ECR's scan found in an image; one that was never scanned has a status that says so."""
        tried = f"reading the scan of {ref}"
        with answers(tried):
            try:
                pages = self._ecr.get_paginator("describe_image_scan_findings").paginate(
                    repositoryName=ref.repository.partition("/")[2], imageId={"imageDigest": ref.digest}
                )
                found = [(page.get("imageScanStatus", {}), page.get("imageScanFindings", {})) for page in pages]
            except ClientError as error:
                if code_of(error) in {"ScanNotFoundException", "ImageNotFoundException"}:
                    return Scan(code_of(error))
                raise
        status = found[0][0].get("status", "nothing")
        basic = ((one["name"], one["severity"]) for _, of in found for one in of.get("findings", []))
        enhanced = (
            (one.get("packageVulnerabilityDetails", {}).get("vulnerabilityId") or one["title"], one["severity"])
            for _, of in found
            for one in of.get("enhancedFindings", [])
        )
        findings = tuple(Finding(name, _severity(word)) for name, word in (*basic, *enhanced))
        return Scan(status, findings, status in _DONE, status in _PENDING)

    def policy(self, repository: str) -> Document:
        """Return a repository's policy, an empty one where it has none; raises RegistryError where it is missing."""
        tried = f"reading the policy of the repository {repository}"
        with answers(tried):
            try:
                found: Document = json.loads(self._ecr.get_repository_policy(repositoryName=repository)["policyText"])
            except ClientError as error:
                if code_of(error) == "RepositoryPolicyNotFoundException":
                    return {}
                if code_of(error) == "RepositoryNotFoundException":
                    raise RegistryError(tried, code_of(error), "invoke bootstrap") from error
                raise
        return found

    def _describe(self, repository: str, image: ImageIdentifierTypeDef, shown: str) -> list[ImageDetailTypeDef]:
        with answers(f"looking for {shown}"):
            try:
                return self._ecr.describe_images(repositoryName=repository, imageIds=[image])["imageDetails"]
            except ClientError as error:
                if code_of(error) == "ImageNotFoundException":
                    return []
                if code_of(error) == "RepositoryNotFoundException":
                    raise RegistryError(
                        f"looking for the repository {repository}", code_of(error), "invoke bootstrap"
                    ) from error
                raise

    def login(self) -> tuple[str, str]:
        """Return a user name and a password that the registry takes for twelve hours."""
        with answers("asking ECR for a login"):
            answer = self._ecr.get_authorization_token()
        user, _, password = (
            base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode().partition(":")
        )
        return user, password


def _severity(word: str) -> Severity:
    return _SEVERITIES.get(word) or Severity(word.lower())


@dataclass(frozen=True)
class Repositories:
    """The repositories of an account, for who may delete them."""

    session: Session

    @cached_property
    def _ecr(self) -> ECRClient:
        client: ECRClient = self.session.client("ecr")
        return client

    def names(self, prefix: str) -> tuple[str, ...]:
        """Return every repository whose name begins so."""
        with answers(f"listing the repositories {prefix}*"):
            pages = self._ecr.get_paginator("describe_repositories").paginate()
            names = (repository["repositoryName"] for page in pages for repository in page["repositories"])
            return tuple(name for name in names if name.startswith(prefix))

    def delete(self, repository: str) -> None:
        """Delete a repository and the images in it; nothing where there is none."""
        with answers(f"deleting the repository {repository}"):
            try:
                self._ecr.delete_repository(repositoryName=repository, force=True)
            except ClientError as error:
                if code_of(error) != "RepositoryNotFoundException":
                    raise

    def images(self, repository: str) -> tuple[StoredImage, ...]:
        """Return every image of a repository, under however many tags."""
        with answers(f"listing the images of {repository}"):
            pages = self._ecr.get_paginator("describe_images").paginate(repositoryName=repository)
            return tuple(
                StoredImage(
                    digest(one["imageDigest"]),
                    one.get("imageSizeInBytes", 0),
                    one["imagePushedAt"].astimezone(UTC).isoformat(timespec="seconds"),
                )
                for page in pages
                for one in page["imageDetails"]
            )

    def remove(self, repository: str, digests: Collection[Digest]) -> None:
        """Delete images with all their tags; one that is gone already is no error. Raises RegistryError."""
        tried = f"deleting images of {repository}"
        with answers(tried):
            images: list[ImageIdentifierTypeDef] = [{"imageDigest": one} for one in digests]
            for start in range(0, len(images), _AT_ONCE):
                some = images[start : start + _AT_ONCE]
                answer = self._ecr.batch_delete_image(repositoryName=repository, imageIds=some)
                kept = [one for one in answer.get("failures", []) if one.get("failureCode") != "ImageNotFound"]
                if kept:
                    names = ", ".join(one.get("imageId", {}).get("imageDigest", "") for one in kept)
                    why = f"{kept[0].get('failureCode')}: {kept[0].get('failureReason')}"
                    raise RegistryError(tried, f"{names}: {why}", "see what refers to them, then repeat")
