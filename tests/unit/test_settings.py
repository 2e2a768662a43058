"""What a settings text means, and what is said of one that means nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lockstep import settings
from lockstep.errors import ConfigError
from lockstep.model import AccountId, Environment
from lockstep.names import RESERVED, Names

if TYPE_CHECKING:
    from collections.abc import Callable

FILE = "infra/environments.toml"
TOOLING = 'account = "111111111111"'
TEST = 'name = "test"\naccount = "222222222222"'
PROD = TEST.replace("test", "prod").replace("2", "3")
ARN = "arn:aws:iam::111111111111"


def toml(
    *environments: str, project: str = "acme", region: str = "eu-west-1", top: str = "", tooling: str = TOOLING
) -> str:
    """Return a settings text: project in line 1, region 2, `top` 3, [tooling] 4, the environments from 7."""
    tables = "".join(f"[[environments]]\n{environment}\n" for environment in environments or (TEST, PROD))
    return f'project = "{project}"\nregion = "{region}"\n{top}\n[tooling]\n{tooling}\n\n{tables}'


def complaint(text: str) -> str:
    """Return what is said of a text that is refused."""
    with pytest.raises(ConfigError) as caught:
        settings.parse(text, FILE)
    return str(caught.value)


def said(place: str, answer: str, cure: str = f"correct it; {settings.EXAMPLE} explains every key") -> str:
    """Return the three lines of a complaint; `place` is a line and a key, "3 region"."""
    line, key = place.split(" ", 1)
    return f"error: {FILE}:{line}: cannot use {key}\n  answer: {answer}\n  next: {cure}"


def test_the_least_that_a_file_says() -> None:
    """A project, a region, the tooling account and one environment are enough; what is absent is not guessed."""
    parsed = settings.parse(toml(TEST), FILE)

    test = settings.EnvironmentSettings(name="test", account=AccountId("222222222222"), region="eu-west-1")
    tooling = settings.Tooling(account=AccountId("111111111111"))
    assert parsed == settings.Settings(Path(FILE), "acme", "eu-west-1", tooling, (test,), sandbox=False)


def test_environments_are_in_promotion_order() -> None:
    """Environments come in the order of the file, with the project's region, their tags and their parameters."""
    test = f'{TEST}\ntags = {{ Stage = "test" }}\n[environments.parameters.hello]\nLogLevel = "DEBUG"'

    parsed = settings.parse(toml(test, PROD), FILE)

    parameters = (("hello", (("LogLevel", "DEBUG"),)),)
    assert parsed.environments == (
        Environment("test", AccountId("222222222222"), "eu-west-1", (("Stage", "test"),), parameters),
        Environment("prod", AccountId("333333333333"), "eu-west-1"),
    )


def test_names_are_those_of_the_project() -> None:
    """What a project's things are called comes from its settings."""
    parsed = settings.parse(toml(), FILE)

    assert parsed.names == Names("acme", AccountId("111111111111"), "eu-west-1")


def test_a_sandbox_table_marks_the_sandbox() -> None:
    """An empty [sandbox] table says that the embedded AWS is meant."""
    assert settings.parse(toml(top="[sandbox]"), FILE).sandbox


def test_a_region_said_twice() -> None:
    """An environment may say the project's region again, be it of two words or of three."""
    parsed = settings.parse(toml(f'{TEST}\nregion = "us-gov-west-1"', region="us-gov-west-1"), FILE)

    assert parsed.environments[0].region == "us-gov-west-1"


def test_an_environment_by_its_name() -> None:
    """An environment is found by its name, with what bootstrap needs of it."""
    prod = f'{PROD}\nadmin_profile = "prod admin"\ndeployers = ["{ARN}:user/x"]'
    parsed = settings.parse(toml(TEST, prod), FILE)

    found = parsed.environment("prod")

    expected = (parsed.environments[1], "prod admin", (f"{ARN}:user/x",))
    assert (found.value, found.admin_profile, found.deployers) == expected


@pytest.mark.parametrize(("name", "cure"), [("tset", "did you mean 'test'?"), ("staging", "known here: test, prod")])
def test_an_unknown_environment(name: str, cure: str) -> None:
    """An unknown environment is answered with the file that names the known ones, and the nearest of them."""
    parsed = settings.parse(toml(), FILE)

    with pytest.raises(ConfigError) as caught:
        parsed.environment(name)

    expected = f"error: unknown environment '{name}'\n  answer: {FILE} names test, prod\n  next: {cure}"
    assert str(caught.value) == expected


KNOWN = ", ".join(settings.Tooling.model_fields)


