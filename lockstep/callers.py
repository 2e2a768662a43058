"""Becomes whoever a task needs to be: the caller in tooling, a deployer, a deploy or status role, an administrator.

After each step AWS is asked which account it is in. Nobody goes on as somebody else where a step is refused.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property

from lockstep.aws.session import Reach, Session, open_session
from lockstep.errors import IdentityError
from lockstep.model import AccountId
from lockstep.settings import EnvironmentSettings, Settings, Tooling

Caller = tuple[Session, str]


@dataclass(frozen=True)
class Callers:
    """Everybody that the person or job with `profile` can become. Each is a session and the ARN that it has.

    A profile of the settings is for people: a job, as a build in CodeBuild is, is whom its machine makes it, and has no
    profiles. `pause` is the time between two tries, in seconds.
    """

    settings: Settings
    reach: Reach
    profile: str | None
    is_job: bool = False
    pause: float = 2.0

    def _own(self, profile: str | None) -> str | None:
        """Return a profile of the settings for a person, none for a job."""
        return None if self.is_job else profile

    @cached_property
    def base(self) -> Caller:
        """The caller in the tooling account; raises IdentityError where it is another account."""
        profile = self.profile or self._own(self.settings.tooling.profile)
        who = f"profile {profile}" if profile else "the machine's own credentials"
        purpose = f"opening the tooling account with {who}"
        session = open_session(self.reach, profile, purpose)
        return session, session.prove(AccountId(self.settings.tooling.account), purpose)

    def base_within(self, patience: float) -> Caller:
        """Return the caller, trying for some seconds: its profile may take a role that was just made."""
        end = time.monotonic() + patience
        while True:
            try:
                return self.base
            except IdentityError:
                if time.monotonic() >= end:
                    raise
                time.sleep(self.pause)

    def deployer(self, environment: str) -> Caller:
        """Become an environment's deployer in tooling; who is it already, as in CodeBuild, takes no role."""
        names, target = self.settings.names, self.settings.environment(environment)
        role = names.deployer_role(target.name)
        session, caller = self.base
        if _is_of(role, caller):
            return session, caller
        cure = f"see that {environment}.deployers in {self.settings.path} names you, then invoke bootstrap"
        deployer = session.assume(role, caller, cure)
        return deployer, deployer.prove(names.tooling, f"opening the tooling account as {role}")

    def deploy_role(self, environment: str, deployer: Caller) -> Caller:
        """Become an environment's deploy role, as its deployer."""
        names, account = self.settings.names, self.settings.environment(environment).value.account
        role, (session, caller) = names.deploy_role(environment, account), deployer
        cure = f"invoke bootstrap, which makes {role} trust {names.deployer_role(environment)}"
        inner = session.assume(role, caller, cure)
        return inner, inner.prove(account, f"opening {environment}")

    def status_role(self, environment: str, through: str) -> Caller:
        """Become an environment's status role, as the caller or else as the deployer of `through`."""
        return self.viewer(environment, through)[1]

    def viewer(self, environment: str, through: str) -> tuple[Caller, Caller]:
        """Become an environment's status role; return who took it, the caller or the deployer of `through`, too."""
        account = self.settings.environment(environment).value.account
        role = self.settings.names.status_role(environment, account)
        session, caller = self.base
        try:
            opened = session.assume(role, caller, "invoke bootstrap")
        except IdentityError as refused:
            try:
                session, caller = self.deployer(through)
                opened = session.assume(role, caller, "invoke bootstrap")
            except IdentityError:
                raise refused from None
        return (session, caller), (opened, opened.prove(account, f"opening {environment}"))

    def administrator(self, account: AccountId) -> Caller:
        """Become an account's administrator: by its profile, by its role, or by the role from the profile.

        The job in which the pipeline updates itself becomes nobody: its own role may do just that.
        """
        tables: dict[str, Tooling | EnvironmentSettings] = {"tooling": self.settings.tooling}
        tables |= {target.name: target for target in self.settings.targets}
        where, table = next(one for one in tables.items() if one[1].account == account)
        profile = self._own(table.admin_profile)
        who = f"profile {profile}" if profile else "the machine's own credentials"
        purpose = f"opening {where} with {who}"
        session = open_session(self.reach, profile, purpose)
        if self.is_job and _is_of(self.settings.names.updater_role, session.caller(purpose)[1]):
            return session, session.prove(account, purpose)
        if table.admin_profile is None and table.admin_role is None:
            raise IdentityError(
                f"opening account {account} as its administrator",
                f"{self.settings.path} names no admin_profile and no admin_role for {where}",
                f"set one of them for {where}",
            )
        if table.admin_role is not None:
            _, caller = session.caller(purpose)
            session = session.assume(table.admin_role, caller, f"let it take {table.admin_role}, or correct admin_role")
            purpose = f"opening {where} as {table.admin_role}"
        return session, session.prove(account, purpose)


def _is_of(role: str, caller: str) -> bool:
    """Is a caller a session of a role?"""
    return f":assumed-role/{role.rpartition('/')[2]}/" in caller
