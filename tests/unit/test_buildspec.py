"""Buildspecs: what is read of one, and what is refused of one, by file, line and key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.errors import ConfigError
from lockstep.pipeline import buildspec
from lockstep.pipeline.buildspec import Buildspec, Command, Files, Phase, Report, Secret

WHOLE = """\
version: 0.2
env:
  shell: bash
  variables:
    NUMBER: 010
    TEXT: "$PATH: as it is"
    NOTHING: ""
  parameter-store:
    PASSWORD: /shop/password
  secrets-manager:
    WHOLE: shop/secret
    KEY: shop/secret:key
    STAGE: shop/secret:key:AWSPREVIOUS
    VERSION: arn:aws:secretsmanager:eu-west-1:111111111111:secret:shop-1a2b3c:key::7
  exported-variables: [NUMBER, RELEASE]
phases:
  build:
    commands:
      - true
      - |
        echo one
        echo two
    finally: ['echo "always: yes"']
  install:
    runtime-versions: {python: 3.10}
reports:
  units:
    files: ["**/*.xml"]
  arn:aws:codebuild:eu-west-1:111111111111:report-group/lines:
    files: [coverage.xml]
    base-directory: reports
    discard-paths: yes
    file-format: CoberturaXml
artifacts:
  files: [out/**/*]
  name: release
  secondary-artifacts:
    logs:
      files: ["*"]
      base-directory: ./logs
      exclude-paths: [secret/*]
      discard-paths: "no"
cache:
  paths: [/root/.cache/**/*]
