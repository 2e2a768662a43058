"""CloudWatch Logs in one account, for destroy alone: finds log groups and deletes them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lockstep.aws.session import Session, answers, code_of

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient


@dataclass(frozen=True)
class Logs:
    """The log groups of one account in one region."""

    session: Session

    @cached_property
    def _logs(self) -> CloudWatchLogsClient:
        client: CloudWatchLogsClient = self.session.client("logs")
        return client

    def names(self, prefix: str) -> tuple[str, ...]:
        """Return every log group whose name begins so."""
        with answers(f"listing the log groups {prefix}*"):
            pages = self._logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix)
            return tuple(group["logGroupName"] for page in pages for group in page["logGroups"])

    def delete(self, group: str) -> None:
        """Delete a log group; nothing where there is none."""
        with answers(f"deleting the log group {group}"):
            try:
                self._logs.delete_log_group(logGroupName=group)
            except ClientError as error:
                if code_of(error) != "ResourceNotFoundException":
                    raise
