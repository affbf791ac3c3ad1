"""What a killed training continues from.

One file, written at every validation and replaced in one rename: what has learned so far, the optimiser, the random
state, the best weights yet, and the key of everything that decides the result. It is read with `weights_only=True`, so
it can hold tensors and plain values and nothing that runs. A finished training removes it.
"""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from homologate.errors import StorageError

__all__ = ["Checkpoint", "Progress"]

SCHEMA = 1


@dataclass
class Progress:
    """How far a training has come.

    `best_*` belong to the best validation so far, which is in `history`; `best_step` 0 is the linear probe itself.
    """

    step: int
    weights: dict[str, Tensor]
    optimizer: dict[str, Any]
    random: Tensor
    best_step: int
    best_weights: dict[str, Tensor]
    best_logits: Tensor
    validations_without_gain: int
    history: list[dict[str, float]] = field(default_factory=list)


class Checkpoint:
    """The file of one training.

    Args:
        file: where it lies.
        key: digest of settings, rows and encoder; a file with another key is not continued from.
    """

    def __init__(self, file: Path, key: str) -> None:
        self.file, self.key = file, key

    def load(self) -> Progress | None:
        """What there is to continue from: None where there is no file, or it is of another training or broken."""
        try:
            held = torch.load(self.file, weights_only=True)
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError):
            return None
        if not isinstance(held, dict) or (held.get("schema"), held.get("key")) != (SCHEMA, self.key):
            return None
        return Progress(**held["progress"])

    def save(self, progress: Progress) -> None:
        """Replace the file, whole or not at all.

        Raises:
            StorageError: the disk will not take it.
        """
        partial = self.file.with_suffix(".partial")
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            torch.save({"schema": SCHEMA, "key": self.key, "progress": vars(progress)}, partial)
            os.replace(partial, self.file)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
            partial.unlink(missing_ok=True)
            raise StorageError(
                f"the training checkpoint cannot be written: {error}",
                place=str(self.file),
                legal="a folder that can be written, with room for four times the encoder's weights",
            ) from error

    def remove(self) -> None:
        """The training is finished: nothing to continue from."""
        self.file.unlink(missing_ok=True)
