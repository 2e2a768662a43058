"""Images: builds, pushes and checks by the real Docker client, against a tiny engine that remembers what it is asked."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from lockstep.errors import BuildError, LockstepError, RegistryError
from lockstep.images import LARGEST_IMAGE, Images
from lockstep.model import Architecture, ImageRef
from lockstep.testing import a_digest, an_image
from tests.adapters import fake_engine

REPOSITORY = "111111111111.dkr.ecr.eu-west-1.amazonaws.com/shop/hello/hellofunction"
TAG = f"{REPOSITORY}:source-c0ffee"
REF = ImageRef(REPOSITORY, a_digest())
INSPECTED, BUILT = f"GET /images/{TAG}/json", "POST /build"
PUSHED, READ = f"POST /images/{REPOSITORY}/push", f"GET /distribution/{REF}/json"
LOGIN = ("AWS", "planted-password")
LINES = ({"stream": "Step 1/2 : FROM scratch"}, {"stream": "\n"}, {"stream": " ---> Running in 1\n"},
         {"stream": "one\ntwo\n"}, {"aux": {"ID": "sha256:1"}})  # fmt: skip
OCI = "application/vnd.oci.image.manifest.v1+json"

pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture
def engine() -> Iterator[fake_engine.Engine]:
    """Run an engine that builds, pushes and knows one image."""
    with fake_engine.running() as found:
        found.answers |= {
            BUILT: (200, LINES),
            INSPECTED: (200, {"Id": "sha256:1", "Architecture": "amd64", "Size": 1}),
            PUSHED: (200, ({"status": "Pushed"},)),
            READ: (200, manifest()),
        }
        yield found


@pytest.fixture
def images(engine: fake_engine.Engine) -> Images:
    """Talk to that engine, with a login for its registry."""
    return Images(engine.host, lambda: LOGIN)


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """Have a service with something to build."""
    context = tmp_path / "hello" / "app"
    context.mkdir(parents=True)
    for name in ("Dockerfile", "app.py", "secret.txt"):
        (context / name).write_text(name)
    (context / ".dockerignore").write_text("secret.txt\n")
    return tmp_path / "hello"


def manifest(media_type: str = OCI, *architectures: str) -> dict[str, Any]:
    """Return what a registry says of an image."""
    platforms = [{"architecture": name, "os": "linux"} for name in architectures or ("amd64",)]
    return {"Descriptor": {"mediaType": media_type, "digest": a_digest(), "size": 1}, "Platforms": platforms}


def build(images: Images, service: Path, **changes: object) -> list[str]:
    """Build an image and return what was said."""
    said: list[str] = []
    images.build(service, an_image(**changes), TAG, {"revision": "c0ffee"}, said.append)
    return said


def test_the_engines_version(images: Images) -> None:
    """An engine that answers tells its version."""
    assert images.ping() == "20.10.24"


@pytest.mark.parametrize("call", ["ping", "has", "build", "push", "check", "pull", "import", "running"])
def test_no_engine(tmp_path: Path, service: Path, call: str) -> None:
    """Without an engine everything ends with 4, names the socket and says what to start."""
    host = f"unix://{tmp_path}/none.sock"
    images = Images(host)
    calls = {
        "ping": images.ping,
        "has": lambda: images.has(TAG),
        "build": lambda: build(images, service),
        "push": lambda: images.push(TAG, print),
        "check": lambda: images.check(REF, Architecture.X86_64),
        "pull": lambda: images.pull(TAG),
        "import": lambda: images.import_rootfs([b""], TAG, ()),
        "running": images.running,
    }

    with pytest.raises(BuildError) as caught:
        calls[call]()

    assert caught.value.exit_code == 4
    assert caught.value.tried == f"talking to the Docker engine at {host}"
    assert caught.value.cure == "start Docker, or invoke sandbox.start"


@pytest.mark.parametrize("call", ["ping", "has", "running"])
def test_an_engine_that_breaks(engine: fake_engine.Engine, images: Images, call: str) -> None:
    """An engine that answered once and then fails is as good as none."""
    images.ping()
    broken = (500, {"message": "out of order"})
    engine.answers |= {"GET /version": broken, INSPECTED: broken, "GET /containers/json": broken}
    calls = {"ping": images.ping, "has": lambda: images.has(TAG), "running": images.running}

    with pytest.raises(BuildError, match="talking to the Docker engine") as caught:
        calls[call]()

    assert caught.value.answer == "out of order"


def test_an_image_is_there_or_not(images: Images) -> None:
    """A local image is known by its tag."""
    assert (images.has(TAG), images.has("another:tag")) == (True, False)


def test_a_build_is_shown_as_it_goes(images: Images, service: Path) -> None:
    """Each line of a build is shown, without empty ones."""
    said = build(images, service)

    assert said == ["  Step 1/2 : FROM scratch", "  ---> Running in 1", "  one", "  two"]


def test_what_a_build_is_given(engine: fake_engine.Engine, images: Images, service: Path) -> None:
    """A build gets the files, arguments, target, platform and labels that template and release say, and no login."""
    build(images, service, build_args=(("VERSION", "1 \"x\""),), target="final", dockerfile=PurePosixPath("Dockerfile"))

    asked = engine.at("/build")
    assert asked.files == [".dockerignore", "Dockerfile", "app.py"]
    assert {name: asked.query[name] for name in ("t", "dockerfile", "target", "platform", "rm", "forcerm")} == {
        "t": TAG,
        "dockerfile": "Dockerfile",
        "target": "final",
        "platform": "linux/amd64",
        "rm": "True",
        "forcerm": "True",
    }
    assert json.loads(asked.query["buildargs"]) == {"VERSION": '1 "x"'}
    assert json.loads(asked.query["labels"]) == {"revision": "c0ffee"}
    assert not {name for name in asked.headers if name.lower().startswith("x-registry")}


def test_a_build_for_arm(engine: fake_engine.Engine, images: Images, service: Path) -> None:
    """An image function for arm64 is built for that platform."""
    engine.answers[INSPECTED] = (200, {"Architecture": "arm64", "Size": 1})

    build(images, service, architecture=Architecture.ARM64)

    assert engine.at("/build").query["platform"] == "linux/arm64"


def test_a_build_that_fails(engine: fake_engine.Engine, images: Images, service: Path) -> None:
    """A build that fails ends with 4 and quotes what the failing step said last."""
    engine.answers[BUILT] = (200, (*LINES, {"stream": "ERROR: no such package\n"}, {"error": "returned 1\n"}))

    with pytest.raises(BuildError) as caught:
        build(images, service)

    assert caught.value.exit_code == 4
    assert str(caught.value) == (
        "error: building HelloFunction from hello/app\n"
        "  answer: one | two | ERROR: no such package | returned 1\n"
        "  next: mend the Dockerfile or what it copies"
    )


@pytest.mark.parametrize("streamed", [True, False])
def test_a_build_that_is_refused(
    engine: fake_engine.Engine, images: Images, service: Path, *, streamed: bool
) -> None:
    """A Dockerfile that the engine refuses is told in its words, also where an image of an earlier build is there."""
    answer = {"message": "dockerfile parse error line 1: unknown instruction: FORM"}
    engine.answers[BUILT] = (400, (answer,) if streamed else answer)

    with pytest.raises(BuildError) as caught:
        build(images, service)

    assert caught.value.answer == answer["message"]


def test_a_build_that_is_cut_off(engine: fake_engine.Engine, images: Images, service: Path) -> None:
    """An engine that dies in the middle of a build is an error, and no traceback."""
    engine.broken = True

    with pytest.raises(BuildError, match="building HelloFunction from hello/app"):
        build(images, service)


def test_an_image_of_another_architecture(engine: fake_engine.Engine, images: Images, service: Path) -> None:
    """An image for another processor than the template's is refused before it is pushed."""
    engine.answers[INSPECTED] = (200, {"Architecture": "arm64", "Size": 1})

    with pytest.raises(BuildError) as caught:
        build(images, service)

    assert caught.value.answer == "the image is for arm64, the template says x86_64"


