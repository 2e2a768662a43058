"""The use cases of buildspecs. One for each task; each returns its exit code."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path

from lockstep.errors import ConfigError, DeployError
from lockstep.pipeline import buildspec, own_python, variables
from lockstep.pipeline.build import FAILED, SUCCEEDED, Build, BuildOutcome
from lockstep.pipeline.buildspec import PRIMARY, Buildspec
from lockstep.ports import Wiring
from lockstep.usecase import say_which, use_case


@use_case
def run_buildspec(wiring: Wiring, file: str, pairs: Collection[str] = ()) -> int:
    """Run one buildspec on this machine, in a copy of what git tracks, with an environment built from nothing.

    The artifacts are kept in .lockstep/builds/, by the file's name, until it runs again.
    """
    say_which(wiring)
    given = variables.given(pairs)
    spec = _read(wiring.root, file)
    vault = wiring.vault() if spec.parameters or spec.secrets else None
    with tempfile.TemporaryDirectory(prefix="lockstep-") as folder:
        scratch = Path(folder)
        source, home = scratch / "src", scratch / "home"
        for made in (source, home):
            made.mkdir()
        wiring.copy_source(source)
        environment, say = {**_facts(wiring, source), **given}, wiring.console.say
        outfit = {**wiring.outfit(), "HOME": str(home), "AWS_EC2_METADATA_DISABLED": "true"}
        machine = own_python.given(outfit, scratch / "python", own_python.current())
        ended = Build(spec, source, scratch, environment, say, wiring.clock, vault, machine).run()
        kept = _keep(ended, wiring.root / ".lockstep" / "builds" / Path(file).stem, wiring.root)
    wiring.console.result(_lines(spec, ended, kept), _document(spec, ended, kept))
    if failed := ended.failed:
        raise DeployError(f"running {file}: {failed.name} failed", failed.message, "the log above says more")
    return 0


def _read(root: Path, file: str) -> Buildspec:
    path = root / file
    if not path.resolve().is_relative_to(root.resolve()) or not path.is_file():
        raise ConfigError(f"reading {file}", "there is no such file in the working tree")
    try:
        return buildspec.parse(path.read_text(encoding="utf-8"), file)
    except UnicodeDecodeError as error:
        raise ConfigError(f"reading {file}", "it is not UTF-8") from error


def _facts(wiring: Wiring, source: Path) -> dict[str, str]:
    """Return what CodeBuild and a pipeline tell a build of itself and of its source."""
    settings, commit = wiring.settings(), wiring.commit()
    job = variables.Job(
        project=f"{settings.project}-local",
        id=str(uuid.uuid4()),
        initiator="local",
        source_version=commit.sha,
        commit=commit.sha,
        folder=str(source),
        image="local",
        started=round(datetime.fromisoformat(wiring.clock.now()).timestamp() * 1000),
    )
    said = {
        "LOCKSTEP_CONFIG": settings.path.as_posix(),
        "LOCKSTEP_COMMIT": commit.sha,
        "LOCKSTEP_BRANCH": commit.branch,
    }
    return {**variables.of(job, settings.names), **said}


def _keep(ended: BuildOutcome, folder: Path, root: Path) -> dict[str, str]:
    """Move the artifacts to where they outlive the build, and return their paths below the working tree."""
    shutil.rmtree(folder, ignore_errors=True)
    kept = {}
    for name, path in ended.artifacts.items():
        target = folder / (f"secondary/{name}.zip" if name != PRIMARY else "primary.zip")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, target)
        kept[name] = target.relative_to(root).as_posix()
    return kept


def _lines(spec: Buildspec, ended: BuildOutcome, kept: Mapping[str, str]) -> tuple[str, ...]:
    return (
        f"{spec.file}: {_state(ended)}",
        *(f"  {name}={value!r}" for name, value in ended.exported.items()),
        *(f"  artifact {name or 'primary'}: {path}" for name, path in kept.items()),
    )


def _document(spec: Buildspec, ended: BuildOutcome, kept: Mapping[str, str]) -> dict[str, object]:
    return {
        "file": spec.file,
        "state": _state(ended),
        "phases": [vars(phase) for phase in ended.phases],
        "exported": dict(ended.exported),
        "artifacts": dict(kept),
    }


def _state(ended: BuildOutcome) -> str:
    return FAILED if ended.failed else SUCCEEDED
