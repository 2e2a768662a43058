"""Starts processes. The only place that does; takes argv tuples and an environment as data, never a shell string.

A child sees only the environment that it is given. Secrets in that environment, ids of AWS access keys and logins
in URLs are masked in everything that comes back, so that no caller can print one.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lockstep.errors import ConfigError

# What every child needs and no more: where tools, home and scratch space are, how to reach the package registries
# from a machine whose network wants a proxy or a certificate of its own, and to whom an SDK reports its calls.
CARRIED = (
    "PATH", "HOME", "LANG", "LC_ALL", "TERM", "TMPDIR",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE",
    "PIP_CERT", "PIP_CONFIG_FILE", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS",
    "UV_DEFAULT_INDEX", "UV_INDEX", "UV_NATIVE_TLS",
    "AWS_CSM_ENABLED", "AWS_CSM_HOST", "AWS_CSM_PORT", "AWS_CSM_CLIENT_ID",
)  # fmt: skip
# Of these what is the caller's own, and what a build gets of its own.
_OWN = ("PATH", "HOME", "LANG", "LC_ALL", "TERM", "TMPDIR")
# Where Linux keeps tools, as in CodeBuild's images.
_TOOLS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
MASK = "********"
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html, and the user:password@ of a URL
_TELLING = re.compile(r"(?:AKIA|ASIA)[A-Z0-9]{16}|(?<=://)[^\s/:@]*:[^\s/]+(?=@)")


@dataclass(frozen=True)
class Completed:
    """How a process ended: its exit status and its output, stdout and stderr in the order they came."""

    status: int
    output: str


def child_environment(environ: Mapping[str, str], **extra: str) -> dict[str, str]:
    """Return a child's environment: what CARRIED names from `environ`, then `extra`."""
    return {name: environ[name] for name in CARRIED if name in environ} | extra


def outfit(environ: Mapping[str, str], tools: str) -> dict[str, str]:
    """Return what a build begins with: a PATH with the folder `tools` first, and how to reach package registries.

    It says nothing of who the caller is: no home, no credentials, no profile.
    """
    carried = {name: environ[name] for name in CARRIED if name in environ and name not in _OWN}
    return {"PATH": f"{tools}:{_TOOLS}", "LANG": "C.UTF-8", "TERM": "xterm", **carried}


def bare(environ: Mapping[str, str], tools: str) -> dict[str, str]:
    """Return what a child begins with that installs nothing: an outfit without the way to package registries."""
    return {name: value for name, value in outfit(environ, tools).items() if not name.startswith(("PIP_", "UV_"))}


def mask(text: str, env: Mapping[str, str]) -> str:
    """Return a text without the secrets of `env`, ids of access keys and logins in URLs."""
    for name in SECRETS:
        if secret := env.get(name):
            text = text.replace(secret, MASK)
    return _TELLING.sub(MASK, text)


def find(tool: str, env: Mapping[str, str]) -> str:
    """Return the path of a tool on the child's PATH; raises ConfigError where there is none."""
    path = shutil.which(tool, path=env.get("PATH", ""))
    if path is None:
        raise ConfigError(f"'{tool}' is not on the PATH", cure="invoke doctor")
    return path


def run(
    argv: Sequence[str],
    env: Mapping[str, str],
    cwd: Path | None = None,
    on_line: Callable[[str], None] | None = None,
    patience: float = 10.0,
) -> Completed:
    """Run `argv` to its end and return how it ended; `on_line` gets each line of output as it comes, masked.

    Raises ConfigError where the tool is not on the child's PATH. Where the run is interrupted the child is ended
    before that goes on; `patience` is how many seconds it has to tidy up, each time it is told to.
    """
    lines: list[str] = []
    with subprocess.Popen(
        (find(argv[0], env), *argv[1:]),
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as child:
        assert child.stdout is not None  # noqa: S101 - PIPE was asked for
        try:
            for raw in child.stdout:
                line = mask(raw.rstrip("\n"), env)
                lines.append(line)
                if on_line is not None:
                    on_line(line)
        except BaseException as reason:
            # The terminal sends Ctrl-C to the child too; of anything else it has not heard.
            _end(child, patience, is_told=isinstance(reason, KeyboardInterrupt))
            raise
    return Completed(child.returncode, "\n".join(lines))


def tail(output: str, lines: int = 5) -> str:
    """Return the last lines of a tool's output as one, to be quoted in an error."""
    return " | ".join(line.strip() for line in output.strip().splitlines()[-lines:])


def _end(child: subprocess.Popen[str], patience: float, *, is_told: bool) -> None:
    """See to the end of a child: it may tidy up, but does not outlive us. A second interruption kills it at once."""
    try:
        for told in (is_told, False):
            if not told:
                child.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                # Reads on, or a child with much to say would wait for us to listen.
                child.communicate(timeout=patience)
                return
    finally:
        child.kill()
        child.wait()


def start(argv: Sequence[str], env: Mapping[str, str], log: Path, cwd: Path | None = None) -> int:
    """Start `argv` in a session of its own, its output appended to `log`; return its process id. It outlives us."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            (find(argv[0], env), *argv[1:]),
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # The child is meant to go on; without this Python warns that it was not waited for.
    child.returncode = 0
    return child.pid
