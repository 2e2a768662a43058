"""SAM: the exact commands, the environment that they get, and what is told of their end. Runs a stand-in for sam."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lockstep import process, sam
from lockstep.aws.session import Reach, Session
from lockstep.errors import BuildError, DeployError
from lockstep.model import Change, DeployStack, ImageRef, StackName
from lockstep.testing import a_build, a_digest
from tests.adapters.stubs import ACCESS, SECRET, TOKEN, a_boto_session

STACK = StackName("shop-test-hello")
ROLE = "arn:aws:iam::222222222222:role/shop-execution-test"
REPOSITORIES = {"Hello": "registry/shop/hello/hello", "Bye": "registry/shop/hello/bye"}
# Records how it was run, prints what `says` holds, and ends as `ends` says; what it packages names the command.
SCRIPT = f"""#!{sys.executable}
import json, os, pathlib, sys
here = pathlib.Path(__file__).parent
argv = sys.argv[1:]
record = {{"argv": argv, "env": dict(os.environ), "cwd": os.getcwd()}}
record["template"] = pathlib.Path(argv[argv.index("--template-file") + 1]).read_text()
with (here / "runs").open("a") as out:
    out.write(json.dumps(record) + "\\n")
if argv[0] == "build":
    out = pathlib.Path(argv[argv.index("--build-dir") + 1])
    out.mkdir()
    (out / "template.yaml").write_text("built of " + record["template"])
if argv[0] == "package":
    pathlib.Path(argv[argv.index("--output-template-file") + 1]).write_text("packaged of " + record["template"])
print((here / "says").read_text())
print(os.environ.get("AWS_SECRET_ACCESS_KEY"), os.environ.get("AWS_SESSION_TOKEN"))
sys.exit((here / ("ends-" + argv[0])).exists())
"""
# What SAM prints of a failed update, as wide as COLUMNS lets it.
FAILED = """
CloudFormation events from stack operations (refresh every 3.0 seconds)
--------------------------------------------------------------------------
ResourceStatus       ResourceType            LogicalResourceId  ResourceStatusReason
--------------------------------------------------------------------------
UPDATE_IN_PROGRESS   AWS::CloudFormation::Stack  shop-test-hello  User Initiated
UPDATE_FAILED        AWS::IAM::Role          OtherRole          Resource update cancelled
UPDATE_FAILED        AWS::Lambda::Function   Hello              Source image registry/shop does not exist. Provide
                                                                UPDATE_FAILED
UPDATE_FAILED - SOME_DETAIL  AWS::Lambda::Function   Bye        Another reason
UPDATE_ROLLBACK_COMPLETE  AWS::CloudFormation::Stack  shop-test-hello  -
--------------------------------------------------------------------------
Error: Failed to create/update the stack: shop-test-hello, Waiter StackUpdateComplete failed
"""


@dataclass
class Stub:
    """A stand-in for sam, and what was said while it ran."""

    folder: Path
    said: list[str] = field(default_factory=list)

    @property
    def env(self) -> dict[str, str]:
        """The environment that wiring makes for SAM."""
        environ = {"PATH": str(self.folder), "LANG": "C.UTF-8", "AWS_PROFILE": "mine", "EDITOR": "vi"}
        keys = Session(Reach("eu-west-1"), a_boto_session()).child_environment()
        return process.child_environment(environ, **keys, SAM_CLI_TELEMETRY="0")

    @property
    def sam(self) -> sam.Sam:
        """SAM with that environment."""
        return sam.Sam(self.env, "eu-west-1", "bucket", "environments/222222222222", ROLE, "222222222222")

    @property
    def runs(self) -> list[dict[str, Any]]:
        """How it was run."""
        return [json.loads(line) for line in (self.folder / "runs").read_text().splitlines()]

    def prints(self, text: str) -> None:
        """Have it print a text."""
        (self.folder / "says").write_text(text)

    def fails_at(self, command: str) -> None:
        """Have a command of it fail."""
        (self.folder / f"ends-{command}").touch()

    def deploy(self, repositories: Mapping[str, str] = REPOSITORIES, **given: tuple[tuple[str, str], ...]) -> None:
        """Deploy a template."""
        images = tuple((name, ImageRef(repository, a_digest())) for name, repository in repositories.items())
        values = {"parameters": (), "tags": ()} | given
        step = DeployStack("hello", STACK, Change.UPDATE, "it changed", a_build(images=images), **values)
        self.sam.deploy(step, b"TEMPLATE", self.said.append)

    def package(self) -> bytes:
        """Package a template of the service in `<folder>/hello`."""
        return self.sam.package(self.folder / "hello", b"TEMPLATE", REPOSITORIES, self.said.append)


@pytest.fixture
def stub(tmp_path: Path) -> Stub:
    """Have a sam that succeeds and says nothing."""
    (tmp_path / "sam").write_text(SCRIPT)
    (tmp_path / "sam").chmod(0o755)
    (tmp_path / "says").touch()
    (tmp_path / "hello").mkdir()
    return Stub(tmp_path)


def without_scratch(argv: object) -> list[str]:
    """Return a command with its folder for scratch called SCRATCH."""
    assert isinstance(argv, list)
    return [re.sub(r"/\S*/lockstep-[^/]*", "SCRATCH", word) for word in argv]


def test_the_commands_of_packaging(stub: Stub) -> None:
    """Packaging builds beside the service's files, then uploads below one prefix; no image is pushed by SAM."""
    packaged = stub.package()

    assert [without_scratch(run["argv"]) for run in stub.runs] == [
        ["build", "--template-file", "SCRATCH/hello/template.json", "--build-dir", "SCRATCH/build"],
        ["package", "--template-file", "SCRATCH/build/template.yaml", "--s3-bucket", "bucket",
         "--s3-prefix", "artifacts", "--output-template-file", "SCRATCH/packaged.json", "--use-json",
         "--region", "eu-west-1", "--no-progressbar", "--image-repository", "registry/shop/hello/bye"],
    ]  # fmt: skip
    assert packaged == b"packaged of built of TEMPLATE"
    assert stub.said == ["  packaged hello"]


