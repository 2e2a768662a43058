"""The stand-in's pure parts: what a Dockerfile starts from, where Debian comes from, what goes into the image."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.errors import BuildError
from lockstep.sandbox import standin

WORDS = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
IMAGES = st.builds("{}/{}:{}".format, WORDS, WORDS, WORDS)


@dataclass
class Store:
    """An engine's images, in memory."""

    images: set[str] = field(default_factory=set)
    within_reach: set[str] = field(default_factory=set)

    def has(self, tag: str) -> bool:
        """Is it there?"""
        return tag in self.images

    def pull(self, tag: str) -> bool:
        """Get what is within reach."""
        self.images |= {tag} & self.within_reach
        return tag in self.images

    def import_rootfs(self, tar: Iterable[bytes], tag: str, changes: Sequence[str]) -> None:
        """Take anything."""
        assert b"".join(tar)
        assert changes
        self.images.add(tag)


@dataclass(frozen=True)
class Stage:
    """One FROM line as a person may write it."""

    image: str
    name: str
    word: str
    platform: str
    ending: str

    @property
    def text(self) -> str:
        """The line, with what may stand around it."""
        name = f" AS {self.name}" if self.name else ""
        return f"{self.word} {self.platform}{self.image}{name}{self.ending}RUN true\n"


STAGES = st.lists(
    st.builds(
        Stage,
        image=IMAGES,
        name=st.one_of(st.just(""), WORDS),
        word=st.sampled_from(["FROM", "from", "  From"]),
        platform=st.sampled_from(["", "--platform=linux/arm64 ", "\\\n  ", "\\\n# a comment\n\n  "]),
        ending=st.sampled_from(
            ["\n", "  \n", "\r\n", "\n# FROM comment:1\n", "\nRUN <<EOF\nfrom os import path\nEOF\n"]
        ),
    )
)


@given(STAGES)
def test_each_image_is_found_once(stages: list[Stage]) -> None:
    """However a Dockerfile is written, each image that it starts from is found, once and in order."""
    text = "".join(stage.text for stage in stages)

    found = standin.base_images(text)

    assert found == tuple(dict.fromkeys(stage.image for stage in stages))


@given(STAGES, IMAGES)
def test_a_stage_is_no_image(stages: list[Stage], first: str) -> None:
    """A FROM that names an earlier stage, in whatever case, adds no image."""
    text = f"FROM {first} AS builder\n" + "".join(stage.text for stage in stages)

    found = standin.base_images(f"{text}FROM Builder\nFROM builder AS last\nFROM last\n")

    assert found == standin.base_images(text)


@given(WORDS, IMAGES, st.sampled_from(["${{{}}}", "${}"]))
def test_a_default_is_resolved(name: str, image: str, form: str) -> None:
    """An image named by an ARG before the first FROM is found by the ARG's default."""
    found = standin.base_images(f'ARG {name}="{image}"\nFROM {form.format(name)}\n')

    assert found == (image,)


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    """Text that is no Dockerfile is read without a crash, and names no stage, scratch or unresolved image."""
    found = standin.base_images(text)

    assert not [image for image in found if "$" in image or image.lower() in {"", "scratch"}]


@pytest.mark.parametrize(
    ("text", "images"),
    [
        ("FROM scratch\nCOPY a /\n", ()),
        ("FROM Scratch AS empty\nFROM a:1\nCOPY --from=empty / /\n", ("a:1",)),
        ("ARG VERSION\nFROM python:${VERSION}\n", ()),
        ("ARG A=x:1 B=y\nARG C=$B:2\nFROM $A\nFROM ${C}\n", ("x:1", "y:2")),
        ("FROM a:1\nARG B=b:1\nFROM $B\n", ("a:1",)),
        ("FROM a@sha256:00\nFROM localhost:5000/b\n", ("a@sha256:00", "localhost:5000/b")),
        ("FROM a:1\nRUN echo $((1 << 2)) <<- 'X'\nFROM b:1\n", ("a:1", "b:1")),
        ("FROM a:1\nCOPY <<-'X' <<Y /etc/\n\tFROM no:1\n\tX\nFROM no:2\nY\nFROM b:1\n", ("a:1", "b:1")),
        ("RUN true \\\nFROM no:1\nFROM a:1\\", ("a:1",)),
        ("FROM", ()),
    ],
)
def test_what_a_dockerfile_starts_from(text: str, images: tuple[str, ...]) -> None:
    """Stages, scratch, here-documents and names that only a build knows are no images to fetch."""
    found = standin.base_images(text)

    assert found == images


def test_a_builds_arguments_replace_defaults() -> None:
    """A build's own arguments replace an ARG's default, and give one that has none; others count for nothing."""
    text = "ARG NAME=a\nARG TAG\nFROM $NAME:$TAG\nFROM $OTHER:1\n"

    found = standin.base_images(text, {"NAME": "b", "TAG": "2", "OTHER": "c"})

    assert found == ("b:2",)


