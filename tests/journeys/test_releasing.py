"""Making releases: `release`, and its parts `build`, `push` and `package` one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockstep import canonical
from lockstep.errors import ConfigError, RegistryError
from lockstep.testing import engine_down
from tests.journeys.terminal import Outside, changed, text

if TYPE_CHECKING:
    from lockstep.model import Service
    from tests.journeys.terminal import Terminal

TAG = "registry/shop/hello/hellofunction:source-d8fc8d98a00a687516ebc1aa516f9d42"
IMAGE = f"registry/shop/hello/hellofunction@sha256:{canonical.hash_of(TAG)}"


def test_a_release_is_made_of_the_working_tree(terminal: Terminal) -> None:
    """The first release builds, pushes, packages and publishes, and says what it holds."""
    seen = terminal.invoke("release")

    (made,) = (key for key in terminal.world.files if key.startswith("releases/"))
    name = made.removeprefix("releases/").removesuffix(".json")
    assert seen == (
        0,
        text(
            "AWS: a fake one",
            "hello: building HelloFunction from services/hello/app",
            "  labels ['lockstep.source-hash', 'org.opencontainers.image.revision']",
            "hello: pushing HelloFunction",
            f"pushed {TAG}",
            "hello: packaging",
            "  packaged hello",
            f"Release {name} (new), commit c0ffee000000",
            f"  hello: HelloFunction {IMAGE}",
        ),
        "",
    )


def test_the_same_tree_is_the_same_release(terminal: Terminal) -> None:
    """The second release of a tree has the same name, and neither builds, pushes nor writes anything."""
    name = terminal.release()
    before = terminal.accounts()
    terminal.changes()

    seen = terminal.invoke("release")

    assert seen == (
        0,
        text(
            "AWS: a fake one",
            "hello: nothing changed since it was built",
            f"Release {name} (known already), commit c0ffee000000",
            f"  hello: HelloFunction {IMAGE}",
        ),
        "",
    )
    assert terminal.changes() == []
    assert terminal.accounts() == before


def test_only_what_changed_is_built(two: Terminal) -> None:
    """After a change in one of two services, the next release builds that one alone."""
    two.release()
    two.changes()
    two.services = (two.services[0], changed(two.services[1]))

    seen = two.invoke("release")

    assert seen.code == 0
    assert [call.partition(":")[0] for call in two.changes()] == [
        "build orders HelloFunction",
        "push registry/shop/orders/hellofunction",
        "check registry/shop/orders/hellofunction x86_64",
        "put templates",
        "put builds",
        "put releases",
    ]


def test_a_release_as_json(terminal: Terminal) -> None:
    """With --json a release is one document on stdout, and the words are on stderr."""
    seen = terminal.invoke("release", "--json")

    (template,) = (key for key in terminal.world.files if key.startswith("templates/"))
    (made,) = (key for key in terminal.world.files if key.startswith("releases/"))
    assert seen.document == {
        "release": made.removeprefix("releases/").removesuffix(".json"),
        "new": True,
        "services": {
            "hello": {
                "images": {"HelloFunction": IMAGE},
                "template_sha256": template.removeprefix("templates/").removesuffix(".json"),
            }
        },
    }
    assert seen.err.splitlines()[0] == "AWS: a fake one"


def test_a_release_s_name_alone(terminal: Terminal) -> None:
    """With --id stdout holds the release's name alone, for a shell to read, and the words are on stderr."""
    seen = terminal.invoke("release", "--id")

    assert seen.code == 0
    assert seen.out == f"{terminal.release()}\n"
    assert seen.err.splitlines()[0] == "AWS: a fake one"


def test_the_parts_of_a_release_one_by_one(terminal: Terminal) -> None:
    """Build, push and package in one command do the same, part by part, as release does at once."""
    parts = terminal.invoke("build", "push", "package")

    (template,) = (key for key in terminal.world.files if key.startswith("templates/"))
    assert parts == (
        0,
        text(
            "AWS: a fake one",
            "hello: building HelloFunction from services/hello/app",
            "  labels ['lockstep.source-hash', 'org.opencontainers.image.revision']",
            f"hello: HelloFunction {TAG}",
            "AWS: a fake one",
            "hello: pushing HelloFunction",
            f"pushed {TAG}",
            f"hello: HelloFunction {IMAGE}",
            "AWS: a fake one",
            "hello: packaging",
            "  packaged hello",
            f"hello: template {template.removeprefix('templates/').removesuffix('.json')}",
        ),
        "",
    )
    assert "hello: nothing changed since it was built\n" in terminal.invoke("release").out


def test_the_parts_again_do_nothing(terminal: Terminal) -> None:
    """Build, push and package of what is there already say so and only look at it."""
    terminal.invoke("build", "push", "package")
    terminal.changes()

    seen = terminal.invoke("build", "push", "package")

    assert seen.out.splitlines()[:-1] == [
        "AWS: a fake one",
        "hello: HelloFunction is built already",
        f"hello: HelloFunction {TAG}",
        "AWS: a fake one",
        "hello: HelloFunction is in the registry already",
        f"hello: HelloFunction {IMAGE}",
        "AWS: a fake one",
    ]
    assert terminal.changes() == ["check registry/shop/hello/hellofunction x86_64"]


