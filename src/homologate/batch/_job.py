"""One job, from the first row to the finished file."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from homologate.batch._formats import Row, columns_of, join, read, row_count, suffix_of, write_part
from homologate.batch._kept import Keep, Keeper
from homologate.batch._parts import Parts
from homologate.batch._verdicts import Verdict, judged, verdict_columns
from homologate.errors import DataError, StorageError, UsageError
from homologate.scorer.collector import Judge
from homologate.scoring import faults_as_errors, open_scorer

__all__ = ["Model", "score_file"]

CHUNK = 1024
"""Rows between two notes on the disk: about a quarter of a minute of work that a kill costs at most."""


@dataclass(frozen=True, slots=True)
class Model:
    """The model that judges, and how the output names it."""

    directory: Path
    version: str
    digest: str


def score_file(
    source: Path,
    out: Path,
    model: Model,
    *,
    text_column: str = "text",
    encoding: str = "utf-8",
    precision: str | None = None,
    explain: bool = False,
    threads: int | None = None,
    max_characters: int = 20_000,
    restart: bool = False,
    keep: Keep | None = None,
) -> dict[str, Any]:
    """Score every row of `source` into `out`; go on where a job that was killed stopped.

    Appended are `label`, `probability` (of the positive label), `threshold`, `words` (with `explain`),
    `model_version` and `digest`; one whose name the input has already is called `predicted_<name>`. Rows that
    cannot be judged go to `<out>.rejects.jsonl`.

    Args:
        source: the input; the format is in the name.
        out: the output; must not exist.
        model: the model and its names.
        text_column: which column holds the text.
        encoding: of CSV and JSON lines.
        precision: `fp32` or `int8`; None means the model's own.
        explain: whether to append the words that decided.
        threads: how many texts are judged at once; None means one a core.
        max_characters: a longer text is set aside.
        restart: throw away what an unfinished job left.
        keep: where predictions are kept; a column `prediction_id` is appended then. None keeps nothing.

    Returns:
        Facts: `rows`, `rejected`, `labels` (count by label), `resumed_at` (rows found done), `out`, `rejects`.

    Raises:
        DataError: the input is missing, is not what its name says, or has no such column.
        ModelError: the model directory is broken.
        StorageError: the disk will not take the output; what is done stays done.
        UsageError: the output exists, or an unfinished job of another kind lies there.
    """
    suffix = suffix_of(out, "output")
    suffix_of(source, "input")
    _check_paths(source, out)
    scorer = open_scorer(model.directory, precision, threads=1)
    columns, schema = _columns(source, encoding, suffix, text_column)
    appended = _appended(columns, explain, kept=keep is not None)
    out_columns = [*columns, *appended.values()]
    out_schema = _with_verdict(schema, appended) if schema is not None else None
    # JSON lines may differ from row to row, and may stay so where the output is JSON lines too.
    fixed = None if suffix.startswith(".jsonl") else columns
    job = {
        "schema": 1,
        "input": _sha256(source),
        "model": model.digest,
        "version": model.version,
        "options": [text_column, encoding, scorer.precision, explain, max_characters, suffix, CHUNK, keep is not None],
    }
    with _disk_faults(out):
        parts = Parts(out, job, restart=restart)
        judge = Judge(keep.model if keep else "", model.version, model.digest, scorer.labels, "batch")
        keeper = Keeper(keep, parts, judge) if keep else None
        resumed = parts.done
        rows = islice(read(source, encoding), resumed * CHUNK, None)
        workers = _workers(threads or len(os.sched_getaffinity(0)))
        with workers as pool, _progress(source, resumed * CHUNK) as tell, faults_as_errors():
            for number, chunk in enumerate(_chunks(rows), start=resumed):
                verdicts = judged(
                    chunk,
                    scorer,
                    pool,
                    text_column=text_column,
                    explain=explain,
                    max_characters=max_characters,
                    tell=tell,
                )
                good, bad = _apart(
                    chunk, verdicts, fixed, appended, model, explain, number * CHUNK, text_column, keeper
                )
                if keeper:
                    keeper.finish(number)
                write_part(parts.rows(number), suffix, out_columns, good, out_schema)
                write_part(parts.rejects(number), ".jsonl", (), bad, None)
                labels = Counter(row[appended["label"]] for row in good)
                parts.finish(number, {"rows": len(good), "rejected": len(bad), "labels": labels})
        return _finish(parts, out, suffix, out_columns, out_schema) | {"resumed_at": resumed * CHUNK}


def _chunks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


def _apart(
    chunk: list[Row],
    verdicts: list[Verdict],
    columns: list[str] | None,
    appended: dict[str, str],
    model: Model,
    explain: bool,
    first: int,
    text_column: str,
    keeper: Keeper | None,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The judged rows with their verdicts, and the others with their reasons."""
    good, bad = [], []
    for at, (row, verdict) in enumerate(zip(chunk, verdicts, strict=True), start=first + 1):
        extra = sorted(row.values.keys() - set(columns)) if columns is not None else []
        if isinstance(verdict, str) or extra:
            reason = verdict if isinstance(verdict, str) else f"no other row has a column {extra[0]!r}"
            bad.append({"row": at, "place": row.place, "reason": reason, "values": row.values})
            continue
        told = verdict_columns(verdict, explain)
        told |= {"model_version": model.version, "digest": model.digest}
        if keeper:
            told["prediction_id"] = keeper.identity(at)
            keeper.add(at, str(row.values[text_column]), verdict, row.values)
        good.append({**row.values, **{appended[name]: value for name, value in told.items()}})
    return good, bad


