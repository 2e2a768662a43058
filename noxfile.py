"""The judge: `nox` runs what CI runs, `nox -s demo` shows the main job, `nox -s lock` renews the lock files."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = (
    "lint", "types", "rules", "unit", "templates", "service", "sandbox", "e2e", "privileges", "parity", "coverage",
)  # fmt: skip

ROOT = Path(__file__).parent
SERVICES = sorted(path.parent.name for path in (ROOT / "services").glob("*/tests"))
LINTED = ("lockstep", "tasks.py", "noxfile.py", "tests", "services")
# Four environments, each made once from its lock file and kept: a person's, the sessions', the measured sandbox's, and
# checkov's, which pins much of what the others have.
PERSON, SESSIONS, EMULATOR, CHECKOV = ".venv", ".nox/dev", ".nox/emulator", ".nox/checkov"
LOCKS = {PERSON: "run", SESSIONS: "dev", EMULATOR: "emulator", CHECKOV: "checkov"}


def _environment(session: nox.Session, folder: str) -> Path:
    """Ensure one of the four environments and return where its tools are; every package is checked by its hash."""
    venv, lock = ROOT / folder, f"requirements/{LOCKS[folder]}.txt"
    python, mark, wanted = venv / "bin" / "python", venv / "installed.txt", (ROOT / lock).read_text()
    if not (mark.is_file() and mark.read_text() == wanted and python.exists()):
        session.log(f"Install {lock} into {folder}/")
        session.run(sys.executable, "-m", "venv", "--clear", str(venv), external=True)
        install = ("install", "-q", "--disable-pip-version-check", "--no-deps", "--require-hashes", "-r", lock)
        session.run(str(python), "-m", "pip", *install, external=True)
        mark.write_text(wanted)
    return venv / "bin"


def _run(session: nox.Session, tool: str, *argv: str, env: dict[str, str] | None = None) -> None:
    """Run a tool of the sessions' environment."""
    session.run(str(_environment(session, SESSIONS) / tool), *argv, env=env, external=True)


def _pytest(session: nox.Session, *paths: str, env: dict[str, str] | None = None) -> None:
    """Run tests and keep what they covered for the coverage session."""
    argv = ("-m", "pytest", f"--junit-xml=reports/{session.name}.xml", *paths, *session.posargs)
    _run(session, "coverage", "run", *argv, env={"COVERAGE_FILE": f".coverage.{session.name}", **(env or {})})


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Style, and the style of the docstrings."""
    _run(session, "ruff", "check", *LINTED)
    _run(session, "ruff", "format", "--check", *LINTED)


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """Types, strictly."""
    _run(session, "mypy")


@nox.session(venv_backend="none")
def rules(session: nox.Session) -> None:
    """The never-rules of the design, and what the pipeline says of itself."""
    _run(session, "pytest", "tests/rules", "tests/parity/test_static.py", *session.posargs)


@nox.session(venv_backend="none")
def unit(session: nox.Session) -> None:
    """The pure rooms, the adapters, whole tasks on fakes, and that builds run as CodeBuild's do."""
    _pytest(session, "tests/unit", "tests/adapters", "tests/journeys", "tests/conformance")


@nox.session(venv_backend="none")
def templates(session: nox.Session) -> None:
    """The account templates and the services' templates."""
    services = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "services").glob("*/template.yaml"))
    ours = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "infra").glob("*.yaml"))
    # The pipeline's is judged as it is deployed too: with the stages of its environments.
    _run(session, "python", "-m", "tests.templates.rendered", "reports/rendered")
    rendered = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "reports" / "rendered").glob("*.json"))
    _run(session, "cfn-lint", *ours, *rendered, *services)
    _checkov(session, *ours, *rendered)
    for service in services:
        _run(session, "sam", "validate", "--lint", "--template", service, "--region", _region(), env=_no_account())
    _run(session, "pytest", "tests/templates", *session.posargs)


@nox.session(venv_backend="none")
def table(session: nox.Session) -> None:
    """Write the table of who may do what into docs/security.md anew, out of infra/."""
    _run(session, "python", "-m", "tests.templates.table")


@nox.session
@nox.parametrize("name", SERVICES)
def service(session: nox.Session, name: str) -> None:
    """A service's own tests, with its own requirements and no others."""
    folder = ROOT / "services" / name
    code = sorted(path.parent for path in folder.glob("*/requirements.txt"))
    for requirements in code:
        session.install("--no-deps", "--require-hashes", "-r", str(requirements / "requirements.txt"))
    session.chdir(folder)
    junit = f"--junit-xml={ROOT / 'reports' / f'service-{name}.xml'}"
    argv = ("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", junit, "tests")
    session.run(*argv, env={"PYTHONPATH": ":".join(str(path) for path in code)})


@nox.session(venv_backend="none")
def sandbox(session: nox.Session) -> None:
    """The embedded AWS: that it is mended where it was not like AWS, and holds to IAM. Needs no Docker."""
    python = _environment(session, EMULATOR) / "python"
    _pytest(session, "tests/sandbox", env={"LOCKSTEP_SANDBOX_PYTHON": str(python)})


@nox.session(venv_backend="none")
def e2e(session: nox.Session) -> None:
    """The whole flow, on the real Docker engine and the real SAM CLI. A missing engine is a failure."""
    _pytest(session, "tests/e2e")


@nox.session(venv_backend="none")
def privileges(session: nox.Session) -> None:
    """What e2e was recorded to call, against what the roles may: neither is wider. Run e2e before."""
    _run(session, "pytest", "tests/privileges", *session.posargs)


