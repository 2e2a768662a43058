"""What a settings text means, and what is said of one that means nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockstep import settings
from lockstep.errors import ConfigError
from lockstep.model import AccountId, Environment
from lockstep.names import Names
from tests.unit.settings_texts import ARN, FILE, PROD, TEST, TOOLING, complaint, said, toml


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


def test_an_organization() -> None:
    """The organization whose accounts are let in is named at the top, and none is where it is not."""
    named, unnamed = (settings.parse(toml(top=top), FILE) for top in ('organization = "o-a1b2c3d4e5"', ""))

    assert (named.organization, unnamed.organization) == ("o-a1b2c3d4e5", "")


def test_what_is_protected() -> None:
    """An environment is protected from being deleted where its table says so, and only there."""
    parsed = settings.parse(toml(TEST, f"{PROD}\nprotect = true"), FILE)

    assert [environment.protect for environment in parsed.environments] == [False, True]


def test_without_an_environment() -> None:
    """Settings can be asked for without one environment: the others, in their order, and the rest as it is."""
    parsed = settings.parse(toml(TEST, PROD), FILE)

    found = parsed.without("test")

    assert ([target.name for target in found.targets], found.tooling) == (["prod"], parsed.tooling)


def test_a_region_said_twice() -> None:
    """An environment may say the project's region again, be it of two words or of three."""
    parsed = settings.parse(toml(f'{TEST}\nregion = "us-gov-west-1"', region="us-gov-west-1"), FILE)

    assert parsed.environments[0].region == "us-gov-west-1"


def test_an_environment_by_its_name() -> None:
    """An environment is found by its name, with what bootstrap needs of it."""
    role = "arn:aws:iam::333333333333:role/organization/Admin"
    prod = f'{PROD}\nadmin_profile = "prod admin"\nadmin_role = "{role}"\ndeployers = ["{ARN}:user/x"]'
    parsed = settings.parse(toml(TEST, prod), FILE)

    found = parsed.environment("prod")

    expected = (parsed.environments[1], "prod admin", role, (f"{ARN}:user/x",))
    assert (found.value, found.admin_profile, found.admin_role, found.deployers) == expected


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
