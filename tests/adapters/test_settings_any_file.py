"""Whatever a settings file holds: never a traceback, and what was written is what is read."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep import settings
from lockstep.errors import ConfigError
from lockstep.model import AccountId
from lockstep.names import RESERVED

GOOD = """
project = "acme"
region = "eu-west-1"
tooling.account = "111111111111"
environments = [{ name = "test", account = "222222222222" }]
"""


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
ORGANIZATION = st.just("") | st.from_regex("o-[a-z0-9]{10,32}", fullmatch=True)
PARAMETERS = st.dictionaries(WORD.map(str.lower), st.dictionaries(WORD, PRINTABLE, max_size=2), max_size=2)


def admin_role(account: AccountId) -> st.SearchStrategy[str | None]:
    """Return no role, or one of this account."""
    return st.none() | WORD.map(lambda name: f"arn:aws:iam::{account}:role/{name}")


@st.composite
def good_settings(draw: st.DrawFn) -> settings.Settings:
    """Draw settings that keep every rule."""
    region = draw(st.sampled_from(("eu-west-1", "us-gov-east-1", "cn-north-1")))
    names = draw(st.lists(NAME, min_size=1, max_size=4, unique=True))
    accounts = draw(st.lists(ACCOUNT.map(AccountId), min_size=len(names) + 1, max_size=len(names) + 1, unique=True))
    project = draw(st.from_regex("[a-z][a-z0-9]{1,9}", fullmatch=True))
    tooling = settings.Tooling(
        account=accounts[0],
        profile=draw(PROFILE),
        admin_role=draw(admin_role(accounts[0])),
        developers=draw(PRINCIPALS),
        tags=draw(TAGS),
    )
    targets = tuple(
        settings.EnvironmentSettings(
            name=name,
            account=account,
            region=region,
            admin_profile=draw(PROFILE),
            admin_role=draw(admin_role(account)),
            deployers=draw(PRINCIPALS),
            protect=draw(st.booleans()),
            tags=draw(TAGS),
            parameters=draw(PARAMETERS),
        )
        for name, account in zip(names, accounts[1:], strict=True)
    )
    where = (Path("x.toml"), project, region, tooling, targets)
    return settings.Settings(*where, sandbox=draw(st.booleans()), organization=draw(ORGANIZATION))


def inline(value: object) -> str:
    """Return a value as TOML on one line; an iterable of pairs, such as a table of the schema, as a table."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(inline(inner) for inner in value)}]"
    pairs = value.items() if isinstance(value, dict) else dict(value).items()  # type: ignore[call-overload]  # a table of the schema
    return "{" + ", ".join(f'"{key}" = {inline(inner)}' for key, inner in pairs if inner is not None) + "}"


@hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
@given(good_settings())
def test_settings_come_back_as_they_were_written(file: Path, wanted: settings.Settings) -> None:
    """Settings that keep every rule mean the same after they were written to a file and read again."""
    lines = [f'project = "{wanted.project}"', f'region = "{wanted.region}"', f"tooling = {inline(wanted.tooling)}"]
    lines += [f'organization = "{wanted.organization}"'] if wanted.organization else []
    lines += [f"environments = {inline(wanted.targets)}", *(["[sandbox]"] if wanted.sandbox else [])]
    file.write_text("\n".join(lines), encoding="utf-8")

    loaded = settings.load(file, file.parent)

    assert loaded == wanted
