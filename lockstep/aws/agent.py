"""A service's session of a role: its keys, and the files, parameters, secrets and stacks that the role may use."""

from __future__ import annotations

from dataclasses import dataclass

from botocore.exceptions import ClientError

from lockstep.aws.action_stacks import ActionStacks
from lockstep.aws.parameters import Vault
from lockstep.aws.session import Session, answers, code_of
from lockstep.errors import ConfigError, IdentityError
from lockstep.model import AccountId
from lockstep.pipeline_ports import Keys


@dataclass(frozen=True)
class Agent:
    """A role that a service took. Buckets must belong to `owner`; `poll` is the pause between two looks at a stack."""

    session: Session
    owner: AccountId
    poll: float = 3.0

    def keys(self) -> Keys:
        """Return the keys of the session."""
        found = self.session.boto.get_credentials()
        if found is None:
            raise IdentityError("handing a build the keys of its role", "there are none")
        frozen = found.get_frozen_credentials()
        return Keys(frozen.access_key or "", frozen.secret_key or "", frozen.token or "", self.session.until)

    def get(self, bucket: str, key: str) -> bytes:
        """Return a file of a bucket; raises ConfigError where it is missing, IdentityError where the role may not."""
        tried = f"reading s3://{bucket}/{key}"
        with answers(tried):
            try:
                answer = self.session.client("s3").get_object(Bucket=bucket, Key=key, ExpectedBucketOwner=self.owner)
            except ClientError as error:
                if code_of(error) in {"NoSuchKey", "NoSuchBucket"}:
                    raise ConfigError(tried, "it does not exist", "run the pipeline anew") from error
                raise
            content: bytes = answer["Body"].read()
        return content

    def put(self, bucket: str, key: str, content: bytes, encryption_key: str) -> None:
        """Write a file to a bucket, encrypted with a key where one is named; raises IdentityError where it may not."""
        extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": encryption_key} if encryption_key else {}
        with answers(f"writing s3://{bucket}/{key}"):
            self.session.client("s3").put_object(
                Bucket=bucket, Key=key, Body=content, ExpectedBucketOwner=self.owner, **extra
            )

    def vault(self) -> Vault:
        """Return the parameters and secrets that the role may read."""
        return Vault(self.session)

    def become(self, role: str) -> Agent:
        """Take another role; raises IdentityError where this one may not, or is not trusted."""
        _, caller = self.session.caller(f"assuming {role}")
        cure = f"see whom {role} trusts, and that {caller} may sts:AssumeRole it"
        return Agent(self.session.assume(role, caller, cure), self.owner, self.poll)

    def stacks(self, account: AccountId) -> ActionStacks:
        """Return the stacks of the account that the role is in."""
        return ActionStacks(self.session, account, self.poll)
