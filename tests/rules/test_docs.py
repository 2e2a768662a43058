"""What the pages promise: links lead somewhere, files and tasks that they name are there, exit codes are told."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import tasks
from lockstep import errors

ROOT = Path(__file__).parents[2]
DONE, INTERRUPTED = 0, {130, 143}
# From where a page may name a file: rooms by their name in the library, a service's files as in the example.
FROM = (".", "lockstep", "lockstep/pipeline", "infra", "services/hello")
# Named by the pages but in no fresh clone: what the adopter adds, what the tasks make, what is in the bucket.
ELSEWHERE = {
    "infra/environments.toml", "environments.toml", "infra/scan-exceptions.toml", "release.json", "permissions.yaml",
    ".venv/", ".lockstep/", ".lockstep/sandbox/server.log", ".lockstep/builds/", ".lockstep/pipeline/", "reports/",
    "artifacts/", "builds/", "packages/", "releases/", "signatures/", "smoke/", "templates/",
}  # fmt: skip
FILE = re.compile(r"(?:[\w.-]+/)+[\w.-]*|[\w.-]+\.(?:py|toml|yaml|yml|json|txt|in|md|log)")
COMMAND = re.compile(r"\binvoke ([a-z][\w.]*)([^#|;&\n`]*)")


class Page:
    """A page for people: its text, and in it what is code."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.relative_to(ROOT).as_posix()
        self.text = path.read_text(encoding="utf-8")
        self.fences = re.findall(r"^```\w*\n(.*?)^```$", self.text, re.MULTILINE | re.DOTALL)
        self.prose = re.sub(r"^```\w*\n.*?^```$", "", self.text, flags=re.MULTILINE | re.DOTALL)
        self.spans = re.findall(r"`([^`\n]+)`", self.prose)

    def anchors(self) -> set[str]:
        """What a link may name after #: each heading, as GitHub writes it."""
        headings = re.findall(r"^#+ (.+)$", self.prose, re.MULTILINE)
        return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}

    def links(self) -> list[str]:
        """Every link that is not to another host."""
        return [link for link in re.findall(r"\]\(([^)\s]+)\)", self.prose) if "://" not in link]

    def commands(self) -> Iterator[tuple[str, set[str]]]:
        """Every task that the page's code runs, with the long flags that it gives."""
        for text in (*self.fences, *self.spans):
            for task, rest in COMMAND.findall(text):
                yield task, set(re.findall(r"--([a-z-]+)", rest))


def exit_codes() -> set[int]:
    """Every code that a task ends with."""
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.LockstepError)
    ]
    return {DONE, *INTERRUPTED, *(kind.exit_code for kind in kinds)}


@pytest.fixture(scope="module")
def pages() -> list[Page]:
    """Every page that ships."""
    top = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    return [Page(path) for path in (*top, *sorted((ROOT / "docs").rglob("*.md")))]


def test_readme_begins_with_the_two_commands(pages: list[Page]) -> None:
    """The README's first two lines of code are the demo and the judge."""
    readme = pages[0]

    lines = [line for fence in readme.fences for line in fence.splitlines()]

    assert lines[:2] == ["python3 -m pip install nox && nox -s demo", "nox"]


def test_links_lead_somewhere(pages: list[Page]) -> None:
    """Every relative link leads to a file that exists, and to a heading in it where it names one."""
    broken = []

    for page in pages:
        for link in page.links():
            file, _, anchor = link.partition("#")
            target = (page.path.parent / file).resolve() if file else page.path
            if not target.exists() or (anchor and anchor not in Page(target).anchors()):
                broken.append((page.name, link))

    assert broken == []


def test_files_that_pages_name_exist(pages: list[Page]) -> None:
    """Every file or folder that a page names in code exists, or is known to be made later."""
    named = {(page.name, span) for page in pages for span in page.spans if FILE.fullmatch(span)}

    missing = sorted(
        (page, file)
        for page, file in named
        if file not in ELSEWHERE and not any((ROOT / base / file).exists() for base in FROM)
    )

    assert named
    assert missing == []


def test_tasks_that_pages_name_are_tasks(pages: list[Page]) -> None:
    """Every `invoke X` in the pages is a task, and every long flag it is given is one of its flags."""
    # A copy: Invoke takes the help out of a task whose arguments it is asked for.
    namespace = copy.deepcopy(tasks.namespace)
    known = {
        name: {flag.lstrip("-") for argument in namespace[name].get_arguments() for flag in argument.names}
        for name in namespace.task_names
    }
    flags = {name: {flag.replace("_", "-") for flag in of} for name, of in known.items()}

    unknown = [
        (page.name, task, sorted(given - flags.get(task, set())))
        for page in pages
        for task, given in page.commands()
        if task not in flags or given - flags[task]
    ]

    assert unknown == []


def test_every_task_is_told_of(pages: list[Page]) -> None:
    """Every task is shown by a command in the README or the pages."""
    shown = {task for page in pages for task, _ in page.commands()}

    assert set(tasks.namespace.task_names) - shown == set()


def test_nox_parts_that_pages_name_are_there(pages: list[Page]) -> None:
    """Every part of nox that a page runs with -s is in noxfile.py."""
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    parts = {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.decorator_list}
    code = [(page.name, text) for page in pages for text in (*page.fences, *page.spans)]

    named = {
        (page, part)
        for page, text in code
        for run in re.findall(r"\bnox -s ((?:[a-z]\w* ?)+)", text)
        for part in run.split()
    }

    assert {part for _, part in named} >= {"demo", "unit"}
    assert sorted((page, part) for page, part in named if part not in parts) == []


@pytest.mark.parametrize("name", ["README.md", "docs/runbook.md"])
def test_every_exit_code_is_told(pages: list[Page], name: str) -> None:
    """The tables of exit codes in the README and the runbook hold every code that a task ends with, and no other."""
    page = next(page for page in pages if page.name == name)

    rows = re.findall(r"^\| \[?(\d+(?:, \d+)*)\]?(?:\([^)]*\))? \|", page.text, re.MULTILINE)

    assert {int(code) for row in rows for code in row.split(", ")} == exit_codes()


def test_every_exit_code_has_its_part_of_the_runbook(pages: list[Page]) -> None:
    """The runbook has a part for every exit code."""
    runbook = next(page for page in pages if page.name == "docs/runbook.md")

    told = {int(code) for heading in re.findall(r"^## (.+)$", runbook.text, re.MULTILINE)
            for code in re.findall(r"\d+", heading)}  # fmt: skip

    assert told == exit_codes()


def test_pages_name_no_machine(pages: list[Page]) -> None:
    """No page holds a path of somebody's machine or the address of a package index."""
    pattern = re.compile(r"(?<![\w.~])/(?:root|home|work|tmp|Users)/|pypi\.org|files\.pythonhosted", re.IGNORECASE)

    assert [(page.name, found.group()) for page in pages if (found := pattern.search(page.text))] == []
