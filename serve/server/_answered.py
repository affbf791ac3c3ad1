"""What is told, once, about each question that was answered: for whoever keeps records of predictions.

A collector is called on the event loop, after the answer is made and before it is sent. It must return at once
(queue, count, drop) and never raise; keeping what it was told is its own affair, on its own thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from homologate.scorer import Answer
from serve.server._model import ServedModel

__all__ = ["Answered", "Collector"]


@dataclass(frozen=True, slots=True)
class Answered:
    """One answered request.

    Attributes:
        prediction_id: names the request, and the prediction where it is one text; of several, row i, from 0, is
            `<prediction_id>.<i>`.
        at: when it came, seconds since 1970.
        seconds: what the answer took, waiting included.
        caller: the caller's name, or None where anybody may ask.
        texts: the texts as they were judged.
        answers: one for each text; with words where they were asked for.
        model: the version that judged.
        role: `champion` or `canary` where the client got this answer; `shadow` where only this record has it, under
            the prediction id of the answer it stands beside.
        families: one a text, each `""` where the caller did not say it; none where no text has one.
    """

    prediction_id: str
    at: float
    seconds: float
    caller: str | None
    texts: tuple[str, ...]
    answers: tuple[Answer, ...]
    model: ServedModel
    role: str = "champion"
    families: Sequence[str] = ()


class Collector(Protocol):
    """Keeps records."""

    def start(self) -> None:
        """Called on the event loop before the server is ready."""

    def collect(self, answered: Answered) -> None:
        """Take one record. Must neither block nor raise."""

    async def stop(self) -> None:
        """Called after the last answer; returns when what was taken is kept."""
