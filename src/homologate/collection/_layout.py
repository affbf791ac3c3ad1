"""Where collected lines lie: `<model>/<version>/<collection>/YYYY/MM/DD/HH/<segment>.jsonl`, hours in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import unquote

from homologate.scorer.collector import INPUTS, OUTPUTS, path_part

__all__ = ["FEEDBACK", "FORGOTTEN", "INPUTS", "OUTPUTS", "Place", "hour_of", "prefix"]

FEEDBACK, FORGOTTEN = "feedback", "forgotten"

_NAME = re.compile(r"(?!.*(?:^|/)\.\.?/)([^/]+)/([^/]+)/([^/]+)/(\d{4}/\d{2}/\d{2}/\d{2})/([^/]+\.jsonl)")


class Place:
    """The parts of one file's name.

    Args:
        name: the path inside the store, with `/`.

    Raises:
        ValueError: it is no name of this layout.
    """

    __slots__ = ("collection", "file", "hour", "model", "name", "version")

    def __init__(self, name: str) -> None:
        match = _NAME.fullmatch(name)
        if match is None:
            raise ValueError(f"{name!r} is not <model>/<version>/<collection>/YYYY/MM/DD/HH/<file>.jsonl")
        self.name = name
        self.model, self.version, self.collection = (unquote(match[n]) for n in (1, 2, 3))
        self.hour, self.file = match[4], match[5]


def prefix(*parts: str) -> str:
    """The folder of a model, of its version, or of one collection of that, ending with `/`; `""` for the store."""
    return "".join(f"{path_part(part)}/" for part in parts)


def hour_of(time: datetime) -> str:
    """`YYYY/MM/DD/HH` of a moment; such strings sort as hours do."""
    return time.astimezone(UTC).strftime("%Y/%m/%d/%H")
