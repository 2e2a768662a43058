"""Building images: by the real Docker client, with a tiny engine that remembers what it was asked."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from lockstep.errors import BuildError
from lockstep.images import LARGEST_IMAGE, Images
from lockstep.model import Architecture, ImageRef
from lockstep.testing import a_digest, an_image
from tests.adapters import fake_engine

REPOSITORY = "111111111111.dkr.ecr.eu-west-1.amazonaws.com/shop/hello/hellofunction"
TAG = f"{REPOSITORY}:source-c0ffee"
REF = ImageRef(REPOSITORY, a_digest())
INSPECTED, REMOVED, BUILT = f"GET /images/{TAG}/json", f"DELETE /images/{TAG}", "POST /build"
LINES = ({"stream": "Step 1/2 : FROM scratch"}, {"stream": "\n"}, {"stream": " ---> Running in 1\n"},
         {"stream": "one\ntwo\n"}, {"aux": {"ID": "sha256:1"}})  # fmt: skip

pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture
def engine() -> Iterator[fake_engine.Engine]:
    """Run an engine that builds, and knows one image."""
    with fake_engine.running() as found:
        found.answers |= {
            BUILT: (200, LINES),
            INSPECTED: (200, {"Id": "sha256:1", "Architecture": "amd64", "Size": 1}),
        }
        yield found


@pytest.fixture
def images(engine: fake_engine.Engine) -> Images:
    """Talk to that engine."""
    return Images(engine.host)


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """Have a service with something to build."""
    context = tmp_path / "hello" / "app"
    context.mkdir(parents=True)
    for name in ("Dockerfile", "app.py", "secret.txt"):
        (context / name).write_text(name)
    (context / ".dockerignore").write_text("secret.txt\n")
    return tmp_path / "hello"


def build(images: Images, service: Path, **changes: Any) -> list[str]:  # noqa: ANN401 - any field of an image
    """Build an image and return what was said."""
    said: list[str] = []
    images.build(service, an_image(**changes), TAG, {"revision": "c0ffee"}, said.append)
    return said


def test_the_engines_version(images: Images) -> None:
    """An engine that answers tells its version."""
    assert images.ping() == "20.10.24"


@pytest.mark.parametrize("call", ["ping", "has", "build", "push", "check", "pull", "import", "remove", "running"])
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
        "remove": lambda: images.remove(TAG),
        "running": images.running,
    }

    with pytest.raises(BuildError) as caught:
        calls[call]()

    assert caught.value.exit_code == 4
    assert caught.value.tried == f"talking to the Docker engine at {host}"
    assert caught.value.cure == "start Docker, or invoke sandbox.start"


@pytest.mark.parametrize("call", ["ping", "has", "remove", "running"])
def test_an_engine_that_breaks(engine: fake_engine.Engine, images: Images, call: str) -> None:
    """An engine that answered once and then fails is as good as none."""
    images.ping()
    broken = (500, {"message": "out of order"})
    engine.answers |= {"GET /version": broken, INSPECTED: broken, "GET /containers/json": broken, REMOVED: broken}
    calls = {
        "ping": images.ping,
        "has": lambda: images.has(TAG),
        "remove": lambda: images.remove(TAG),
        "running": images.running,
    }

    with pytest.raises(BuildError, match="talking to the Docker engine") as caught:
        calls[call]()

    assert caught.value.answer == "out of order"


def test_an_image_is_there_or_not(images: Images) -> None:
    """A local image is known by its tag."""
    assert (images.has(TAG), images.has("another:tag")) == (True, False)


def test_an_image_is_removed(engine: fake_engine.Engine, images: Images) -> None:
    """A local tag is taken away; one that is not there is no error."""
    engine.answers[REMOVED] = (200, [{"Untagged": TAG}])

    images.remove(TAG)
    images.remove("another:tag")

    assert [asked.path for asked in engine.asked if asked.method == "DELETE"] == [
        f"/images/{TAG}",
        "/images/another:tag",
    ]


def test_a_build_is_shown_as_it_goes(images: Images, service: Path) -> None:
    """Each line of a build is shown, without empty ones."""
    said = build(images, service)

    assert said == ["  Step 1/2 : FROM scratch", "  ---> Running in 1", "  one", "  two"]


def test_what_a_build_is_given(engine: fake_engine.Engine, images: Images, service: Path) -> None:
    """A build gets the files, arguments, target, platform and labels that template and release say, and no login."""
    build(images, service, build_args=(("VERSION", '1 "x"'),), target="final", dockerfile=PurePosixPath("Dockerfile"))

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
def test_a_build_that_is_refused(engine: fake_engine.Engine, images: Images, service: Path, *, streamed: bool) -> None:
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


def stand_in(engine: fake_engine.Engine) -> None:
    """Have the build's image carry what it inherits from the sandbox's stand-in."""
    inspected = {
        "Architecture": "amd64",
        "Size": 1,
        "Config": {"Labels": {"lockstep.stand-in": "public.ecr.aws/lambda/python:3.13"}},
    }
    engine.answers |= {INSPECTED: (200, inspected), REMOVED: (200, [{"Untagged": TAG}])}


def test_a_build_on_the_stand_in_is_refused(engine: fake_engine.Engine, images: Images, service: Path) -> None:
    """What was built on the sandbox's stand-in is no image for real accounts, and does not stay for a second try."""
    stand_in(engine)

    with pytest.raises(BuildError) as caught:
        build(images, service)

    assert str(caught.value) == (
        "error: building HelloFunction from hello/app\n"
        "  answer: its base is the sandbox's stand-in for public.ecr.aws/lambda/python:3.13\n"
        "  next: docker pull public.ecr.aws/lambda/python:3.13, then repeat"
    )
    assert engine.at(f"/images/{TAG}").method == "DELETE"


