"""What a change of a file touches: the image, the package, both or neither."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from lockstep import catalog, schemas
from lockstep.images import context_files
from lockstep.model import Service
from lockstep.schemas import Schemas

KNOWLEDGE = Schemas(schemas.installed(), "eu-west-1")
IMAGE = "{Type: AWS::Serverless::Function, Metadata: {%s}, Properties: {PackageType: Image}}"
ZIP = "{Type: AWS::Serverless::Function, Properties: {CodeUri: %s}}"
FILES = {
    "app/.dockerignore": "*.md\n",
    "app/Dockerfile": "FROM scratch",
    "app/README.md": "read",
    "app/app.py": "print()",
    "app/worker/work.py": "print()",
    "integration/test_hello.py": "",
    "layer/code.py": "print()",
    "layer/integration/code.py": "print()",
    "permissions.yaml": "Boundary: [{Action: ses:SendEmail, Resource: 'arn:aws:ses:x'}]\n",
    "smoke.json": '{"events": [{"name": "greets", "function": "One", "event": {}, "expect": 1}]}',
    "tests/test_app.py": "",
}


def template(metadata: str = "DockerContext: app", **others: str) -> str:
    """Return a template with the image function One and other functions."""
    resources = {"One": IMAGE % metadata, **others}
    return "Resources:\n" + "".join(f"  {name}: {body}\n" for name, body in resources.items())


def repository(root: Path, text: str, files: Mapping[str, str] | None = None) -> Path:
    """Write the service hello into the repository at `root`, and return its folder."""
    folder = root / "services" / "hello"
    for name, content in {**FILES, "template.yaml": text, **(files or {})}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def load(folder: Path) -> Service:
    """Return the service in a folder."""
    (service,) = catalog.load(folder.parents[1], context_files, KNOWLEDGE)
    return service


def touched(folder: Path, change: Callable[[], object]) -> set[str]:
    """Return what a change touches: the package, and each image whose hash is another after it."""
    before = load(folder)
    change()
    after = load(folder)
    images = {name for name, found in after.image_hashes if dict(before.image_hashes).get(name) != found}
    found = images | ({"package"} if before.package_hash != after.package_hash else set())
    assert (before.source_hash != after.source_hash) == bool(found)
    return found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("template.yaml", {"package"}),
        ("layer/code.py", {"package"}),
        ("app/app.py", {"One"}),
        ("app/Dockerfile", {"One"}),
        ("app/.dockerignore", {"One"}),
        ("app/README.md", set[str]()),
        ("permissions.yaml", set[str]()),
        ("smoke.json", set[str]()),
        ("tests/test_app.py", set[str]()),
        ("integration/test_hello.py", set[str]()),
        ("layer/integration/code.py", {"package"}),
    ],
)
def test_what_a_file_is_a_part_of(tmp_path: Path, name: str, expected: set[str]) -> None:
    """A file touches the image that Docker sends it for, or else the package; tests and rights touch neither."""
    folder = repository(tmp_path, template())

    def change() -> None:
        text = (folder / name).read_text()
        (folder / name).write_text(f"{text}\n")

    assert touched(folder, change) == expected


@pytest.mark.parametrize("place", ["integration", "integration/src", "."])
def test_code_beside_integration_tests(tmp_path: Path, place: str) -> None:
    """Where the template takes code out of integration/, or the folder around it, a file in there is part of that."""
    folder = repository(tmp_path, template(Two=ZIP % place), {"integration/src/code.py": ""})

    assert touched(folder, lambda: (folder / "integration/src/code.py").write_text("1")) == {"package"}


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "app/new.py").write_text(""),
        lambda folder: (folder / "app/app.py").unlink(),
        lambda folder: (folder / "app/app.py").rename(folder / "app/other.py"),
        lambda folder: (folder / "app/app.py").chmod(0o755),
        lambda folder: (folder / "app/link").symlink_to("app.py"),
    ],
)
def test_files_that_come_and_go(tmp_path: Path, change: Callable[[Path], object]) -> None:
    """A file that is added, removed, renamed, made executable or linked to touches its image."""
    folder = repository(tmp_path, template())

    assert touched(folder, lambda: change(folder)) == {"One"}


def test_where_a_link_points(tmp_path: Path) -> None:
    """A link counts as what it points to, be that there or not."""
    folder = repository(tmp_path, template())
    (folder / "link").symlink_to("nowhere")

    def change() -> None:
        (folder / "link").unlink()
        (folder / "link").symlink_to("elsewhere")

    assert touched(folder, change) == {"package"}


@pytest.mark.parametrize(
    "metadata",
    [
        "DockerContext: app, DockerBuildTarget: x",
        "DockerContext: app, DockerBuildArgs: {A: b}",
        "DockerContext: app, Dockerfile: app.py",
    ],
)
def test_how_an_image_is_built(tmp_path: Path, metadata: str) -> None:
    """Another target, argument or Dockerfile makes another image."""
    folder = repository(tmp_path, template())

    assert touched(folder, lambda: (folder / "template.yaml").write_text(template(metadata))) == {"One", "package"}


def test_the_place_of_the_repository_is_not_seen(tmp_path: Path) -> None:
    """The same files give the same hashes on any machine, in any folder."""
    one, two = repository(tmp_path / "a", template()), repository(tmp_path / "b/c", template())

    assert load(one) == load(two)


def test_a_dockerfile_beside_its_context(tmp_path: Path) -> None:
    """A Dockerfile that lies outside its context is a part of its image all the same."""
    text = template("DockerContext: app, Dockerfile: ../Dockerfile")
    folder = repository(tmp_path, text, {"Dockerfile": "FROM scratch"})

    assert touched(folder, lambda: (folder / "Dockerfile").write_text("FROM busybox")) == {"One", "package"}


@pytest.mark.parametrize("context", [".", "..", "../..", "../hello", "app/.."])
def test_the_template_is_always_a_part_of_the_package(tmp_path: Path, context: str) -> None:
    """A change of the template touches the package, however large a folder an image is built from."""
    text = template(f"DockerContext: {context}, Dockerfile: _x/Dockerfile")
    folder = repository(tmp_path, text, {f"{context}/_x/Dockerfile": "FROM scratch"})

    assert touched(folder, lambda: (folder / "template.yaml").write_text(f"{text}# more\n")) == {"One", "package"}


@pytest.mark.parametrize("code", [".", "app", "./app/worker", "app/worker/../worker"])
def test_code_that_an_image_is_built_from_too(tmp_path: Path, code: str) -> None:
    """A file that goes into an image and into a zip function touches both."""
    folder = repository(tmp_path, template(Two=ZIP % code))

    assert touched(folder, lambda: (folder / "app/worker/work.py").write_text("")) == {"One", "package"}


def test_two_images(tmp_path: Path) -> None:
    """A change in one image's context leaves the other image as it is."""
    text = template(Two=IMAGE % "DockerContext: two")
    folder = repository(tmp_path, text, {"two/Dockerfile": "FROM scratch"})

    assert touched(folder, lambda: (folder / "two/Dockerfile").write_text("FROM busybox")) == {"Two"}


def test_files_that_are_unchanged(tmp_path: Path) -> None:
    """A service is unchanged as long as every file that it was read from is, and not once it cannot be read."""
    folder = repository(tmp_path, template())
    before = load(folder)

    def unchanged() -> bool:
        return catalog.is_unchanged(lambda: catalog.load(tmp_path, context_files, KNOWLEDGE), before)

    found = [unchanged()]
    (folder / "app" / "app.py").write_text("print(2)")
    found.append(unchanged())
    (folder / "template.yaml").write_text("[")
    found.append(unchanged())

    assert found == [True, False, False]
