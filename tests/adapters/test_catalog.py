"""Services as they lie on disk: what is one, what is refused, and which of them are meant."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest

from lockstep import catalog, schemas
from lockstep.errors import ConfigError
from lockstep.images import context_files
from lockstep.model import Grants, SmokeEvent
from lockstep.names import RESERVED
from lockstep.schemas import Schemas
from lockstep.testing import a_service, an_image

KNOWLEDGE = Schemas(schemas.installed(), "eu-west-1")
TEMPLATE = """
Resources:
  HelloFunction:
    Type: AWS::Serverless::Function
    Metadata: {DockerContext: app}
    Properties: {PackageType: Image}
"""
FILES: Mapping[str, str | None] = {
    "template.yaml": TEMPLATE,
    "app/Dockerfile": "FROM scratch",
    "app/app.py": "print()",
    "smoke.json": '{"events": [{"name": "greets", "function": "HelloFunction", "event": {}, "expect": 1}]}',
}
NAMES = "a service's name is 1 to 31 small letters, digits and single hyphens, and none of: " + ", ".join(
    sorted(RESERVED)
)


def repository(root: Path, files: Mapping[str, str | None] | None = None, service: str = "hello") -> Path:
    """Write a service into the repository at `root` and return it; a file that is None is left out."""
    for name, text in {**FILES, **(files or {})}.items():
        if text is not None:
            file = root / "services" / service / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    return root


def complaint(root: Path) -> tuple[str, str, str]:
    """Return what is said of a repository that is refused: what was tried, what came back, what to do."""
    with pytest.raises(ConfigError) as caught:
        catalog.load(root, context_files, KNOWLEDGE)
    return caught.value.tried, caught.value.answer, caught.value.cure


def test_services_by_name(tmp_path: Path) -> None:
    """Each folder in services/ is a service, by name; files, and folders that begin with a dot or a line, are none."""
    for name in ("orders", "hello", "a-1"):
        repository(tmp_path, service=name)
    for name in (".cache", "_drafts"):
        (tmp_path / "services" / name).mkdir()
    (tmp_path / "services" / "README.md").write_text("")

    assert [service.name for service in catalog.load(tmp_path, context_files, KNOWLEDGE)] == ["a-1", "hello", "orders"]


def test_what_is_read_of_a_service(tmp_path: Path) -> None:
    """A service has the images of its template and the events of its smoke.json, which it may also lack."""
    repository(tmp_path)
    repository(tmp_path, {"smoke.json": None}, "orders")

    hello, orders = catalog.load(tmp_path, context_files, KNOWLEDGE)

    assert (hello.images, hello.smoke) == (
        (an_image(context=PurePosixPath("app")),),
        (SmokeEvent("greets", "HelloFunction", {}, 1),),
    )
    assert (orders.images, orders.smoke) == (hello.images, ())


def test_which_services_have_integration_tests(tmp_path: Path) -> None:
    """A service with a folder integration/ has integration tests; a file of that name is none."""
    repository(tmp_path, {"integration/test_hello.py": ""})
    repository(tmp_path, {"integration": ""}, "orders")

    found = catalog.load(tmp_path, context_files, KNOWLEDGE)

    assert [service.has_integration for service in found] == [True, False]


def test_a_service_without_images(tmp_path: Path) -> None:
    """A service may have no image at all."""
    template = "Resources: {HelloFunction: {Type: AWS::Serverless::Function, Properties: {CodeUri: app}}}"

    (service,) = catalog.load(repository(tmp_path, {"template.yaml": template}), context_files, KNOWLEDGE)

    assert (service.images, service.image_hashes) == ((), ())


@pytest.mark.parametrize("folder", [None, "services", "services/.git"])
def test_no_services(tmp_path: Path, folder: str | None) -> None:
    """A repository without a service is refused with what to add."""
    if folder:
        (tmp_path / folder).mkdir(parents=True)

    assert complaint(tmp_path) == ("reading services/", "there is no service", "add a folder like services/hello")


LONGEST = "a" + "-b" * 15


@pytest.mark.parametrize("name", ["a", "a1", "my-service-2", LONGEST])
def test_good_names(tmp_path: Path, name: str) -> None:
    """A service is called by 1 to 31 small letters, digits and single hyphens."""
    services = catalog.load(repository(tmp_path, service=name), context_files, KNOWLEDGE)

    assert [service.name for service in services] == [name]


@pytest.mark.parametrize(
    "name", ["Hello", "1a", "a_b", "a--b", "a-", "a b", f"{LONGEST}c", "a" * 32, *sorted(RESERVED)]
)
def test_bad_names(tmp_path: Path, name: str) -> None:
    """A service whose name would not fit, or is a part of our own names, is refused."""
    repository(tmp_path, service=name)

    assert complaint(tmp_path) == (f"reading services/{name}", NAMES, "rename the folder")


def test_folders_that_are_links(tmp_path: Path) -> None:
    """A service that is a symbolic link is refused: what it links to may lie anywhere."""
    repository(tmp_path / "elsewhere")
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "hello").symlink_to(tmp_path / "elsewhere" / "services" / "hello")

    assert complaint(tmp_path) == (
        "reading services/hello",
        "it is a symbolic link",
        "copy the folder itself there",
    )


def test_folders_without_a_template(tmp_path: Path) -> None:
    """A folder without a template is refused: it is a service that was begun, or left behind."""
    repository(tmp_path, {"template.yaml": None})

    assert complaint(tmp_path) == (
        "reading services/hello/template.yaml",
        "there is no such file",
        "add it, or remove services/hello",
    )


@pytest.mark.parametrize("name", ["template.yaml", "smoke.json"])
def test_files_that_are_not_text(tmp_path: Path, name: str) -> None:
    """A template or smoke file that is not UTF-8 is refused as such."""
    (repository(tmp_path) / "services/hello" / name).write_bytes(b"\xff\xfe")

    assert complaint(tmp_path) == (f"reading services/hello/{name}", "it is not UTF-8", "save it as UTF-8")


def test_layers_are_checked(tmp_path: Path) -> None:
    """A layer whose name does not begin with its stack's is refused when its service is read."""
    layer = "  Shared: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layer}}\n"

    assert complaint(repository(tmp_path, {"template.yaml": TEMPLATE + layer})) == (
        "reading services/hello/template.yaml",
        "the layer Shared has no LayerName that begins with its stack's name",
        'set its LayerName: !Sub "${AWS::StackName}-NAME"',
    )