@pytest.mark.parametrize(("size", "refused"), [(LARGEST_IMAGE, False), (LARGEST_IMAGE + 1, True)])
def test_an_image_that_is_too_large(
    engine: fake_engine.Engine, images: Images, service: Path, size: int, *, refused: bool
) -> None:
    """An image larger than Lambda takes is refused before it is pushed."""
    engine.answers[INSPECTED] = (200, {"Architecture": "amd64", "Size": size})
    answer = ""

    try:
        build(images, service)
    except BuildError as error:
        answer = error.answer

    assert answer == ("the image has 10.0 GiB, Lambda takes 10" if refused else "")


@pytest.mark.filterwarnings("ignore:docker-credential-gone:UserWarning")
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # the client's own, in this case alone
def test_a_login_helper_that_is_missing(images: Images, service: Path, alone: Path) -> None:
    """Where a person's own Docker configuration names a helper for logins that is not there, the error names it."""
    (alone / ".docker").mkdir()
    (alone / ".docker" / "config.json").write_text('{"credsStore": "gone"}')

    with pytest.raises(BuildError, match="building HelloFunction") as caught:
        build(images, service)

    answer = caught.value.answer
    del caught
    gc.collect()  # now, while that warning is ignored
    assert "docker-credential-gone" in answer


def test_a_push_carries_its_login_and_leaves_none(engine: fake_engine.Engine, images: Images, alone: Path) -> None:
    """A push carries the registry's login with it; nothing of it is written or said."""
    said: list[str] = []

    images.push(TAG, said.append)

    asked = engine.at(f"/images/{REPOSITORY}/push")
    assert asked.query == {"tag": "source-c0ffee"}
    assert asked.login == {"username": "AWS", "password": "planted-password"}
    assert said == [f"pushed {TAG}"]
    assert list(alone.rglob("*")) == []
    assert "planted-password" not in repr(images)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, ({"status": "Preparing"}, {"error": "denied: not authorized"})), "denied: not authorized"),
        ((404, {"message": "An image does not exist locally"}), "An image does not exist locally"),
        ((500, ({"message": "out of order"},)), "out of order"),
    ],
)
def test_a_push_that_fails(engine: fake_engine.Engine, images: Images, answer: object, words: str) -> None:
    """A push that fails ends with 5, in the registry's words and without the login."""
    engine.answers[PUSHED] = answer
    said: list[str] = []

    with pytest.raises(RegistryError) as caught:
        images.push(TAG, said.append)

    assert caught.value.exit_code == 5
    assert caught.value.tried == f"pushing {TAG}"
    assert words in caught.value.answer
    assert "planted-password" not in str(caught.value)
    assert said == []


