"""What a settings text means, and what is said of one that means nothing."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep import settings
from lockstep.errors import ConfigError
from lockstep.model import AccountId, Environment
from lockstep.names import RESERVED, Names

FILE = "infra/environments.toml"
TOOLING = 'account = "111111111111"'
TEST = 'name = "test"\naccount = "222222222222"'
PROD = 'name = "prod"\naccount = "333333333333"'


def toml(
    project: str = '"acme"',
    region: str = '"eu-west-1"',
    top: str = "",
    tooling: str = TOOLING,
    environments: tuple[str, ...] = (TEST, PROD),
) -> str:
    """Return a settings text: lines 1 and 2 are project and region, 3 is `top`, [tooling] is 4, [[...]] is 6."""
    tables = "".join(f"[[environments]]\n{environment}\n" for environment in environments)
    return f"project = {project}\nregion = {region}\n{top}\n[tooling]\n{tooling}\n{tables}"


def complaint(text: str) -> str:
    """Return what is said of a text that is refused."""
    with pytest.raises(ConfigError) as caught:
        settings.parse(text, FILE)
    return str(caught.value)


def said(place: str, answer: str, cure: str = f"correct it; {settings.EXAMPLE} explains every key") -> str:
    """Return the three lines of a complaint about a line and its key."""
    return f"error: {FILE}:{place}\n  answer: {answer}\n  next: {cure}"


def test_the_least_that_a_file_says() -> None:
    """A project, a region, the tooling account and one environment are enough; all else is absent, not guessed."""
    text = toml(environments=(TEST,))

    parsed = settings.parse(text, FILE)

    assert parsed == settings.Settings(
        path=Path(FILE),
        project="acme",
        region="eu-west-1",
        tooling=settings.Tooling(account=AccountId("111111111111")),
        targets=(settings.EnvironmentSettings(name="test", account=AccountId("222222222222"), region="eu-west-1"),),
        sandbox=False,
    )


def test_environments_are_in_promotion_order() -> None:
    """Environments come in the order of the file, with the project's region, and their tags and parameters."""
    first = f'{TEST}\ntags = {{ Stage = "test" }}\n[environments.parameters.hello]\nLogLevel = "DEBUG"'

    parsed = settings.parse(toml(environments=(first, PROD)), FILE)

    assert parsed.environments == (
        Environment(
            "test",
            AccountId("222222222222"),
            "eu-west-1",
            (("Stage", "test"),),
            (("hello", (("LogLevel", "DEBUG"),)),),
        ),
        Environment("prod", AccountId("333333333333"), "eu-west-1"),
    )


def test_names_are_those_of_the_project() -> None:
    """The names of a project come from its settings."""
    parsed = settings.parse(toml(), FILE)

    assert parsed.names == Names("acme", AccountId("111111111111"), "eu-west-1")


def test_a_sandbox_table_marks_the_sandbox() -> None:
    """An empty [sandbox] table says that the embedded AWS is meant."""
    parsed = settings.parse(toml(top="[sandbox]"), FILE)

    assert parsed.sandbox


def test_an_environment_by_its_name() -> None:
    """An environment is found by its name, with what bootstrap needs of it."""
    user = "arn:aws:iam::111111111111:user/releaser"
    prod = f'{PROD}\nadmin_profile = "prod admin"\ndeployers = ["{user}"]'
    parsed = settings.parse(toml(environments=(TEST, prod)), FILE)

    found = parsed.environment("prod")

    assert (found.value, found.admin_profile, found.deployers) == (
        parsed.environments[1],
        "prod admin",
        (user,),
    )


@pytest.mark.parametrize(("name", "cure"), [("tset", "did you mean 'test'?"), ("staging", "known here: test, prod")])
def test_an_unknown_environment(name: str, cure: str) -> None:
    """An unknown environment is answered with the file that names the known ones, and the nearest of them."""
    parsed = settings.parse(toml(), FILE)

    with pytest.raises(ConfigError) as caught:
        parsed.environment(name)

    assert str(caught.value) == (
        f"error: unknown environment '{name}'\n  answer: infra/environments.toml names test, prod\n  next: {cure}"
    )


