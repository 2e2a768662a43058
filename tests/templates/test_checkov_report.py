"""How checkov's answer is read, and that the templates say why they skip what they skip."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lockstep import template
from tests.templates import checkov_report
from tests.templates.sample import ROOT

TEMPLATES = sorted([*(ROOT / "infra").glob("*.yaml"), *(ROOT / "services").glob("*/template.yaml")])


def found(file: str, **changes: object) -> dict[str, object]:
    """Return one thing that checkov found in a bucket."""
    one = {"check_id": "CKV_AWS_18", "check_name": "Ensure logging", "file_path": f"/{file}"}
    return {**one, "resource": "AWS::S3::Bucket.Logs", "check_result": {"result": "PASSED"}, **changes}


def skipped(file: str, reason: str) -> dict[str, object]:
    """Return one thing that a template skips."""
    return found(file, check_result={"result": "SKIPPED", "suppress_comment": reason})


def test_a_report_without_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing failed there is one line, and one more for each skip with its reason."""
    report = tmp_path / "report.json"
    results = {"passed_checks": [found("infra/a.yaml")], "skipped_checks": [skipped("infra/b.yaml", "It is the log")]}
    report.write_text(json.dumps({"results": {**results, "failed_checks": [], "parsing_errors": []}}))

    code = checkov_report.main(str(report), "infra/a.yaml", "infra/b.yaml")

    assert code == 0
    assert capsys.readouterr().out.splitlines() == [
        "checkov: 0 failed",
        "skipped CKV_AWS_18 in infra/b.yaml Logs: It is the log",
    ]


def test_a_report_with_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What failed, what is skipped for no reason, what could not be read and what was left out: each is a fault."""
    report = tmp_path / "report.json"
    results = {
        "passed_checks": [],
        "failed_checks": [found("infra/a.yaml")],
        "skipped_checks": [skipped("infra/b.yaml", checkov_report.NO_REASON)],
        "parsing_errors": ["infra/c.yaml"],
    }
    report.write_text(json.dumps({"results": results}))

    code = checkov_report.main(str(report), "infra/a.yaml", "infra/b.yaml", "infra/c.yaml", "infra/d.yaml")

    assert code == 1
    assert capsys.readouterr().out.splitlines() == [
        "checkov: 4 failed",
        "failed CKV_AWS_18 in infra/a.yaml Logs: Ensure logging",
        "skipped without a reason CKV_AWS_18 in infra/b.yaml Logs",
        "could not read infra/c.yaml",
        "left out infra/d.yaml",
    ]


def test_a_report_of_nothing() -> None:
    """Where checkov took no file for a template, each is one that was left out."""
    faults = checkov_report.judge({"passed": 0, "failed": 0}, ("infra/a.yaml",))

    assert faults == ("left out infra/a.yaml",)


def test_every_skip_gives_its_reason() -> None:
    """Each check of checkov that a template skips is skipped for a reason, which is a sentence, and in one place."""
    skips = [
        (f"{path.relative_to(ROOT)} {name}: {skip.get('id')}: {skip.get('comment')}", str(skip.get("comment") or ""))
        for path in TEMPLATES
        for name, body in template.read(path.read_text(encoding="utf-8"), path.name)["Resources"].items()
        for skip in ((body.get("Metadata") or {}).get("checkov") or {}).get("skip", ())
    ]
    print("\n".join(said for said, _ in skips))

    inline = [path.name for path in TEMPLATES if re.search(r"checkov:\s*skip\s*=", path.read_text(encoding="utf-8"))]

    assert skips
    assert [said for said, reason in skips if len(reason.split()) < 4] == []
    assert inline == []
