"""Integration tests in a process of their own: what they see, what is shown of them, which report is left."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from xml.dom import minidom

import pytest

from lockstep.model import StackName, SuiteOutcome
from lockstep.pipeline import buildspec, collecting
from lockstep.ports import Suite
from lockstep.suites import Suites
from tests.adapters.outside import Outside

SUITE = Suite("hello", StackName("shop-test-hello"), {"Url": "https://x"}, {"Hello": "shop-test-hello-Hello-1"})
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "planted/secret", "AWS_SESSION_TOKEN": "planted==token"}
SPEC = """
version: 0.2
phases: {build: {commands: [echo]}}
reports: {integration: {files: [integration-*.xml], base-directory: reports, file-format: JUNITXML}}
"""


@dataclass
class Tree:
    """A working tree with the service hello, whose integration tests each test writes."""

    root: Path
    said: list[str] = field(default_factory=list)

    def write(self, file: str, *lines: str) -> None:
        """Write a file of the service's integration tests."""
        place = self.root / "services" / "hello" / "integration" / file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("".join(f"{line}\n" for line in lines))

    def run(self, **env: str) -> SuiteOutcome:
        """Run them with some environment, against test."""
        return self.suites(**env).run(SUITE, self.said.append)

    def suites(self, **env: str) -> Suites:
        """Return what runs them."""
        return Suites(self.root, "test", {"PATH": os.defpath, "LANG": "C.UTF-8", **env})

    def report(self, name: str = "integration-test-hello.xml") -> str:
        """The report that is left; CodeBuild's interpreter takes it as one."""
        (report,) = buildspec.parse(SPEC, "buildspec.yml").reports
        found = collecting.collect(self.root, report.files, lambda _line: None)
        assert [*found] == [name]
        collecting.check_report(found[name], report)
        return found[name].read_text()


def cases(report: str) -> list[tuple[str, str, str]]:
    """Return the test cases of a report: the name of each, and how and why it ended where it did not pass."""
    found = []
    for case in minidom.parseString(report).getElementsByTagName("testcase"):  # noqa: S318 - we made it
        nodes = [node for node in case.childNodes if isinstance(node, minidom.Element)]
        ends = [(node.tagName, node.getAttribute("message")) for node in nodes]
        found.append((case.getAttribute("name"), *(ends[0] if ends else ("", ""))))
    return found


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A working tree."""
    return Tree(tmp_path)


def test_tests_that_pass(tree: Tree) -> None:
    """What tests print comes line by line; how they ended is told, and a JUnit report left for each test case."""
    tree.write("test_a.py", "def test_one():", "    assert True", "def test_two():", "    assert True")

    outcome = tree.run()

    assert (outcome.service, outcome.passed, outcome.report) == ("hello", True, "reports/integration-test-hello.xml")
    assert outcome.summary.startswith("2 passed in ")
    assert [line for line in tree.said if "report.xml" in line or line.isspace()] == []
    assert [line.split()[:2] for line in tree.said if "::" in line] == [
        ["test_a.py::test_one", "PASSED"],
        ["test_a.py::test_two", "PASSED"],
    ]
    assert [name for name, _, _ in cases(tree.report())] == ["test_one", "test_two"]


def test_tests_that_fail(tree: Tree) -> None:
    """One failing test fails its service, and the report holds why."""
    tree.write("test_a.py", "def test_one():", "    assert 1 == 2", "def test_two():", "    assert True")

    outcome = tree.run()

    assert not outcome.passed
    assert outcome.summary.startswith("1 failed, 1 passed in ")
    assert "assert 1 == 2" in tree.report()


def test_a_folder_without_a_test(tree: Tree) -> None:
    """A folder in which there is no test fails too: nothing was proven."""
    tree.write("notes.txt", "none yet")

    outcome = tree.run()

    assert not outcome.passed
    assert outcome.summary.startswith("no tests ran in ")
    assert tree.report()


def test_tests_that_do_not_begin(tree: Tree) -> None:
    """Tests that cannot be read fail, with the status of pytest."""
    tree.write("test_a.py", "import nothing_of_that_name")

    outcome = tree.run()

    assert not outcome.passed
    assert outcome.summary.startswith("pytest ended with 2, not with its tests: 1 error in ")


def test_tests_that_end_their_process(tree: Tree) -> None:
    """Tests that end the process before pytest wrote anything fail, and the report says so in one test case."""
    tree.write("conftest.py", "import os", "os.write(2, b'leaving')", "os._exit(7)")

    outcome = tree.run()

    assert (outcome.passed, outcome.summary) == (False, "pytest ended with 7, not with its tests")
    assert cases(tree.report()) == [("hello", "error", outcome.summary)]


def test_a_process_that_ends_well_too_early(tree: Tree) -> None:
    """A process that ends with 0 before its tests did has passed nothing, since there is no report of its own."""
    tree.write("test_a.py", "import os", "def test_one():", "    os._exit(0)")

    outcome = tree.run()

    assert (outcome.passed, outcome.summary) == (False, "pytest ended with 0, not with its tests: test_a.py::test_one")
    assert "<error " in tree.report()


def test_nothing_to_test(tree: Tree) -> None:
    """Where there is nothing to test, a report with one skipped test case says why."""
    tree.suites().skip("no service has a folder integration/")

    reason = "no service has a folder integration/"
    assert cases(tree.report("integration-test.xml")) == [("any service", "skipped", reason)]


def test_what_tests_are_told(tree: Tree) -> None:
    """Tests find environment, stack, outputs and functions in their environment, and each other's modules beside."""
    tree.write("place.py", "import json, os", "OUTPUTS = json.loads(os.environ['LOCKSTEP_OUTPUTS'])")
    tree.write(
        "test_a.py",
        "import json, os",
        "from place import OUTPUTS",
        "def test_one():",
        "    assert OUTPUTS == {'Url': 'https://x'}",
        "    assert json.loads(os.environ['LOCKSTEP_FUNCTIONS']) == {'Hello': 'shop-test-hello-Hello-1'}",
        "    assert os.environ['LOCKSTEP_STACK'] == 'shop-test-hello'",
        "    assert os.environ['LOCKSTEP_ENVIRONMENT'] == 'test'",
    )

    assert tree.run().passed, tree.said