@pytest.mark.parametrize(
    ("text", "place", "answer", "cure"),
    [
        (toml(top='projct = "x"'), "3: cannot use projct", "unknown key 'projct'", "did you mean 'project'?"),
        (
            toml(tooling=f'{TOOLING}\nprofil = "x"'),
            "6: cannot use tooling.profil",
            "unknown key 'profil'",
            "did you mean 'profile'?",
        ),
        (
            toml(environments=(TEST, f"{PROD}\ndeployer = []")),
            "12: cannot use environments[1].deployer",
            "unknown key 'deployer'",
            "did you mean 'deployers'?",
        ),
        (
            toml(top='"a b" = 1'),
            "3: cannot use 'a b'",
            "unknown key 'a b'",
            "known here: project, region, sandbox, tooling, environments",
        ),
        (toml(top="[sandbox]\nx = 1"), "4: cannot use sandbox.x", "unknown key 'x'", "known here: nothing"),
    ],
)
def test_unknown_keys(text: str, place: str, answer: str, cure: str) -> None:
    """A key that is not known is refused with file, line, the whole key and the nearest one that is known."""
    assert complaint(text) == said(place, answer, cure)


def test_a_misspelt_key_is_shown_before_the_key_that_it_leaves_missing() -> None:
    """A misspelt key is shown first, though the line of the key that is then missing comes before it."""
    text = toml(tooling='acount = "111111111111"')

    told = complaint(text)

    assert told == said("5: cannot use tooling.acount", "unknown key 'acount' (and 1 more)", "did you mean 'account'?")


@pytest.mark.parametrize(
    ("text", "place", "answer"),
    [
        (toml(tooling=""), "4: cannot use tooling.account", "it is missing"),
        (
            toml(environments=()),
            "1: cannot use environments",
            "it is missing",
        ),
        (
            toml(environments=(), top="environments = []"),
            "3: cannot use environments",
            "it is empty: there has to be one environment at least",
        ),
        ("", "1: cannot use project", "it is missing (and 3 more)"),
    ],
)
def test_missing_keys(text: str, place: str, answer: str) -> None:
    """A key that is missing is shown with the line of its table."""
    assert complaint(text) == said(place, answer)


@pytest.mark.parametrize(
    ("text", "place", "answer"),
    [
        (
            toml(tooling="account = 111111111111"),
            "5: cannot use tooling.account",
            "it is not text: put it between quotes",
        ),
        (
            toml(environments=(f"{TEST}\nparameters.hello.Size = 3",)),
            "9: cannot use environments[0].parameters.hello.Size",
            "it is not text: put it between quotes",
        ),
        (
            toml(environments=(f"{TEST}\ntags.Live = true",)),
            "9: cannot use environments[0].tags.Live",
            "it is not text: put it between quotes",
        ),
        (
            toml(environments=(f'{TEST}\nparameters.hello = "x"',)),
            "9: cannot use environments[0].parameters.hello",
            "it is not a table: put its keys below a [header] or between braces",
        ),
        (
            toml(top="sandbox = true"),
            "3: cannot use sandbox",
            "it is not a table: put its keys below a [header] or between braces",
        ),
        (
            toml(environments=(), top="[environments]"),
            "3: cannot use environments",
            "it is not an array: use square brackets; environments go below [[environments]]",
        ),
    ],
)
def test_values_of_the_wrong_type(text: str, place: str, answer: str) -> None:
    """A value of the wrong type is refused with the way to write it; no number or truth value passes for text."""
    assert complaint(text) == said(place, answer)


@pytest.mark.parametrize("project", ["a", "Acme", "acme-", "acme--shop", "1acme", "a" * 17, "acme_shop", ""])
def test_project_names(project: str) -> None:
    """A project's name is 2 to 16 lower-case letters, digits and single hyphens inside, a letter first."""
    assert complaint(toml(project=f'"{project}"')) == said(
        "1: cannot use project",
        f"'{project}' is not a project name: 2 to 16 of a-z, 0-9, single hyphens",
    )


@pytest.mark.parametrize("name", ["t", "Test", "te-st", "1test", "a" * 11, ""])
def test_environment_names(name: str) -> None:
    """An environment's name is 2 to 10 lower-case letters and digits, a letter first."""
    environment = f'name = "{name}"\naccount = "222222222222"'

    told = complaint(toml(environments=(environment,)))

    assert told == said(
        "7: cannot use environments[0].name",
        f"'{name}' is not an environment name: 2 to 10 of a-z and 0-9, a letter first",
    )


