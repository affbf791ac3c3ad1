"""The canonical frame: its columns, its order, and the check every source passes."""

from __future__ import annotations

import datetime
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pandera.pandas as pa

from homologate.errors import DataError
from homologate.settings import LabelSettings

__all__ = ["COLUMNS", "canonical", "check_both_classes", "check_rows"]

COLUMNS = ("id", "text", "label", "date", "component", "manufacturer", "source", "cause_start", "cause_end")
"""The columns of a canonical frame, in order. The split adds `group` and `split`."""

MISSING_WORDS = frozenset({"nan", "null", "none", "n/a", "#n/a", "<na>", "nat"})
"""What other programs write where they had no text. None of them describes a component."""

SHOWN = 60  # characters of an offending value that an error prints


def canonical(rows: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """Bring checked columns into canonical form: every column, ids filled in, sorted by date then id.

    Args:
        rows: columns by canonical name, all of one length. `text` and `label` must be there; a missing optional
            column becomes empty (`cause_start` and `cause_end` become -1).

    Returns:
        The frame of docs/architecture.md, index 0..n-1. An empty id becomes the first 16 hex digits of the row's
        SHA-256, with `-2`, `-3` … behind it where whole rows repeat.
    """
    count = len(rows["text"])
    frame = pd.DataFrame(
        {
            name: pd.Series(rows.get(name, [-1] * count), dtype="int64")
            if name.startswith("cause_")
            else pd.Series(rows.get(name, [""] * count), dtype=object)
            for name in COLUMNS
        }
    )
    _fill_ids(frame)
    return frame.sort_values(["date", "id"], kind="stable", ignore_index=True)


def check_rows(
    frame: pd.DataFrame,
    labels: LabelSettings,
    *,
    place: str,
    max_text_characters: int = 20_000,
    lines: Sequence[int] | None = None,
    columns: Mapping[str, str] | None = None,
) -> None:
    """Refuse a frame that breaks the row contract, naming the first broken row.

    Args:
        frame: columns of `COLUMNS`, in any row order; `id` may be empty where the source has none.
        labels: the two legal labels.
        place: the source, as an error names it.
        max_text_characters: a longer text is a fault.
        lines: line of the source each row starts on; row numbers are shown without it.
        columns: what the source calls a canonical column, where it differs.

    Raises:
        DataError: a missing value, an empty or too long text, an unknown label, an impossible date, an id used twice,
            or a cause span outside its text. Only the first row at fault is described; the error says how many more
            there are.
    """
    try:
        _schema(labels, max_text_characters).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as failure:
        cases = failure.failure_cases
        if cases["index"].isna().all():  # a column is missing or of another dtype: no row to name
            case = cases.iloc[0]
            raise DataError(
                f"column {case['column']!r}: {case['check']}, found {case['failure_case']}", place=place, legal=COLUMNS
            ) from failure
        raise _fault(frame, cases, labels, max_text_characters, place, lines, columns or {}) from failure


def check_both_classes(frame: pd.DataFrame, labels: LabelSettings, *, place: str) -> None:
    """Refuse a frame with no rows or with one label only.

    Raises:
        DataError: there is nothing to learn or to measure.
    """
    found = sorted(set(frame["label"]))
    if not found:
        raise DataError(
            "no rows are left",
            place=place,
            legal="at least one row of each label",
            next_command="look at the source, and at `data.since` and `data.until` in homologate.yaml",
        )
    if len(found) == 1:
        raise DataError(
            f"all {len(frame)} rows are labelled {found[0]!r}; one class cannot be told from another",
            place=place,
            legal=f"rows of both {labels.negative!r} and {labels.positive!r}",
            next_command="add rows of the other label, or correct `data.labels` in homologate.yaml",
        )


def _schema(labels: LabelSettings, max_text_characters: int) -> pa.DataFrameSchema:
    def column(*checks: pa.Check, kind: type = str) -> pa.Column:
        return pa.Column(kind, list(checks), nullable=False)

    def each(name: str, holds: Any) -> pa.Check:
        return pa.Check(lambda series: series.map(holds).astype(bool), name=name, error=name)

    return pa.DataFrameSchema(
        {
            "id": column(pa.Check(lambda ids: ~(ids.duplicated(keep=False) & (ids != "")), error="twice")),
            "text": column(
                each("empty", lambda text: bool(str(text).strip())),
                each("missing", lambda text: str(text).strip().lower() not in MISSING_WORDS),
                each("long", lambda text: len(str(text)) <= max_text_characters),
            ),
            "label": column(each("label", lambda label: label in labels.words)),
            "date": column(each("date", _is_date)),
            **{name: column() for name in ("component", "manufacturer", "source")},
            **{name: column(kind=int) for name in ("cause_start", "cause_end")},
        },
        checks=pa.Check(_span_is_inside, error="span"),
    )


def _is_date(value: object) -> bool:
    if value == "":
        return True
    try:
        return datetime.date.fromisoformat(str(value)).isoformat() == value  # fromisoformat alone also takes 20140102
    except ValueError:
        return False


def _span_is_inside(frame: pd.DataFrame) -> Any:
    start, end = frame["cause_start"], frame["cause_end"]
    unknown = (start == -1) & (end == -1)
    return unknown | ((start >= 0) & (start < end) & (end <= frame["text"].astype(str).str.len()))


def _fault(
    frame: pd.DataFrame,
    cases: pd.DataFrame,
    labels: LabelSettings,
    max_text_characters: int,
    place: str,
    lines: Sequence[int] | None,
    columns: Mapping[str, str],
) -> DataError:
    rows = cases.dropna(subset=["index"])
    first = rows.sort_values("index", kind="stable").iloc[0]
    row = frame.index.tolist().index(first["index"])
    kind = "missing" if first["check"] == "not_nullable" else str(first["check"])
    column = "cause_start" if kind == "span" else str(first["column"])
    value = frame[column].iloc[row]

    def at(number: int) -> str:
        return f"line {lines[number]}" if lines is not None else f"row {number}"

    problem, legal = {
        "missing": (f"the {column} is missing (found {value!r})", "a value in every row"),
        "empty": ("the text is empty", "a description of the component"),
        "long": (
            f"the text has {len(str(value)):,} characters: {shortened(value)}",
            f"at most {max_text_characters:,} characters (`data.max_text_characters`)",
        ),
        "label": (f"unknown label {shortened(value)}", " or ".join(map(repr, labels.words))),
        "date": (f"{shortened(value)} is not a date", "a calendar day as YYYY-MM-DD, or nothing"),
        "twice": (f"the id {shortened(value)} is used twice", "ids that name one row each"),
        "span": (
            f"cause span {value}..{frame['cause_end'].iloc[row]} is outside the text",
            "0 <= cause_start < cause_end <= length of the text, or -1 and -1",
        ),
    }.get(kind, (f"{column} is {shortened(value)}: {kind}", "what docs/data.md says of this column"))
    where = f"{place}, {at(row)}, column {columns.get(column, column)!r}"
    if kind == "twice":
        twins = [number for number, other in enumerate(frame["id"]) if other == value and number != row]
        where += f"; again at {at(twins[0])}"
    others = rows["index"].nunique() - 1
    return DataError(
        problem + (f" ({others:,} more rows are at fault)" if others else ""),
        place=where,
        legal=legal,
        next_command="correct the row, or the names under `data.columns` and `data.labels` in homologate.yaml",
    )


def shortened(value: object) -> str:
    """The value as an error prints it: quoted, and cut where it is long."""
    text = str(value)
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "…")


def _fill_ids(frame: pd.DataFrame) -> None:
    seen: Counter[str] = Counter()
    ids = frame["id"].tolist()
    told = [frame[name].tolist() for name in ("text", "label", "date", "component", "manufacturer")]
    for row, parts in enumerate(zip(*told, strict=True)):
        if not ids[row]:
            name = hashlib.sha256("\x1f".join(parts).encode("utf-8")).hexdigest()[:16]
            seen[name] += 1
            ids[row] = name if seen[name] == 1 else f"{name}-{seen[name]}"
    frame["id"] = ids
