"""Several texts at once: pasted lines or a CSV in, a table of verdicts out, in the order they came.

A row that cannot be judged stands in its place with its reason and holds up no other.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from homologate.errors import DataError
from serve.http import Problem
from serve.web._server import Credential, ScoringServer
from serve.web._verdict import Fault, Verdict

__all__ = ["MOST_ROWS", "Several", "judge_rows", "rows_of_csv", "rows_of_lines"]

MOST_ROWS = 200
"""What one page shows; a file of any length goes to `homologate score`."""

MOST_REFUSALS = 20
"""How often a server may refuse the whole for one row of it before it is left at that."""

COLUMNS = ("text", "label", "probability", "threshold", "prediction_id", "model", "version", "digest", "fault")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True, slots=True)
class Several:
    """A table of verdicts and faults, in the order of the texts."""

    rows: tuple[Verdict | Fault, ...]

    @property
    def verdicts(self) -> list[Verdict]:
        """Those that were judged."""
        return [row for row in self.rows if isinstance(row, Verdict)]

    @property
    def counts(self) -> dict[str, int]:
        """How many of each label, the positive one first."""
        found: dict[str, int] = {}
        for row in sorted(self.verdicts, key=lambda row: not row.positive):
            found[row.label] = found.get(row.label, 0) + 1
        return found

    def csv(self) -> str:
        """The table for a spreadsheet, which takes no cell of it for a formula."""
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        for row in self.rows:
            if isinstance(row, Fault):
                writer.writerow([_cell(row.text), *[""] * (len(COLUMNS) - 2), _cell(row.reason)])
            else:
                told = [row.text, row.label, f"{row.probability:.6f}", f"{row.threshold:.6f}"]
                writer.writerow(map(_cell, [*told, row.id or "", row.model, row.version, row.digest, ""]))
        return out.getvalue()


def rows_of_lines(pasted: str) -> list[str]:
    """One text a line; empty lines part nothing."""
    return _bounded([line.strip() for line in pasted.splitlines() if line.strip()], "the field")


def rows_of_csv(content: bytes, column: str) -> list[str]:
    """The texts of a CSV with a header, the empty ones too.

    Raises:
        DataError: it is no CSV in UTF-8 with that column; names the line.
        Problem: 413, it has too many rows.
    """
    try:
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        names = reader.fieldnames or []
        rows = list(reader)
    except UnicodeDecodeError as error:
        raise DataError("the file is not text in UTF-8", place=f"byte {error.start}", legal="CSV in UTF-8") from error
    except csv.Error as error:
        raise DataError(
            f"the file is no CSV: {error}", place=f"line {reader.line_num}", legal="CSV in UTF-8"
        ) from error
    if column not in names:
        told = ", ".join(names)[:100] or "no columns"
        raise DataError(f"no column {column!r} among {told}", place="the first line", legal=column)
    return _bounded([(row[column] or "").strip() for row in rows], "the file")


async def judge_rows(
    server: ScoringServer, texts: Sequence[str], who: Credential, *, characters: int | None
) -> Several:
    """The verdict on each text, or why there is none. Raises as `ScoringServer.judge`."""
    rows: list[Verdict | Fault | None] = [_fault(text, characters) for text in texts]
    for _ in range(MOST_REFUSALS):
        sound = [at for at, row in enumerate(rows) if row is None]
        if not sound:
            break
        try:
            verdicts = await server.judge_all([texts[at] for at in sound], who)
        except Problem as problem:
            if problem.status != 400:
                raise
            refused = _named(problem, len(sound))
            if refused is None:
                return await _one_by_one(server, texts, who, rows, problem)
            rows[sound[refused]] = Fault(texts[sound[refused]], problem.error.problem)
            continue
        for at, verdict in zip(sound, verdicts, strict=True):
            rows[at] = verdict
    left = "not asked: too many rows before it could not be judged"
    return Several(tuple(row or Fault(text, left) for text, row in zip(texts, rows, strict=True)))


async def _one_by_one(
    server: ScoringServer, texts: Sequence[str], who: Credential, rows: list[Verdict | Fault | None], because: Problem
) -> Several:
    """Where a server refuses the whole and does not say for which row (stock MLflow): each alone."""
    refused = 0
    for at, text in enumerate(texts):
        if rows[at] is None:
            try:
                (rows[at],) = await server.judge_all([text], who)
            except Problem as problem:
                refused += 1
                if problem.status != 400 or refused > MOST_REFUSALS:
                    raise because from problem
                rows[at] = Fault(text, problem.error.problem)
    return Several(tuple(row for row in rows if row is not None))


def _fault(text: str, characters: int | None) -> Fault | None:
    if not text:
        return Fault(text, "it is empty")
    if characters is not None and len(text) > characters:
        return Fault(text, f"{len(text)} characters; at most {characters}")
    return None


def _named(problem: Problem, rows: int) -> int | None:
    """The row that a server names as the one it cannot judge."""
    found = re.fullmatch(r"text (\d+)", problem.error.place or "")
    return int(found[1]) if found and int(found[1]) < rows else None


def _bounded(rows: list[str], place: str) -> list[str]:
    if not rows:
        raise DataError("there is no text", place=place, legal="one text a line")
    if len(rows) > MOST_ROWS:
        error = DataError(
            f"{len(rows)} texts",
            place=place,
            legal=f"at most {MOST_ROWS} at once",
            next_command="homologate score texts.csv verdicts.csv  # judges a file of any length",
        )
        raise Problem(413, error)
    return rows


def _cell(value: str) -> str:
    """A spreadsheet runs what begins like a formula, so an apostrophe goes first."""
    return f"'{value}" if value.startswith(FORMULA) else value
