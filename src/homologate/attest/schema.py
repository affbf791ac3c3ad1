"""The published JSON schemas (draft 2020-12) of statements and reports, and checking against them.

The files are `src/homologate/attest/schemas/<name>.json`. A schema never changes meaning: a new meaning is a new
version number, and what was written for another version is refused by name instead of half understood.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homologate.errors import DataError

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

__all__ = ["SCHEMA_FOLDER", "SCHEMA_NAMES", "check_against"]

SCHEMA_FOLDER = Path(__file__).with_name("schemas")
SCHEMA_NAMES = tuple(sorted(path.stem for path in SCHEMA_FOLDER.glob("*.json")))


def check_against(name: str, value: Any) -> None:
    """Return if `value` fits the published schema `name` (one of `SCHEMA_NAMES`).

    Raises:
        DataError: it does not; the message names the first place that does not fit and what would.
    """
    from jsonschema.exceptions import best_match

    fault = best_match(_validator(name).iter_errors(value))
    if fault is not None:
        place = "/".join(map(str, fault.absolute_path)) or "(top level)"
        raise DataError(
            f"does not fit the schema {name!r}: {_shortened(fault.message)}",
            place=place,
            legal=f"{SCHEMA_FOLDER.name}/{name}.json",
        )


@functools.cache
def _validator(name: str) -> Validator:
    from jsonschema import Draft202012Validator

    schema: dict[str, Any] = json.loads((SCHEMA_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def _shortened(message: str, width: int = 300) -> str:
    return message if len(message) <= width else message[: width - 1] + "…"
