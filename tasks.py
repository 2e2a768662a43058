"""The door: tasks, their flags and their help. What they do is in lockstep/app.py."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke import Collection, Context, Program, task

if TYPE_CHECKING:
    from lockstep.ports import Wiring

ROOT = Path(__file__).parent
JSON = "print one JSON document on stdout; words go to stderr"
PROFILE = "AWS profile to start from, instead of tooling.profile"
SERVICE = "only this service; may be given more than once"
# Optional to Invoke, required by us: Invoke takes whatever comes next, even --help, for what it requires itself.
ENV = "the environment's name"
FORCE = "pass the gates that refuse the release, where the environment's settings allow it; it is recorded"
ALLOW_REPLACE = "replace or remove what holds data, where a protected environment would refuse it"
# Invoke takes whatever follows a task that wants a file for that file.
HELP = ("--help", "-h")
WAIT = "wait while somebody else deploys there, instead of ending with 8"


def _open(c: Context, json: bool, profile: str | None = None) -> Wiring:
    """Open the outside: the real one, or in a test the one that its configuration holds."""
    from lockstep import errors, wiring

    if c.config.run.dry:
        # Invoke's own dry run echoes shell commands, of which there are none: the task would run in earnest.
        error = errors.ConfigError("running a task with invoke --dry", "tasks run no shell", "use its --dry-run")
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    wiring.end_on_termination()
    wire: Any = c.config.get("wiring", wiring.RealWiring)
    opened: Wiring = wire(ROOT, as_json=json, profile=profile)
    return opened


def _end(exit_code: int) -> None:
    """End the run where a task failed; let the next one begin where it did not: `invoke build push`."""
    if exit_code:
        sys.exit(exit_code)


def _explain(task_name: str) -> None:
    """Print a task's help and end the run, where Invoke has taken --help for the value that the task wants."""
    # A copy: Invoke takes the help texts out of the tasks that it runs.
    Program(namespace=copy.deepcopy(namespace)).run(["invoke", "--help", task_name])


@task(help={"json": JSON, "profile": PROFILE})
def doctor(c: Context, profile: str | None = None, json: bool = False) -> None:
    """Check tools, engine, configuration and accounts.

    Example: invoke doctor
    """
    from lockstep import administration

    _end(administration.doctor(_open(c, json, profile)))


@task(iterable=["service"], help={"service": SERVICE, "json": JSON, "profile": PROFILE})
def build(c: Context, service: list[str], profile: str | None = None, json: bool = False) -> None:
    """Build the services' images on this machine.

    Example: invoke build
    """
    from lockstep import app

    _end(app.build(_open(c, json, profile), service))


@task(iterable=["service"], help={"service": SERVICE, "json": JSON, "profile": PROFILE})
def push(c: Context, service: list[str], profile: str | None = None, json: bool = False) -> None:
    """Push built images to the tooling account.

    Example: invoke push
    """
    from lockstep import app

    _end(app.push(_open(c, json, profile), service))


@task(iterable=["service"], help={"service": SERVICE, "json": JSON, "profile": PROFILE})
def package(c: Context, service: list[str], profile: str | None = None, json: bool = False) -> None:
    """Package templates, each image by its digest.

    Example: invoke package
    """
    from lockstep import app

    _end(app.package(_open(c, json, profile), service))


@task(
    help={
        "shard": "make the builds of this share of the services only, 1/2 for the first of two, and publish nothing",
        "id": "print the release's name alone on stdout; words go to stderr",
        "json": JSON,
        "profile": PROFILE,
    }
)
def release(
    c: Context,
    shard: str | None = None,
    id: bool = False,  # noqa: A002 - Invoke names the flag after it
    profile: str | None = None,
    json: bool = False,
) -> None:
    """Build, push, package and publish a release.

    Example: invoke release
    """
    from lockstep import app

    _end(app.release(_open(c, json or id, profile), shard, id_alone=id))


