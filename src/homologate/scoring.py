"""Open a scorer inside this project: the scorer's own faults become the errors a command ends with.

The scorer package travels without this project and therefore cannot raise `homologate.errors`.
"""

from __future__ import annotations

import os
from types import TracebackType
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


class faults_as_errors:
    """Inside `with faults_as_errors():` a `ModelFault` leaves as a ModelError, an `InputFault` as a DataError."""

    def __enter__(self) -> None:
        """Cost nothing: this stands on the way of every answer."""

    def __exit__(self, _: type[BaseException] | None, fault: BaseException | None, __: TracebackType | None) -> None:
        """Turn the fault into its error, word for word."""
        if fault is None:
            return
        from homologate.scorer import ModelFault, ScorerFault

        if isinstance(fault, ScorerFault):
            kind = ModelError if isinstance(fault, ModelFault) else DataError
            raise kind(fault.problem, place=fault.place, legal=fault.legal, next_command=fault.next_command) from fault