def test_smoke_files_are_checked(tmp_path: Path) -> None:
    """A smoke file that calls a function which the template lacks is refused."""
    smoke = '{"events": [{"name": "x", "function": "Gone", "event": {}, "expect": 1}]}'

    assert complaint(repository(tmp_path, {"smoke.json": smoke})) == (
        "reading services/hello/smoke.json",
        "'x' names the function 'Gone', which the template lacks",
        "",
    )


def test_what_a_service_asks_for(tmp_path: Path) -> None:
    """What a service needs beyond what every service may is read from its permissions.yaml, if it has one."""
    repository(tmp_path, {"permissions.yaml": "Boundary: [{Action: ses:SendEmail, Resource: 'arn:aws:ses:x'}]"})
    repository(tmp_path, service="orders")

    found = [service.grants for service in catalog.load(tmp_path, context_files, KNOWLEDGE)]

    assert found == [Grants(boundary=({"Action": "ses:SendEmail", "Resource": "arn:aws:ses:x"},)), Grants()]


def test_permissions_are_checked(tmp_path: Path) -> None:
    """A permissions.yaml that names what is no action of AWS is refused with the nearest that is."""
    text = "Boundary: [{Action: ses:SendMail, Resource: 'arn:aws:ses:x'}]"

    assert complaint(repository(tmp_path, {"permissions.yaml": text})) == (
        "reading services/hello/permissions.yaml: Boundary, statement 1",
        "there is no action ses:SendMail",
        "did you mean 'ses:sendemail'?",
    )


