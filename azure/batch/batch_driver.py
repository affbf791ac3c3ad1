"""The scoring script of the Azure ML batch endpoint: `init` once a worker, `run` once a mini batch of files.

CSV, JSON lines (both also `.gz`) and Parquet with a column `text`, read as `homologate score` reads them. One row comes
out for each that went in, in order: the file, the row's number from 0, the verdict, and who gave it. A row that cannot
be judged says why, and stands as it came in `<file>.<digest of its path>.rejects.jsonl` beside the verdicts; a file
that cannot be read fails the job, so that no file is left out in silence.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from pathlib import Path

import pandas as pd
from approved import Approved, approved_model

from homologate.batch._formats import Row, read
from homologate.errors import DataError

COLUMN = "text"
ANSWER = ("label", "probability", "threshold", "truncated", "fault")
OUTPUT_VARIABLE = "AZUREML_BI_OUTPUT_PATH"

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
        DataError: a file that cannot be read, or one without a column `text`.
        UsageError: a file of another kind.
    """
    return pd.concat([_judged(Path(name)) for name in mini_batch], ignore_index=True)


def _judged(path: Path) -> pd.DataFrame:
    rows = list(read(path, "utf-8"))
    if rows and not any(COLUMN in row.values for row in rows):
        names = ", ".join(rows[0].values)
        raise DataError(f"no column {COLUMN!r}", place=f"{path.name}, columns {names}", legal=COLUMN)
    answers = [_answer(row) for row in rows]
    _set_aside(path, rows, answers)
    found = pd.DataFrame(answers, columns=list(ANSWER))
    found.insert(0, "file", path.name)
    found.insert(1, "row", range(len(found)))
    return found.assign(version=serving[-1].version, digest=serving[-1].digest)


def _answer(row: Row) -> dict[str, object]:
    """One row at a time: a verdict never depends on who else is in the batch, nor falls with a neighbour's fault."""
    if row.fault or COLUMN not in row.values:
        return {"fault": row.fault or f"no column {COLUMN!r}"}
    try:
        return dict(serving[-1].model.predict([row.values[COLUMN]])[0], fault="")
    except Exception as error:
        if type(error).__name__ != "InputFault":  # the scorer's own; it came out of the model directory
            raise
        return {"fault": str(error)}


def _set_aside(path: Path, rows: list[Row], answers: list[dict[str, object]]) -> None:
    """Write the rows that were not judged, as they came; Azure tries a mini batch again, so whole or not at all."""
    folder = os.environ.get(OUTPUT_VARIABLE)
    told = [
        {"file": path.name, "row": number, "place": row.place, "reason": answer["fault"], "values": row.values}
        for number, (row, answer) in enumerate(zip(rows, answers, strict=True))
        if answer["fault"]
    ]
    if folder is None or not told:
        return
    # Files of one name may lie in several folders of an input.
    whole = Path(folder) / f"{path.name}.{hashlib.sha256(str(path).encode()).hexdigest()[:8]}.rejects.jsonl"
    part = whole.with_suffix(".part")
    part.write_text("".join(json.dumps(one, default=str) + "\n" for one in told), encoding="utf-8")
    part.replace(whole)