@nox.session(venv_backend="none")
def parity(session: nox.Session) -> None:
    """That tasks by hand and the pipeline do the same, on the real Docker engine and the real SAM CLI."""
    _pytest(session, "tests/parity")


@nox.session(venv_backend="none")
def coverage(session: nox.Session) -> None:
    """What all the sessions before covered: every branch of the pure rooms, nine tenths of all."""
    _run(session, "coverage", "combine")
    pure = (
        "model", "names", "plan", "report", "account_report", "release", "template", "smoke", "canonical", "errors",
        "preview_report", "stateful", "statements", "iam_changes",
        "settings", "grants", "history", "prune", "scan_exceptions", "shards", "status_report", "intrinsics", "needs",
        "optional", "policy",
        "pipeline/action_variables", "pipeline/batch", "pipeline/buildspec", "pipeline/definition", "pipeline/globs",
        "pipeline/nodes", "pipeline/projects", "pipeline/reading", "pipeline/rendering", "pipeline/stack_actions",
        "pipeline/substitution", "pipeline/variables",
    )  # fmt: skip
    _run(session, "coverage", "report", "--fail-under=100", "--include", ",".join(f"lockstep/{p}.py" for p in pure))
    _run(session, "coverage", "report", "--fail-under=90")


@nox.session(venv_backend="none")
def demo(session: nox.Session) -> None:
    """The main job from nothing: a sandbox with three accounts, a service, test, then prod. Leaves .venv/."""
    say = session.log
    say("1/7  Start the AWS of this machine: three accounts that enforce IAM, and a Docker engine if there is none.")
    _invoke(session, "sandbox.start")
    say("2/7  Set up the accounts: roles, bucket, key, image repositories; each account with its own administrator.")
    _invoke(session, "bootstrap", "--yes")
    say("3/7  Make a release as the developer: build the image, push it, package the template, publish the manifest.")
    made = json.loads(_invoke(session, "release", "--json", silent=True))
    say(f"     The release is {made['release']}. Its images, by digest:")
    for name, built in made["services"].items():
        for function, image in built["images"].items():
            say(f"     {name} {function} {image}")
    say("4/7  Deploy it to test as the developer, and smoke-test it.")
    _invoke(session, "deploy", "--env", "test", "--release", made["release"])
    say("5/7  Promote what runs in test to prod as the releaser, since the developer may not: the same digest.")
    _invoke(session, "promote", "--to", "prod", "--profile", "lockstep-sandbox-releaser")
    say("6/7  See what runs where.")
    _invoke(session, "status")
    say("7/7  Do all of it by the pipeline: the same tasks, started by CodeBuild's steps, each as a role of its own.")
    _invoke(session, "pipeline.deploy", "--yes")
    _invoke(session, "pipeline.run", "--commit", "HEAD", "--approve", "Approve-prod")
    say("Done. To go on: source .venv/bin/activate, change a line of services/hello/app/app.py, and then")
    say("invoke deploy --env test")
    say("All tasks: invoke --list    Stop the sandbox: invoke sandbox.stop    Real accounts: docs/going-to-aws.md")


@nox.session(venv_backend="none")
def lock(session: nox.Session) -> None:
    """Write the lock files anew. Needs uv."""
    for source in sorted([*ROOT.glob("requirements/*.in"), *ROOT.glob("services/*/*/requirements.in")]):
        # The stand-in's packages go onto its own Python, everything else onto any that we support.
        where = (
            ("--python-version", "3.13") if source.stem == "standin" else ("--python-version", "3.11", "--universal")
        )
        with session.chdir(source.parent):
            session.run("uv", "pip", "compile", "--quiet", "--upgrade", *where, "--generate-hashes", "--allow-unsafe",
                        "--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "nox -s lock",
                        source.name, "--output-file", source.with_suffix(".txt").name, external=True)  # fmt: skip


def _invoke(session: nox.Session, *argv: str, silent: bool = False) -> str:
    """Run a task of .venv/ in the sandbox, whatever accounts are configured; with `silent`, return its stdout."""
    invoke, env = _environment(session, PERSON) / "invoke", {"LOCKSTEP_CONFIG": "infra/sandbox.toml"}
    answer = session.run(str(invoke), *argv, env=env, external=True, silent=silent, stderr=None)
    return str(answer)


def _checkov(session: nox.Session, *templates: str) -> None:
    """Judge templates by checkov, which finds no settings and no key of anybody's here, and asks no network."""
    quiet = {"HOME": str(ROOT / ".nox"), "CKV_SKIP_PACKAGE_UPDATE_CHECK": "true"}
    flags = ("--framework", "cloudformation", "--skip-download", "--soft-fail", "--compact", "--output", "json")
    report = ROOT / "reports" / "checkov" / "results_json.json"
    # What an earlier run found says nothing of this one.
    report.unlink(missing_ok=True)
    argv = (*flags, "--output-file-path", str(report.parent), "--file", *templates)
    checkov = str(_environment(session, CHECKOV) / "checkov")
    session.run(checkov, *argv, env=quiet, include_outer_env=False, silent=True, external=True)
    _run(session, "python", "-m", "tests.templates.checkov_report", str(report), *templates)


def _region() -> str:
    """Return the region of the sandbox's settings, for tools that ask for one and use none."""
    import tomllib

    return str(tomllib.loads((ROOT / "infra" / "sandbox.toml").read_text())["region"])


def _no_account() -> dict[str, str]:
    """Return an environment in which no tool finds credentials or sends usage data."""
    return {"SAM_CLI_TELEMETRY": "0", "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none",
            "AWS_EC2_METADATA_DISABLED": "true"}  # fmt: skip
