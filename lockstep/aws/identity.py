"""Who the caller is in an account, and whom it may become."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from lockstep.aws.session import Session
from lockstep.errors import IdentityError


@dataclass(frozen=True)
class Identity:
    """A caller in an account. A role that was just made can take some seconds to be known: `patience` of them.

    `pause` is the time between two tries, in seconds.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_general.html: "changes are not immediately visible"
    """

    session: Session
    caller: str
    patience: float = 0.0
    pause: float = 2.0

    def refusal(self, role: str, *, hoped: bool) -> str:
        """Try to take a role and say why that was refused, nothing where it was not; where hoped for, for a while."""
        end = time.monotonic() + (self.patience if hoped else 0.0)
        while True:
            try:
                self.session.assume(role, self.caller, "")
            except IdentityError as error:
                if time.monotonic() >= end:
                    return error.answer
                time.sleep(self.pause)
            else:
                return ""

    def become(self, role: str) -> Identity:
        """Take a role; raises IdentityError."""
        session = self.session.assume(role, self.caller, "invoke bootstrap")
        return replace(self, session=session, caller=session.caller(f"taking {role}")[1])