@pytest.mark.parametrize("name", sorted(name for name in RESERVED if len(name) <= 10))
def test_reserved_environment_names(name: str) -> None:
    """An environment may not be called like a part of the names in the tooling account."""
    environment = f'name = "{name}"\naccount = "222222222222"'

    told = complaint(toml(environments=(environment,)))

    assert told == said("7: cannot use environments[0].name", f"'{name}' is a part of our own names")


def test_project_and_environment_together() -> None:
    """A project's and an environment's name have 20 letters together, so that CloudFormation keeps the prefix."""
    text = toml(project='"acme-warehouse-1"', environments=(TEST, 'name = "final"\naccount = "333333333333"'))

    told = complaint(text)

    assert told == said(
        "10: cannot use environments[1].name",
        "'final' is too long: over 20 letters with the project's, names CloudFormation derives lose our prefix",
    )


def test_an_environments_name_twice() -> None:
    """No two environments have one name."""
    text = toml(environments=(TEST, 'name = "test"\naccount = "333333333333"'))

    told = complaint(text)

    assert told == said("10: cannot use environments[1].name", "'test' is the name of an earlier environment")


@pytest.mark.parametrize("account", ["1234", "1111-2222-3333", "\u0661" * 12, "1" * 13, "12345678901x"])
def test_account_ids(account: str) -> None:
    """An account id is 12 digits and nothing else."""
    assert complaint(toml(tooling=f'account = "{account}"')) == said(
        "5: cannot use tooling.account",
        f"'{account}' is not an account id: 12 digits between quotes, no hyphens",
    )


@pytest.mark.parametrize("account", ["111111111111", "222222222222"])
def test_accounts_are_distinct(account: str) -> None:
    """No environment shares its account with tooling or with another environment."""
    text = toml(environments=(TEST, f'name = "prod"\naccount = "{account}"'))

    told = complaint(text)

    assert told == said(
        "11: cannot use environments[1].account",
        f"'{account}' is the account of an earlier table; each has its own",
    )


@pytest.mark.parametrize("region", ["eu-west", "EU-WEST-1", "west-1", "eu-west-1a", "eu-west-1\\n"])
def test_regions(region: str) -> None:
    """A region is written as AWS writes it."""
    shown = region.replace("\\n", "\n")

    told = complaint(toml(region=f'"{region}"'))

    assert told == said("2: cannot use region", f"{shown!r} is not a region's code")


def test_a_region_of_its_own() -> None:
    """An environment in another region than the project's is refused, since Lambda could not pull the image."""
    told = complaint(toml(environments=(f'{TEST}\nregion = "eu-north-1"',)))

    assert told == said(
        "9: cannot use environments[0].region",
        "'eu-north-1' is not 'eu-west-1': Lambda pulls images only from ECR in its own region",
    )


def test_a_region_said_twice() -> None:
    """An environment may say the project's region again; a region of several words is one too."""
    text = toml(region='"us-gov-west-1"', environments=(f'{TEST}\nregion = "us-gov-west-1"',))

    parsed = settings.parse(text, FILE)

    assert parsed.environments[0].region == "us-gov-west-1"


@pytest.mark.parametrize(
    "arn",
    [
        "*",
        "arn:aws:iam::111111111111:root",
        "arn:aws:iam::111111111111:role/*",
        "arn:aws:iam::*:role/x",
        "arn:aws:iam::1111:user/x",
        "arn:aws:sts::111111111111:assumed-role/x/y",
        "arn:aws:iam::111111111111:group/x",
        "arn:aws:iam::111111111111:role/",
        "111111111111",
    ],
)
def test_principals(arn: str) -> None:
    """Who may act is named exactly: one role or user, no wildcard and no whole account."""
    good = "arn:aws:iam::111111111111:role/path/to/some.body@acme"
    text = toml(tooling=f'{TOOLING}\ndevelopers = [\n  "{good}",\n  "{arn}",\n]')

    told = complaint(text)

    assert told == said(
        "6: cannot use tooling.developers[1]",
        f"'{arn}' is not the ARN of one IAM role or user: exact, with no * and no :root",
    )


