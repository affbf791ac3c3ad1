"""Train, valid and test: by date where there is one, never through a near-duplicate group."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pandas as pd

from homologate.dataset._near_duplicates import near_duplicate_groups
from homologate.errors import DataError
from homologate.settings import SplitSettings

__all__ = ["PARTS", "split_rows"]

Places = npt.NDArray[np.float64]

PARTS = ("train", "valid", "test")
"""The parts, from the oldest rows to the newest."""


def split_rows(frame: pd.DataFrame, settings: SplitSettings) -> pd.DataFrame:
    """Add `group` and `split` to a canonical frame.

    Where at least half of the rows are dated, the split is by date: the newest `test_share` of the rows is the test,
    the newest `valid_share` of the rest is the validation, undated rows count as oldest, and a near-duplicate group
    lies where its **oldest** row lies. So a test item never has a twin in training, and training never sees a text
    that was first written in the test's time. Without dates a group's place follows from a hash of its texts, so it
    is the same for any row order and stays when other rows are added.

    Args:
        frame: the canonical frame (sorted by date, then id).
        settings: the shares, and the cosine from which two texts are one group. `valid_share` is of all rows, as
            `test_share` is.

    Returns:
        A copy with `group` (int64) and `split` (`train`, `valid`, `test`).

    Raises:
        DataError: there are too few rows, or too few rows of a label, for each part to hold both labels.
    """
    _refuse_too_few(frame, settings)
    result = frame.copy()
    result["group"] = near_duplicate_groups(result["text"].tolist(), settings.near_duplicate_cosine)
    dated = (result["date"] != "").mean() >= 0.5
    place = _places_by_date(result) if dated else _places_by_hash(result)
    result["split"] = _parts(place, settings)
    _refuse_one_sided(result, settings)
    return result


def _places_by_date(frame: pd.DataFrame) -> Places:
    """Each row's place on the line from oldest (0) to newest (1), groups laid whole where their oldest row lies.

    The rows are counted in the order of their groups, so the shares hold as nearly as whole groups allow. Rows of one
    day keep the order of their ids; the frame is sorted so.
    """
    order = pd.Series(np.arange(len(frame)))
    group = frame["group"].to_numpy()
    oldest = order.groupby(group).transform("min")
    in_order = pd.Series(np.argsort(np.argsort(oldest, kind="stable"), kind="stable"))
    return (in_order.groupby(group).transform("min") / len(frame)).to_numpy(dtype=np.float64)


def _places_by_hash(frame: pd.DataFrame) -> Places:
    """Each group's place between 0 and 1, from the SHA-256 of its first text in alphabetical order."""
    texts = frame.groupby("group")["text"].min()
    place = {
        group: int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "big") / 2**64
        for group, text in texts.items()
    }
    return np.array([place[group] for group in frame["group"]], dtype=np.float64)


def _parts(place: Places, settings: SplitSettings) -> npt.NDArray[np.object_]:
    valid_from = 1 - settings.test_share - settings.valid_share
    test_from = 1 - settings.test_share
    rounding = 1e-9
    return np.select(
        [place >= test_from - rounding, place >= valid_from - rounding], ["test", "valid"], "train"
    ).astype(object)


def _refuse_too_few(frame: pd.DataFrame, settings: SplitSettings) -> None:
    shares = (1 - settings.test_share - settings.valid_share, settings.valid_share, settings.test_share)
    if min(shares) <= 0:
        raise DataError(
            f"test_share {settings.test_share} and valid_share {settings.valid_share} leave a part with no rows",
            place="data.split",
            legal="both above 0, and below 1 together",
            next_command="correct `data.split` in homologate.yaml",
        )
    needed = int(np.ceil(2 / min(shares) - 1e-9))
    if len(frame) < needed:
        raise DataError(
            f"{len(frame)} rows are too few to split: the smallest part would not hold a row of each label",
            place="data.split",
            legal=f"at least {needed} rows for shares of {', '.join(f'{share:.0%}' for share in shares)}",
            next_command="add rows, or use `data.source: synthetic`",
        )


def _refuse_one_sided(frame: pd.DataFrame, settings: SplitSettings) -> None:
    words = sorted(frame["label"].unique())
    for part in PARTS:
        rows = frame[frame["split"] == part]
        found = rows["label"].unique().tolist()
        if len(words) < 2 or len(found) < 2:
            missing = " or ".join(repr(word) for word in words if word not in found) or "otherwise"
            raise DataError(
                f"the {part} part has {len(rows)} rows and none labelled {missing}",
                place=f"data.split (test_share {settings.test_share}, valid_share {settings.valid_share}, "
                f"{frame['group'].nunique():,} near-duplicate groups of {len(frame):,} rows)",
                legal="rows of both labels in each of train, valid and test",
                next_command="add rows of that label, or widen `data.split`, `data.since` or `data.until`",
            )
