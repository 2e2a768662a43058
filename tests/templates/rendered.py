"""Writes the pipeline's template as it is deployed, for some projects, so that the linters judge that.

Run with a folder; prints the files that it wrote, one a line.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from lockstep import account_stacks
from lockstep.testing import CODECOMMIT, CODECONNECTIONS, SETTINGS, some_settings
from tests.templates.sample import MORE, ROOT, templates

_THIRD = """
[[environments]]
name = "staging"
account = "444444444444"
approval = true
on_failure = "rollback"
"""
# From CodeCommit to two environments, and over a connection to three: each kind of stage, trigger and subscription,
# releases made by one machine and by several.
PROJECTS = {
    "codecommit": f'{SETTINGS}approval = true\non_failure = "retry"\n{CODECOMMIT}',
    "codeconnections": f"{SETTINGS}{_THIRD}{CODECONNECTIONS}{MORE}",
}


def write(folder: Path) -> tuple[Path, ...]:
    """Write a template for each project and return where."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in PROJECTS.items():
        step = account_stacks.pipeline(some_settings(text))
        written.append(folder / f"pipeline-{name}.json")
        made = account_stacks.rendered(templates()[step.template], step)
        written[-1].write_text(json.dumps(made, indent=1), encoding="utf-8")
    return tuple(written)


if __name__ == "__main__":
    print("\n".join(str(file.relative_to(ROOT)) for file in write(ROOT / sys.argv[1])))
