"""From a split frame to rows a network can read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from homologate.errors import DataError
from homologate.scorer import Tokeniser
from homologate.scoring import faults_as_errors
from homologate.settings import LabelSettings, TrainingSettings

from ._batches import Rows

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["rows_of"]


def rows_of(
    frame: pd.DataFrame, tokeniser: Tokeniser, settings: TrainingSettings, labels: LabelSettings
) -> tuple[Rows, Rows, float]:
    """Training rows and validation rows, tokenised and weighted, and the share of them longer than `max_tokens`.

    With `class_weight="balanced"` a row counts `n / (2 · rows of its label)`, so both labels weigh the same and rows
    weigh 1 on average; validation rows count as training rows of their label do.

    Raises:
        DataError: a column is missing, a split has no row of one of the labels, or a text has nothing to read.
    """
    missing = [name for name in ("text", "label", "split") if name not in frame.columns]
    if missing:
        raise DataError(
            f"no column {missing[0]!r} in the rows to train on",
            legal="text, label, split",
            next_command="homologate prepare",
        )
    parts = {name: frame[frame["split"] == name] for name in ("train", "valid")}
    for name, part in parts.items():
        for word in labels.words:
            if not (part["label"] == word).any():
                raise DataError(
                    f"the {name} split has {len(part)} rows and none of them is {word!r}",
                    place=f"split {name!r}",
                    legal="at least one row of each label in train and in valid",
                    next_command="homologate prepare  # with more rows, or with other split shares",
                )
    if settings.max_train_rows is not None and settings.max_train_rows < len(parts["train"]):
        parts["train"] = _drawn(parts["train"], settings.max_train_rows, settings.seed)

    train_is_bad = (parts["train"]["label"] == labels.positive).to_numpy()
    share = float(train_is_bad.mean())
    weight = (1.0, 1.0) if settings.class_weight == "none" else (0.5 / (1 - share), 0.5 / share)

    cut: list[bool] = []

    def rows(part: pd.DataFrame) -> Rows:
        with faults_as_errors():
            read = tokeniser.read(part["text"].tolist())
        cut.extend(tokens.truncated for tokens in read)
        targets = torch.tensor((part["label"] == labels.positive).to_numpy(), dtype=torch.float32)
        weights = torch.where(targets > 0.5, weight[1], weight[0]).to(torch.float32)
        return Rows([torch.tensor(tokens.ids) for tokens in read], targets, weights)

    train, valid = rows(parts["train"]), rows(parts["valid"])
    return train, valid, sum(cut) / len(cut)


def _drawn(part: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """So many rows, drawn by seed, each label keeping its share and at least one row."""
    from sklearn.model_selection import train_test_split

    try:
        drawn, _ = train_test_split(part, train_size=count, random_state=seed, stratify=part["label"])
    except ValueError as error:
        raise DataError(
            f"{count} rows with both labels cannot be drawn: {error}", place=f"training.max_train_rows = {count}"
        ) from error
    in_order: pd.DataFrame = drawn.sort_index()
    return in_order
