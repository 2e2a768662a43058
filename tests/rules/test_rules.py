"""The never-rules of docs/design.md. Each fails where a file breaks the rule, and names the file."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.rules.conftest import Source

PURE = {
    "model", "names", "plan", "report", "account_report", "release", "template", "smoke", "canonical", "errors",
    "grants", "history", "prune", "status_report", "intrinsics", "needs", "optional", "policy", "preview_report",
    "stateful", "statements", "iam_changes", "shards",
    "pipeline/action_variables", "pipeline/batch", "pipeline/buildspec", "pipeline/definition", "pipeline/globs",
    "pipeline/nodes", "pipeline/projects", "pipeline/reading", "pipeline/rendering", "pipeline/stack_actions",
    "pipeline/substitution",
    "pipeline/variables",
}  # fmt: skip
IMPURE_MODULES = {
    "os", "sys", "io", "time", "datetime", "random", "secrets", "socket", "subprocess", "shutil", "tempfile",
    "urllib", "http", "boto3", "botocore", "docker", "requests", "uuid",
}  # fmt: skip
# What the design lets each room import, besides model, errors, names and canonical, which anyone may.
ROOMS: dict[str, set[str]] = {
    "app": {"usecase", "report", "making", "shards", "ports"},
    "deploying": {
        "usecase", "catalog", "deployments", "execute", "gates", "history", "locks", "making", "permissions", "plan",
        "preview", "preview_report", "report", "scans", "settings", "signing", "ports",
    },
    "looking": {
        "usecase", "catalog", "deployments", "execute", "gates", "history", "making", "plan", "report", "status_report",
        "ports",
    },
    "prune": {"history"},
    "preview": {"ports", "making", "transform", "template", "intrinsics", "preview_report", "stateful", "iam_changes"},
    "preview_report": {"report", "stateful", "iam_changes"},
    "iam_changes": {"statements", "policy", "intrinsics"},
    "statements": {"policy", "intrinsics"},
    "stateful": set(),
    "gates": {"history", "plan", "report", "ports"},
    "scans": {"ports", "scan_exceptions"},
    "scan_exceptions": set(),
    "signing": {"ports", "release"},
    "shards": set(),
    "locks": {"ports"},
    "status_report": {"history", "report"},
    "administration": {
        "usecase", "settings", "catalog", "plan", "report", "template", "account_stacks", "account_report",
        "account_ports", "agreeing", "bootstrap", "destroy", "checks", "permissions", "trust", "intrinsics", "ports",
    },
    "agreeing": {"ports", "account_ports", "account_report", "account_stacks", "bootstrap"},
    "pipelines": {
        "usecase", "settings", "account_ports", "account_report", "account_stacks", "agreeing", "pipeline",
        "pipeline_ports", "ports", "report",
    },
    "buildspecs": {"usecase", "pipeline", "ports"},
    "pipeline": {"pipeline", "pipeline_ports", "process", "shards", "template", "ports"},
    "pipeline_ports": {"pipeline"},
    "repository": {"pipeline_ports", "process"},
    "pruning": {
        "usecase", "account_ports", "account_report", "deployments", "making", "prune", "release", "report", "ports",
    },
    "usecase": {"settings", "catalog", "ports"},
    "deployments": {"ports", "history"},
    "history": set(),
    "execute": {"ports", "making", "plan", "smoke"},
    "making": {"ports", "catalog", "release", "signing", "smoke", "template"},
    "permissions": {"ports", "making", "transform", "template", "needs", "grants", "intrinsics", "policy"},
    "account_stacks": {"ports", "settings", "template", "grants", "pipeline"},
    "bootstrap": {"ports", "account_ports", "account_stacks", "template", "needs", "intrinsics"},
    "destroy": {"ports", "account_ports", "settings"},
    "checks": {"ports", "account_ports", "account_stacks", "settings", "access", "plan", "trust"},
    "trust": {"account_ports", "settings", "policy"},
    "access": {"account_stacks", "template", "intrinsics", "policy"},
    "account_report": {"report", "bootstrap", "destroy", "prune", "permissions", "needs", "trust"},
    "catalog": {"template", "smoke", "grants", "needs"},
    "plan": set(),
    "report": set(),
    "release": set(),
    "template": set(),
    "transform": {"template", "intrinsics"},
    "smoke": set(),
    "policy": set(),
    "intrinsics": set(),
    "needs": {"intrinsics", "optional", "policy"},
    "optional": {"intrinsics"},
    "grants": {"needs", "policy"},
    "schemas": set(),
    "settings": set(),
    "ports": {"settings", "account_ports", "needs", "pipeline", "pipeline_ports", "policy"},
    "account_ports": {"ports", "policy"},
    "process": set(),
    "git": {"process"},
    "sam": {"process", "ports"},
    "suites": {"process", "ports"},
    "images": {"ports"},
    "doctor": {"process", "images"},
    "console": set(),
    "callers": {"aws", "settings"},
    "aws": {"aws", "pipeline", "pipeline_ports", "ports", "template", "intrinsics", "policy"},
    "sandbox": {
        "sandbox", "aws", "ports", "process", "settings", "images", "schemas", "needs", "intrinsics", "policy",
    },
    "testing": {
        "testing", "ports", "account_ports", "pipeline", "pipeline_ports", "release", "settings", "template",
        "intrinsics", "policy", "schemas", "trust",
    },
}  # fmt: skip
# A noqa gives its reason after a dash, a type: ignore in a comment of its own.
BARE = re.compile(r"#\s*(noqa(?!: [A-Z0-9, ]+ - \S)|type:\s*ignore(?!\[[a-z, -]+\]\s+# \S))")
ANYONES = {"model", "errors", "names", "canonical"}
# The one room that constructs the others.
ANYTHING_BUT = {"wiring": {"app", "administration", "usecase"}}


def _file(path: str) -> str:
    return path.removeprefix("lockstep/").removesuffix(".py")


def test_doors_touch_nothing_themselves(doors: list[Source]) -> None:
    """Rule 1: tasks.py and noxfile.py import no boto3, docker or subprocess."""
    broken = {source.name: source.tops() & {"boto3", "botocore", "docker", "subprocess"} for source in doors}

    assert {name: found for name, found in broken.items() if found} == {}


def test_a_task_is_short_and_calls_no_task(doors: list[Source]) -> None:
    """Rule 1: a task's body is at most six statements, and no task calls another."""
    tree = next(source.tree for source in doors if source.name == "tasks.py")
    tasks = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.decorator_list]
    names = {task.name for task in tasks}

    long = [task.name for task in tasks if len(task.body) - 1 > 6]
    called = [
        (task.name, node.func.id)
        for task in tasks
        for node in ast.walk(task)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
    ]

    assert tasks
    assert (long, called) == ([], [])