@pytest.mark.parametrize(
    ("metadata", "answer"),
    [
        ("{DockerContext: ../../..}", "what HelloFunction is built from lies outside the repository"),
        ("{DockerContext: /}", "what HelloFunction is built from lies outside the repository"),
        (
            "{DockerContext: app, Dockerfile: ../../../../Dockerfile}",
            "what HelloFunction is built from lies outside the repository",
        ),
        ("{DockerContext: ap}", "HelloFunction names ap/Dockerfile, which is no file"),
        (
            "{DockerContext: app, Dockerfile: app.dockerfile}",
            "HelloFunction names app/app.dockerfile, which is no file",
        ),
        ("{DockerContext: ., Dockerfile: app}", "HelloFunction names app, which is no file"),
        ("{DockerContext: app, Dockerfile: {Ref: X}}", "HelloFunction names app/{'Ref': 'X'}, which is no file"),
    ],
)
def test_contexts_that_cannot_be_built(tmp_path: Path, metadata: str, answer: str) -> None:
    """An image whose context or Dockerfile is not there, or lies outside the repository, is refused."""
    (tmp_path / "Dockerfile").write_text("FROM scratch")
    template = TEMPLATE.replace("{DockerContext: app}", metadata)

    tried, said, _ = complaint(repository(tmp_path / "repository", {"template.yaml": template}))

    assert (tried, said) == ("reading services/hello/template.yaml", answer)


@pytest.mark.parametrize("path", ["../_shared", "./../_shared", "app/../../_shared"])
def test_code_outside_the_folder(tmp_path: Path, path: str) -> None:
    """A template that takes code from outside its service's folder is refused: a change there would go unnoticed."""
    template = f"{TEMPLATE}  Zip: {{Type: AWS::Serverless::Function, Properties: {{CodeUri: {path}}}}}\n"
    repository(tmp_path, {"template.yaml": template, "../_shared/app.py": ""})

    assert complaint(tmp_path) == (
        "reading services/hello/template.yaml",
        f"'{path}' lies outside the service's folder, so a change there would not be noticed",
        "move it into services/hello",
    )


@pytest.mark.parametrize("text", ["../nowhere", "s3://bucket/key", "https://example.com/../x", "/hello", "a/../b"])
def test_texts_that_are_no_paths(tmp_path: Path, text: str) -> None:
    """A text in a template that only looks like a path is nobody's business."""
    template = f"{TEMPLATE}  Topic: {{Type: AWS::SNS::Topic, Properties: {{DisplayName: '{text}'}}}}\n"

    services = catalog.load(repository(tmp_path, {"template.yaml": template}), context_files, KNOWLEDGE)

    assert [service.name for service in services] == ["hello"]


HELLO, ORDERS = a_service("hello"), a_service("orders")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [((), (HELLO, ORDERS)), (("orders",), (ORDERS,)), (("orders", "hello", "orders"), (HELLO, ORDERS))],
)
def test_services_that_are_wanted(wanted: tuple[str, ...], expected: tuple[object, ...]) -> None:
    """The services that are named are meant, in the catalog's order, and all of them where none is named."""
    assert catalog.select((HELLO, ORDERS), wanted) == expected


@pytest.mark.parametrize(("name", "cure"), [("hallo", "\n  next: did you mean 'hello'?"), ("stock", "")])
def test_services_that_are_unknown(name: str, cure: str) -> None:
    """A name that is no service's is refused with those that there are, and the nearest of them."""
    with pytest.raises(ConfigError) as caught:
        catalog.select((HELLO, ORDERS), ("hello", name))

    assert str(caught.value) == (
        f"error: looking for service '{name}' in services/\n  answer: there are: hello, orders{cure}"
    )
