"""Reviewed corrections join the rows a version learns from; the test stays as it was.

The test items of a project stay the same from version to version, because the gate compares versions on them pair by
pair. So corrections go to train and valid only, and one that says nearly the same as a test item is left out.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from homologate.dataset._canonical import canonical
from homologate.dataset._csv import read_csv
from homologate.dataset._near_duplicates import near_duplicate_groups
from homologate.settings import ColumnSettings, DataSettings

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["add_corrections"]


def add_corrections(frame: pd.DataFrame, settings: DataSettings) -> pd.DataFrame:
    """The split frame with the rows of `settings.corrections` in train and valid.

    A correction's part follows from a hash of its text, in the proportion of train to valid; one whose near-duplicate
    group holds a test item is left out. `group` is made anew over all rows.

    Args:
        frame: canonical rows with `group` and `split`.
        settings: `corrections` names a CSV with the canonical columns; `split` gives shares and the cosine.

    Raises:
        DataError: the file or a row of it is not what it must be.
    """
    import pandas as pd

    asked = settings.model_copy(
        update={"source": settings.corrections, "columns": ColumnSettings(), "encoding": "utf-8"}
    )
    added = canonical(read_csv(asked))
    added = added[~added["id"].isin(frame["id"])].copy()
    valid_share = settings.split.valid_share / (1 - settings.split.test_share)
    added["split"] = ["valid" if _place(text) < valid_share else "train" for text in added["text"]]
    joined = pd.concat([frame, added], ignore_index=True)
    joined["group"] = near_duplicate_groups(joined["text"].tolist(), settings.split.near_duplicate_cosine)
    tested = set(joined.loc[joined["split"] == "test", "group"])
    twin = joined["id"].isin(added["id"]) & joined["group"].isin(tested)
    kept = joined[~twin].sort_values(["date", "id"], kind="stable").reset_index(drop=True)
    return kept[frame.columns]


def _place(text: str) -> float:
    """Between 0 and 1, the same for the same text on every machine."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64