@task(
    iterable=["service"],
    help={
        "env": ENV,
        "release": "deploy this release (its name, or the start of it); default: one made from the working tree",
        "service": SERVICE,
        "branch": "deploy beside what the environment runs, for this feature branch, until invoke destroy --branch",
        "dry-run": "show what `invoke plan` shows and change nothing in the environment",
        "force": FORCE,
        "allow-replace": ALLOW_REPLACE,
        "wait": WAIT,
        "profile": PROFILE,
        "json": JSON,
    },
)
def deploy(
    c: Context,
    service: list[str],
    env: str | None = None,
    release: str | None = None,
    branch: str | None = None,
    dry_run: bool = False,
    force: bool = False,
    allow_replace: bool = False,
    wait: bool = False,
    profile: str | None = None,
    json: bool = False,
) -> None:
    """Bring an environment to a release, smoke-test it.

    Example: invoke deploy --env test
    """
    from lockstep import deploying

    wish = deploying.Wish(service, force, wait, dry_run, allow_replace, branch)
    _end(deploying.deploy(_open(c, json, profile), env, release, wish))


@task(
    iterable=["service"],
    help={
        "env": ENV,
        "release": "plan for this release (its name, or the start of it); default: one made from the working tree",
        "service": SERVICE,
        "brief": "print one line on stdout, as one who may only look; words go to stderr, and no gate is asked",
        "profile": PROFILE,
        "json": JSON,
    },
)
def plan(
    c: Context,
    service: list[str],
    env: str | None = None,
    release: str | None = None,
    brief: bool = False,
    profile: str | None = None,
    json: bool = False,
) -> None:
    """Show what a deployment would change.

    Example: invoke plan --env prod --release 0123abcd
    """
    from lockstep import deploying, looking

    wiring = _open(c, json or brief, profile)
    if brief:
        _end(looking.brief(wiring, env, release, service, as_json=json))
    else:
        _end(deploying.deploy(wiring, env, release, deploying.Wish(service, dry_run=True)))


@task(
    iterable=["service"],
    help={
        "to": "the environment to bring the release to",
        "from": "the environment whose release it is; default: the one before it in the order of the settings",
        "service": SERVICE,
        "dry-run": "show the plan and change nothing in the environment",
        "force": FORCE,
        "allow-replace": ALLOW_REPLACE,
        "wait": WAIT,
        "profile": PROFILE,
        "json": JSON,
    },
)
def promote(
    c: Context,
    service: list[str],
    to: str | None = None,
    from_: str | None = None,
    dry_run: bool = False,
    force: bool = False,
    allow_replace: bool = False,
    wait: bool = False,
    profile: str | None = None,
    json: bool = False,
) -> None:
    """Bring what runs in one environment to the next.

    Example: invoke promote --to prod
    """
    from lockstep import deploying

    wish = deploying.Wish(service, force, wait, dry_run, allow_replace)
    _end(deploying.promote(_open(c, json, profile), to, from_, wish))


@task(
    iterable=["service"],
    help={
        "env": ENV,
        "to": "go back to this release, which ran there (its name, or the start of it); default: the one before",
        "service": SERVICE,
        "dry-run": "show the plan and change nothing in the environment",
        "force": FORCE,
        "allow-replace": ALLOW_REPLACE,
        "wait": WAIT,
        "profile": PROFILE,
        "json": JSON,
    },
)
def rollback(
    c: Context,
    service: list[str],
    env: str | None = None,
    to: str | None = None,
    dry_run: bool = False,
    force: bool = False,
    allow_replace: bool = False,
    wait: bool = False,
    profile: str | None = None,
    json: bool = False,
) -> None:
    """Bring an environment back to an earlier release.

    Example: invoke rollback --env test
    """
    from lockstep import deploying

    wish = deploying.Wish(service, force, wait, dry_run, allow_replace)
    _end(deploying.roll_back(_open(c, json, profile), env, to, wish))


@task(iterable=["service"], help={"env": ENV, "service": SERVICE, "profile": PROFILE, "json": JSON})
def smoke(
    c: Context, service: list[str], env: str | None = None, profile: str | None = None, json: bool = False
) -> None:
    """Run the smoke tests in an environment.

    Example: invoke smoke --env test
    """
    from lockstep import looking

    _end(looking.smoke(_open(c, json, profile), env, service))