DEB822 = """\
# deb.example
Types: deb deb-src
URIs: http://off.example/debian
Suites: bookworm
Components: main
Enabled: no

Types: deb
URIs:
 cdrom:[Debian]/debian
 http://mirror.example/debian
Suites: bookworm bookworm-updates
# why not
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""


@pytest.mark.parametrize(
    ("sources", "found"),
    [
        (("deb http://m.example/debian bookworm main",), "http://m.example/debian"),
        (("# a\n deb [arch=amd64 signed-by=/k.gpg] https://m.example/debian/ trixie contrib main # b",),
         "https://m.example/debian/"),
        (("deb-src http://m.example/debian bookworm main\n#deb http://n.example/debian bookworm main",), None),
        (("deb http://m.example/debian-security bookworm-security main\ndeb http://n.example/x/debian s main",),
         "http://n.example/x/debian"),
        (("deb https://vendor.example/linux/debian bookworm stable", DEB822), "http://mirror.example/debian"),
        (("deb http://m.example/ubuntu noble main",), None),
        (("deb file:/media/debian bookworm main",), None),
        ((), None),
    ],
)  # fmt: skip
def test_debian_comes_from_where_this_machine_gets_it(sources: tuple[str, ...], found: str | None) -> None:
    """The mirror is the first of Debian's own in the machine's apt sources, in either of their forms."""
    mirror = standin.mirror(sources)

    assert mirror == found


@given(st.lists(st.text()))
def test_any_apt_source_is_read(texts: list[str]) -> None:
    """Text that is no list of sources is read without a crash."""
    mirror = standin.mirror(texts)

    assert mirror is None or mirror.startswith(("http://", "https://"))


def test_no_secret_goes_into_the_image() -> None:
    """A package index goes into the stand-in; one with a login, and a proxy, do not."""
    env = {
        "PIP_INDEX_URL": "https://index.example/simple",
        "PIP_EXTRA_INDEX_URL": "https://me:secret@index.example/simple",
        "HTTPS_PROXY": "http://me:secret@proxy.example",
    }

    added = standin.changes(env)[len(standin.CHANGES) :]

    assert added == ('ENV PIP_INDEX_URL="https://index.example/simple"',)


def test_the_tar_holds_what_a_build_needs(tmp_path: Path) -> None:
    """Programs, links and modes are packed; documentation and package lists are not, but their folders are."""
    for name in ("usr/share/doc/a", "usr/bin", "var/lib/apt/lists/b", "dev"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "usr/share/doc/a/README").write_text("a", encoding="utf-8")
    (tmp_path / "usr/bin/run").write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / "usr/bin/run").chmod(0o755)
    (tmp_path / "bin").symlink_to("usr/bin")
    os.link(tmp_path / "usr/bin/run", tmp_path / "usr/bin/same")

    with tarfile.open(fileobj=io.BytesIO(b"".join(standin.pack(tmp_path)))) as tar:
        packed = {entry.name: (entry.linkname, oct(entry.mode) if entry.isreg() else "") for entry in tar}

    folders = ("dev", "usr", "usr/bin", "usr/share", "usr/share/doc", "var", "var/lib", "var/lib/apt")
    assert packed == dict.fromkeys((*folders, "var/lib/apt/lists"), ("", "")) | {
        "bin": ("usr/bin", ""),
        "usr/bin/run": ("", "0o755"),
        "usr/bin/same": ("usr/bin/run", ""),
    }


def test_an_image_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    """Where every base image is in the engine, nothing is fetched and nothing said."""
    said: list[str] = []

    standin.ensure(
        [standin.BASE, "a:1"], Store({standin.BASE, "a:1"}), tmp_path, tmp_path / "lock.txt", {}, said.append
    )

    assert said == []


def test_an_image_that_can_be_pulled_is_pulled(tmp_path: Path) -> None:
    """Where a registry can be reached, the true image is pulled and no stand-in is made."""
    said: list[str] = []
    store = Store(within_reach={standin.BASE})

    standin.ensure([standin.BASE], store, tmp_path, tmp_path / "lock.txt", {}, said.append)

    assert (store.images, said) == ({standin.BASE}, [f"pulling {standin.BASE}"])


def test_an_image_without_a_stand_in_is_an_error(tmp_path: Path) -> None:
    """An image that cannot be pulled and has no stand-in is named, with what to do."""
    with pytest.raises(BuildError) as caught:
        standin.ensure(["a:1"], Store(), tmp_path, tmp_path / "lock.txt", {}, lambda _line: None)

    assert str(caught.value) == (
        "error: the base image a:1 is not here\n"
        "  answer: it could not be pulled\n"
        f"  next: docker pull a:1 where its registry can be reached, or build FROM {standin.BASE}"
    )
