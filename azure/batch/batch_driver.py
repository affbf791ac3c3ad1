"""The scoring script of the Azure ML batch endpoint: `init` once a worker, `run` once a mini batch of files.

CSV (`.csv`, `.csv.gz`) and JSON lines (`.jsonl`, `.jsonl.gz`) with a column `text`. One row comes out
for each that went in, in order: the file, the row's number from 0, the verdict, and who gave it. A row that cannot be
judged says why; a file that cannot be read fails the job, so that no file is left out in silence.
"""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
from approved import Approved, approved_model

from homologate.errors import DataError

COLUMN = "text"
ANSWER = ("label", "probability", "threshold", "truncated", "fault")
READERS = {
    ".csv": lambda path: pd.read_csv(path, dtype=str, keep_default_na=False),
    ".jsonl": lambda path: pd.read_json(path, lines=True, dtype=False),
}

log = logging.getLogger("homologate")
serving: list[Approved] = []


def init() -> None:
    """Open the approved model. Raises as `approved_model`."""
    serving.append(approved_model())
    log.info("ready: version %s, %s", serving[-1].version, serving[-1].digest)


def run(mini_batch: list[str]) -> pd.DataFrame:
    """Judge every row of some files.

    Returns:
        Columns `file`, `row` (int), `label`, `probability` (of the positive label), `threshold`, `truncated`, `fault`,
        `version`, `digest`; of a row that cannot be judged all but file, row, fault, version and digest are empty.

    Raises:
        DataError: a file of another kind, one that cannot be read, or one without a column `text`.
    """
    return pd.concat([_judged(Path(name)) for name in mini_batch], ignore_index=True)


def _judged(path: Path) -> pd.DataFrame:
    texts = _texts(path)
    rows = pd.DataFrame([_answer(text) for text in texts], columns=list(ANSWER))
    rows.insert(0, "file", path.name)
    rows.insert(1, "row", range(len(rows)))
    return rows.assign(version=serving[-1].version, digest=serving[-1].digest)


def _answer(text: object) -> dict[str, object]:
    """One row at a time: a verdict never depends on who else is in the batch, nor falls with a neighbour's fault."""
    try:
        return dict(serving[-1].model.predict([text])[0], fault="")
    except Exception as error:
        if type(error).__name__ != "InputFault":  # the scorer's own; it came out of the model directory
            raise
        return {"fault": str(error)}


def _texts(path: Path) -> list[object]:
    kind = next((one for one in READERS if path.name.endswith((one, f"{one}.gz"))), None)
    if kind is None:
        raise DataError(f"the file {path.name!r} is of another kind", place=str(path), legal=READERS)
    try:
        table = READERS[kind](path)
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"the file {path.name!r} cannot be read: {error}", place=str(path)) from error
    if COLUMN not in table:
        names = ", ".join(map(str, table))
        raise DataError(f"no column {COLUMN!r}", place=f"{path.name}, columns {names}", legal=COLUMN)
    return list(table[COLUMN])