@pytest.mark.parametrize("key", ["aws:x", "AWS:cloudformation", "lockstep:release", "", "t" * 129])
def test_tag_keys(key: str) -> None:
    """Tags that AWS or Lockstep set are not for anyone else."""
    text = toml(tooling=f'{TOOLING}\n[tooling.tags]\nFine = "1"\n"{key}" = "2"')
    shown = repr(key if len(key) < 60 else "t" * 60 + "...")

    told = complaint(text)

    assert told == said(
        f"8: cannot use tooling.tags.{shown}",
        f"{shown} is not a tag of yours: 1 to 128 letters, not aws: or lockstep:",
    )


def test_parameter_names() -> None:
    """A template's parameter has letters and digits in its name, and nothing that could end an argument early."""
    told = complaint(toml(environments=(f'{TEST}\nparameters.hello."Log=Level" = "x"',)))

    assert told == said(
        "9: cannot use environments[0].parameters.hello.'Log=Level'",
        "'Log=Level' is not a template parameter: letters and digits only",
    )


@pytest.mark.parametrize("profile", ["", " x", "a\\tb"])
def test_profiles(profile: str) -> None:
    """A profile is a name; one that is empty is not taken for an absent one."""
    told = complaint(toml(tooling=f'{TOOLING}\nprofile = "{profile}"'))

    assert told == said(
        "6: cannot use tooling.profile",
        f"{profile.replace(chr(92) + 't', chr(9))!r} is not the name of an AWS profile",
    )


def test_the_first_problem_is_the_highest_in_the_file() -> None:
    """Of several problems the one highest in the file is shown, with the number of the others."""
    text = toml(region='"here"', environments=('name = "T"\naccount = "2"\nextra = 1',))

    told = complaint(text)

    assert told == said("2: cannot use region", "'here' is not a region's code (and 3 more)")


def test_long_values_are_cut() -> None:
    """A value of more than 60 letters is not repeated whole."""
    told = complaint(toml(project=f'"{"x" * 61}"'))

    assert told == said(
        "1: cannot use project",
        f"'{'x' * 60}...' is not a project name: 2 to 16 of a-z, 0-9, single hyphens",
    )


@pytest.mark.parametrize(
    ("text", "place", "answer"),
    [
        ("project = \n", f"{FILE}:1", "Invalid value (at line 1, column 11)"),
        ("a = 1\nb = 2\na = 3", f"{FILE}:3", "Cannot overwrite a value (at line 3, column 6)"),
        ("a = '''", FILE, "Expected \"'''\" (at end of document)"),
        (
            "a = '\ud800'",
            FILE,
            r"'utf-8' codec can't encode character '\ud800' in position 5: surrogates not allowed",
        ),
    ],
)
def test_texts_that_are_no_toml(text: str, place: str, answer: str) -> None:
    """What is no TOML is refused with the line and column that the parser gives."""
    assert complaint(text) == (f"error: {place}: this is not TOML\n  answer: {answer}\n  next: see {settings.EXAMPLE}")


@pytest.mark.parametrize("text", [f"a = {'[' * 9000}", f"a = {'1' * 5000}"])
def test_texts_that_the_parser_gives_up_on(text: str) -> None:
    """What is nested, or numbered, beyond measure is a mistake in the file and no fault of ours."""
    assert complaint(text).startswith(f"error: {FILE}: this is not TOML\n")


def test_texts_that_are_too_long() -> None:
    """A text longer than any settings file is not even parsed."""
    assert complaint(f"{toml()}#{'x' * 32768}") == (
        f"error: {FILE} is too long\n  answer: settings take at most 32768 bytes"
    )


@pytest.mark.parametrize(
    ("services", "cure"),
    [
        (("hello", "orders"), "did you mean 'hello'?"),
        (("orders",), "known here: orders"),
        ((), "known here: nothing"),
    ],
)
def test_parameters_of_unknown_services(services: tuple[str, ...], cure: str) -> None:
    """Parameters of a service that does not exist are refused with the nearest one that does."""
    prod = f'{PROD}\n[environments.parameters.hallo]\nLogLevel = "INFO"'
    parsed = settings.parse(toml(environments=(TEST, prod)), FILE)

    with pytest.raises(ConfigError) as caught:
        settings.check_services(parsed, services)

    assert str(caught.value) == said("12: cannot use environments[1].parameters.hallo", "no such service", cure)