def test_a_push_that_is_cut_off(engine: fake_engine.Engine, images: Images) -> None:
    """A push that breaks off is an error that says to try again."""
    engine.broken = True

    with pytest.raises(RegistryError, match="pushing") as caught:
        images.push(TAG, print)

    assert caught.value.cure == "try again"


@pytest.mark.parametrize("media_type", [OCI, "application/vnd.docker.distribution.manifest.v2+json"])
def test_an_image_that_lambda_runs(engine: fake_engine.Engine, images: Images, media_type: str) -> None:
    """An image that is one manifest for the right processor passes, read with the registry's login."""
    engine.answers[READ] = (200, manifest(media_type))

    images.check(REF, Architecture.X86_64)

    assert engine.at(f"/distribution/{REF}/json").login["password"] == "planted-password"


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (manifest("application/vnd.oci.image.index.v1+json"), "which Lambda refuses"),
        (manifest("application/vnd.docker.distribution.manifest.list.v2+json"), "which Lambda refuses"),
        (manifest(OCI, "arm64"), "it is for ['arm64'], the template says x86_64"),
        (manifest(OCI, "amd64", "arm64"), "it is for ['amd64', 'arm64'], the template says x86_64"),
    ],
)
def test_an_image_that_lambda_does_not_run(
    engine: fake_engine.Engine, images: Images, found: object, words: str
) -> None:
    """An index of several images, or an image for another processor, is refused before anything is deployed."""
    engine.answers[READ] = (200, found)

    with pytest.raises(BuildError) as caught:
        images.check(REF, Architecture.X86_64)

    assert caught.value.tried == f"checking {REF} in the registry"
    assert words in caught.value.answer


def test_an_image_that_the_registry_lacks(engine: fake_engine.Engine) -> None:
    """An image that the registry does not give is an error in its words."""
    engine.answers[READ] = (404, {"message": "manifest unknown"})

    with pytest.raises(RegistryError) as caught:
        Images(engine.host).check(REF, Architecture.X86_64)

    assert (caught.value.answer, caught.value.cure) == ("manifest unknown", "invoke push")


def test_which_images_run(engine: fake_engine.Engine, images: Images) -> None:
    """The images of the containers that run are told by the names they were started with."""
    engine.answers["GET /containers/json"] = (200, [{"Image": TAG}])

    assert images.running() == (TAG,)


@pytest.mark.parametrize(("status", "pulled"), [(200, True), (404, False)])
def test_a_pull(engine: fake_engine.Engine, images: Images, status: int, *, pulled: bool) -> None:
    """A pull tells whether the image can be had."""
    engine.answers["POST /images/create"] = (status, ({"status": "x"},) if pulled else {"message": "not found"})

    assert images.pull(TAG) is pulled


def test_an_import(engine: fake_engine.Engine, images: Images) -> None:
    """A file system becomes an image under its tag, with the instructions that go with it."""
    engine.answers["POST /images/create"] = (200, ({"status": "sha256:1"},))

    images.import_rootfs(iter([b"tar in ", b"pieces"]), "public.ecr.aws/lambda/python:3.13", ("ENV A=1", "WORKDIR /"))

    asked = engine.at("/images/create")
    assert (asked.query["repo"], asked.query["tag"]) == ("public.ecr.aws/lambda/python", "3.13")
    assert asked.body == b"tar in pieces"


@pytest.mark.parametrize("answer", [(500, {"message": "no space left"}), (200, ({"error": "no space left"},))])
def test_an_import_that_fails(engine: fake_engine.Engine, images: Images, answer: object) -> None:
    """An import that fails is an error in the engine's words, also where it fails only at its end."""
    engine.answers["POST /images/create"] = answer

    with pytest.raises(LockstepError) as caught:
        images.import_rootfs(iter([b"x"]), "base:1", ())

    assert (caught.value.tried, caught.value.answer) == ("making the image base:1", "no space left")
