"""Rows from a CSV file (.csv, .csv.gz) whose columns and labels the settings name."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pandas as pd

from homologate.dataset._canonical import check_rows, shortened
from homologate.dataset._files import open_bytes, unreadable, wrong_encoding
from homologate.errors import DataError
from homologate.settings import ColumnSettings, DataSettings

__all__ = ["read_csv"]

REQUIRED = ("text", "label")


def read_csv(settings: DataSettings) -> dict[str, list[Any]]:
    """Read and check a CSV file.

    Columns the settings file names must exist. The default names of optional columns (`id`, `date`, `component`,
    `manufacturer`) are only tried: a source without them has empty values there.

    Returns:
        Checked columns by canonical name, in the order of the file.

    Raises:
        DataError: the file is missing, unreadable, cut short, not in the encoding named, not CSV, without rows or
            without a column it must have; or a row breaks the contract (`check_rows`). Lines are counted as an editor
            counts them.
    """
    path = Path(settings.source)
    with open_bytes(path) as stream, _as_text(stream, settings.encoding) as text, _any_field_length():
        try:
            header, records, lines = _parsed(text, path)
        except UnicodeDecodeError as error:
            raise wrong_encoding(path, settings.encoding, error) from error
        except (EOFError, gzip.BadGzipFile, OSError) as error:
            raise unreadable(path, error) from error
    source_names = _source_names(settings.columns, header, path)
    rows: dict[str, list[Any]] = {
        name: [record[header.index(source)].strip() for record in records] for name, source in source_names.items()
    }
    rows["source"] = [path.name] * len(records)
    check_rows(
        _whole(rows),
        settings.labels,
        place=str(path),
        max_text_characters=settings.max_text_characters,
        lines=lines,
        columns=source_names,
    )
    return rows


def _as_text(stream: IO[bytes], encoding: str) -> io.TextIOWrapper:
    try:
        return io.TextIOWrapper(stream, encoding=encoding, newline="")
    except LookupError as error:
        raise DataError(
            f"no encoding is called {encoding!r}",
            place="data.encoding",
            legal="utf-8, latin-1, cp1252 or another name Python knows",
        ) from error


def _parsed(text: io.TextIOWrapper, path: Path) -> tuple[list[str], list[list[str]], list[int]]:
    """The header, the records, and the line each record starts on."""
    reader = csv.reader(text, strict=True)
    header: list[str] = []
    records, lines = [], []
    start = 1
    try:
        for record in reader:
            line, start = start, reader.line_num + 1
            if not record:
                continue  # a blank line
            if not header:
                header = [name.strip().removeprefix("\ufeff") for name in record]
                continue
            if len(record) != len(header):
                raise DataError(
                    f"{len(record)} fields where the header has {len(header)}: {shortened(record)}",
                    place=f"{path}, line {line}",
                    legal=f"the columns {', '.join(header)}; a comma or a line break inside a value needs quotes",
                )
            records.append(record)
            lines.append(line)
    except csv.Error as error:
        raise DataError(
            f"not CSV: {error}",
            place=f"{path}, the row that starts on line {start}",
            legal="comma-separated values; quotes are closed, and doubled inside a quoted value",
        ) from error
    if not records:
        raise DataError(
            "the file has a header and no rows" if header else "the file is empty",
            place=str(path),
            legal="a header line, then one row per component",
            next_command="name another file under `data.source`, or `synthetic` for the shipped generator",
        )
    return header, records, lines


def _source_names(columns: ColumnSettings, header: list[str], path: Path) -> dict[str, str]:
    """Which canonical column is read from which column of the file."""
    names: dict[str, str] = {}
    for canonical_name in ColumnSettings.model_fields:
        source = getattr(columns, canonical_name)
        must_exist = canonical_name in REQUIRED or canonical_name in columns.model_fields_set
        if source in header:
            names[canonical_name] = source
        elif source is not None and must_exist:
            raise DataError(
                f"no column {source!r} for the {canonical_name}",
                place=f"{path}, line 1",
                legal=header,
                next_command=f"set `data.columns.{canonical_name}` in homologate.yaml to the column that holds it",
            )
    return names


def _whole(rows: dict[str, list[Any]]) -> pd.DataFrame:
    count = len(rows["text"])
    optional = {name: [""] * count for name in ("id", "date", "component", "manufacturer") if name not in rows}
    return pd.DataFrame({**rows, **optional, "cause_start": [-1] * count, "cause_end": [-1] * count})


@contextmanager
def _any_field_length() -> Iterator[None]:
    """Let a field be of any length: the check that names row and column is ours, not the parser's 128 KiB."""
    before = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(before)