def test_parameters_of_known_services() -> None:
    """Parameters of services that exist pass."""
    parsed = settings.parse(toml(environments=(f'{TEST}\nparameters.hello.Size = "3"',)), FILE)

    settings.check_services(parsed, ["hello"])

    assert parsed.environments[0].parameters_of("hello") == (("Size", "3"),)


DOCUMENT = '''# a comment, and = no [header]
top = "[top]"
long = """
[tooling]
name = "no key"
"""
"quoted key".inner = 1

  [tooling] # indented
account = "1"
list = [
  "a", # ]
  "b",
]
braces = { one = 1, two = { three = 3 } }

[[environments]]
name = "test"
[environments.parameters.hello]
LogLevel = "DEBUG"

[[environments]]
# between header and name

name = "prod"
[ environments . parameters . "he.llo" ]
LogLevel = "INFO"
[[environments.deep]]
x = 1
[[environments.deep]]
x = 2'''


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("top",), 2),
        (("long",), 3),
        (("quoted key", "inner"), 7),
        (("tooling",), 9),
        (("tooling", "account"), 10),
        (("tooling", "list"), 11),
        (("tooling", "list", 1), 11),
        (("tooling", "braces", "two", "three"), 15),
        (("environments",), 17),
        (("environments", 0, "name"), 18),
        (("environments", 0, "parameters", "hello", "LogLevel"), 20),
        (("environments", 1), 22),
        (("environments", 1, "name"), 25),
        (("environments", 1, "parameters", "he.llo", "LogLevel"), 27),
        (("environments", 1, "deep", 1, "x"), 31),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_where_keys_are(key: settings.Key, line: int, end: str) -> None:
    """A key's line is that where its statement begins, in whichever of TOML's ways it is written."""
    assert settings.locate(DOCUMENT.replace("\n", end), key) == line


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("nowhere",), 1),
        ((), 1),
        (("tooling", "profile"), 9),
        (("environments", 1, "account"), 22),
        (("environments", 2, "name"), 17),
        (("tooling", "account", "deeper"), 10),
    ],
)
def test_where_missing_keys_would_be(key: settings.Key, line: int) -> None:
    """The line of a key that is not there is that of the table, or of the value, around it."""
    assert settings.locate(DOCUMENT, key) == line


NOISE = st.sampled_from(("", "# [x]", "#a = 1", "  "))
WORD = st.from_regex("[a-z]{1,4}", fullmatch=True)
BLOCK = st.dictionaries(WORD, st.sampled_from(("1", '"x"', "[\n1,\n2]", '"""\n[t]\na = 1\n"""')), max_size=4)


@given(st.lists(st.tuples(BLOCK, NOISE), max_size=5))
def test_every_key_of_a_document_is_found(blocks: list[tuple[dict[str, str], str]]) -> None:
    """Whatever stands between and within the statements, each key is found where it was written."""
    lines: list[str] = []
    written: dict[settings.Key, int] = {}
    for number, (block, noise) in enumerate(blocks):
        lines += [noise, "[[t]]"]
        written["t", number] = len(lines)
        for key, value in block.items():
            written["t", number, key] = len(lines) + 1
            lines += [*f"{key} = {value}".split("\n"), noise]

    found = {key: settings.locate("\n".join(lines), key) for key in written}

    assert found == written


@given(st.text())
def test_no_text_is_our_bug(text: str) -> None:
    """Whatever a settings file holds, the answer is settings or three lines at most, never a traceback."""
    assert_settings_or_complaint(text)


JUNK = st.recursive(
    st.sampled_from(('"x"', "1", "1.5", "true", "inf", "1979-05-27", "07:32:00", '"\\u0000"', '"a\\nb"')),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda values: f"[{', '.join(values)}]"),
        inner.map(lambda value: f'{{ name = {value}, "o d\\nd" = {value} }}'),
    ),
    max_leaves=4,
)
FIELD = st.sampled_from(
    ("project", "tooling", "tooling.tags", "tooling.developers", "environments", "sandbox", '"\\n"', "a.b")
)


@given(FIELD, JUNK)
def test_no_value_is_our_bug(key: str, value: str) -> None:
    """Whatever stands where something else should, the answer is settings or three lines at most."""
    assert_settings_or_complaint(f"{key} = {value}\n")


