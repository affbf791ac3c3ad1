"""What a question is answered with."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Answer", "Word"]


@dataclass(frozen=True, slots=True)
class Word:
    """One word of the text and its share of the logit; positive speaks for the positive label.

    `text == whole_text[start:end]`, in characters of the text as it was given.
    """

    text: str
    start: int
    end: int
    contribution: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A verdict and what it rests on.

    `probability` is that of the positive label; `label` is positive where `probability >= threshold`.
    `truncated` says that the text was longer than the model reads. Where words were asked for,
    `bias + remainder + sum(word.contribution for word in words) == logit`: the bias is the same for every text, the
    remainder is what the marks around the text (`[CLS]`, `[SEP]`) carry.
    """

    label: str
    probability: float
    threshold: float
    truncated: bool
    logit: float
    bias: float
    remainder: float | None = None
    words: tuple[Word, ...] = ()
