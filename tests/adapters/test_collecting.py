"""What a build leaves: artifacts and reports, and that neither reaches out of the source."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.adapters.building import Site, names, phases, states

RUN = phases(build=("true",))
NONE = "no matching artifact paths found"
JUNIT = '<?xml version="1.0"?><testsuites><testsuite tests="1"><testcase name="a"/></testsuite></testsuites>'
BOMB = '<!DOCTYPE a [<!ENTITY b "c">]><testsuites>&b;</testsuites>'
# What an artifact names, and what is in it, or why there is none.
COLLECTED = {
    "a file": ("files: [a]", ["a"]),
    "a folder's files": ("files: [sub/*]", ["sub/b.xml"]),
    "all below a folder": ("files: [sub/**/*]", ["sub/b.xml", "sub/deep/c.xml"]),
    "everything": ("files: ['**/*']", [".hidden", "a", "sub/b.xml", "sub/deep/c.xml"]),
    "below a base": ("files: ['**/*'], base-directory: sub", ["b.xml", "deep/c.xml"]),
    "but not those": ("files: ['**/*'], exclude-paths: [sub/**/*, .hidden]", ["a"]),
    "without folders": ("files: ['sub/**/*'], discard-paths: yes", ["b.xml", "c.xml"]),
    "one that is missing beside one that is not": ("files: [none, a]", ["a"]),
    "nothing": ("files: [none]", NONE),
    "a folder alone": ("files: [sub]", NONE),
    "no base": ("files: [a], base-directory: none", "no matching base directory path found for none"),
    "a base that is a file": ("files: [a], base-directory: a", "no matching base directory path found for a"),
}
# What a report is, by its format, and why it is none.
REPORTS = {
    "tests": ("JunitXml", JUNIT, ""),
    "one suite": ("JunitXml", "<testsuite/>", ""),
    "lines": ("CoberturaXml", "<coverage/>", ""),
    "tests as lines": ("CoberturaXml", JUNIT, "report a: r.xml begins with <testsuites>, which is not COBERTURAXML"),
    "a page": ("JunitXml", "<html/>", "report a: r.xml begins with <html>, which is not JUNITXML"),
    "an empty file": ("JunitXml", "", "report a: r.xml is not XML: no element found: line 1, column 0"),
    "half of it": ("JunitXml", "<testsuite>", "report a: r.xml is not XML: no element found: line 1, column 11"),
    "a bomb": ("JunitXml", BOMB, "report a: r.xml declares a document type"),
}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Have a source with some files."""
    made = Site(tmp_path)
    for name in ("a", ".hidden", "sub/b.xml", "sub/deep/c.xml"):
        made.write(name, name)
    return made


@pytest.mark.parametrize(("artifact", "expected"), COLLECTED.values(), ids=COLLECTED)
def test_what_is_collected(site: Site, artifact: str, expected: list[str] | str) -> None:
    """An artifact holds what its patterns name; where they name nothing, the build fails, and says in which line."""
    ended = site.run(f"artifacts: {{{artifact}}}\n{RUN}")

    if isinstance(expected, str):
        assert states(ended) == "INSTALL PRE_BUILD BUILD POST_BUILD UPLOAD_ARTIFACTS!"
        assert ended.failed is not None
        assert (ended.failed.code, ended.failed.message) == ("CLIENT_ERROR", f"{expected} (b.yml:2)")
        assert ended.artifacts == {}
    else:
        assert (ended.failed, names(ended.artifacts[""])) == (None, expected)


def test_secondary_artifacts(site: Site) -> None:
    """Each secondary artifact is a zip of its own; one that fails does not keep the others from being made."""
    ended = site.run(
        "artifacts:\n  files: [a]\n  secondary-artifacts:\n"
        f"    bad: {{files: [none]}}\n    good: {{files: ['*'], base-directory: sub}}\n{RUN}"
    )

    assert {name: names(path) for name, path in ended.artifacts.items()} == {"": ["a"], "good": ["b.xml"]}
    assert states(ended).endswith("UPLOAD_ARTIFACTS!")


