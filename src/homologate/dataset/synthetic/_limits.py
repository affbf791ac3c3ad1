"""The limits of `limits.yaml`, typed."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

import yaml

__all__ = ["LATER_LIMITS", "LIMITS", "Limit"]


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of one regulation.

    Args:
        family: what the frame calls the component.
        part: names of the part under test.
        quantity: what is measured.
        kind: whether the value must reach the limit or must not pass it.
        value: the limit, in `unit`.
        unit: a name of `_units.UNITS`.
        others: units of the same dimension a laboratory may report in.
        regulation: the regulation that states the limit.
        clause: where it states it.
        kept: predicates of a part that kept the limit.
        broken: predicates of a part that broke it.
    """

    family: str
    part: tuple[str, ...]
    quantity: str
    kind: Literal["minimum", "maximum"]
    value: float
    unit: str
    others: tuple[str, ...]
    regulation: str
    clause: str
    kept: tuple[str, ...]
    broken: tuple[str, ...]


def _load(section: str) -> tuple[Limit, ...]:
    table = yaml.safe_load((files(__package__) / "limits.yaml").read_text(encoding="utf-8"))
    return tuple(_limit(row) for row in table[section])


def _limit(row: dict[str, Any]) -> Limit:
    lists = {name: tuple(row[name]) for name in ("part", "others", "kept", "broken")}
    return Limit(**{**row, **lists})


LIMITS = _load("default")
"""The limits of the default rows."""

LATER_LIMITS = _load("later")
"""Limits of families that appear only with the drift `new_family`."""
