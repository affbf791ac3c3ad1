"""What can go wrong while answering: a broken model directory, or a text that cannot be judged.

These are the package's own classes because it runs without the rest of the project; `homologate.scoring` turns them
into the errors a command ends with.
"""

from __future__ import annotations

__all__ = ["InputFault", "ModelFault", "ScorerFault"]


class ScorerFault(Exception):
    """The base of both faults: one sentence, where it was found, what is legal, what to do next."""

    def __init__(
        self, problem: str, *, place: str | None = None, legal: str | None = None, next_command: str | None = None
    ) -> None:
        self.problem, self.place, self.legal, self.next_command = problem, place, legal, next_command
        super().__init__(problem)

    def __str__(self) -> str:
        notes = {"where": self.place, "legal": self.legal, "next": self.next_command}
        return "\n".join([self.problem, *(f"  {name}: {note}" for name, note in notes.items() if note)])


class ModelFault(ScorerFault):
    """The model directory is missing, incomplete, or not what `scorer.json` says it is."""


class InputFault(ScorerFault):
    """A question that cannot be answered: None, NaN, a number, an empty text, an unknown parameter.

    `index` is that of the text in the list that was asked about, where the fault is one text's.
    """

    def __init__(
        self, problem: str, *, index: int | None = None, place: str | None = None, legal: str | None = None
    ) -> None:
        self.index = index
        super().__init__(problem, place=f"text {index}" if index is not None else place, legal=legal)
