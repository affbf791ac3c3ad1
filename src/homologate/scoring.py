"""Open a scorer inside this project: the scorer's own faults become the errors a command ends with.

The scorer package travels without this project and therefore cannot raise `homologate.errors`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from homologate.errors import DataError, ModelError

if TYPE_CHECKING:
    from homologate.scorer import Scorer

__all__ = ["faults_as_errors", "open_scorer"]


def open_scorer(directory: str | os.PathLike[str], precision: str | None = None, threads: int = 1) -> Scorer:
    """A `homologate.scorer.Scorer` of `directory`.

    Raises:
        ModelError: the directory is missing or broken; names the file and the field.
    """
    from homologate.scorer import Scorer

    with faults_as_errors():
        return Scorer(directory, precision, threads)


@contextmanager
def faults_as_errors() -> Iterator[None]:
    """Inside this block a `ModelFault` leaves as a ModelError and an `InputFault` as a DataError, word for word."""
    from homologate.scorer import ModelFault, ScorerFault

    try:
        yield
    except ScorerFault as fault:
        kind = ModelError if isinstance(fault, ModelFault) else DataError
        raise kind(fault.problem, place=fault.place, legal=fault.legal, next_command=fault.next_command) from fault