def test_the_command_of_a_deployment(stub: Stub) -> None:
    """A deployment names stack, region, role and prefix, asks nothing, and quotes parameters and tags."""
    stub.deploy(parameters=(("Greeting", 'say "hi" = yes'),), tags=(("lockstep:release", "c0ffee"),))

    run = stub.runs[0]
    assert without_scratch(run["argv"]) == [
        "deploy", "--template-file", "SCRATCH/template.json", "--stack-name", STACK,
        "--s3-bucket", "bucket", "--s3-prefix", f"environments/222222222222/{STACK}", "--region", "eu-west-1",
        "--role-arn", ROLE, "--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND",
        "--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar",
        "--image-repository", "registry/shop/hello/bye",
        "--parameter-overrides", 'Greeting="say \\"hi\\" = yes"', "--tags", 'lockstep:release="c0ffee"',
    ]  # fmt: skip
    assert run["template"] == "TEMPLATE"


def test_a_deployment_without_images_parameters_and_tags(stub: Stub) -> None:
    """A service without images, parameters or tags has no options for them."""
    stub.deploy(repositories={})

    assert without_scratch(stub.runs[0]["argv"])[-1] == "--no-progressbar"


def test_credentials_come_by_the_environment_alone(stub: Stub) -> None:
    """SAM gets its caller's keys by its environment, with what every tool gets and nothing else of ours."""
    stub.deploy()

    assert stub.runs[0]["env"] == {
        "PATH": str(stub.folder),
        "LANG": "C.UTF-8",
        "AWS_ACCESS_KEY_ID": ACCESS,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_SESSION_TOKEN": TOKEN,
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "SAM_CLI_TELEMETRY": "0",
        "COLUMNS": sam.WIDE,
    }


def test_secrets_are_in_no_command_and_no_word(stub: Stub) -> None:
    """A secret is in no command line, and in nothing that is said or raised, even where SAM prints it."""
    stub.prints(f"CREATE_FAILED AWS::X Y {SECRET}\nError: {TOKEN}\n")
    stub.fails_at("deploy")
    stub.fails_at("package")

    with pytest.raises(DeployError) as deploying:
        stub.deploy()
    with pytest.raises(BuildError) as packaging:
        stub.package()

    errors = str(deploying.value), str(packaging.value)
    everything = json.dumps([*(run["argv"] for run in stub.runs), stub.said, errors])
    assert SECRET not in everything
    assert TOKEN not in everything
    assert "CREATE_FAILED AWS::X Y ********" in stub.said[0]