def test_each_outside_thing_has_one_door(library: list[Source]) -> None:
    """Rule 2: subprocess only in process.py, docker only in images.py, invoke nowhere in the library."""
    allowed = {"subprocess": {"lockstep/process.py"}, "docker": {"lockstep/images.py"}, "invoke": set[str]()}

    broken = [(s.name, top) for s in library for top in s.tops() & set(allowed) if s.name not in allowed[top]]

    assert broken == []


def test_sessions_are_made_in_one_place(library: list[Source]) -> None:
    """Rule 2: boto3 is imported by aws/session.py alone, and nobody uses its default session."""
    importers = [source.name for source in library if "boto3" in source.tops()]
    defaults = [s.name for s in library if re.search(r"boto3\.(client|resource|setup_default_session)\b", s.text)]

    assert importers == ["lockstep/aws/session.py"]
    assert defaults == []


def test_pure_rooms_are_pure(library: list[Source]) -> None:
    """Rule 3: the pure rooms touch no file, clock, environment, network or random."""
    broken = {source.name: source.tops() & IMPURE_MODULES for source in library if _file(source.name) in PURE}
    files = [
        source.name
        for source in library
        if _file(source.name) in PURE
        and re.search(r"\bopen\(|read_text|read_bytes|pathlib import .*\bPath\b", source.text)
    ]

    assert {name: found for name, found in broken.items() if found} == {}
    assert files == []


def test_there_are_no_shell_strings(library: list[Source], doors: list[Source]) -> None:
    """Rule 4: no shell=True, no os.system, no c.run."""
    pattern = re.compile(r"shell\s*=\s*True|os\.(system|popen)|\b(c|ctx|context)\.run\(")

    assert [source.name for source in library + doors if pattern.search(source.text)] == []


def test_the_environment_is_read_in_two_places(library: list[Source], doors: list[Source]) -> None:
    """Rule 5: os.environ is read only in settings.py, wiring.py and the emulator's own process, and written nowhere."""
    readers = [
        source.name
        for source in library
        if {"os.environ", "os.getenv", "os.putenv"} & source.dotted() or "os.environ" in source.imports()
    ]
    writers = [
        s.name for s in library + doors if re.search(r"os\.environ\[[^]]+\]\s*=|os\.environ\.(update|pop|set)", s.text)
    ]

    assert set(readers) <= {"lockstep/settings.py", "lockstep/wiring.py", "lockstep/sandbox/emulator.py"}
    assert writers == []


def test_nothing_is_assumed_of_where(library: list[Source]) -> None:
    """Rule 6: no code falls back to a region or an account: get(..., "eu-...") and the like do not occur."""
    pattern = re.compile(r"get\([\"'](AWS_(DEFAULT_)?REGION|AWS_PROFILE)[\"']\s*,\s*[\"']")

    assert [source.name for source in library if pattern.search(source.text)] == []


def test_library_names_no_place(library: list[Source], doors: list[Source]) -> None:
    """Rule 12: no account id, region or name of a service of ours in the library, the doors or the buildspecs."""
    root = Path(__file__).parents[2]
    services = "|".join(folder.name for folder in (root / "services").iterdir() if folder.is_dir())
    specs = [(path.name, path.read_text(encoding="utf-8")) for path in (root / "buildspecs").glob("*.yml")]
    pattern = re.compile(
        rf"(?<![\w.])\d{{12}}(?!\w)|[\"'][a-z]{{2}}-(north|south|east|west|central)\w*-\d[\"']|[\"']({services})[\"']"
    )

    # The fakes ship accounts of their own to play with.
    ours = [source for source in library + doors if not source.name.startswith("lockstep/testing/")]
    texts = [(source.name, source.text) for source in ours] + specs

    assert [(name, found.group()) for name, text in texts if (found := pattern.search(text))] == []


