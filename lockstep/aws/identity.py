"""Who the caller is in an account, and whom it may become."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from lockstep.aws.session import Session
from lockstep.errors import DeniedError


@dataclass(frozen=True)
class Identity:
    """A caller in an account. What was just changed in IAM can take some seconds to be known: `patience` of them.

    `pause` is the time between two tries, in seconds.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_general.html: "changes are not immediately visible"
    """

    session: Session
    caller: str
    patience: float = 0.0
    pause: float = 2.0

    def refusal(self, role: str, *, hoped: bool) -> str:
        """Try to take a role and say why AWS refused it, nothing where it did not; for a while where that is wrong.

        Raises LockstepError for whatever else comes back: who is not known to AWS is refused nothing.
        """
        end = time.monotonic() + self.patience
        while True:
            refusal = self._refusal(role)
            if hoped == (not refusal) or time.monotonic() >= end:
                return refusal
            time.sleep(self.pause)

    def _refusal(self, role: str) -> str:
        try:
            self.session.assume(role, self.caller, "")
        except DeniedError as error:
            return error.answer
        return ""

    def become(self, role: str) -> Identity:
        """Take a role; raises IdentityError."""
        session = self.session.assume(role, self.caller, "invoke bootstrap")
        return replace(self, session=session, caller=session.caller(f"taking {role}")[1])