@task(
    iterable=["service"],
    help={
        "env": ENV,
        "service": SERVICE,
        "branch": "test what this feature branch has beside the environment",
        "profile": PROFILE,
        "json": JSON,
    },
)
def integration(
    c: Context,
    service: list[str],
    env: str | None = None,
    branch: str | None = None,
    profile: str | None = None,
    json: bool = False,
) -> None:
    """Run services' integration tests in an environment.

    Example: invoke integration --env test
    """
    from lockstep import looking

    _end(looking.integration(_open(c, json, profile), env, service, branch))


@task(
    help={
        "drift": "ask CloudFormation, too, what was changed beside it; takes some seconds for each stack",
        "json": JSON,
        "profile": PROFILE,
    }
)
def status(c: Context, drift: bool = False, profile: str | None = None, json: bool = False) -> None:
    """Show what runs in every environment.

    Example: invoke status
    """
    from lockstep import looking

    _end(looking.status(_open(c, json, profile), drift=drift))


@task(help={"env": ENV, "last": "how many deployments, the last ones; default: 20", "profile": PROFILE, "json": JSON})
def history(
    c: Context, env: str | None = None, last: str = "20", profile: str | None = None, json: bool = False
) -> None:
    """Show what was deployed to an environment, when.

    Example: invoke history --env prod
    """
    from lockstep import looking

    _end(looking.recorded(_open(c, json, profile), env, last))


@task(
    iterable=["service"],
    help={"env": ENV, "service": SERVICE, "yes": "release without asking", "profile": PROFILE, "json": JSON},
)
def unlock(
    c: Context,
    service: list[str],
    env: str | None = None,
    yes: bool = False,
    profile: str | None = None,
    json: bool = False,
) -> None:
    """Release a lock whose holder is dead, after asking.

    Example: invoke unlock --env test
    """
    from lockstep import deploying

    _end(deploying.unlock(_open(c, json, profile), env, service, yes=yes))


@task(
    help={
        "env": "of the environments only this one; tooling in any case",
        "yes": "apply without asking",
        "dry-run": "show what would change and change nothing",
        "json": JSON,
    },
)
def bootstrap(c: Context, env: str | None = None, yes: bool = False, dry_run: bool = False, json: bool = False) -> None:
    """Set up the accounts: roles, bucket, key, images.

    Example: invoke bootstrap
    """
    from lockstep import administration

    _end(administration.set_up(_open(c, json), env, yes=yes, dry_run=dry_run))


@task(iterable=["service"], help={"env": ENV, "service": SERVICE, "profile": PROFILE, "json": JSON})
def permissions(
    c: Context, service: list[str], env: str | None = None, profile: str | None = None, json: bool = False
) -> None:
    """Compare what services need with what is allowed.

    Example: invoke permissions --env test
    """
    from lockstep import administration

    _end(administration.fit(_open(c, json, profile), env, service))


@task(
    help={
        "all": "everything, in every account",
        "env": "everything of this environment; with --service or --branch only that there",
        "service": "this service's stacks, and its images where no environment is named",
        "branch": "the stacks of this feature branch",
        "unprotect": "also what is protected from being deleted",
        "confirm": "the project's name, where nobody is there to be asked for it",
        "dry-run": "show what would go and remove nothing",
        "json": JSON,
    },
)
def destroy(
    c: Context,
    all: bool = False,  # noqa: A002 - Invoke names the flag after it
    env: str | None = None,
    service: str | None = None,
    branch: str | None = None,
    unprotect: bool = False,
    confirm: str = "",
    dry_run: bool = False,
    json: bool = False,
) -> None:
    """Delete what Lockstep made, after asking.

    Example: invoke destroy --env test --dry-run
    """
    from lockstep import administration
    from lockstep.destroy import Asked

    asked = Asked(all, env, service, branch)
    _end(administration.take_down(_open(c, json), asked, unprotect=unprotect, confirm=confirm, dry_run=dry_run))


