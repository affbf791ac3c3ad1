"""What this room needs of a scorer, and how it opens the real one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from homologate.errors import ModelError

if TYPE_CHECKING:
    import os

__all__ = ["AnswerLike", "TextScorer", "WordLike", "open_scorers", "probabilities"]


class WordLike(Protocol):
    """A word and its share of the logit (`homologate.scorer.Word`)."""

    @property
    def text(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def contribution(self) -> float: ...


class AnswerLike(Protocol):
    """A verdict with its words (`homologate.scorer.Answer`)."""

    @property
    def label(self) -> str: ...
    @property
    def probability(self) -> float: ...
    @property
    def words(self) -> Sequence[WordLike]: ...


class TextScorer(Protocol):
    """Texts in, verdicts out (`homologate.scorer.Scorer`)."""

    @property
    def labels(self) -> tuple[str, str]:
        """`(negative, positive)`."""

    @property
    def threshold(self) -> float:
        """At and above this probability the verdict is positive."""

    def probabilities(self, texts: Iterable[str]) -> NDArray[np.float32]:
        """float32 (n,): the probability of the positive label."""

    def answers(self, texts: Iterable[str], explain: bool = False) -> Sequence[AnswerLike]:
        """One answer a text, in order; with words where `explain`."""


def open_scorers(
    directory: str | os.PathLike[str], precisions: Sequence[str], labels: tuple[str, str]
) -> dict[str, TextScorer]:
    """The real scorer of a model directory, once for each precision, on every core this process may use.

    Raises:
        ModelError: the directory is broken, or was trained for other label words than the settings name.
    """
    import os as system

    from homologate.scoring import open_scorer

    threads = len(system.sched_getaffinity(0))
    scorers: dict[str, TextScorer] = {name: open_scorer(directory, name, threads) for name in precisions}
    for scorer in scorers.values():
        if tuple(scorer.labels) != labels:
            raise ModelError(
                f"the model answers {scorer.labels!r}, the settings name {labels!r}",
                place=f"{directory}/scorer.json, field 'labels'",
                legal=f"labels {labels!r} as in data.labels",
                next_command="set data.labels in homologate.yaml to the model's words, or train again",
            )
    return scorers


def probabilities(scorer: TextScorer, texts: Sequence[str]) -> NDArray[np.float64]:
    """float64 (n,) of the positive label; the scorer's faults leave as errors of this project."""
    from homologate.scoring import faults_as_errors

    with faults_as_errors():
        return np.asarray(scorer.probabilities(texts), dtype=np.float64)
