"""ECR in the tooling account: finds images by tag or digest and gives a login. Deletes nothing."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lockstep.aws.session import Session, answers, code_of
from lockstep.errors import RegistryError
from lockstep.model import ImageRef, digest

if TYPE_CHECKING:
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_ecr.type_defs import ImageDetailTypeDef, ImageIdentifierTypeDef


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
