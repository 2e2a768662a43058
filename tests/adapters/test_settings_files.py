"""Which settings file is meant, and whether the files that we ship are good ones."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from lockstep import process, settings
from lockstep.errors import ConfigError
from lockstep.model import AccountId, Environment, OnFailure, Severity

ROOT = Path(__file__).parents[2]
IN_CODEBUILD = {"CODEBUILD_BUILD_ID": "acme:1"}
GOOD = """
project = "acme"
region = "eu-west-1"
tooling.account = "111111111111"
environments = [{ name = "test", account = "222222222222" }]
"""


def tree(root: Path, *files: str) -> Path:
    """Write good settings to each of `files` below `root`, and return it."""
    for file in files:
        (root / file).parent.mkdir(exist_ok=True)
        (root / file).write_text(GOOD, encoding="utf-8")
    return root


def test_a_fresh_clone_means_the_sandbox(tmp_path: Path) -> None:
    """Without settings of one's own the sandbox is meant."""
    root = tree(tmp_path, "infra/sandbox.toml")

    assert settings.find(root, {}) == root / "infra/sandbox.toml"


@pytest.mark.parametrize("environ", [{}, IN_CODEBUILD, {"LOCKSTEP_CONFIG": ""}])
def test_settings_of_ones_own_come_before_the_sandbox(tmp_path: Path, environ: dict[str, str]) -> None:
    """An environments.toml is meant wherever there is one."""
    root = tree(tmp_path, "infra/sandbox.toml", "infra/environments.toml")

    assert settings.find(root, environ) == root / "infra/environments.toml"


def test_lockstep_config_comes_first(tmp_path: Path) -> None:
    """LOCKSTEP_CONFIG names another file, from the repository's root; inside CodeBuild it may be the sandbox's."""
    root = tree(tmp_path, "infra/sandbox.toml", "infra/environments.toml")

    found = settings.find(root, {"LOCKSTEP_CONFIG": "infra/sandbox.toml"} | IN_CODEBUILD)

    assert found == root / "infra/sandbox.toml"


def test_lockstep_config_that_names_nothing(tmp_path: Path) -> None:
    """A LOCKSTEP_CONFIG that names no file is an error: nothing else is taken in its place."""
    root = tree(tmp_path, "infra/environments.toml")

    with pytest.raises(ConfigError) as caught:
        settings.find(root, {"LOCKSTEP_CONFIG": "mine.toml"})

    assert str(caught.value) == (
        "error: LOCKSTEP_CONFIG names 'mine.toml'\n  answer: no such file\n  next: correct or unset it"
    )


def test_codebuild_never_means_the_sandbox_by_default(tmp_path: Path) -> None:
    """Inside CodeBuild the lack of settings is an error, not a deployment to the sandbox that passes for one."""
    root = tree(tmp_path, "infra/sandbox.toml")

    with pytest.raises(ConfigError) as caught:
        settings.find(root, IN_CODEBUILD)

    assert str(caught.value) == (
        "error: there is no infra/environments.toml, and inside CodeBuild the sandbox is never chosen by default\n"
        "  next: commit infra/environments.toml; infra/environments.example.toml shows every key"
    )


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_files_are_named_from_the_root(tmp_path: Path, mark: bytes) -> None:
    """A file is read, even with the mark that some editors begin it with, and called by its path from the root."""
    file = tmp_path / "infra.toml"
    file.write_bytes(mark + GOOD.replace("\n", "\r\n").encode())

    loaded = settings.load(file, tmp_path)

    assert (loaded.path, loaded.project) == (Path("infra.toml"), "acme")


@pytest.mark.parametrize("root", [None, Path("/elsewhere")])
def test_files_outside_the_root(tmp_path: Path, root: Path | None) -> None:
    """A file that is not below the root is called by the path that it was given."""
    file = tree(tmp_path, "infra/sandbox.toml") / "infra/sandbox.toml"

    assert settings.load(file, root).path == file


def test_files_that_are_not_there(tmp_path: Path) -> None:
    """A file that cannot be read is answered with the system's reason."""
    with pytest.raises(ConfigError) as caught:
        settings.load(tmp_path / "infra/sandbox.toml", tmp_path)

    assert str(caught.value) == (
        "error: cannot read infra/sandbox.toml\n"
        "  answer: No such file or directory\n"
        "  next: see infra/environments.example.toml"
    )