def test_no_image_by_tag(library: list[Source]) -> None:
    """Rule 8: a reference to an image that leaves model.py is by digest; no code writes an ImageUri with a tag."""
    assert [s.name for s in library if re.search(r"ImageUri[\"']\s*:\s*f?[\"'][^\"'@]*:[^\"'@]*[\"']", s.text)] == []


def test_tests_patch_nothing(tests: list[Source]) -> None:
    """Rule 9: no test patches: no mock.patch, no monkeypatch of code."""
    broken = [
        source.name
        for source in tests
        if "tests/rules" not in source.name
        and (source.tops() & {"mock"} or "unittest.mock" in source.imports() or "monkeypatch.setattr" in source.text)
    ]

    assert broken == []


def test_no_room_for_leftovers(library: list[Source], tests: list[Source]) -> None:
    """Rule 10: no module is called utils, helpers, common or misc."""
    stems = {source.path.stem for source in library + tests}

    assert stems & {"utils", "util", "helpers", "helper", "common", "misc"} == set()


def test_imports_go_one_way(library: list[Source]) -> None:
    """The rooms import only what the design lets them, and nobody imports app or tasks."""
    broken = []
    for source in library:
        room = _file(source.name).partition("/")[0]
        found = {name: name.split(".")[1] for name in source.imports() if is_room(name)}
        if room in ANYTHING_BUT:
            broken += [(source.name, name) for name, other in found.items() if other in ANYTHING_BUT[room]]
        else:
            allowed = ROOMS.get(room, set()) | ANYONES
            broken += [(source.name, name) for name, other in found.items() if other not in allowed]
        broken += [(source.name, "tasks")] if "tasks" in source.tops() else []

    assert broken == []


def test_rooms_are_allowed_no_more_than_they_use(library: list[Source]) -> None:
    """The list of what a room may import holds no room that it does not import, so that it says how things are."""
    used: dict[str, set[str]] = {}
    for source in library:
        room = _file(source.name).partition("/")[0]
        used.setdefault(room, set()).update(name.split(".")[1] for name in source.imports() if is_room(name))

    assert {room: spare for room, allowed in ROOMS.items() if (spare := allowed - used[room])} == {}


def is_room(name: str) -> bool:
    """Does a module's full name lead into a room of the library, rather than to a name that one exports?"""
    top, _, rest = name.partition(".")
    folder, room = Path(__file__).parents[2] / "lockstep", rest.partition(".")[0]
    return top == "lockstep" and bool(room) and ((folder / f"{room}.py").is_file() or (folder / room).is_dir())


def test_every_module_says_what_it_is_for(library: list[Source], tests: list[Source]) -> None:
    """Every module opens with a docstring, and every test's docstring states its behaviour."""
    silent = [source.name for source in library + tests if not ast.get_docstring(source.tree) and source.text.strip()]
    mute = [
        f"{source.name}:{node.name}"
        for source in tests
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and not ast.get_docstring(node)
    ]

    assert (silent, mute) == ([], [])


def test_lock_files_hold_hashes_and_no_address(tracked: list[Path]) -> None:
    """Every locked requirement has a hash, and no lock file names an index."""
    locks = [path for path in tracked if path.name == "requirements.txt" or path.match("requirements/*.txt")]

    addresses = [path.name for path in locks if re.search(r"https?://|index-url|find-links", path.read_text())]
    bare = [
        (path.name, block.splitlines()[0])
        for path in locks
        for block in re.split(r"\n(?=\S)", path.read_text())
        if "==" in block.partition("\n")[0] and "--hash=sha256:" not in block
    ]

    assert len(locks) >= 4
    assert (addresses, bare) == ([], [])


def test_no_secret_is_kept(tracked: list[Path]) -> None:
    """No file holds what looks like a real AWS key or a private key."""
    pattern = re.compile(r"\b(AKIA|ASIA)(?!IOSFODNN7EXAMPLE)[A-Z0-9]{16}\b|BEGIN (RSA |EC )?PRIVATE KEY")

    assert [p.name for p in tracked if pattern.search(p.read_text(errors="ignore"))] == []


def test_every_suppression_gives_its_reason(library: list[Source], tests: list[Source], doors: list[Source]) -> None:
    """Each noqa and type: ignore says why it stands there, and each ruff ignore in pyproject too."""
    bare = [
        f"{source.name}:{number}"
        for source in library + tests + doors
        for number, line in enumerate(source.text.splitlines(), 1)
        if BARE.search(line) and source.name != "tests/rules/test_rules.py"
    ]
    pyproject = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    ignored = re.findall(r"^\s+\"[A-Z]+\d+\",(.*)$", pyproject, re.MULTILINE)

    assert bare == []
    assert [rest for rest in ignored if not rest.strip().startswith("#")] == []