"""
READ = Buildspec(
    "b.yml",
    "bash",
    (
        Phase("install"),
        Phase(
            "build", (Command("true", 19), Command("echo one\necho two\n", 20)), (Command('echo "always: yes"', 23),)
        ),
    ),
    variables={"NUMBER": "010", "TEXT": "$PATH: as it is", "NOTHING": ""},
    parameters={"PASSWORD": "/shop/password"},
    secrets={
        "WHOLE": Secret("shop/secret"),
        "KEY": Secret("shop/secret", "key"),
        "STAGE": Secret("shop/secret", "key", "AWSPREVIOUS"),
        "VERSION": Secret("arn:aws:secretsmanager:eu-west-1:111111111111:secret:shop-1a2b3c", "key", "", "7"),
    },
    exported=("NUMBER", "RELEASE"),
    artifacts={
        "": Files(("out/**/*",)),
        "logs": Files(("*",), "./logs", ("secret/*",), discard_paths=False),
    },
    reports=(
        Report("units", Files(("**/*.xml",))),
        Report(
            "arn:aws:codebuild:eu-west-1:111111111111:report-group/lines",
            Files(("coverage.xml",), "reports", discard_paths=True),
            "COBERTURAXML",
        ),
    ),
    cache=("/root/.cache/**/*",),
    python="3.10",
    python_line=25,
)
LEAST = "version: 0.2\nphases: {build: {commands: [a]}}\n"
ENV = "version: 0.2\nphases: {build: {commands: [a]}}\nenv:\n  "
ARTIFACTS = LEAST + "artifacts:\n  "
REPORTS = LEAST + "reports:\n  "
CACHE = LEAST + "cache:\n  "
BUILD = "version: 0.2\nphases:\n  build:\n    "
INSTALL = "version: 0.2\nphases:\n  install:\n    "
# Each file, then the line and the key that are refused, and words of the reason.
REFUSED = {
    "no text": ("", 1, "", "it is empty"),
    "no YAML": ("version: 0.2\nphases: [", 2, "", "it is not YAML"),
    "no end": ("[" * 3000, 1, "", "it is not YAML"),
    "a letter that there is not": ('a: "\\UFFFFFFFF"', 1, "", "it is not YAML"),
    "a letter that YAML forbids": ("a: \x01", 1, "", "it is not YAML"),
    "two documents": ("a: b\n---\nc: d", 2, "", "it is not YAML"),
    "a list": ("- version: 0.2", 1, "the file", "it is not a mapping"),
    "no version": ("phases: {}", 1, "the file", "'version' is missing"),
    "no phases": ("version: 0.2", 1, "the file", "'phases' is missing"),
    "version 0.1": ("version: 0.1\nphases: {}", 1, "version", "does not support version 0.1"),
    "a list for a key": ("version: 0.2\n? [a]\n: b", 2, "the file", "it is not text"),
    "a merge": ("version: 0.2\nphases: {}\n<<: {a: b}", 3, "the file", "it is not text"),
    "a misspelled key": (LEAST + "artefacts: {}", 3, "artefacts", "no key 'artefacts'"),
    "run-as": (LEAST + "run-as: root", 3, "run-as", "does not support 'run-as'"),
    "batch": (LEAST + "batch: {fast-fail: true}", 3, "batch", "does not support 'batch'"),
    "proxy": (LEAST + "proxy: {logs: yes}", 3, "proxy", "does not support 'proxy'"),
    "a key twice": (LEAST + "cache: {paths: [a]}\ncache: {paths: [a]}", 4, "cache", "in line 3 already"),
    "an empty env": (LEAST + "env:", 3, "env", "it is not a mapping"),
    "git-credential-helper": (ENV + "git-credential-helper: yes", 4, "env.git-credential-helper", "does not support"),
    "powershell": (ENV + "shell: powershell.exe", 4, "env.shell", "does not support the shell powershell.exe"),
    "an unknown key of env": (ENV + "variable: {}", 4, "env.variable", "no key 'variable'"),
    "a reserved name": (ENV + "variables: {CODEBUILD_CI: a}", 4, "env.variables.CODEBUILD_CI", "only CodeBuild"),
    "a name of no variable": (ENV + "variables: {1-A: a}", 4, "env.variables.1-A", "letters, digits"),
    "a mapping as value": (ENV + "variables: {A: {b: c}}", 4, "env.variables.A", "it is a mapping"),
    "no value": (ENV + "variables:\n    A:", 5, "env.variables.A", "it is not text"),
    "a tag": (ENV + "variables: {A: !Ref b}", 4, "env.variables.A", "it is not text"),
    "no text at all": (ENV + 'variables: {A: "\\0"}', 4, "env.variables.A", "what no text can hold"),
    "half a letter": (ENV + 'variables: {A: "\\ud800"}', 4, "env.variables.A", "what no text can hold"),
    "a variable twice": (
        ENV + "variables: {A: b}\n  parameter-store: {A: c}", 5, "env.parameter-store.A", "from elsewhere"
    ),
    "a blank parameter": (ENV + 'parameter-store: {A: " "}', 4, "env.parameter-store.A", "it is blank"),
    "too much of a secret": (ENV + "secrets-manager: {A: 'a:b:c::d'}", 4, "env.secrets-manager.A", "a secret is"),
    "no secret": (ENV + "secrets-manager: {A: ':b'}", 4, "env.secrets-manager.A", "a secret is"),
    "half an ARN": (ENV + "secrets-manager: {A: 'arn:aws'}", 4, "env.secrets-manager.A", "a secret is"),
    "stage and version": (ENV + "secrets-manager: {A: 'a:b:c:d'}", 4, "env.secrets-manager.A", "only one"),
    "no exports": (ENV + "exported-variables: []", 4, "env.exported-variables", "at least one item"),
    "an export of AWS": (ENV + "exported-variables: [AWS_X]", 4, "env.exported-variables[0]", "AWS_"),
    "an export of no name": (ENV + "exported-variables: [$A]", 4, "env.exported-variables[0]", "letters, digits"),
    "an export of a secret": (
        ENV + "parameter-store: {A: /shop/a}\n  exported-variables: [A]",
        5,
        "env.exported-variables[0]",
        "everybody could read it",
    ),
    "an export twice": (ENV + "exported-variables: [A, A]", 4, "env.exported-variables[1]", "already"),
    "no phase": ("version: 0.2\nphases: {}", 2, "phases", "it has no phase"),
    "a misspelled phase": ("version: 0.2\nphases:\n  prebuild: {}", 3, "phases.prebuild", "no key 'prebuild'"),
    "a phase without commands": (BUILD + "finally: [a]", 4, "phases.build", "it has no commands"),
    "on-failure": (BUILD + "on-failure: CONTINUE", 4, "phases.build.on-failure", "does not support 'on-failure'"),
    "a phase's run-as": (BUILD + "run-as: root", 4, "phases.build.run-as", "does not support 'run-as'"),
    "runtimes of a build": (BUILD + "runtime-versions: {}", 4, "phases.build.runtime-versions", "no key"),
    "one command": (BUILD + "commands: a", 4, "phases.build.commands", "it is not a list"),
    "a command with a colon": (
        BUILD + "commands:\n      - a\n      - echo a: b", 6, "phases.build.commands[1]", "it is a mapping"
    ),
    "a blank command": (BUILD + 'commands: [""]', 4, "phases.build.commands[0]", "it is blank"),
    "a list as command": (BUILD + "commands: [[a]]", 4, "phases.build.commands[0]", "it is not text"),
    "another runtime": (
        INSTALL + "runtime-versions: {nodejs: 20}", 4, "phases.install.runtime-versions.nodejs", "runtime nodejs"
    ),
    "no runtime": (INSTALL + "runtime-versions: {}", 4, "phases.install.runtime-versions", "no runtime"),
    "any runtime": (
        INSTALL + "runtime-versions: {python: 3.x}", 4, "phases.install.runtime-versions.python", "one exact version"
    ),
    "an artifact without files": (ARTIFACTS + "name: a", 4, "artifacts", "it has no files"),
    "a name to work out": (ARTIFACTS + "name: a-$(date)", 4, "artifacts.name", "that a shell works out"),
    "s3-prefix": (ARTIFACTS + "s3-prefix: a", 4, "artifacts.s3-prefix", "does not support 's3-prefix'"),
    "enable-symlinks": (ARTIFACTS + "enable-symlinks: no", 4, "artifacts.enable-symlinks", "does not support"),
    "neither yes nor no": (ARTIFACTS + "files: [a]\n  discard-paths: 1", 5, "artifacts.discard-paths", "yes nor no"),
    "a way out": (ARTIFACTS + "files: [a/../../b]", 4, "artifacts.files[0]", "out of the folder"),
    "an absolute file": (ARTIFACTS + "files: [/etc/passwd]", 4, "artifacts.files[0]", "out of the folder"),
    "a variable in a pattern": (ARTIFACTS + "files: [$A]", 4, "artifacts.files[0]", "it holds $"),
    "a base with a pattern": (
        ARTIFACTS + "files: [a]\n  base-directory: a*", 5, "artifacts.base-directory", "base directory with *"
    ),
    "a base outside": (ARTIFACTS + "files: [a]\n  base-directory: ..", 5, "artifacts.base-directory", "out of the"),
    "an exclusion outside": (
        ARTIFACTS + "files: [a]\n  exclude-paths: [../a]", 5, "artifacts.exclude-paths[0]", "out of the folder"
    ),
    "an identifier with a slash": (
        ARTIFACTS + "files: [a]\n  secondary-artifacts: {../a: {files: [a]}}",
        5,
        "artifacts.secondary-artifacts.../a",
        "identifier",
    ),
    "a secondary of a secondary": (
        ARTIFACTS + "files: [a]\n  secondary-artifacts: {a: {secondary-artifacts: {}}}",
        5,
        "artifacts.secondary-artifacts.a.secondary-artifacts",
        "no key",
    ),
    "a report without files": (REPORTS + "a: {file-format: JunitXml}", 4, "reports.a", "it has no files"),
    "a report's name": (REPORTS + "a b: {files: [a]}", 4, "reports.a b", "a report group is"),
    "another format": (
        REPORTS + "a: {files: [a], file-format: NUnitXml}", 4, "reports.a.file-format", "does not support NUNITXML"
    ),
    "six reports": (REPORTS + "\n  ".join(f"a{n}: {{files: [a]}}" for n in range(6)), 4, "reports", "5 report groups"),
    "a cache's key": (CACHE + "key: a", 4, "cache.key", "does not support 'key'"),
    "fallback-keys": (CACHE + "fallback-keys: [a]", 4, "cache.fallback-keys", "does not support"),
    "a cache's action": (CACHE + "action: save", 4, "cache.action", "does not support"),
    "a cache without paths": (LEAST + "cache: {}", 3, "cache", "it has no paths"),
}  # fmt: skip


def test_a_whole_file() -> None:
    """Everything that a buildspec may say is read, phases in their order and values as they are written."""
    read = buildspec.parse(WHOLE, "b.yml")

    assert read == READ


def test_the_least_file() -> None:
    """A version and one phase are enough; the shell is sh then."""
    read = buildspec.parse(LEAST, "b.yml")

    assert read == Buildspec("b.yml", "/bin/sh", (Phase("build", (Command("a", 2),)),))


def test_one_artifact() -> None:
    """An artifact needs nothing but its files."""
    assert buildspec.parse(f"{ARTIFACTS}files: [a]", "b.yml").artifacts == {"": Files(("a",))}


@pytest.mark.parametrize(("text", "line", "key", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(text: str, line: int, key: str, reason: str) -> None:
    """Whatever cannot be done as CodeBuild does it is refused, by file, line and key."""
    with pytest.raises(ConfigError) as caught:
        buildspec.parse(text, "b.yml")

    begin = f"b.yml:{line}: cannot use {key}" if key else f"b.yml:{line}: cannot read the file"
    assert caught.value.tried == begin
    assert reason in caught.value.answer


def test_a_misspelled_key_s_cure() -> None:
    """Who misspells a key is told the nearest one."""
    with pytest.raises(ConfigError) as caught:
        buildspec.parse("version: 0.2\nphases:\n  instal: {}", "b.yml")

    assert caught.value.cure == "did you mean 'install'?"


def test_the_python_that_is_asked_for() -> None:
    """A file that asks for this very Python can be run, and one that asks for another is refused by its line."""
    READ.check_python("3.10")

    with pytest.raises(ConfigError, match=r"b\.yml:25: cannot use phases\.install\.runtime-versions\.python"):
        READ.check_python("3.11")


def read_or_refused(text: str) -> str:
    """Say what comes of a text."""
    try:
        return f"phases: {len(buildspec.parse(text, 'b.yml').phases)}"
    except ConfigError as error:
        return error.tried


PIECES = st.sampled_from(
    [*WHOLE.split("\n"), "version: 0.2", "phases:", "  build:", "    commands:", "      - a: b", "&a", "*a", "<<: *a",
     "? ", ": ", "- ", "!!binary x", "!x", "---", "...", "%YAML 1.1", "{", "}", "[", "]", '"', "'", "|", ">", "\t", "#"]
)  # fmt: skip


@given(st.one_of(st.text(), st.lists(st.one_of(PIECES, st.text(max_size=5))).map("\n".join)))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever a file holds, it is read or it is refused by its name; nothing else comes of it."""
    assert read_or_refused(text).startswith(("phases", "b.yml:"))
