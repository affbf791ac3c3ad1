"""What a person writes to name a model: a directory, a run's artifact, or a registered version."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, NamedTuple

from homologate.errors import UsageError

__all__ = ["LEGAL", "STAGES", "Reference", "parse_reference"]

STAGES = ("None", "Staging", "Production", "Archived")
LEGAL = "a model directory, runs:/<run id>/model, models:/<name>/<version or stage>, models:/<name>@<alias>"

_REGISTERED = re.compile(r"models:/+(?P<name>[^/@]+)(?:/(?P<which>[^/@]+)|@(?P<alias>[^/@]+))")
_RUN = re.compile(r"runs:/+(?P<run>[^/]+)/(?P<path>.+?)/*")


class Reference(NamedTuple):
    """A model as named.

    Attributes:
        kind: what `which` is: a `version` number, a `stage`, an `alias`, a `run` id or a `directory`.
        name: the registered model, or the path inside the run; empty for a directory.
        which: the number, the stage as MLflow spells it, the alias, the run id, or the directory.
    """

    kind: Literal["version", "stage", "alias", "run", "directory"]
    name: str
    which: str

    @property
    def moves(self) -> bool:
        """Whether the same words may mean another version tomorrow."""
        return self.kind in {"stage", "alias"}

    def __str__(self) -> str:
        if self.kind == "directory":
            return self.which
        if self.kind == "run":
            return f"runs:/{self.which}/{self.name}"
        return f"models:/{self.name}{'@' if self.kind == 'alias' else '/'}{self.which}"


def parse_reference(words: str, *, place: str = "--model") -> Reference:
    """Read what a person wrote.

    Args:
        words: one of the forms of `LEGAL`.
        place: which argument it came from, for the error.

    Raises:
        UsageError: it is none of them, or the directory does not exist.
    """
    if words.startswith("models:"):
        match = _REGISTERED.fullmatch(words)
        if match and match["alias"]:
            return Reference("alias", match["name"], match["alias"])
        if match and match["which"].isdecimal():
            return Reference("version", match["name"], str(int(match["which"])))
        stage = match and next((s for s in STAGES if s.casefold() == match["which"].casefold()), None)
        if match and stage:
            return Reference("stage", match["name"], stage)
        what = f"no version or stage {match['which']!r}" if match else f"no registered version {words!r}"
        raise UsageError(what, place=place, legal=LEGAL, next_command="models:/<name>/Production")
    if words.startswith("runs:"):
        match = _RUN.fullmatch(words)
        if not match:
            raise UsageError(f"no run artifact {words!r}", place=place, legal=LEGAL)
        return Reference("run", match["path"], match["run"])
    if not Path(words).is_dir():
        raise UsageError(f"no model directory {words!r}", place=place, legal=LEGAL)
    return Reference("directory", "", words)