def _columns(source: Path, encoding: str, suffix: str, text_column: str) -> tuple[list[str], Any]:
    """The columns of the input, and for Parquet out of it their types.

    Raises:
        DataError: there is no row, or no text column among them.
    """
    columns, schema = columns_of(source, encoding, parquet=suffix == ".parquet", rows=CHUNK)
    if text_column not in columns:
        raise DataError(
            f"no column {text_column!r}",
            place=str(source),
            legal=columns,
            next_command=f"homologate score {source} OUT --text-column {columns[0]}" if columns else None,
        )
    return columns, schema


def _appended(columns: list[str], explain: bool, *, kept: bool) -> dict[str, str]:
    """What each appended column is called: its own name, or `predicted_…` where the input has that name already."""
    names = ["label", "probability", "threshold", *(["words"] if explain else []), "model_version", "digest"]
    names += ["prediction_id"] if kept else []
    taken = set(columns)
    found = {}
    for name in names:
        called = name
        while called in taken:
            called = f"predicted_{called}"
        taken.add(called)
        found[name] = called
    return found


def _with_verdict(schema: Any, appended: dict[str, str]) -> Any:
    """The Parquet types of the output."""
    import pyarrow

    word = pyarrow.struct(
        [("text", pyarrow.string()), ("start", pyarrow.int64()), ("end", pyarrow.int64()), ("contribution", "float64")]
    )
    kinds = {"probability": pyarrow.float64(), "threshold": pyarrow.float64(), "words": pyarrow.list_(word)}
    for name, called in appended.items():
        schema = schema.append(pyarrow.field(called, kinds.get(name, pyarrow.string())))
    return schema


def _finish(parts: Parts, out: Path, suffix: str, columns: list[str], schema: Any) -> dict[str, Any]:
    """Join the parts, put the files in their places, and return the counts."""
    counts = parts.counts()
    labels: Counter[str] = Counter()
    for count in counts:
        labels.update(count["labels"])
    rejected = sum(count["rejected"] for count in counts)
    rejects = _rejects_file(out)
    numbers = range(len(counts))
    scratch = parts.folder / "joined"
    if rejected:
        join((parts.rejects(number) for number in numbers), scratch, ".jsonl", (), None)
        parts.publish(scratch, rejects)
    join((parts.rows(number) for number in numbers), scratch, suffix, columns, schema)
    parts.publish(scratch, out)
    parts.clear()
    return {
        "rows": sum(count["rows"] for count in counts),
        "rejected": rejected,
        "labels": dict(sorted(labels.items())),
        "out": str(out),
        "rejects": str(rejects) if rejected else None,
    }


def _check_paths(source: Path, out: Path) -> None:
    if not source.is_file():
        raise DataError(f"no file {str(source)!r}", place="input")
    if not out.parent.is_dir():
        raise UsageError(f"no folder {str(out.parent)!r}", place="output", next_command=f"mkdir -p {out.parent}")
    for file in (out, _rejects_file(out)):
        if file.exists():
            raise UsageError(f"{str(file)!r} exists already", place="output", legal="a new file; none is overwritten")


def _rejects_file(out: Path) -> Path:
    return out.with_name(out.name + ".rejects.jsonl")


def _sha256(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


@contextlib.contextmanager
def _progress(source: Path, done: int) -> Iterator[Callable[[int], object]]:
    """A bar on stderr; on what is no terminal, a line every half a minute."""
    from tqdm import tqdm

    every = 0.2 if sys.stderr.isatty() else 30.0
    total = row_count(source)
    with tqdm(total=total, initial=done, unit=" rows", mininterval=every, file=sys.stderr, desc=source.name) as bar:
        yield bar.update


@contextlib.contextmanager
def _workers(threads: int) -> Iterator[Executor]:
    """Threads that are not waited for when the job is interrupted."""
    pool = ThreadPoolExecutor(threads)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


@contextlib.contextmanager
def _disk_faults(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"cannot write: {error.strerror or error}",
            place=str(error.filename or out),
            next_command="free space, then the same command again  # it goes on where it stopped",
        ) from error
