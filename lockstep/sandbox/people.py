"""Who there is in the sandbox: an administrator of each account, and the people that the configuration names.

In a company an identity provider does this. The sandbox makes an administrator in each account, and an IAM user for
each user ARN that the configuration lists, with no rights but to take the roles that list it. It writes the profiles
that the tasks use. Nobody works as an account's root, which AWS refuses every role and the emulator gives any.
"""

from __future__ import annotations

import configparser
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from lockstep.aws.session import Reach, answers, code_of, open_session
from lockstep.settings import Settings

_Iam = Any  # a boto3 client has no type of its own
# The emulator takes an account's id with this secret for the root of that account.
_ROOT_SECRET = "test"  # noqa: S105 - the emulator's own default, good on this machine only


@dataclass(frozen=True)
class Profiles:
    """The sandbox's own AWS files. The person's are never read or written."""

    folder: Path

    @property
    def config(self) -> Path:
        """Where the profiles are."""
        return self.folder / "config"

    @property
    def credentials(self) -> Path:
        """Where their keys are."""
        return self.folder / "credentials"


ADMINISTRATOR = "administrator"


def seed(settings: Settings, profiles: Profiles, endpoint: str) -> None:
    """Make the people and their profiles; who is there already stays, with the same keys unless those were lost."""
    profiles.folder.mkdir(parents=True, exist_ok=True)
    known = _read(profiles.credentials)
    roots = {
        root_profile(account): {"aws_access_key_id": account, "aws_secret_access_key": _ROOT_SECRET}
        for account in (settings.tooling.account, *(target.account for target in settings.targets))
    }
    _write(profiles.credentials, known | roots)
    _write_config(settings, profiles, endpoint)
    reach = Reach(settings.region, endpoint, profiles.config, profiles.credentials)

    keys: dict[str, dict[str, str]] = {}
    everything = f"arn:{settings.names.partition}:iam::aws:policy/AdministratorAccess"
    wanted: list[tuple[str, str, str, str | dict[str, Any]]] = [
        (account, profile, ADMINISTRATOR, everything) for account, profile in _administrators(settings).items()
    ]
    for person, roles in people(settings).items():
        allowed = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": list(roles)}
        wanted.append((settings.tooling.account, _keys_profile(settings, person), person, allowed))
    for account, profile, name, right in wanted:
        iam = open_session(reach, root_profile(account), "seeding the sandbox").client("iam")
        if made := _make(iam, name, right, has_keys=profile in known):
            keys[profile] = made
    _write(profiles.credentials, known | roots | keys)


def people(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Return the users of the tooling account that the configuration names, each with the roles that list it."""
    names = settings.names
    found: dict[str, list[str]] = {}
    listed = [(arn, names.developer_role) for arn in settings.tooling.developers]
    listed += [(arn, names.deployer_role(t.name)) for t in settings.targets for arn in t.deployers]
    for arn, role in listed:
        if f":{names.tooling}:user/" in arn:
            found.setdefault(arn.rsplit("/", 1)[-1], []).append(role)
    return {person: tuple(roles) for person, roles in found.items()}


def _administrators(settings: Settings) -> dict[str, str]:
    found = {settings.tooling.account: settings.tooling.admin_profile}
    found |= {target.account: target.admin_profile for target in settings.targets}
    return {str(account): profile for account, profile in found.items() if profile}


def _profile(settings: Settings, person: str) -> str:
    return f"{settings.project}-sandbox-{person}"


def _keys_profile(settings: Settings, person: str) -> str:
    """Return the profile that holds a person's keys: a developer's own profile takes the developer role with them."""
    return _profile(settings, person) + ("-keys" if _is_developer(settings, person) else "")


def _is_developer(settings: Settings, person: str) -> bool:
    return any(arn.endswith(f":user/{person}") for arn in settings.tooling.developers)


def root_profile(account: str) -> str:
    """Return the profile of an account's root, which only the sandbox itself uses."""
    return f"root-{account}"


def _see_user(iam: _Iam, name: str, right: str | dict[str, Any]) -> bool:
    """See that there is a user with one right: a policy of AWS by its ARN, or a statement. Return whether it is new."""
    is_new = True
    try:
        iam.create_user(UserName=name)
    except ClientError as error:
        if code_of(error) != "EntityAlreadyExists":
            raise
        is_new = False
    if isinstance(right, str):
        iam.attach_user_policy(UserName=name, PolicyArn=right)
    else:
        document = json.dumps({"Version": "2012-10-17", "Statement": [right]})
        iam.put_user_policy(UserName=name, PolicyName="take-roles", PolicyDocument=document)
    return is_new


def _make(iam: _Iam, name: str, right: str | dict[str, Any], *, has_keys: bool) -> dict[str, str] | None:
    """See that there is a user who may do one thing and no more; return its keys where it gets new ones."""
    with answers(f"making the sandbox's user {name}"):
        if not _see_user(iam, name, right) and has_keys:
            return None
        # Keys that nobody has any more: a user may have two.
        for lost in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
            iam.delete_access_key(UserName=name, AccessKeyId=lost["AccessKeyId"])
        key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}


def _write_config(settings: Settings, profiles: Profiles, endpoint: str) -> None:
    common = {"region": settings.region, "endpoint_url": endpoint}
    accounts = (settings.tooling.account, *(target.account for target in settings.targets))
    sections: dict[str, dict[str, str]] = {f"profile {root_profile(account)}": common for account in accounts}
    sections |= {f"profile {profile}": common for profile in _administrators(settings).values()}
    for person in people(settings):
        keys = _keys_profile(settings, person)
        sections[f"profile {keys}"] = common
        if _is_developer(settings, person):
            role = {"role_arn": settings.names.developer_role, "role_session_name": person, "source_profile": keys}
            sections[f"profile {_profile(settings, person)}"] = common | role
    _write(profiles.config, sections)


def _read(file: Path) -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(file)
    return {section: dict(parser[section]) for section in parser.sections()}


def _write(file: Path, sections: Mapping[str, Mapping[str, str]]) -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_dict(sections)
    text = io.StringIO()
    parser.write(text)
    # Readable by its owner from the first byte on, as AWS's own tools write it.
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(text.getvalue())
