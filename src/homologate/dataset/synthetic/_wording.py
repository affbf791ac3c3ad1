"""The lists of `wording.yaml`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

__all__ = ["later_words", "words"]


@cache
def words(*path: str) -> tuple[str, ...]:
    """The list at `path`; the keys of a mapping where the path ends at one."""
    found: Any = _wording()
    for name in path:
        found = found[name]
    return tuple(found)


def later_words() -> dict[str, str]:
    """Our word, and the word of the suppliers who appear with the drift `new_vocabulary`."""
    return dict(_wording()["later_word"])


@cache
def _wording() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((files(__package__) / "wording.yaml").read_text(encoding="utf-8"))
    return loaded
