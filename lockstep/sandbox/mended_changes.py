"""The mend of MiniStack's change sets: which changes of a resource make it anew."""

# MiniStack ships no types: what comes from it, and what takes its functions' places, is Any.
# ruff: noqa: ANN401

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lockstep.sandbox import seams
from lockstep.schemas import Schemas


def change_sets_know_what_is_made_anew(knowledge: Callable[[str], Schemas]) -> None:
    """A change set says whether a property's change makes a resource anew (API_ResourceTargetDefinition).

    Of most types MiniStack says that it may. The provider schemas of a region name the properties that do.
    """

    def wrap(original: Any) -> Any:
        def recreation(resource_type: str, name: str) -> Any:
            said = original(resource_type, name)
            known = knowledge(seams.region()).recreating(resource_type) if said == "Conditionally" else None
            return said if known is None else known.get(name, "Never")

        return recreation

    seams.replace("services.cloudformation.stacks", "_property_recreation(resource_type, name)", wrap)
