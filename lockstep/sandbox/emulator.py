"""The entry of the embedded AWS: mends MiniStack, then serves it.

Run by the sandbox's own Python environment as `python -m lockstep.sandbox.emulator`. That environment has
none of Lockstep's dependencies, so this imports nothing of Lockstep but the mends and pure rooms, and nothing of
MiniStack before it is asked to run. Takes its configuration from MiniStack's own environment variables, and where
the provider schemas lie from LOCKSTEP_SCHEMAS.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main() -> None:
    """Apply every mend and serve until SIGTERM; exits with status 1 where a mend does not fit MiniStack."""
    from lockstep.sandbox import mends

    try:
        mends.apply(Path(os.environ["LOCKSTEP_SCHEMAS"]))
    except mends.MendError as misfit:
        sys.exit(f"error: {misfit}")
    import ministack.app

    ministack.app.main()


if __name__ == "__main__":
    main()
