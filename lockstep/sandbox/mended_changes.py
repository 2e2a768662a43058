"""The mend of MiniStack's change sets: which changes of a resource make it anew."""

# MiniStack ships no types: what comes from it, and what takes its functions' places, is Any.
# ruff: noqa: ANN401

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from lockstep.sandbox import seams
from lockstep.schemas import Schemas


def change_sets_know_what_is_made_anew(schemas: Path) -> None:
    """A change set says whether a property's change makes a resource anew (API_ResourceTargetDefinition).

    Of most types MiniStack says that it may. The provider schemas in a folder name the properties that do.
    """

    @functools.cache
    def recreating(kind: str, region: str) -> dict[str, str] | None:
        return Schemas(schemas, region).recreating(kind)

    def wrap(original: Any) -> Any:
        def recreation(resource_type: str, name: str) -> Any:
            said, known = original(resource_type, name), recreating(resource_type, seams.region())
            return said if said != "Conditionally" or known is None else known.get(name, "Never")

        return recreation

    seams.replace("services.cloudformation.stacks", "_property_recreation(resource_type, name)", wrap)
