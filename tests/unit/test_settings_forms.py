"""Which types and forms the values of a settings text have, and which of them go together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockstep.names import RESERVED
from tests.unit.settings_texts import ARN, PROD, TEST, TOOLING, complaint, said, toml

if TYPE_CHECKING:
    from collections.abc import Callable

NO_TEXT = "it is not text: put it between quotes"
NO_TRUTH = "it is neither true nor false, without quotes"
NO_TABLE = "it is not a table: put its keys below a [header] or between braces"
NO_ARRAY = "it is not an array: use square brackets; environments go below [[environments]]"


@pytest.mark.parametrize(
    ("text", "place", "answer"),
    [
        (toml(tooling="account = 111111111111"), "5 tooling.account", NO_TEXT),
        (toml(f"{TEST}\nparameters.x.Size = 3"), "10 environments[0].parameters.x.Size", NO_TEXT),
        (toml(f"{TEST}\ntags.Live = true"), "10 environments[0].tags.Live", NO_TEXT),
        (toml(f'{TEST}\nparameters.x = "x"'), "10 environments[0].parameters.x", NO_TABLE),
        (toml(f'{TEST}\nprotect = "true"'), "10 environments[0].protect", NO_TRUTH),
        (toml(f"{TEST}\nprotect = 1"), "10 environments[0].protect", NO_TRUTH),
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
        "3 organization",
        "the id of an organization: o- and 10 to 32 letters and digits",
        lambda value: toml(top=f'organization = "{value}"'),
        ["", "*", "a1b2c3d4e5", "o-a1b2c3d4e", "o-A1B2C3D4E5", "o-" + "a" * 33],
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
        "6 tooling.admin_role",
        "the ARN of one IAM role",
        lambda value: toml(tooling=f'{TOOLING}\nadmin_role = "{value}"'),
        ["", "Admin", f"{ARN}:role/", f"{ARN}:role/*", f"{ARN}:user/x", "arn:aws:iam::1:role/x"],
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
THEIRS = "arn:aws:iam::999999999999:role/Admin"
ELSEWHERE = "of another account than this table's"
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
        (toml(tooling=f'{TOOLING}\nadmin_role = "{THEIRS}"'), "6 tooling.admin_role", f"'{THEIRS}' is {ELSEWHERE}"),
        (toml(f'{TEST}\nadmin_role = "{THEIRS}"'), "10 environments[0].admin_role", f"'{THEIRS}' is {ELSEWHERE}"),
        (toml(f'{TEST}\nregion = "eu-north-1"'), "10 environments[0].region", f"'eu-north-1' is {APART}"),
    ],
)
def test_values_that_do_not_go_together(text: str, place: str, answer: str) -> None:
    """Names share 20 letters and are used once, accounts too; a table's region is the project's, its role its own."""
    assert complaint(text) == said(place, answer)
