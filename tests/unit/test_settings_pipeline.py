"""What settings say of the pipeline and of the key that signs: both sources, and what is refused."""

from __future__ import annotations

import pytest

from lockstep import settings
from lockstep.model import OnFailure
from lockstep.settings import PipelineSettings, Source
from lockstep.testing import CODECOMMIT, CODECONNECTIONS, CONNECTION
from tests.unit.settings_texts import FILE, PROD, TEST, TOOLING, complaint, said, toml

ELSEWHERE = CONNECTION.replace("111111111111", "999999999999")
STARRED = CONNECTION.replace("codeconnections", "codestar-connections")


def test_a_pipeline_from_codecommit() -> None:
    """From CodeCommit a repository and a branch are all that it takes."""
    found = settings.parse(toml(top=CODECOMMIT), FILE)

    assert found.pipeline == PipelineSettings(source=Source.CODECOMMIT, repository="shop", branch="main")


def test_a_pipeline_over_a_connection() -> None:
    """Over a connection there may be filters of paths, and whoever is told."""
    found = settings.parse(toml(top=CODECONNECTIONS), FILE)

    assert found.pipeline == PipelineSettings(
        source=Source.CODECONNECTIONS,
        repository="acme/shop",
        branch="main",
        connection=CONNECTION,
        paths=("services/**", "infra/**"),
        ignored_paths=("docs/**",),
        notify=("team@example.com",),
    )


def test_a_pipeline_of_branches_that_updates_itself() -> None:
    """Over a connection there may be a pipeline for feature branches, and it may update itself."""
    found = settings.parse(toml(top=f'{CODECONNECTIONS}branches = ["feature/**"]\nupdate = true\n'), FILE)

    assert found.pipeline is not None
    assert (found.pipeline.branches, found.pipeline.update) == (("feature/**",), True)


@pytest.mark.parametrize(("key", "wrong"), [("protect", "is protected"), ("approval", "asks for approval")])
def test_branches_of_a_guarded_environment(key: str, wrong: str) -> None:
    """Feature branches go to the first environment without a question, so it can neither be protected nor ask."""
    text = toml(f"{TEST}\n{key} = true", PROD, top=f'{CODECONNECTIONS}branches = ["feature/**"]\n')

    assert complaint(text) == said("12 pipeline.branches", f"branches go to test, which {wrong}")


def test_several_machines() -> None:
    """A pipeline may have its releases made by up to nine machines; without a word of it there is one."""
    found = [settings.parse(toml(top=f"{CODECOMMIT}{line}\n"), FILE).pipeline for line in ("", "shards = 9")]

    assert [one.shards for one in found if one] == [1, 9]


@pytest.mark.parametrize("value", ["0", "10", "-1", "1.5", "true", '"2"', "[2]"])
def test_how_many_machines_are_no_number(value: str) -> None:
    """How many machines there are is a whole number from 1 to 9."""
    told = complaint(toml(top=f"{CODECOMMIT}shards = {value}\n"))

    assert told == said("8 pipeline.shards", "it is not a whole number from 1 to 9, without quotes")


def test_settings_need_no_pipeline() -> None:
    """A project can do without a pipeline, and then no environment waits for an approval."""
    found = settings.parse(toml(), FILE)

    assert found.pipeline is None
    assert [(one.approval, one.on_failure) for one in found.environments] == [(False, OnFailure.STOP)] * 2


def test_what_an_environment_says_of_its_stage() -> None:
    """An environment says whether it waits for an approval, and what a failure does."""
    found = settings.parse(toml(TEST, f'{PROD}\napproval = true\non_failure = "rollback"'), FILE)

    assert [(one.approval, one.on_failure) for one in found.environments] == [
        (False, OnFailure.STOP),
        (True, OnFailure.ROLL_BACK),
    ]


@pytest.mark.parametrize(
    ("text", "place", "answer"),
    [
        (CODECOMMIT.replace('"codecommit"', '"git"'), "5 pipeline.source",
         "it is none of: codecommit, codeconnections"),
        (CODECOMMIT.replace('"shop"', '"acme/shop"'), "6 pipeline.repository",
         "'acme/shop' is not the name of a repository in CodeCommit, without a /"),
        (CODECONNECTIONS.replace("acme/", ""), "6 pipeline.repository", "'shop' is not owner/name"),
        (CODECONNECTIONS.replace(CONNECTION, ELSEWHERE), "8 pipeline.connection",
         f"{ELSEWHERE[:60] + '...'!r} is of another account or region than tooling's"),
        (CODECONNECTIONS.replace(CONNECTION, STARRED), "8 pipeline.connection",
         f"{STARRED[:60] + '...'!r} is not the ARN of one connection of codeconnections, as AWS makes them since 2024"),
        (f'{CODECOMMIT}paths = ["a"]\n', "8 pipeline.paths", 'it is only for source = "codeconnections"'),
        (f'{CODECOMMIT}branches = ["a"]\n', "8 pipeline.branches", 'it is only for source = "codeconnections"'),
        (f'{CODECONNECTIONS}branches = ["a b"]\n', "12 pipeline.branches[0]",
         "'a b' is not a pattern of branches: letters, digits, _ . / - and *"),
        (f'{CODECONNECTIONS}update = "yes"\n', "12 pipeline.update", "it is neither true nor false, without quotes"),
        (f'{CODECOMMIT}connection = "{CONNECTION}"\n', "8 pipeline.connection",
         'it is only for source = "codeconnections"'),
        (CODECOMMIT.replace('"main"', '"a b"'), "7 pipeline.branch",
         "'a b' is not one branch: letters, digits, _ . / and -"),
        (CODECONNECTIONS.replace('["docs/**"]', str(list("abcdefghi"))), "10 pipeline.ignored_paths",
         "it is too long: at most 8"),
        (CODECONNECTIONS.replace('"docs/**"', '"a b"'), "10 pipeline.ignored_paths[0]",
         "'a b' is not a pattern of paths, with no space"),
        (CODECONNECTIONS.replace("team@example.com", "team"), "11 pipeline.notify[0]", "'team' is not a mail address"),
    ],
)  # fmt: skip
def test_what_is_refused(text: str, place: str, answer: str) -> None:
    """A mistake in [pipeline] is shown with its line and key, and what it should be."""
    assert complaint(toml(top=text)) == said(place, answer)


def test_a_connection_is_needed() -> None:
    """Over a connection its ARN cannot be left out."""
    text = "\n".join(line for line in CODECONNECTIONS.splitlines() if not line.startswith("connection"))

    assert complaint(toml(top=text)) == said("4 pipeline.connection", "it is missing")


def test_an_unknown_key() -> None:
    """A key that a pipeline does not have is refused, with the nearest that it has."""
    told = complaint(toml(top=CODECOMMIT.replace("branch", "branhc")))

    assert told == said("7 pipeline.branhc", "unknown key 'branhc' (and 1 more)", "did you mean 'branch'?")


def test_a_signing_key_of_somewhere_else() -> None:
    """The key that signs releases is tooling's own, in the project's region."""
    key = "arn:aws:kms:eu-west-1:999999999999:key/01234567-89ab-cdef-0123-456789abcdef"

    told = complaint(toml(tooling=f'{TOOLING}\nsigning_key = "{key}"'))

    assert told == said("6 tooling.signing_key", f"{key[:60] + '...'!r} is of another account or region than tooling's")
