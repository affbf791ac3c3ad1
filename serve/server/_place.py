"""A place in the server that a version holds, under the eyes of a watch on the registry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from serve.server._model import ServedModel

__all__ = ["Place", "RegistryFacts"]


@dataclass(slots=True)
class RegistryFacts:
    """What the watch on the registry last saw; all empty where nothing is watched."""

    watching: bool = False
    reachable: bool = True
    fault: str | None = None
    refused_version: str | None = None
    refused_because: str | None = None

    def facts(self) -> dict[str, Any]:
        """The same for `/health`."""
        told: dict[str, Any] = {}
        if self.watching:
            told["registry"] = {"reachable": self.reachable, "fault": self.fault}
            if self.refused_version:
                told["refused"] = {"version": self.refused_version, "because": self.refused_because}
        return told


class Place(Protocol):
    """The champion's place (`Service`) or the one beside it (`Challenger`)."""

    registry: RegistryFacts

    @property
    def model(self) -> ServedModel | None:
        """The version that holds it."""

    def replace_model(self, model: ServedModel) -> None:
        """Give it to another."""

    def vanished(self, because: str) -> bool:
        """Hear that the name means no version; whether that is as it may be."""
