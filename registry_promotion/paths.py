"""Reading a value out of facts by a dotted path: `evaluation.metrics.{served}.recall.low`.

A path is names joined by dots. `{name}` stands for the value that the same report has under `name` (so `{served}` is
the precision this report says is served), and `{each}` for one of the names a rule lists. There are no wildcards, on
purpose: a rule over "whatever is there" would be passed by taking the worst away.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["MISSING", "PATH", "look_up"]

PATH = re.compile(r"^[A-Za-z0-9_-]+(\.([A-Za-z0-9_ -]+|\{[a-z_]+\}))*$")
"""What a path may look like."""


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()
"""What `look_up` returns where there is nothing: not the same as a null that somebody wrote."""


def look_up(facts: Mapping[str, Any], path: str, each: str | None = None) -> Any:
    """The value at `path`, or `MISSING`.

    Args:
        facts: reports by kind.
        path: see the module.
        each: what `{each}` stands for.
    """
    names = path.split(".")
    report = facts.get(names[0], MISSING)
    value: Any = report
    for name in names[1:]:
        if name == "{each}":
            name = each or ""
        elif name.startswith("{"):
            word = report.get(name.strip("{}")) if isinstance(report, Mapping) else None
            if not isinstance(word, str):
                return MISSING
            name = word
        if not isinstance(value, Mapping) or name not in value:
            return MISSING
        value = value[name]
    return value