def test_no_configuration_of_ours(tree: Tree) -> None:
    """Neither the tree's own configuration of pytest nor its conftest.py reaches the tests; nothing is left beside."""
    (tree.root / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = '--no-such-option'\n")
    (tree.root / "conftest.py").write_text("raise SystemExit(9)\n")
    tree.write("test_a.py", "def test_one():", "    assert True")
    before = {path for path in tree.root.rglob("*") if "reports" not in path.parts}

    outcome = tree.run()

    assert outcome.passed, tree.said
    assert {path for path in tree.root.rglob("*") if "reports" not in path.parts} == before


def test_secrets_are_masked(tree: Tree) -> None:
    """Tests that print or report their keys give stars, on the terminal and in the report."""
    tree.write(
        "test_a.py",
        "import os",
        "def test_one():",
        "    print(os.environ['AWS_SESSION_TOKEN'], 'ASIA' + 'Z' * 16)",
        "    assert os.environ['AWS_SECRET_ACCESS_KEY'] == ''",
    )

    tree.run(**KEYS)

    shown = "\n".join(tree.said) + tree.report()
    assert "********" in shown
    assert [word for word in ("planted/secret", "planted==token", "ASIAZ") if word in shown] == []


@pytest.mark.usefixtures("alone")
def test_the_deploy_role_and_nobody_else(outside: Outside, tmp_path: Path) -> None:
    """Tests are the environment's deploy role; of the caller they see no key, profile, file, home or index."""
    seen = tmp_path / "seen.json"
    tree = Tree(outside.root)
    tree.write(
        "test_a.py",
        "import json, os, pathlib",
        "import boto3",
        "def test_one():",
        "    session = boto3.Session()",
        "    caller = boto3.client('sts').get_caller_identity()['Arn']",
        "    there = pathlib.Path('~/.aws/credentials').expanduser().exists()",
        "    found = [dict(os.environ), caller, session.available_profiles, there]",
        f"    pathlib.Path({str(seen)!r}).write_text(json.dumps(found))",
    )
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text("[planted]\naws_access_key_id = X\naws_secret_access_key = Y\n")
    planted = {
        "AWS_ACCESS_KEY_ID": "PLANTED",
        "AWS_SECRET_ACCESS_KEY": "PLANTED",
        "AWS_PROFILE": "planted",
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / ".aws" / "credentials"),
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/planted",
        "PIP_INDEX_URL": "http://somebody:planted@127.0.0.1:9",
        "PYTHONPATH": "planted",
        "PYTEST_ADDOPTS": "--planted",
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }

    _, target = outside.wiring("developer", **planted).deployer("test")
    outcome = target.suites.run(SUITE, tree.said.append)

    assert outcome.passed, tree.said
    env, caller, profiles, there = json.loads(seen.read_text())
    assert caller == target.caller
    assert (profiles, there) == ([], False)
    assert "planted" not in json.dumps(env).lower()
    assert env["HTTPS_PROXY"] == "http://127.0.0.1:9"
    assert set(env) - {"PYTEST_CURRENT_TEST", "PYTEST_VERSION", "LC_CTYPE"} == {
        "AWS_ACCESS_KEY_ID",
        "AWS_CONFIG_FILE",
        "AWS_DEFAULT_REGION",
        "AWS_EC2_METADATA_DISABLED",
        "AWS_ENDPOINT_URL",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_SHARED_CREDENTIALS_FILE",
        "HOME",
        "HTTPS_PROXY",
        "LANG",
        "LOCKSTEP_ENVIRONMENT",
        "LOCKSTEP_FUNCTIONS",
        "LOCKSTEP_OUTPUTS",
        "LOCKSTEP_STACK",
        "PATH",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONUTF8",
        "TERM",
        "TMPDIR",
    }