def test_two_files_of_one_name(site: Site) -> None:
    """Where folders are discarded and two files have one name, none is dropped silently: it is a failure."""
    site.write("other/b.xml")

    ended = site.run(f"artifacts: {{files: ['**/*.xml'], discard-paths: yes}}\n{RUN}")

    assert ended.failed is not None
    assert ended.failed.message == "two files are called b.xml, and discard-paths is on (b.yml:2)"


def test_a_link_to_elsewhere(site: Site) -> None:
    """A link that leads out of the source gets nothing into an artifact, neither a file nor a folder."""
    (site.root / "secret").mkdir()
    (site.root / "secret" / "key").write_text("key")
    (site.source / "folder").symlink_to(site.root / "secret")
    inside = site.run(f"artifacts: {{files: ['**/*']}}\n{RUN}")
    based = site.run(f"artifacts: {{files: ['**/*'], base-directory: folder}}\n{RUN}")
    (site.source / "file").symlink_to(site.root / "secret" / "key")

    ended = site.run(f"artifacts: {{files: ['**/*']}}\n{RUN}")

    assert names(inside.artifacts[""]) == [".hidden", "a", "sub/b.xml", "sub/deep/c.xml"]
    assert based.failed is not None
    assert based.failed.message == "no matching base directory path found for folder (b.yml:2)"
    assert ended.failed is not None
    assert ended.failed.message == "file is a link that leads out of the source (b.yml:2)"


def test_a_link_to_a_file_of_the_source(site: Site) -> None:
    """A link to a file of the source is in an artifact as that file; one that leads nowhere and a pipe are not."""
    (site.source / "link").symlink_to("a")
    (site.source / "nowhere").symlink_to("none")
    os.mkfifo(site.source / "pipe")

    ended = site.run(f"artifacts: {{files: ['*']}}\n{RUN}")

    assert names(ended.artifacts[""]) == [".hidden", "a", "link"]


@pytest.mark.parametrize("name", ["it's", '"$(touch ran)"', "new\nline", "-rf", "a..b", "a\\b"])
def test_hostile_file_names(site: Site, name: str) -> None:
    """A file's name with quotes, commands or newlines is only a name."""
    site.write(f"odd/{name}")

    loop = phases(build=('for a in odd/*; do [ -f "$a" ]; done',))
    ended = site.run(f"artifacts: {{files: [odd/*]}}\n{loop}")

    assert (ended.failed, names(ended.artifacts[""])) == (None, [f"odd/{name}"])
    assert not (site.source / "ran").exists()


def test_a_file_name_that_is_no_text(site: Site) -> None:
    """A file's name that is not UTF-8, which no zip holds, is a failure and no crash."""
    Path(os.fsdecode(os.fsencode(site.source) + b"/\xff")).touch()

    ended = site.run(f"artifacts: {{files: ['*']}}\n{RUN}")

    assert ended.failed is not None
    assert "is not UTF-8" in ended.failed.message


@pytest.mark.parametrize(("kind", "text", "message"), REPORTS.values(), ids=REPORTS)
def test_reports(site: Site, kind: str, text: str, message: str) -> None:
    """A report is there and is of the kind that the buildspec says, or the build has failed."""
    site.write("reports/r.xml", text)

    ended = site.run(f"reports: {{a: {{files: ['**/*'], base-directory: reports, file-format: {kind}}}}}\n{RUN}")

    assert (ended.failed.message if ended.failed else "") == (message and f"{message} (b.yml:2)")


def test_a_report_that_is_missing(site: Site) -> None:
    """A report that was not written is a failure, and the artifacts are there all the same."""
    ended = site.run(f"reports: {{a: {{files: [none.xml]}}}}\nartifacts: {{files: [a]}}\n{RUN}")

    assert ended.failed is not None
    assert ended.failed.message == f"report a: {NONE} (b.yml:2)"
    assert list(ended.artifacts) == [""]