def test_the_parts_as_json(terminal: Terminal) -> None:
    """With --json build, push and package each print the images or templates of each service."""
    built = terminal.invoke("build", "--json").document
    pushed = terminal.invoke("push", "--json").document
    packaged = terminal.invoke("package", "--json").document

    (template,) = (key for key in terminal.world.files if key.startswith("templates/"))
    sha256 = template.removeprefix("templates/").removesuffix(".json")
    assert built == {"target": "aws", "services": {"hello": {"images": {"HelloFunction": TAG}}}}
    assert pushed == {"target": "aws", "services": {"hello": {"images": {"HelloFunction": IMAGE}}}}
    assert packaged == {
        "target": "aws",
        "services": {"hello": {"images": {"HelloFunction": IMAGE}, "template_sha256": sha256}},
    }


def test_one_service_of_two(two: Terminal) -> None:
    """A named service alone is built."""
    two.invoke("build", "--service", "orders")

    assert two.changes() == ["build orders HelloFunction"]


def test_nothing_is_pushed_unbuilt(terminal: Terminal) -> None:
    """Pushing what was never built ends with exit code 4 and names the task to run first."""
    seen = terminal.invoke("push")

    assert seen == (
        4,
        text("AWS: a fake one"),
        text(
            "error: pushing HelloFunction of hello",
            "  answer: no image was built from this source",
            "  next: invoke build",
        ),
    )
    assert terminal.changes() == []


def test_nothing_is_packaged_unpushed(terminal: Terminal) -> None:
    """Packaging what was never pushed ends with exit code 5 and names the task to run first."""
    terminal.invoke("build")
    terminal.changes()

    seen = terminal.invoke("package")

    assert seen == (
        5,
        text("AWS: a fake one"),
        text(
            "error: packaging hello",
            "  answer: HelloFunction is not in the registry",
            "  next: invoke push",
        ),
    )
    assert terminal.changes() == []


def test_a_failed_part_ends_the_command(terminal: Terminal) -> None:
    """Where one task of several fails, those after it are not begun, and its exit code is that of the command."""
    seen = terminal.invoke("push", "package")

    assert (seen.code, seen.out) == (4, text("AWS: a fake one"))


def test_no_engine_no_image(terminal: Terminal) -> None:
    """Without an engine a release that needs one ends with exit code 4, and no account is changed."""
    terminal.world.fails["engine"] = engine_down()
    before = terminal.accounts()

    seen = terminal.invoke("release", "--json")

    assert seen == (
        4,
        "",
        text(
            "AWS: a fake one",
            "hello: building HelloFunction from services/hello/app",
            "error: talking to the Docker engine",
            "  answer: no such file",
            "  next: start Docker",
        ),
    )
    assert terminal.accounts() == before


class Saved(Outside):
    """A working tree in which a file is saved, or a template spoiled, while an image is built."""

    def services(self) -> tuple[Service, ...]:
        """The services, and another one of the same name after the build."""
        if any(call.startswith("build") for call in self.world.calls):
            return tuple(changed(service) for service in super().services())
        return super().services()


class Spoiled(Saved):
    """A working tree that can no longer be read after a build."""

    def services(self) -> tuple[Service, ...]:
        """The services, and an error after the build."""
        if super().services() != self.catalog:
            raise ConfigError("reading services/hello/template.yaml")
        return self.catalog


@pytest.mark.parametrize("outside", [Saved, Spoiled])
def test_a_file_saved_during_the_build(terminal: Terminal, outside: type[Outside]) -> None:
    """A file that is saved while its image is built ends the release with exit code 4, and no image is kept."""
    terminal.outside = outside
    before = terminal.accounts()

    seen = terminal.invoke("release")

    assert (seen.code, seen.err) == (
        4,
        text(
            "error: building HelloFunction of hello",
            "  answer: the source changed while it was built",
            "  next: repeat",
        ),
    )
    assert (terminal.world.local, terminal.accounts()) == (set(), before)


def test_a_missing_repository(terminal: Terminal) -> None:
    """Without its repository a release ends with exit code 5 before anything is built."""
    terminal.world.fails["registry"] = RegistryError(
        "looking for shop/hello/hellofunction", "RepositoryNotFoundException", "invoke bootstrap"
    )
    before = terminal.accounts()

    seen = terminal.invoke("release")

    assert seen == (
        5,
        text("AWS: a fake one"),
        text(
            "error: looking for shop/hello/hellofunction",
            "  answer: RepositoryNotFoundException",
            "  next: invoke bootstrap",
        ),
    )
    assert terminal.changes() == []
    assert terminal.accounts() == before
