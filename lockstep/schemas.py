"""Reads what ships with cfn-lint: the provider schemas of CloudFormation's resource types, and IAM's actions.

Imports nothing of cfn-lint, which takes a second, and asks no network: only its data files are read.
"""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lockstep.errors import ConfigError

# Where in cfn-lint's package its data lies (src/cfnlint/data in aws-cloudformation/cfn-lint).
_INDEX, _SCHEMAS, _ACTIONS = "schemas/providers", "schemas/resources", "AdditionalSpecs/Policies.json"


def installed() -> Path:
    """Return the folder of cfn-lint's data files; raises ConfigError where cfn-lint is not installed."""
    spec = importlib.util.find_spec("cfnlint")
    for place in (spec and spec.submodule_search_locations) or []:
        if (Path(place) / "data" / _ACTIONS).is_file():
            return Path(place) / "data"
    raise ConfigError("looking for the provider schemas", "cfn-lint is not installed", "install requirements/run.txt")


@dataclass(frozen=True)
class Schemas:
    """What CloudFormation and IAM know in one region. `folder` holds cfn-lint's data files."""

    folder: Path
    region: str

    @cached_property
    def _index(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.folder / _INDEX / f"{self.region}.json").read_text(encoding="utf-8"))
        return found

    @cached_property
    def _services(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / _ACTIONS).read_text(encoding="utf-8"))
        return found

    def handlers(self, kind: str) -> dict[str, tuple[str, ...]]:
        """Return by operation which actions a resource type may take; empty for a type whose schema does not say.

        The operations are create, read, update, delete, list, and tag for what tags a resource at any time.
        https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
        """
        schema = self._schema(kind)
        handlers = {**(schema.get("handlers") or {}), "tag": schema.get("tagging") or {}}
        taken = {operation: tuple(handler.get("permissions", ())) for operation, handler in handlers.items()}
        return {operation: actions for operation, actions in taken.items() if actions}

    def recreating(self, kind: str) -> dict[str, str] | None:
        """Return which properties of a resource type make it anew when they change, Always or Conditionally.

        None for a type without a schema. Of a property in which only a part does, nobody can tell by the whole.
        """
        schema = self._schema(kind)
        if not schema:
            return None
        always, perhaps = (
            [path.removeprefix("/properties/") for path in schema.get(key) or ()]
            for key in ("createOnlyProperties", "conditionalCreateOnlyProperties")
        )
        said = {path.partition("/")[0]: "Conditionally" for path in (*perhaps, *always)}
        return said | {path: "Always" for path in always if "/" not in path}

    def _schema(self, kind: str) -> dict[str, Any]:
        if kind not in self._index:
            return {}
        file = self.folder / _SCHEMAS / f"{self._index[kind]}.json"
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return found

    def arn_forms(self, action: str) -> tuple[str, ...] | None:
        """Return what the ARNs of an action's resources look like, each up to a name that is `.*`.

        Empty for an action that takes no resource, None for what is no action of IAM.
        """
        service, _, name = action.partition(":")
        known = self._services.get(service, {})
        found = known.get("Actions", {}).get(name.lower())
        if found is None:
            return None
        kinds = (known["Resources"].get(resource.lower(), {}) for resource in found.get("Resources", ()))
        return tuple(dict.fromkeys(form for kind in kinds for form in kind.get("ARNFormats", ())))

    def actions_like(self, action: str) -> tuple[str, ...]:
        """Return the names of all actions of the same service, in small letters."""
        service = action.partition(":")[0]
        return tuple(f"{service}:{name}" for name in self._services.get(service, {}).get("Actions", ()))