@given(st.integers(0, len(toml())), st.integers(0, 9), st.text("[]{}\"'=.,#\nax1 ", max_size=5))
def test_no_slip_is_our_bug(place: int, length: int, slip: str) -> None:
    """Whatever slips into a good file, the answer is settings or three lines at most."""
    assert_settings_or_complaint(toml()[:place] + slip + toml()[place + length :])


@given(FIELD, JUNK)
def test_no_value_in_an_environment_is_our_bug(key: str, value: str) -> None:
    """Whatever stands in an environment's table, the answer is settings or three lines at most."""
    environment = f"{TEST}\n{key.replace('tooling', 'parameters')} = {value}"

    assert_settings_or_complaint(toml(environments=(environment, environment)))


def assert_settings_or_complaint(text: str) -> None:
    """Assert that a text is read, or refused as a ConfigError that fits three lines of a terminal."""
    try:
        settings.parse(text, FILE)
    except ConfigError as error:
        assert len(str(error).splitlines()) <= 3  # noqa: PT017 - that it is raised is not the point
        assert str(error).isascii() or len(str(error)) < 600  # noqa: PT017 - as above


ENVIRONMENT_NAME = st.from_regex("[a-z][a-z0-9]{1,9}", fullmatch=True).filter(lambda name: name not in RESERVED)
ACCOUNT = st.from_regex("[0-9]{12}", fullmatch=True)
PRINTABLE = st.text("abcXYZ019 :/=.@-", min_size=1, max_size=8)
TAGS = st.dictionaries(PRINTABLE.filter(lambda key: not key.startswith("aws:")), PRINTABLE, max_size=3)
PARAMETERS = st.dictionaries(
    st.from_regex("[a-z]{1,5}", fullmatch=True),
    st.dictionaries(st.from_regex("[A-Z][a-z0-9]{1,5}", fullmatch=True), PRINTABLE, max_size=2),
    max_size=2,
)


@st.composite
def valid_settings(draw: st.DrawFn) -> settings.Settings:
    """Draw settings that keep every rule."""
    names = draw(st.lists(ENVIRONMENT_NAME, min_size=1, max_size=4, unique=True))
    accounts = draw(st.lists(ACCOUNT, min_size=len(names) + 1, max_size=len(names) + 1, unique=True))
    region = draw(st.sampled_from(("eu-west-1", "us-gov-east-1", "cn-north-1")))
    arns = st.lists(ACCOUNT.map(lambda account: f"arn:aws:iam::{account}:role/x"), max_size=2).map(tuple)
    profiles = st.none() | st.sampled_from(("default", "acme admin"))
    return settings.Settings(
        path=Path(FILE),
        project=draw(st.from_regex("[a-z]([a-z0-9]-[a-z0-9]|[a-z0-9]){1,3}", fullmatch=True)),
        region=region,
        tooling=settings.Tooling(
            account=AccountId(accounts[0]),
            profile=draw(profiles),
            developers=draw(arns),
            tags=draw(TAGS),
        ),
        targets=tuple(
            settings.EnvironmentSettings(
                name=name,
                account=AccountId(account),
                region=region,
                admin_profile=draw(profiles),
                deployers=draw(arns),
                tags=draw(TAGS),
                parameters=draw(PARAMETERS),
            )
            for name, account in zip(names, accounts[1:], strict=True)
        ),
        sandbox=draw(st.booleans()),
    )


def inline(value: object) -> str:
    """Return a value as TOML on one line; only what settings hold."""
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}" = {inline(inner)}' for key, inner in value.items()) + "}"
    if isinstance(value, tuple):
        return "[" + ", ".join(inline(inner) for inner in value) + "]"
    return f'"{value}"'


@hypothesis.settings(suppress_health_check=[hypothesis.HealthCheck.too_slow])
@given(valid_settings())
def test_settings_come_back_as_they_were_written(wanted: settings.Settings) -> None:
    """Settings that keep every rule mean the same after they were written to a file and read again."""
    written = [
        "\n".join(f"{key} = {inline(value)}" for key, value in table if value is not None)
        for table in (wanted.tooling, *wanted.targets)
    ]
    text = toml(
        project=f'"{wanted.project}"',
        region=f'"{wanted.region}"',
        top="sandbox = {}" if wanted.sandbox else "",
        tooling=written[0],
        environments=tuple(written[1:]),
    )

    parsed = settings.parse(text, FILE)

    assert parsed == wanted
