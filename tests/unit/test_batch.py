"""Batches of builds: what is read of a build graph and in which order, and what is refused by file, line and key."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.errors import ConfigError
from lockstep.pipeline import batch
from lockstep.pipeline.batch import Batch, Entry

WHOLE = """\
version: 0.2
batch:
  fast-fail: true
  build-graph:
    - identifier: last
      buildspec: b/join.yml
      depend-on: [first, second]
    - identifier: first
      buildspec: b/make.yml
      env:
        variables: {PART: "1/2", EMPTY: ""}
    - {identifier: second, buildspec: b/make.yml, env: {variables: {PART: 2/2}}}
"""
LEAST = "version: 0.2\nbatch:\n  build-graph:\n    - identifier: one\n      buildspec: b.yml\n"


def refused(text: str) -> str:
    """Why a batch cannot be run."""
    with pytest.raises(ConfigError) as caught:
        batch.parse(text, "b.yml")
    return str(caught.value)


def graph(after: dict[str, list[str]]) -> str:
    """Return a batch whose builds come after others."""
    builds = [
        {"identifier": name, "buildspec": "b.yml", **({"depend-on": names} if names else {})}
        for name, names in after.items()
    ]
    return json.dumps({"version": 0.2, "batch": {"build-graph": builds}})


def test_what_is_read() -> None:
    """Each build has its buildspec and variables, and stands behind those that it depends on."""
    assert batch.parse(WHOLE, "b.yml") == Batch(
        "b.yml",
        (
            Entry("first", "b/make.yml", {"PART": "1/2", "EMPTY": ""}),
            Entry("second", "b/make.yml", {"PART": "2/2"}),
            Entry("last", "b/join.yml", {}, ("first", "second")),
        ),
        fast_fail=True,
    )


def test_what_stands_where_nothing_is_said() -> None:
    """Without a word of it a build has no variable, waits for none, and one that fails ends no other."""
    assert batch.parse(LEAST, "b.yml") == Batch("b.yml", (Entry("one", "b.yml"),), fast_fail=False)
    assert batch.parse(LEAST + "      env: {}\n", "b.yml").entries == (Entry("one", "b.yml"),)


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "answer"),
    [
        ("version: 0.2", 'version: "0.2"', 1, "version", "the number 0.2"),
        ("version: 0.2", "version: 0.1", 1, "version", "the number 0.2"),
        ("version: 0.2\n", "", 1, "the file", "'version' is missing"),
        ("batch:", "phases:", 3, "phases", "does not support 'phases': each build of a batch"),
        ("version: 0.2\n", "version: 0.2\nenv: {}\n", 2, "env", "does not support 'env'"),
        ("version: 0.2\n", "version: 0.2\nbacth: {}\n", 2, "bacth", "there is no key 'bacth' here"),
        ("build-graph", "build-list", 4, "batch.build-list", "does not support 'build-list': of batches"),
        ("build-graph", "build-matrix", 4, "batch.build-matrix", "does not support 'build-matrix'"),
        ("build-graph", "build-fanout", 4, "batch.build-fanout", "does not support 'build-fanout'"),
        ("  build-graph:", "  fast-fail: maybe\n  build-graph:", 3, "batch.fast-fail", "neither yes nor no"),
        ("identifier: one", "identifeir: one", 4, "batch.build-graph[0].identifeir", "there is no key"),
        ("- identifier: one\n      buildspec", "- buildspec", 4, "batch.build-graph[0]", "it has no identifier"),
        ("      buildspec: b.yml\n", "", 4, "batch.build-graph[0]", "it has no buildspec"),
        ("one", "o-n-e", 4, "batch.build-graph[0].identifier", "letters, digits and _"),
        ("one", "DOWNLOAD_SOURCE", 4, "batch.build-graph[0].identifier", "is not DOWNLOAD_SOURCE"),
        ("b.yml", '"version: 0.2\\nphases: {}"', 5, "batch.build-graph[0].buildspec", "takes a file of the source"),
        ("b.yml", "arn:aws:s3:::bucket/b.yml", 5, "batch.build-graph[0].buildspec", "takes a file of the source"),
        ("b.yml", "b.yml\n      ignore-failure: true", 6, "batch.build-graph[0].ignore-failure", "fails its batch"),
        ("b.yml", "b.yml\n      debug-session: true", 6, "batch.build-graph[0].debug-session", "look into a build"),
        ("b.yml", "b.yml\n      env: {image: i}", 6, "batch.build-graph[0].env.image", "its project's machine"),
        ("b.yml", "b.yml\n      env: {variables: {A-B: c}}", 6, "batch.build-graph[0].env.variables.A-B", "no digit"),
        ("b.yml", "b.yml\n      env: {variables: {CODEBUILD_A: c}}", 6,
         "batch.build-graph[0].env.variables.CODEBUILD_A", "only CodeBuild itself"),
        ("b.yml", "b.yml\n      depend-on: [two]", 6, "batch.build-graph[0].depend-on", "there is no build 'two'"),
        ("b.yml", "b.yml\n      depend-on: [one]", 4, "the build one", "wait for each other"),
        ("b.yml", "b.yml\n      depend-on: []", 6, "batch.build-graph[0].depend-on", "at least one item"),
        ("b.yml", "b.yml\n    - {identifier: one, buildspec: b.yml}", 6, "batch.build-graph[1].identifier",
         "one is there already"),
        ("b.yml", "b.yml\n    - {identifier: two, buildspec: b.yml, depend-on: [one, one]}", 6,
         "batch.build-graph[1].depend-on", "it names a build twice"),
    ],
)  # fmt: skip
def test_what_is_refused(old: str, new: str, line: int, key: str, answer: str) -> None:
    """What CodeBuild would refuse, does not document, or this interpreter cannot do, is refused where it stands."""
    assert old in LEAST
    told = refused(LEAST.replace(old, new))

    assert f"b.yml:{line}: cannot use {key}\n" in told
    assert answer in told


def test_a_batch_without_builds() -> None:
    """A batch that is empty, and a file without one, have nothing to run."""
    assert "'batch' is missing" in refused("version: 0.2\n")
    assert "it has no build-graph" in refused("version: 0.2\nbatch: {}\n")


def test_a_misspelt_dependency() -> None:
    """For a build that is not there the nearest that is gets named."""
    assert "did you mean 'one'?" in refused(graph({"one": [], "two": ["onee"]}))


NAMES = st.lists(st.from_regex("[a-z][a-z0-9_]{0,5}", fullmatch=True), min_size=1, max_size=8, unique=True)


@given(NAMES, st.data())
def test_any_graph(names: list[str], data: st.DataObject) -> None:
    """However builds depend on each other, each runs once and behind all that it depends on; the rest as it stands."""
    order = data.draw(st.permutations(names))
    after = {name: data.draw(st.lists(st.sampled_from(order[:at]), unique=True)) if (at := order.index(name)) else []
             for name in names}  # fmt: skip

    found = [one.identifier for one in batch.parse(graph(after), "b.yml").entries]

    assert sorted(found) == sorted(names)
    assert [(name, one) for name in names for one in after[name] if found.index(one) > found.index(name)] == []
    assert found == names or any(after.values())


@given(NAMES.filter(lambda names: len(names) > 1), st.data())
def test_any_circle(names: list[str], data: st.DataObject) -> None:
    """Builds that wait for each other are refused, whatever else waits for what."""
    size = data.draw(st.integers(1, len(names)))
    after = {name: [names[(at + 1) % size]] if at < size else [names[at - 1]] for at, name in enumerate(names)}

    assert "waits for builds that wait for each other" in refused(graph(after))