def test_the_sandbox_takes_the_stand_in(engine: fake_engine.Engine, service: Path) -> None:
    """In the sandbox an image that was built on the stand-in is as good as any."""
    stand_in(engine)

    said = build(Images(engine.host, takes_standins=True), service)

    assert said[0] == "  Step 1/2 : FROM scratch"


def has_parents(engine: fake_engine.Engine, *chain: tuple[str, dict[str, Any]]) -> None:
    """Have the engine know an image and, in turn, the parents that it was built from."""
    for (name, about), (parent, _) in zip(chain, (*chain[1:], ("", {})), strict=True):
        engine.answers[f"GET /images/{name}/json"] = (200, {"Id": name, "Parent": parent, **about})


def test_the_base_of_an_image(engine: fake_engine.Engine, images: Images) -> None:
    """An image's base is the one at the end of its parents, by the digest of the registry that gave it."""
    digest = f"public.ecr.aws/lambda/python@{a_digest('base')}"
    has_parents(engine, (TAG, {}), ("sha256:2", {}), ("sha256:3", {"RepoDigests": [digest]}))

    assert images.base(TAG) == digest


def test_a_base_from_no_registry(engine: fake_engine.Engine, images: Images) -> None:
    """A base that no registry gave is told by its id."""
    has_parents(engine, (TAG, {}), ("sha256:3", {"RepoDigests": None}))

    assert images.base(TAG) == "sha256:3"


def test_the_base_of_no_image(engine: fake_engine.Engine, images: Images) -> None:
    """Of an image that is not on this machine nothing is known."""
    engine.answers[INSPECTED] = (404, {"message": "No such image"})

    assert images.base(TAG) is None


def test_a_base_and_no_engine(images: Images, engine: fake_engine.Engine) -> None:
    """Without an engine the base cannot be told, which ends with 4."""
    engine.answers[INSPECTED] = (500, {"message": "the engine is ill"})

    with pytest.raises(BuildError, match="Docker engine"):
        images.base(TAG)
