"""The file formats: rows in as plain dicts, rows out as parts that join to one file.

A reader yields every row, readable or not, so that row n of the job is row n of the file. A part is a piece of output
written at once; parts join by concatenation (CSV, JSON lines; gzip members too) or row group by row group (Parquet).
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

from homologate.errors import DataError, UsageError

__all__ = ["SUFFIXES", "Row", "columns_of", "join", "read", "row_count", "suffix_of", "write_part"]

SUFFIXES = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".parquet")
LONGEST_FIELD = 10_000_000
"""Characters of one CSV field; more means a quote that was never closed, not a description."""
ROW_GROUP = 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One row as read. `fault` says why it is none; then `values` holds what could be read."""

    place: str
    values: dict[str, Any]
    fault: str | None = None


def suffix_of(file: Path, place: str) -> str:
    """The format of a file, by its name.

    Raises:
        UsageError: none of ours.
    """
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if file.name.lower().endswith(suffix):
            return suffix
    raise UsageError(f"no format for {file.name!r}", place=place, legal=SUFFIXES)


def read(file: Path, encoding: str) -> Iterator[Row]:
    """Every row of a file, in order, a few at a time.

    Raises:
        DataError: the file is missing, is not what its name says, or is cut short.
    """
    suffix = suffix_of(file, "input")
    readers = {".csv": _read_csv, ".jsonl": _read_jsonl}
    try:
        if suffix == ".parquet":
            yield from _read_parquet(file)
        else:
            with _text(file, encoding) as lines:
                yield from readers[suffix.removesuffix(".gz")](file, lines)
    except (OSError, EOFError, gzip.BadGzipFile, LookupError) as error:
        # An OSError of the consumer never passes through a generator, so this one is the file's.
        told = getattr(error, "strerror", None) or str(error)
        raise DataError(f"cannot read {file.name!r}: {told}", place=str(file)) from error


def columns_of(file: Path, encoding: str, *, parquet: bool, rows: int) -> tuple[list[str], Any]:
    """The columns of a file in order, and with `parquet` their types as a `pyarrow.Schema`, else None.

    JSON lines have no header: their columns are those of the first `rows` rows.

    Raises:
        DataError: as `read`, or there is no row.
    """
    suffix = suffix_of(file, "input")
    if suffix == ".parquet":
        import pyarrow
        import pyarrow.parquet

        try:
            schema = pyarrow.parquet.read_schema(file).remove_metadata()
        except (pyarrow.ArrowException, OSError) as error:
            raise DataError(f"not Parquet: {error!s:.200}", place=str(file)) from error
        return schema.names, schema if parquet else None
    first = [row.values for row in islice(read(file, encoding), rows) if row.fault is None]
    if not first:
        raise DataError(f"no row of {file.name} can be read", place=str(file))
    columns = list(dict.fromkeys(name for values in first for name in values))
    if not parquet:
        return columns, None
    import pyarrow

    if suffix.startswith(".csv"):
        return columns, pyarrow.schema([(name, pyarrow.string()) for name in columns])
    try:
        return columns, pyarrow.Table.from_pylist([dict.fromkeys(columns) | values for values in first]).schema
    except pyarrow.ArrowException as error:
        raise _no_schema(error, file) from error


def row_count(file: Path) -> int | None:
    """About how many rows a file has, for a progress bar; None where finding out would cost more than it tells."""
    suffix = suffix_of(file, "input")
    if suffix == ".parquet":
        import pyarrow.parquet

        with pyarrow.parquet.ParquetFile(file) as source:
            return int(source.metadata.num_rows)
    if suffix.endswith(".gz"):
        return None
    with file.open("rb") as data:
        lines = sum(piece.count(b"\n") for piece in iter(lambda: data.read(1 << 20), b""))
    return max(lines - suffix.startswith(".csv"), 0)