def test_a_failed_deployment_quotes_its_cause(stub: Stub) -> None:
    """A failed deployment quotes the resource that failed first, none that was cancelled, and SAM's last word."""
    stub.prints(FAILED)
    stub.fails_at("deploy")

    with pytest.raises(DeployError) as caught:
        stub.deploy()

    assert str(caught.value) == (
        "error: deploying shop-test-hello in account 222222222222, eu-west-1\n"
        "  answer: UPDATE_FAILED AWS::Lambda::Function Hello Source image registry/shop does not exist. Provide"
        " | Error: Failed to create/update the stack: shop-test-hello\n"
        "  next: correct what the reason names, then deploy again"
    )


def test_progress_is_one_line_for_each_event(stub: Stub) -> None:
    """Of SAM's tables one line is shown for each event: status, type, name and reason, without frames."""
    stub.prints(FAILED)

    stub.deploy()

    assert stub.said == [
        "  UPDATE_IN_PROGRESS AWS::CloudFormation::Stack shop-test-hello User Initiated",
        "  UPDATE_FAILED AWS::IAM::Role OtherRole Resource update cancelled",
        "  UPDATE_FAILED AWS::Lambda::Function Hello Source image registry/shop does not exist. Provide",
        "  UPDATE_FAILED - SOME_DETAIL AWS::Lambda::Function Bye Another reason",
        "  UPDATE_ROLLBACK_COMPLETE AWS::CloudFormation::Stack shop-test-hello",
    ]


def test_sams_own_table_is_not_cut() -> None:
    """With the width that SAM is given, its own code prints long names and long reasons uncut."""
    words = ["UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "AWS::Lambda::Permission", "N" * 255, "because " * 60]
    code = (
        "import json, sys\n"
        "from samcli.commands._utils.table_print import pprint_column_names, pprint_columns\n"
        "form = '{a:<{0}} {b:<{1}} {c:<{2}} {d:<{3}}'\n"
        "names = dict(a='a', b='b', c='c', d='d')\n"
        "@pprint_column_names(format_string=form, format_kwargs=names)\n"
        "def show(width, margin, format_args):\n"
        "    pprint_columns(json.loads(sys.argv[1]), width, margin, form, format_args, dict(names))\n"
        "show()\n"
    )
    argv = (sys.executable, "-c", code, json.dumps(words))
    env = {"PATH": os.defpath, "LANG": "C.UTF-8", "COLUMNS": sam.WIDE}
    said: list[str] = []

    process.run(argv, env, on_line=lambda line: sam.progress(line, said.append))

    assert said == ["  " + " ".join([*words[:3], words[3].strip()])]


@pytest.mark.parametrize("command", ["build", "package"])
def test_a_failed_packaging_quotes_sam(stub: Stub, command: str) -> None:
    """A failed build or packaging quotes SAM's last words, names the service, and goes no further."""
    stub.prints("Building\n\nError: PythonPipBuilder:ResolveDependencies - no such package\n")
    stub.fails_at(command)

    with pytest.raises(BuildError) as caught:
        stub.package()

    assert str(caught.value) == (
        f"error: running sam {command} for hello\n"
        "  answer: Error: PythonPipBuilder:ResolveDependencies - no such package\n"
        "  next: correct the template or what it names"
    )
    assert [run["argv"][0] for run in stub.runs][-1] == command
    assert stub.said == []


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("", "it said nothing"),
        ("Aborted!\n-----\n", "Aborted!"),
        ("Error: one\nError: two", "Error: two"),
        ("CREATE_FAILED  AWS::X  A  Resource creation cancelled", "CREATE_FAILED AWS::X A Resource creation cancelled"),
        ("x" * 1000, "x" * 600),
    ],
)
def test_last_words(output: str, words: str) -> None:
    """What SAM said last is quoted, and no frame of a table, at a length that can be read."""
    assert sam.last_words(output) == words


def test_nothing_is_left_behind(stub: Stub) -> None:
    """SAM's runs, failed ones too, leave nothing in the folder for scratch, and the service's own as it was."""
    (stub.folder / "hello" / "app.py").touch()
    stub.deploy()
    stub.package()
    stub.fails_at("package")

    with pytest.raises(BuildError):
        stub.package()

    assert [run["cwd"] for run in stub.runs if Path(str(run["cwd"])).exists()] == []
    assert [path.name for path in (stub.folder / "hello").iterdir()] == ["app.py"]


def test_what_packages_bring_runs_without_credentials(stub: Stub) -> None:
    """`sam build` runs other people's code, so it gets no credentials; `sam package` uploads, so it does."""
    stub.package()

    secret = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    assert [(run["argv"][0], [name for name in secret if name in run["env"]]) for run in stub.runs] == [
        ("build", []),
        ("package", list(secret)),
    ]
