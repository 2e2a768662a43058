"""Runs SAM: build and package for what is no image, deploy for a stack. Each run has a folder of its own.

SAM ends with 1 for everything, so what it said is kept as the answer, and a deployment's end is never taken from it
alone: execute.py asks the account afterwards.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from lockstep import process
from lockstep.errors import BuildError, ConfigError, DeployError
from lockstep.model import DeployStack
from lockstep.names import ARTIFACTS_PREFIX
from lockstep.ports import Say

# SAM fits its table of events to the width of the terminal and cuts names and reasons to it
# (samcli/commands/_utils/table_print.py); in a table this wide nothing is cut.
WIDE = "8000"
# What SAM has no way to be given: an odd number of backslashes before a double quote, a line's end or the end, and
# its own long form (_unquote_wrapped_quotes and CfnParameterOverridesType in samcli/cli/types.py).
_MISREAD = re.compile(r"(?<!\\)\\(?:\\\\)*(?:[\"\n]|\Z)|ParameterKey=")


def build_argv(template: Path, out: Path) -> tuple[str, ...]:
    """Return the command that builds the zip functions and layers of a template."""
    return ("sam", "build", "--template-file", str(template), "--build-dir", str(out))


def package_argv(
    template: Path, bucket: str, out: Path, region: str, repositories: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the command that uploads what a built template names and writes the template that names the uploads."""
    return (
        "sam", "package", "--template-file", str(template), "--s3-bucket", bucket, "--s3-prefix", ARTIFACTS_PREFIX,
        "--output-template-file", str(out), "--use-json", "--region", region, "--no-progressbar",
        *image_repository(repositories.values()),
    )  # fmt: skip


def deploy_argv(template: Path, step: DeployStack, bucket: str, prefix: str, region: str, role: str) -> tuple[str, ...]:
    """Return the command that brings a stack to a packaged template, made by the execution role."""
    return (
        "sam", "deploy", "--template-file", str(template), "--stack-name", step.stack,
        "--s3-bucket", bucket, "--s3-prefix", f"{prefix}/{step.stack}", "--region", region, "--role-arn", role,
        "--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND",
        "--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar",
        *image_repository(ref.repository for _, ref in step.build.images),
        *(("--parameter-overrides", *(override(*p) for p in step.parameters)) if step.parameters else ()),
        *(("--tags", *(tag(*t) for t in step.tags)) if step.tags else ()),
    )  # fmt: skip


def image_repository(repositories: Iterable[str]) -> tuple[str, ...]:
    """Return the option by which SAM wants a repository for image functions.

    It must be there although SAM pushes nothing: every image is in its repository already, and named by digest.
    """
    return next((("--image-repository", repository) for repository in sorted(repositories)), ())


def override(key: str, value: str) -> str:
    """Return `Key="Value"` as SAM reads it; raises ConfigError for a value that SAM would misread.

    A backslash stands for itself but before a space or a quote, where SAM takes one away.
    """
    if _MISREAD.search(value):
        raise ConfigError(f"passing {key} to SAM", f"SAM would misread {value!r}", "write the value in another way")
    escaped = re.sub(r"""\\+(?=[ '"])|(?<!\\)(?=")""", lambda found: found[0] + "\\", value)
    return f'{key}="{escaped}"'


def tag(key: str, value: str) -> str:
    """Return a tag as `override` does; raises ConfigError also for what SAM misreads in tags alone.

    SAM splits a tag at its spaces where it finds a second equal sign (CfnTags in samcli/cli/types.py).
    """
    if re.search(r"[=\"'\\]", key) or ("=" in value and re.search(r"[\s\\]", key + value)):
        raise ConfigError(f"passing the tag {key} to SAM", f"SAM would misread {value!r}", "write it in another way")
    return override(key, value)


@dataclass(frozen=True)
class Sam:
    """SAM with one caller's credentials, which reach it by its environment only."""

    env: Mapping[str, str]
    region: str
    bucket: str
    prefix: str = ""
    role: str = ""
    account: str = ""

    def version(self) -> str:
        """Return SAM's version."""
        return metadata.version("aws-sam-cli")

    def package(self, folder: Path, template: bytes, repositories: Mapping[str, str], say: Say) -> bytes:
        """Build and upload whatever of `template` is no image; return the packaged template as JSON.

        Paths in it are relative to `folder`, which SAM sees as a copy: it writes its results relative to where the
        template is, and must write nothing into the working tree. Raises BuildError with SAM's last words.
        """
        with tempfile.TemporaryDirectory(prefix="lockstep-") as scratch:
            here = Path(scratch)
            source, built, out = here / folder.name / "template.json", here / "build", here / "packaged.json"
            shutil.copytree(
                folder, source.parent, symlinks=True, ignore=shutil.ignore_patterns(".aws-sam", "__pycache__")
            )
            source.write_bytes(template)
            commands = (
                build_argv(source, built),
                package_argv(built / "template.yaml", self.bucket, out, self.region, repositories),
            )
            for argv in commands:
                # A build runs what packages bring; it gets no credentials. Only the upload does.
                env = self.env if argv[1] == "package" else without_credentials(self.env)
                ended = process.run(argv, env, cwd=here, on_line=None)
                if ended.status != 0:
                    raise BuildError(
                        f"running sam {argv[1]} for {folder.name}",
                        last_words(ended.output),
                        "correct the template or what it names",
                    )
            say(f"  packaged {folder.name}")
            return out.read_bytes()

    def deploy(self, step: DeployStack, template: bytes, say: Say) -> None:
        """Create or update the stack and wait; SAM's lines go to `say`. Raises DeployError with the first reason."""
        with tempfile.TemporaryDirectory(prefix="lockstep-") as scratch:
            file = Path(scratch) / "template.json"
            file.write_bytes(template)
            argv = deploy_argv(file, step, self.bucket, self.prefix, self.region, self.role)
            env = {**self.env, "COLUMNS": WIDE}
            ended = process.run(argv, env, cwd=Path(scratch), on_line=lambda line: progress(line, say))
        if ended.status != 0:
            raise DeployError(
                f"deploying {step.stack} in account {self.account}, {self.region}",
                last_words(ended.output),
                "correct what the reason names, then deploy again",
            )


def without_credentials(env: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without AWS's keys."""
    return {name: value for name, value in env.items() if name not in {"AWS_ACCESS_KEY_ID", *process.SECRETS}}


def last_words(output: str) -> str:
    """Return what SAM's output says went wrong: the first failed resource and its last error, else its last line.

    Resources that CloudFormation cancelled because of another one come after all others, whatever their time.
    """
    lines = [" ".join(line.split()) for line in output.splitlines() if line.strip(" -")]
    errors = [line.partition(", Waiter ")[0] for line in lines if line.startswith("Error:")]
    failed = [line for line in lines if line.startswith(("CREATE_FAILED", "UPDATE_FAILED"))]
    failed.sort(key=lambda line: line.endswith(" cancelled"))
    parts = [*failed[:1], *errors[-1:]] or lines[-1:]
    return " | ".join(parts)[:600] or "it said nothing"


def progress(line: str, say: Say) -> None:
    """Show the lines that tell of a resource; the rest of SAM's tables are frames and repetitions."""
    words = line.removesuffix(" -").split()
    if not line.startswith(" ") and words and words[0].endswith(("_IN_PROGRESS", "_COMPLETE", "_FAILED")):
        say("  " + " ".join(words))