@pytest.mark.parametrize(
    ("text", "place", "answer", "cure"),
    [
        (toml(top='projct = "x"'), "3 projct", "'projct'", "did you mean 'project'?"),
        (toml(tooling=f"{TOOLING}\nprofil = 1"), "6 tooling.profil", "'profil'", "did you mean 'profile'?"),
        (toml(TEST, f"{PROD}\ntag = 1"), "13 environments[1].tag", "'tag'", "did you mean 'tags'?"),
        (toml(tooling=f'{TOOLING}\n"a\\n" = 1'), r"6 tooling.'a\n'", r"'a\n'", f"known here: {KNOWN}"),
        (toml(top="[sandbox]\nx = 1"), "4 sandbox.x", "'x'", "known here: nothing"),
        (toml(tooling="acount = 1"), "5 tooling.acount", "'acount' (and 1 more)", "did you mean 'account'?"),
    ],
)
def test_unknown_keys(text: str, place: str, answer: str, cure: str) -> None:
    """An unknown key is refused with line, whole key and the nearest known one, before any key that is missing."""
    assert complaint(text) == said(place, f"unknown key {answer}", cure)


NONE = "it is empty: there has to be one environment at least"


@pytest.mark.parametrize(
    ("text", "place", "answer"),
    [
        ("", "1 project", "it is missing (and 3 more)"),
        (toml(tooling="tags = {}"), "4 tooling.account", "it is missing"),
        (toml(TEST, 'name = "prod"'), "10 environments[1].account", "it is missing"),
        (toml(top="environments = []").split("[[")[0], "3 environments", NONE),
    ],
)
def test_missing_keys(text: str, place: str, answer: str) -> None:
    """A key that is missing is shown with the line of the table that lacks it."""
    assert complaint(text) == said(place, answer)


NO_TEXT = "it is not text: put it between quotes"
NO_TABLE = "it is not a table: put its keys below a [header] or between braces"
NO_ARRAY = "it is not an array: use square brackets; environments go below [[environments]]"


@pytest.mark.parametrize(
    ("text", "place", "answer"),
    [
        (toml(tooling="account = 111111111111"), "5 tooling.account", NO_TEXT),
        (toml(f"{TEST}\nparameters.x.Size = 3"), "10 environments[0].parameters.x.Size", NO_TEXT),
        (toml(f"{TEST}\ntags.Live = true"), "10 environments[0].tags.Live", NO_TEXT),
        (toml(f'{TEST}\nparameters.x = "x"'), "10 environments[0].parameters.x", NO_TABLE),
        (toml(top="sandbox = true"), "3 sandbox", NO_TABLE),
        (toml().replace("[[environments]]", "[environments]", 1).split("[[")[0], "7 environments", NO_ARRAY),
    ],
)
def test_values_of_the_wrong_type(text: str, place: str, answer: str) -> None:
    """A value of the wrong type is refused with the way to write it; no number or truth value passes for text."""
    assert complaint(text) == said(place, answer)


FORMS: list[tuple[str, str, Callable[[str], str], list[str]]] = [
    (
        "1 project",
        "a project name: 2 to 16 of a-z and 0-9, a letter first",
        lambda value: toml(project=value),
        ["", "a", "Acme", "acme-", "acme--shop", "1acme", "acme_shop", "a" * 17],
    ),
    (
        "2 region",
        "a region's code",
        lambda value: toml(region=value),
        ["", "eu-west", "EU-WEST-1", "west-1", "eu-west-1a"],
    ),
    (
        "5 tooling.account",
        "an account id: 12 digits between quotes, no hyphens",
        lambda value: toml(tooling=f'account = "{value}"'),
        ["1234", "1111-2222-3333", "\u0661" * 12, "1" * 13, "12345678901x"],
    ),
    (
        "6 tooling.profile",
        "the name of an AWS profile",
        lambda value: toml(tooling=f'{TOOLING}\nprofile = "{value}"'),
        ["", " x", "x ", "\u00e9"],
    ),
    (
        "6 tooling.developers[1]",
        "the ARN of one IAM role or user: exact, with no *, no comma and no :root",
        lambda value: toml(tooling=f'{TOOLING}\ndevelopers = [\n"{ARN}:role/a/b.c@d",\n"{value}"]'),
        [
            "*",
            f"{ARN}:root",
            f"{ARN}:role/*",
            f"{ARN}:role/",
            f"{ARN}:group/x",
            f"{ARN}:user/a,b",
            "arn:aws:iam::1:user/x",
        ],
    ),
    (
        "8 environments[0].name",
        "an environment name: 2 to 10 of a-z and 0-9, a letter first",
        lambda value: toml(TEST.replace("test", value)),
        ["", "t", "Test", "te-st", "1test", "testtesttes"],
    ),
    (
        "6 tooling.tags.{}",
        "a tag of yours: 1 to 128 letters, not aws: or lockstep:",
        lambda value: toml(tooling=f'{TOOLING}\ntags = {{ Fine = "1", "{value}" = "2" }}'),
        ["", "aws:x", "AWS:x", "lockstep:release"],
    ),
    (
        "10 environments[0].parameters.hello.{}",
        "a template parameter: letters and digits only",
        lambda value: toml(f'{TEST}\nparameters.hello."{value}" = "x"'),
        ["", "Log Level", "Log=Level"],
    ),
]


