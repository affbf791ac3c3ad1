"""MLflow's scoring protocol without MLflow: the bytes of a request to `/invocations`, read as texts and parameters.

The forms are those of MLflow 3 (`inputs`, `instances`, `dataframe_split`, `dataframe_records`, `params`, CSV) for a
model whose signature is one string column `text`; tests/serving/test_one_client_fits_both_servers.py sends each to
`mlflow models serve` and to this server. A column `component` beside it may name the family of each row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pydantic_core

from homologate.errors import DataError
from homologate.scorer.collector import MOST_COMPONENT
from serve.http import Limits, Problem

__all__ = ["FORMS", "Question", "checked_texts", "media_type", "parse_json", "read_invocation"]

COLUMN, FAMILY = "text", "component"
JSON, CSV = "application/json", "text/csv"


_Rows = tuple[list[Any], list[Any]]
"""Texts and families as they came; no families where no row names one."""


class Question(NamedTuple):
    """What is asked: texts as they came (not yet checked), the parameters, and the families: none, or one a text."""

    texts: list[Any]
    explain: bool
    precision: str
    families: list[str]


def read_invocation(body: bytes, content_type: str) -> Question:
    """Read the body of a request to `/invocations`.

    Raises:
        Problem: 415, the media type is not one of MLflow's for texts.
        DataError: the body is not what the media type or the protocol says; names the place.
    """
    if media_type(content_type, (JSON, CSV)) == CSV:
        texts, said = _csv(body)
        return Question(texts, False, "", _families(said, texts, ""))
    asked = parse_json(body)
    if not isinstance(asked, dict):
        raise _fault(f"the body is a JSON {_kind(asked)}", place="body", legal=f"an object with one of {_FORMS}")
    present = [form for form in FORMS if form in asked]
    if len(present) != 1:
        told = " and ".join(present) if present else f"only {', '.join(map(repr, asked)) or 'nothing'}"
        raise _fault(f"the body holds {told:.200}", place="body", legal=f"exactly one of {_FORMS}")
    explain, precision, family = _params(asked.get("params"))
    texts, said = FORMS[present[0]](asked[present[0]], present[0])
    return Question(texts, explain, precision, _families(said, texts, family) if said or family else said)


def media_type(content_type: str, legal: tuple[str, ...]) -> str:
    """The media type, in lower case and without parameters.

    Raises:
        Problem: 415, it is not one of `legal`, or its charset is not UTF-8.
    """
    kind, _, parameters = content_type.partition(";")
    kind = kind.strip().lower()
    if kind not in legal:
        error = DataError(f"media type {kind or 'none'!r:.100}", place="header Content-Type", legal=legal)
        raise Problem(415, error)
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if charset not in {"", "utf-8", "utf8"}:
        raise Problem(
            415, DataError(f"{parameters.strip()!r:.100}", place="header Content-Type", legal="charset=utf-8")
        )
    return kind


def parse_json(body: bytes) -> Any:
    """The body as JSON. NaN and infinity are no JSON; nesting beyond 200 levels is refused by the parser.

    Raises:
        DataError: it is not JSON in UTF-8.
    """
    try:
        return pydantic_core.from_json(body, allow_inf_nan=False, cache_strings="none")
    except ValueError as error:
        raise _fault(f"the body is not JSON: {error!s:.200}", place="body", legal="JSON in UTF-8") from error


def checked_texts(texts: list[Any], limits: Limits) -> list[str]:
    """The texts, known to be within the limits of this server. What is in them the scorer checks.

    Raises:
        Problem: 413, too many texts or one too long; names the limit.
        DataError: there is no text.
    """
    if not texts:
        raise _fault("there is no text in the body", place="body", legal="at least one text")
    if len(texts) > limits.texts:
        error = DataError(
            f"{len(texts)} texts in one request",
            place="body",
            legal=f"at most {limits.texts} (--max-texts)",
            next_command="homologate score  # scores a file of any length",
        )
        raise Problem(413, error)
    for index, text in enumerate(texts):
        if isinstance(text, str) and len(text) > limits.characters:
            legal = f"at most {limits.characters} characters (--max-characters)"
            raise Problem(413, DataError(f"a text of {len(text)} characters", place=f"text {index}", legal=legal))
    return texts


def _families(said: list[Any], texts: list[Any], family: str) -> list[str]:
    """The family of each text: what its row says, else `family`; none at all where nothing is said."""
    if said and len(said) != len(texts):
        told = f"{len(said)} values of {FAMILY!r} beside {len(texts)} texts"
        raise _fault(told, place=f"column {FAMILY}", legal="one a text")
    for index, name in enumerate(said):
        if name is not None and (not isinstance(name, str) or len(name) > MOST_COMPONENT):
            raise _fault(f"{FAMILY} = {name!r:.60}", place=f"text {index}, column {FAMILY}", legal=_LEGAL_FAMILY)
    return [name or family for name in said] if said else [family] * len(texts) if family else []


def _params(params: object) -> tuple[bool, str, str]:
    if params is None:
        return False, "", ""
    if not isinstance(params, dict):
        raise _fault(f"params is a JSON {_kind(params)}", place="params", legal="an object")
    if unknown := sorted(params.keys() - {"explain", "precision", FAMILY}):
        raise _fault(f"no parameter {unknown[0]!r:.60}", place="params", legal=f"explain, precision, {FAMILY}")
    explain, precision, family = params.get("explain", False), params.get("precision", ""), params.get(FAMILY, "")
    if not isinstance(explain, bool):
        raise _fault(f"explain = {explain!r:.60}", place="params, field explain", legal="true, false")
    if not isinstance(precision, str):
        raise _fault(f"precision = {precision!r:.60}", place="params, field precision", legal="fp32, int8")
    if not isinstance(family, str) or len(family) > MOST_COMPONENT:
        raise _fault(f"{FAMILY} = {family!r:.60}", place=f"params, field {FAMILY}", legal=_LEGAL_FAMILY)
    return explain, precision, family


def _inputs(value: object, place: str) -> _Rows:
    """`"a"`, `["a", "b"]`, `[["a"], ["b"]]`, `[{"text": "a"}]`, `{"text": ["a"]}` or `{"text": "a"}`."""
    if isinstance(value, str):
        return [value], []
    if isinstance(value, dict):
        texts, _ = _inputs(_column(value, place), place)
        said = value.get(FAMILY, [])
        return texts, said if isinstance(said, list) else [said]
    if not isinstance(value, list):
        raise _fault(f"{place} is a JSON {_kind(value)}", place=place, legal="texts")
    if value and all(isinstance(row, dict) for row in value):
        return _records(value, place)
    if value and all(isinstance(row, list) and len(row) == 1 for row in value):
        return [row[0] for row in value], []
    return value, []


def _records(value: object, place: str) -> _Rows:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise _fault(f"{place} is no list of objects", place=place, legal='[{"text": "…"}]')
    texts = [_column(row, f"{place}, record {index}") for index, row in enumerate(value)]
    return texts, [row.get(FAMILY) for row in value] if any(FAMILY in row for row in value) else []


def _split(value: object, place: str) -> _Rows:
    if not isinstance(value, dict) or not isinstance(value.get("data"), list):
        raise _fault(f"{place} has no list 'data'", place=place, legal='{"columns": ["text"], "data": [["…"]]}')
    columns = value.get("columns")
    if not isinstance(columns, list) or COLUMN not in columns:
        raise _fault(f"no column {COLUMN!r} in {columns!r:.100}", place=f"{place}, field columns", legal=COLUMN)
    at, width = columns.index(COLUMN), len(columns)
    for index, row in enumerate(value["data"]):
        if not isinstance(row, list) or len(row) != width:
            raise _fault(f"row {index} has not {width} values", place=f"{place}, field data", legal="one list a row")
    said = columns.index(FAMILY) if FAMILY in columns else None
    return [row[at] for row in value["data"]], [] if said is None else [row[said] for row in value["data"]]


def _column(row: Mapping[str, Any], place: str) -> Any:
    if COLUMN not in row:
        told = ", ".join(map(str, row)) or "none"
        raise _fault(f"no column {COLUMN!r} among {told:.100}", place=place, legal=COLUMN)
    return row[COLUMN]


def _csv(body: bytes) -> _Rows:
    try:
        rows = list(csv.DictReader(io.StringIO(body.decode("utf-8"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise _fault(
            f"the body is not CSV: {error!s:.200}", place="body", legal="CSV in UTF-8 with a header"
        ) from error
    texts = [_column(row, f"body, line {line}") for line, row in enumerate(rows, start=2)]
    return texts, [row[FAMILY] for row in rows] if rows and FAMILY in rows[0] else []


FORMS: dict[str, Callable[[object, str], _Rows]] = {
    "inputs": _inputs,
    "instances": _inputs,
    "dataframe_split": _split,
    "dataframe_records": _records,
}
"""How each form of the protocol holds texts, and families."""

_FORMS = ", ".join(FORMS)
_LEGAL_FAMILY = f"a string of at most {MOST_COMPONENT} characters"
_KINDS = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "null")


def _fault(problem: str, *, place: str, legal: str) -> DataError:
    return DataError(problem, place=place, legal=legal)
