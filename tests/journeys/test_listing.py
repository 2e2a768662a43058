"""Listing: `invoke --list` is at once, and needs no AWS, no Docker and no configuration."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.journeys.terminal import text

ROOT = Path(__file__).parents[2]
LIST = "import invoke.main, sys; sys.argv[:] = ['invoke', '--list']; invoke.main.program.run()"
HEAVY = ("boto3", "botocore", "docker", "pydantic", "samtranslator", "lockstep")


def run(*argv: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run this interpreter in this working tree with no environment but `env`."""
    return subprocess.run(
        (sys.executable, *argv), cwd=ROOT, env=env or {}, capture_output=True, text=True, check=False, timeout=60
    )


def test_listing_needs_nothing(tmp_path: Path) -> None:
    """In an empty environment, without any AWS configuration, every task is listed with what it does."""
    listed = run("-c", LIST, env={"HOME": str(tmp_path)})

    assert (listed.returncode, listed.stdout, listed.stderr) == (
        0,
        text(
            "Available tasks:",
            "",
            "  bootstrap         Set up the accounts: roles, bucket, key, images.",
            "  build             Build the services' images on this machine.",
            "  deploy            Bring an environment to a release, smoke-test it.",
            "  destroy           Delete what Lockstep made, after asking.",
            "  doctor            Check tools, engine, configuration and accounts.",
            "  history           Show what was deployed to an environment, when.",
            "  integration       Run services' integration tests in an environment.",
            "  package           Package templates, each image by its digest.",
            "  permissions       Compare what services need with what is allowed.",
            "  plan              Show what a deployment would change.",
            "  promote           Bring what runs in one environment to the next.",
            "  prune             Remove images and releases that nothing needs.",
            "  push              Push built images to the tooling account.",
            "  release           Build, push, package and publish a release.",
            "  rollback          Bring an environment back to an earlier release.",
            "  smoke             Run the smoke tests in an environment.",
            "  status            Show what runs in every environment.",
            "  unlock            Release a lock whose holder is dead, after asking.",
            "  buildspec.run     Run one buildspec here as CodeBuild would.",
            "  pipeline.deploy   Make or update the pipeline in the tooling account.",
            "  pipeline.run      Run the pipeline that the sandbox has, on this machine.",
            "  sandbox.reset     Stop the AWS on this machine; forget its accounts.",
            "  sandbox.start     Start the AWS on this machine.",
            "  sandbox.status    Show what of the AWS on this machine runs.",
            "  sandbox.stop      Stop the AWS on this machine; keep its accounts.",
            "",
        ),
        "",
    )


def test_listing_imports_nothing_heavy(tmp_path: Path) -> None:
    """Listing imports none of boto3, docker, pydantic, SAM, nor any of the library."""
    listed = run("-X", "importtime", "-c", LIST, env={"HOME": str(tmp_path)})

    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in listed.stderr.splitlines()}
    assert listed.returncode == 0
    assert "invoke" in imported
    assert imported.intersection(HEAVY) == set()


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    """A task's help page is as light as the list."""
    shown = run("-X", "importtime", "-c", LIST.replace("'--list'", "'--help', 'deploy'"), env={"HOME": str(tmp_path)})

    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in shown.stderr.splitlines()}
    assert shown.returncode == 0
    assert imported.intersection(HEAVY) == set()