def write_part(file: Path, suffix: str, columns: Sequence[str], rows: Sequence[dict[str, Any]], schema: Any) -> None:
    """Write some rows, without a header, to a file that does not exist yet.

    Args:
        file: where.
        suffix: the format of the whole.
        columns: the columns, in order; JSON lines keep each row's own.
        rows: what to write.
        schema: for Parquet, the `pyarrow.Schema` of the whole.
    """
    if suffix == ".parquet":
        import pyarrow
        import pyarrow.parquet

        try:
            table = pyarrow.Table.from_pylist(list(rows), schema=schema)
        except pyarrow.ArrowException as error:
            raise _no_schema(error, file) from error
        pyarrow.parquet.write_table(table, file, row_group_size=ROW_GROUP)
        return
    out = io.StringIO(newline="")
    if suffix.startswith(".csv"):
        # Lines end with \r\n (RFC 4180): the module quotes a lone \r in a field only then.
        csv.writer(out).writerows([_cell(row.get(name)) for name in columns] for row in rows)
    else:
        out.writelines(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)
    file.write_bytes(_packed(out.getvalue(), suffix))


def join(parts: Iterable[Path], out: Path, suffix: str, columns: Sequence[str], schema: Any) -> None:
    """Join parts, in order, to the whole file."""
    if suffix == ".parquet":
        import pyarrow.parquet

        with pyarrow.parquet.ParquetWriter(out, schema) as writer:
            for part in parts:
                with pyarrow.parquet.ParquetFile(part) as piece:
                    for batch in piece.iter_batches(ROW_GROUP):
                        writer.write_batch(batch.cast(schema))
        return
    with out.open("wb") as sink:
        if suffix.startswith(".csv"):
            header = io.StringIO(newline="")
            csv.writer(header).writerow(columns)
            sink.write(_packed(header.getvalue(), suffix))
        for part in parts:
            with part.open("rb") as piece:
                shutil.copyfileobj(piece, sink, 1 << 20)


def _read_csv(file: Path, lines: IO[str]) -> Iterator[Row]:
    limit = csv.field_size_limit(LONGEST_FIELD)
    try:
        reader = csv.reader(lines, strict=True)
        header = next(reader, None)
        if not header:
            raise DataError(f"{file.name} is empty: there is no header", place=str(file))
        if twice := sorted({name for name in header if header.count(name) > 1}):
            raise DataError(f"the column {twice[0]!r} stands there twice", place=f"{file}, line 1")
        begins = reader.line_num + 1
        for cells in reader:
            place, begins = f"line {begins}", reader.line_num + 1
            if not cells:
                continue  # a blank line is no row
            fault = None
            if len(cells) != len(header):
                fault = f"{len(cells)} fields where the header has {len(header)}"
            yield Row(place, dict(zip(header, cells, strict=False)), fault)
    except csv.Error as error:
        what = f"not CSV: {error}; a quote may never have been closed"
        raise DataError(what, place=f"{file}, from line {begins if header else 1}") from error
    finally:
        csv.field_size_limit(limit)


def _read_jsonl(file: Path, lines: IO[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Row(f"line {number}", {}, f"not JSON: {error}")
            continue
        if isinstance(found, dict):
            yield Row(f"line {number}", found)
        else:
            yield Row(f"line {number}", {}, f"a JSON {type(found).__name__} where an object belongs")


def _read_parquet(file: Path) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(file) as source:
            number = 0
            for batch in source.iter_batches(ROW_GROUP):
                for values in batch.to_pylist():
                    number += 1
                    yield Row(f"row {number}", values)
    except pyarrow.ArrowException as error:
        raise DataError(f"not Parquet: {error!s:.200}", place=str(file)) from error


@contextmanager
def _text(file: Path, encoding: str) -> Iterator[IO[str]]:
    # A byte that is not of the encoding becomes half a surrogate pair: its row is set aside, the others are read.
    named = "utf-8-sig" if encoding.lower().replace("_", "-") in {"utf-8", "utf8"} else encoding
    opened = gzip.open if file.name.lower().endswith(".gz") else open
    with opened(file, "rt", encoding=named, errors="surrogateescape", newline="") as lines:
        yield lines


def _packed(text: str, suffix: str) -> bytes:
    # Half a surrogate pair, in a reject say, becomes the escape that JSON has for it.
    data = text.encode(errors="backslashreplace")
    return gzip.compress(data, mtime=0) if suffix.endswith(".gz") else data


def _no_schema(error: Exception, file: Path) -> DataError:
    return DataError(
        f"the rows do not fit one Parquet schema: {error!s:.200}",
        place=str(file),
        next_command="write JSON lines instead: an output named .jsonl",
    )


def _cell(value: Any) -> Any:
    """CSV knows no lists: what is not plain is written as JSON."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
