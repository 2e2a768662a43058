"""The variables of a build: those that CodeBuild sets, and those that are given."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockstep.errors import ConfigError
from lockstep.pipeline import variables
from lockstep.testing import some_names

JOB = variables.Job("shop-build", "0-1", "codepipeline/shop", "v", "c" * 40, "/src", "image", 1767225600000, 7)


def test_what_codebuild_says_of_itself() -> None:
    """A build is told what CodeBuild documents, by the names of the tooling account."""
    assert variables.of(JOB, some_names()) == {
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_REGION": "eu-west-1",
        "CODEBUILD_BUILD_ARN": "arn:aws:codebuild:eu-west-1:111111111111:build/shop-build:0-1",
        "CODEBUILD_BUILD_ID": "shop-build:0-1",
        "CODEBUILD_BUILD_IMAGE": "image",
        "CODEBUILD_BUILD_NUMBER": "7",
        "CODEBUILD_INITIATOR": "codepipeline/shop",
        "CODEBUILD_LOG_PATH": "0-1",
        "CODEBUILD_PROJECT_ARN": "arn:aws:codebuild:eu-west-1:111111111111:project/shop-build",
        "CODEBUILD_RESOLVED_SOURCE_VERSION": "c" * 40,
        "CODEBUILD_SOURCE_REPO_URL": "",
        "CODEBUILD_SOURCE_VERSION": "v",
        "CODEBUILD_SRC_DIR": "/src",
        "CODEBUILD_START_TIME": "1767225600000",
    }


def test_a_build_of_a_batch() -> None:
    """A build of a batch is told its identifier there too."""
    found = variables.of(replace(JOB, batch="shard1"), some_names())

    assert found == {**variables.of(JOB, some_names()), "CODEBUILD_BATCH_BUILD_IDENTIFIER": "shard1"}


def test_given_variables() -> None:
    """A value is whatever follows the first sign, also nothing."""
    assert variables.given(("A=b=c", "EMPTY=", "HOSTILE=$(id)\n'")) == {"A": "b=c", "EMPTY": "", "HOSTILE": "$(id)\n'"}


@pytest.mark.parametrize("pairs", [("A",), ("=a",), ("A-B=c",), ("$(id)=a",), ("CODEBUILD_CI=a",), ("A=b", "A=b")])
def test_variables_that_cannot_be_given(pairs: tuple[str, ...]) -> None:
    """A pair without a sign or a name, a reserved name and a name that is there twice are refused."""
    with pytest.raises(ConfigError, match="setting the variable"):
        variables.given(pairs)
