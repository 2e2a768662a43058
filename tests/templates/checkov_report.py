"""Says in lines what checkov found in some templates. A template that it could not read, or left out, is a fault too.

Run with checkov's JSON and the templates that it was given; ends with 1 where there is a fault. Starts no checkov.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NO_REASON = "No comment provided"  # what checkov says of a skip that gives none


def judge(report: Mapping[str, Any], templates: tuple[str, ...]) -> tuple[str, ...]:
    """Return the faults in a report, each as a line."""
    results = report.get("results", {})
    checked = {_file(found) for kind in ("passed", "failed", "skipped") for found in _of(results, kind)}
    unread = [str(Path(file)) for file in results.get("parsing_errors", [])]
    failed = [f"failed {_line(found)}: {found['check_name']}" for found in _of(results, "failed")]
    failed += [f"skipped without a reason {_line(found)}" for found in _of(results, "skipped") if not _reason(found)]
    failed += [f"could not read {file}" for file in unread]
    failed += [f"left out {file}" for file in templates if file not in checked and file not in unread]
    return tuple(failed)


def skips(report: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the skips that give a reason, each as a line."""
    found = _of(report.get("results", {}), "skipped")
    return tuple(f"skipped {_line(one)}: {_reason(one)}" for one in found if _reason(one))


def main(report: str, *templates: str) -> int:
    """Print what a report says; return how the judge ends."""
    found = json.loads(Path(report).read_text(encoding="utf-8"))
    faults = judge(found, templates)
    print("\n".join((f"checkov: {len(faults)} failed", *skips(found), *faults)))
    return 1 if faults else 0


def _of(results: Mapping[str, Any], kind: str) -> tuple[Mapping[str, Any], ...]:
    return tuple(results.get(f"{kind}_checks", ()))


def _file(found: Mapping[str, Any]) -> str:
    return str(found["file_path"]).removeprefix("/")


def _line(found: Mapping[str, Any]) -> str:
    return f"{found['check_id']} in {_file(found)} {found['resource'].rpartition('.')[2]}"


def _reason(found: Mapping[str, Any]) -> str:
    comment = str(found["check_result"].get("suppress_comment") or "")
    return "" if comment == NO_REASON else comment


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
