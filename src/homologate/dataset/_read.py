"""From a source to the canonical frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from homologate.dataset._canonical import canonical, check_both_classes
from homologate.errors import DataError
from homologate.settings import DataSettings

__all__ = ["read_rows"]


def read_rows(settings: DataSettings) -> pd.DataFrame:
    """Read the rows a project is configured to use.

    Args:
        settings: source, layout, columns, labels, and the `since` (included) and `until` (excluded) dates. Undated
            rows are kept only where neither date is set.

    Returns:
        The canonical frame of docs/architecture.md, without `group` and `split`.

    Raises:
        DataError: the source cannot be read, is not of its layout, holds a faulty row, or leaves rows of fewer than
            two labels.
    """
    layout = _layout(settings)
    rows: dict[str, list[Any]]
    if layout == "synthetic":
        from homologate.dataset.synthetic import generate

        frame = generate(settings.synthetic, settings.labels, settings.synthetic.seed)
    else:
        if layout == "csv":
            from homologate.dataset._csv import read_csv

            rows = read_csv(settings)
        else:
            from homologate.dataset._flat_rcl import read_flat_rcl

            rows = read_flat_rcl(settings)
        frame = canonical(rows)
    frame = _between(frame, settings.since, settings.until)
    check_both_classes(frame, settings.labels, place=settings.source)
    return frame


def _layout(settings: DataSettings) -> str:
    if settings.layout != "auto":
        return settings.layout
    if settings.source == "synthetic":
        return "synthetic"
    name = Path(settings.source).name.lower()
    if name.endswith((".csv", ".csv.gz")):
        return "csv"
    if name.endswith((".txt", ".txt.gz", ".zip")):
        return "flat_rcl"
    raise DataError(
        f"cannot tell the layout of {settings.source!r} from its name",
        place="data.source",
        legal=".csv, .csv.gz, .txt, .txt.gz, .zip, or `synthetic`",
        next_command="set `data.layout` in homologate.yaml to csv or flat_rcl",
    )


def _between(frame: pd.DataFrame, since: str | None, until: str | None) -> pd.DataFrame:
    kept = frame
    if since:
        kept = kept[kept["date"] >= since]
    if until:
        kept = kept[(kept["date"] < until) & (kept["date"] != "")]
    return kept.reset_index(drop=True)