@pytest.mark.parametrize(
    ("place", "what", "build", "value"),
    [(place, what, build, value) for place, what, build, values in FORMS for value in values],
)
def test_values_of_the_wrong_form(place: str, what: str, build: Callable[[str], str], value: str) -> None:
    """A name, account, ARN or key of the wrong form is refused with the form it should have had."""
    assert complaint(build(value)) == said(place.format(repr(value)), f"'{value}' is not {what}")


@pytest.mark.parametrize("name", sorted(name for name in RESERVED if len(name) <= 10))
def test_reserved_environment_names(name: str) -> None:
    """An environment may not be called like a part of the names in the tooling account."""
    told = complaint(toml(TEST.replace("test", name)))

    assert told == said("8 environments[0].name", f"'{name}' is a part of our own names")


SHARED = "the account of an earlier table; each has its own"
LONG = "too long: over 20 letters with the project's, names CloudFormation derives lose our prefix"
NOBODY = "'arn:aws:iam::111111111111:role/acme-developer' is there only if tooling.developers names somebody"
APART = "not 'eu-west-1': Lambda pulls images only from ECR in its own region"


@pytest.mark.parametrize(
    ("text", "place", "answer"),
    [
        (
            toml(TEST.replace("test", "final"), project="acmewarehouse001"),
            "8 environments[0].name",
            f"'final' is {LONG}",
        ),
        (toml(TEST, TEST), "11 environments[1].name", "'test' is the name of an earlier environment (and 1 more)"),
        (toml(TEST.replace("2", "1")), "9 environments[0].account", f"'111111111111' is {SHARED}"),
        (toml(TEST, PROD.replace("3", "2")), "12 environments[1].account", f"'222222222222' is {SHARED}"),
        (toml(TEST, f'{PROD}\ndeployers = ["{ARN}:role/acme-developer"]'), "13 environments[1].deployers", NOBODY),
        (toml(f'{TEST}\nregion = "eu-north-1"'), "10 environments[0].region", f"'eu-north-1' is {APART}"),
    ],
)
def test_values_that_do_not_go_together(text: str, place: str, answer: str) -> None:
    """Names share 20 letters and are used once, accounts too, and an environment is in the project's region."""
    assert complaint(text) == said(place, answer)


def test_the_first_problem_is_the_highest_in_the_file() -> None:
    """Of several problems the one highest in the file is shown, with the number of the others."""
    told = complaint(toml("name = 1\naccount = 2\nextra = 3", region="here"))

    assert told == said("2 region", "'here' is not a region's code (and 3 more)")


def test_long_values_are_cut() -> None:
    """A value of more than 60 letters is not repeated whole."""
    told = complaint(toml(region="x" * 61))

    assert told == said("2 region", f"'{'x' * 60}...' is not a region's code")


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
    parsed = settings.parse(toml(TEST, prod), FILE)

    with pytest.raises(ConfigError) as caught:
        settings.check_services(parsed, services)

    assert str(caught.value) == said("13 environments[1].parameters.hallo", "no such service", cure)


def test_parameters_of_known_services() -> None:
    """Parameters of services that exist pass."""
    parsed = settings.parse(toml(f'{TEST}\nparameters.hello.Size = "3"'), FILE)

    settings.check_services(parsed, ["hello"])

    assert parsed.environments[0].parameters_of("hello") == (("Size", "3"),)


def test_developers_who_deploy() -> None:
    """The developer role may deploy where somebody may take that role."""
    tooling = f'{TOOLING}\ndevelopers = ["{ARN}:user/x"]'

    parsed = settings.parse(toml(f'{TEST}\ndeployers = ["{ARN}:role/acme-developer"]', tooling=tooling), FILE)

    assert parsed.environment("test").deployers == (f"{ARN}:role/acme-developer",)
