"""Rows → checked, split rows, stored once so that every later test of any version is made on the same items."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homologate.settings import DataSettings
from homologate.steps.context import Context, Outcome, key_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["facts_of", "key", "prepare"]

ROOMS = ("dataset", "steps/prepare.py")
CONTEXTS = {"train": "training", "valid": "validation", "test": "testing"}
"""The split's parts, and what MLflow calls them."""


def key(settings: DataSettings) -> str:
    """Changes when the rows would: the source's bytes, the data settings or the code that reads them."""
    read = (_digest(settings.source), _digest(settings.corrections))
    # Where the corrections lie does not matter, what they say does.
    return key_of("prepare", *ROOMS, data=settings.model_dump(exclude={"corrections"}), source=read)


def prepare(context: Context) -> Outcome:
    """Read, check and split the rows of `settings.data`; store them as `data/rows.parquet`.

    Raises:
        DataError: the source or a row is not what it must be.
    """
    from homologate.dataset import add_corrections, fingerprint, read_rows, split_rows

    settings = context.settings.data
    with context.tracker.step("prepare", params={"data": settings.model_dump()}, key=key(settings)) as run:
        context.say(
            f"reading {settings.source} rows" if settings.source == "synthetic" else f"reading {settings.source}"
        )
        frame = split_rows(read_rows(settings), settings.split)
        if settings.corrections:
            frame = add_corrections(frame, settings)
        name = Path(settings.source).name.split(".")[0]
        for part, used_for in CONTEXTS.items():
            rows = frame[frame["split"] == part]
            run.dataset(rows, name=f"{name}-{part}", context=used_for, digest=fingerprint(rows), source=settings.source)
        facts = facts_of(frame, settings, fingerprint(frame))
        run.tags({"homologate.data_fingerprint": facts["fingerprint"]})
        run.metrics({f"rows_{part}": facts["parts"][part]["rows"] for part in CONTEXTS})
        run.metrics({f"positive_share_{part}": facts["parts"][part]["positive_share"] for part in CONTEXTS})
        run.json(facts, "data/data.json")
        with tempfile.TemporaryDirectory() as scratch:
            frame.to_parquet(Path(scratch) / "rows.parquet", index=False)
            run.file(Path(scratch) / "rows.parquet", "data")
    return Outcome(run.id, facts)


def facts_of(frame: pd.DataFrame, settings: DataSettings, fingerprint: str) -> dict[str, Any]:
    """What the data report says of split rows, JSON-serialisable."""
    positive = settings.labels.positive
    parts = {}
    for part in CONTEXTS:
        rows = frame[frame["split"] == part]
        dates = [date for date in rows["date"] if date]
        parts[part] = {
            "rows": len(rows),
            "positive_share": round(float((rows["label"] == positive).mean()), 4),
            "from": min(dates, default=""),
            "to": max(dates, default=""),
            "near_duplicate_groups": int(rows["group"].nunique()),
        }
    verdict = (
        f"{len(frame)} texts, {(frame['label'] == positive).mean():.0%} {positive}; "
        f"{parts['train']['rows']} to train, {parts['valid']['rows']} to validate, {parts['test']['rows']} to test"
    )
    return {
        "schema": 1,
        "kind": "data",
        "verdict": verdict,
        "fingerprint": fingerprint,
        "source": settings.source,
        "labels": settings.labels.model_dump(),
        "rows": len(frame),
        "parts": parts,
        "components": {str(k): int(v) for k, v in frame["component"].value_counts().head(40).items()},
        "median_words": float(frame["text"].str.split().str.len().median()),
        "cause_known": int((frame["cause_start"] >= 0).sum()),
    }


def _digest(source: str | None) -> str:
    import hashlib

    file = Path(source or "")
    if source is None or source == "synthetic" or not file.is_file():
        return source or ""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