def test_files_that_are_not_text(tmp_path: Path) -> None:
    """A file that is not UTF-8 is refused as such."""
    (tmp_path / "x.toml").write_bytes(b'project = "\xff"')

    with pytest.raises(ConfigError) as caught:
        settings.load(tmp_path / "x.toml", tmp_path)

    assert str(caught.value) == (
        "error: cannot read x.toml\n  answer: it is not UTF-8\n  next: see infra/environments.example.toml"
    )


def test_the_sandbox_that_we_ship() -> None:
    """The sandbox has three accounts; developers deploy to test, and to prod, which is protected, only the releaser."""
    sandbox = settings.load(ROOT / settings.SANDBOX, ROOT)

    assert sandbox == settings.Settings(
        path=Path("infra/sandbox.toml"),
        project="lockstep",
        region="eu-west-1",
        tooling=settings.Tooling(
            account=AccountId("111111111111"),
            profile="lockstep-sandbox-developer",
            admin_profile="lockstep-sandbox-tooling-admin",
            developers=("arn:aws:iam::111111111111:user/developer",),
        ),
        targets=(
            settings.EnvironmentSettings(
                name="test",
                account=AccountId("222222222222"),
                region="eu-west-1",
                admin_profile="lockstep-sandbox-test-admin",
                deployers=("arn:aws:iam::111111111111:role/lockstep-developer",),
            ),
            settings.EnvironmentSettings(
                name="prod",
                account=AccountId("333333333333"),
                region="eu-west-1",
                admin_profile="lockstep-sandbox-prod-admin",
                deployers=("arn:aws:iam::111111111111:user/releaser",),
                protect=True,
                approval=True,
                scan_threshold=Severity.HIGH,
            ),
        ),
        sandbox=True,
        pipeline=settings.PipelineSettings(
            source=settings.Source.CODECONNECTIONS,
            repository="here/lockstep",
            branch="main",
            connection="arn:aws:codeconnections:eu-west-1:111111111111:connection/00000000-0000-0000-0000-000000000000",
            branches=("feature/**",),
        ),
    )


def test_developers_of_the_sandbox_are_the_role_that_may_deploy_to_test() -> None:
    """The role that may deploy to the sandbox's test is the very one that its developers take."""
    sandbox = settings.load(ROOT / settings.SANDBOX, ROOT)

    assert sandbox.environment("test").deployers == (sandbox.names.developer_role,)


def test_the_example_that_we_ship_is_good() -> None:
    """The example is valid as it stands, and does not mean the sandbox."""
    example = settings.load(ROOT / settings.EXAMPLE, ROOT)

    assert (example.sandbox, example.environments) == (
        False,
        (
            Environment(
                "test",
                AccountId("222222222222"),
                "eu-west-1",
                (("Stage", "test"),),
                (("hello", (("LogLevel", "DEBUG"),)),),
                scan_threshold=Severity.CRITICAL,
                on_failure=OnFailure.RETRY,
            ),
            Environment("prod", AccountId("333333333333"), "eu-west-1", protect=True),
        ),
    )


def test_the_example_that_we_ship_is_complete() -> None:
    """The example shows every key that there is, but for the mark of the sandbox, which it tells of."""
    example = tomllib.loads((ROOT / settings.EXAMPLE).read_text(encoding="utf-8"))

    tables = example["tooling"], example["pipeline"], example["environments"][0]

    assert tuple(map(set, (example, *tables))) == (
        {"project", "region", "organization", "tooling", "pipeline", "environments"},
        set(settings.Tooling.model_fields),
        set(settings.PipelineSettings.model_fields),
        set(settings.EnvironmentSettings.model_fields),
    )


def test_reading_settings_needs_neither_aws_nor_docker() -> None:
    """Settings are read without loading what talks to AWS or to Docker."""
    code = "import sys, lockstep.settings; print(sorted({'boto3', 'botocore', 'docker'} & set(sys.modules)))"

    completed = process.run((sys.executable, "-c", code), {}, cwd=ROOT)

    assert completed == process.Completed(0, "[]")
