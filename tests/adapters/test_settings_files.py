"""Which settings file is meant, and whether the files that we ship are good ones."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep import process, settings
from lockstep.errors import ConfigError
from lockstep.model import AccountId, Environment
from lockstep.names import RESERVED

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
    """The sandbox has three accounts; developers deploy to test, and to prod only the releaser."""
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
            ),
        ),
        sandbox=True,
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
            ),
            Environment("prod", AccountId("333333333333"), "eu-west-1"),
        ),
    )


def test_the_example_that_we_ship_is_complete() -> None:
    """The example shows every key that there is, but for the mark of the sandbox, which it tells of."""
    example = tomllib.loads((ROOT / settings.EXAMPLE).read_text(encoding="utf-8"))

    shown = set(example), set(example["tooling"]), set(example["environments"][0])

    assert shown == (
        {"project", "region", "tooling", "environments"},
        set(settings.Tooling.model_fields),
        set(settings.EnvironmentSettings.model_fields),
    )


def test_reading_settings_needs_neither_aws_nor_docker() -> None:
    """Settings are read without loading what talks to AWS or to Docker."""
    code = "import sys, lockstep.settings; print(sorted({'boto3', 'botocore', 'docker'} & set(sys.modules)))"

    completed = process.run((sys.executable, "-c", code), {}, cwd=ROOT)

    assert completed == process.Completed(0, "[]")


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file to write settings to, again and again."""
    return tmp_path_factory.mktemp("settings") / "x.toml"


def said_of(file: Path, content: bytes) -> list[str]:
    """Write a file, read it, and return the lines that are said of it: none where it is good."""
    file.write_bytes(content)
    try:
        settings.load(file, file.parent)
    except ConfigError as error:
        return str(error).splitlines()
    return []


@hypothesis.settings(deadline=None)
@given(st.binary() | st.text().map(str.encode))
def test_no_file_is_our_bug(file: Path, content: bytes) -> None:
    """Whatever a settings file holds, the answer is settings or three lines at most, never a traceback."""
    assert len(said_of(file, content)) <= 3


@hypothesis.settings(deadline=None)
@given(st.integers(0, len(GOOD)), st.integers(0, 9), st.text("[]{}\"'=.,#\nax1 ", max_size=5))
def test_no_slip_is_our_bug(file: Path, place: int, length: int, slip: str) -> None:
    """Whatever slips into a good file, the answer is settings or three lines at most."""
    content = GOOD[:place] + slip + GOOD[place + length :]

    assert len(said_of(file, content.encode())) <= 3


KEYS = st.sampled_from(("project", "sandbox", "tags", "deployers", "parameters.x", "parameters", '"\\n"', "a.b"))
SCALARS = st.sampled_from(('"x"', "1", "1.5", "true", "inf", "1979-05-27", "07:32:00", '"\\u0000"', '"a\\nb"'))
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda values: f"[{', '.join(values)}]")
        | inner.map(lambda value: f'{{ name = {value}, "o d\\nd" = {value} }}')
    ),
    max_leaves=4,
)


@hypothesis.settings(deadline=None)
@given(KEYS, VALUES)
def test_no_value_is_our_bug(file: Path, key: str, value: str) -> None:
    """Whatever stands where something else should, the answer is settings or three lines at most."""
    pair = f"{key} = {value}"

    answers = [
        said_of(file, content.encode())
        for content in (f"{GOOD}tooling.{pair}", GOOD.replace(" }]", f", {pair} }}]"), f"{pair}\n{GOOD}", pair)
    ]

    assert max(len(answer) for answer in answers) <= 3


ACCOUNT = st.from_regex("[0-9]{12}", fullmatch=True)
NAME = st.from_regex("[a-z][a-z0-9]{1,9}", fullmatch=True).filter(lambda name: name not in RESERVED)
WORD = st.from_regex("[A-Z][a-z0-9]{1,5}", fullmatch=True)
PRINTABLE = st.text("abcXYZ019 :/=.@-\u00e9", min_size=1, max_size=8)
TAGS = st.dictionaries(PRINTABLE.filter(lambda key: not key.startswith("aws:")), PRINTABLE, max_size=3)
PROFILE = st.none() | st.sampled_from(("default", "acme admin"))
PRINCIPALS = st.lists(ACCOUNT.map(lambda account: f"arn:aws:iam::{account}:role/x"), max_size=2).map(tuple)
PARAMETERS = st.dictionaries(WORD.map(str.lower), st.dictionaries(WORD, PRINTABLE, max_size=2), max_size=2)


@st.composite
def good_settings(draw: st.DrawFn) -> settings.Settings:
    """Draw settings that keep every rule."""
    region = draw(st.sampled_from(("eu-west-1", "us-gov-east-1", "cn-north-1")))
    names = draw(st.lists(NAME, min_size=1, max_size=4, unique=True))
    accounts = draw(st.lists(ACCOUNT.map(AccountId), min_size=len(names) + 1, max_size=len(names) + 1, unique=True))
    project = draw(st.from_regex("[a-z]([a-z0-9]-[a-z0-9]|[a-z0-9]){1,3}", fullmatch=True))
    tooling = settings.Tooling(account=accounts[0], profile=draw(PROFILE), developers=draw(PRINCIPALS), tags=draw(TAGS))
    targets = tuple(
        settings.EnvironmentSettings(
            name=name,
            account=account,
            region=region,
            admin_profile=draw(PROFILE),
            deployers=draw(PRINCIPALS),
            tags=draw(TAGS),
            parameters=draw(PARAMETERS),
        )
        for name, account in zip(names, accounts[1:], strict=True)
    )
    return settings.Settings(Path("x.toml"), project, region, tooling, targets, sandbox=draw(st.booleans()))


def inline(value: object) -> str:
    """Return a value as TOML on one line; an iterable of pairs, such as a table of the schema, as a table."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return f"[{', '.join(inline(inner) for inner in value)}]"
    pairs = value.items() if isinstance(value, dict) else dict(value).items()  # type: ignore[call-overload]
    return "{" + ", ".join(f'"{key}" = {inline(inner)}' for key, inner in pairs if inner is not None) + "}"


@hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
@given(good_settings())
def test_settings_come_back_as_they_were_written(file: Path, wanted: settings.Settings) -> None:
    """Settings that keep every rule mean the same after they were written to a file and read again."""
    lines = [f'project = "{wanted.project}"', f'region = "{wanted.region}"', f"tooling = {inline(wanted.tooling)}"]
    lines += [f"environments = {inline(wanted.targets)}", *(["[sandbox]"] if wanted.sandbox else [])]
    file.write_text("\n".join(lines), encoding="utf-8")

    loaded = settings.load(file, file.parent)

    assert loaded == wanted