@task(
    help={
        "keep": "how many of each environment's last deployments to keep the releases of; default: 20",
        "days": "keep what is younger than so many days; default: 30",
        "yes": "remove it; without this it is only shown",
        "json": JSON,
    }
)
def prune(c: Context, keep: str = "20", days: str = "30", yes: bool = False, json: bool = False) -> None:
    """Remove images and releases that nothing needs.

    Example: invoke prune
    """
    from lockstep import pruning

    _end(pruning.clear_out(_open(c, json), keep=keep, days=days, yes=yes))


@task(help={"json": JSON})
def start(c: Context, json: bool = False) -> None:
    """Start the AWS on this machine.

    Example: invoke sandbox.start
    """
    from lockstep import app

    _end(app.sandbox_start(_open(c, json)))


@task(help={"json": JSON})
def stop(c: Context, json: bool = False) -> None:
    """Stop the AWS on this machine; keep its accounts.

    Example: invoke sandbox.stop
    """
    from lockstep import app

    _end(app.sandbox_stop(_open(c, json)))


@task(help={"json": JSON})
def reset(c: Context, json: bool = False) -> None:
    """Stop the AWS on this machine; forget its accounts.

    Example: invoke sandbox.reset
    """
    from lockstep import app

    _end(app.sandbox_reset(_open(c, json)))


@task(name="status", help={"json": JSON})
def sandbox_status(c: Context, json: bool = False) -> None:
    """Show what of the AWS on this machine runs.

    Example: invoke sandbox.status
    """
    from lockstep import app

    _end(app.sandbox_status(_open(c, json)))


@task(
    name="deploy",
    help={"yes": "apply without asking", "dry-run": "show what would change and change nothing", "json": JSON},
)
def pipeline_deploy(c: Context, yes: bool = False, dry_run: bool = False, json: bool = False) -> None:
    """Make or update the pipeline in the tooling account.

    Example: invoke pipeline.deploy --dry-run
    """
    from lockstep import pipelines

    _end(pipelines.deploy(_open(c, json), yes=yes, dry_run=dry_run))


@task(
    name="run",
    iterable=["approve"],
    help={
        "until": "stop after this stage",
        "approve": "give approval in this stage; goes on where an execution waits there; may be given more than once",
        "reject": "end the execution that waits for approval in this stage",
        "commit": "run this commit; default: the newest one of the branch",
        "branch": "run this branch's newest commit by the pipeline that a push to it starts; default: the released one",
        "json": JSON,
    },
)
def pipeline_run(
    c: Context,
    approve: list[str],
    until: str = "",
    reject: str = "",
    commit: str | None = None,
    branch: str | None = None,
    json: bool = False,
) -> None:
    """Run the pipeline that the sandbox has, on this machine.

    Example: invoke pipeline.run --until Release
    """
    from lockstep import pipelines

    _end(pipelines.run(_open(c, json), pipelines.Asked(until, approve, reject, commit, branch)))


@task(
    name="run",
    positional=["file"],
    iterable=["set"],
    help={
        "file": "the buildspec, by its path from the top of the working tree",
        "set": "NAME=VALUE of a variable that the pipeline would set; may be given more than once",
        "profile": PROFILE,
        "json": JSON,
    },
)
def run_buildspec(
    c: Context,
    file: str,
    set: list[str],  # noqa: A002 - Invoke names the flag after it
    profile: str | None = None,
    json: bool = False,
) -> None:
    """Run one buildspec here as CodeBuild would.

    Example: invoke buildspec.run buildspecs/verify.yml
    """
    from lockstep import buildspecs

    if file in HELP:
        _explain("buildspec.run")
    _end(buildspecs.run_buildspec(_open(c, json, profile), file, set))


namespace = Collection(
    doctor, build, push, package, release, plan, deploy, promote, rollback, smoke, integration, status, history, unlock,
    bootstrap, permissions, destroy, prune,
)  # fmt: skip
namespace.add_collection(Collection("buildspec", run_buildspec))
namespace.add_collection(Collection("sandbox", start, stop, reset, sandbox_status))
namespace.add_collection(Collection("pipeline", pipeline_deploy, pipeline_run))
