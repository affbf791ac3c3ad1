"""The one class that answers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ._answer import Answer
from ._faults import ModelFault
from ._files import EMBEDDING, MODEL_FILES, OUTPUTS, read_facts, session
from ._tokens import Tokeniser, Tokens, checked, padded
from ._words import merge

__all__ = ["Scorer"]

BULK = 16
"""Texts in one fp32 batch of similar length. More does not pay on a CPU."""

TIE = 1e-5
"""Ten times what neighbours can change in fp32. A probability this close to the threshold is computed alone."""


class Scorer:
    """A model directory that answers.

    A verdict never depends on who else is in the batch. Dynamic int8 takes one activation range per tensor, so over
    a whole batch; it is therefore scored strictly one text at a time. fp32 is scored in batches of similar length,
    where neighbours change a probability by less than 1e-6, and a text that close to the threshold is run alone.

    One object may be called from several threads at once; with `threads=1` each call stays on its own thread.

    Args:
        directory: holds `model.onnx`, `model.int8.onnx`, `tokenizer.json` and `scorer.json`.
        precision: `fp32` or `int8`; default is what `scorer.json` says.
        threads: cores one call may use.

    Raises:
        ModelFault: the directory is missing or broken; names the file and the field.
    """

    def __init__(self, directory: str | os.PathLike[str], precision: str | None = None, threads: int = 1) -> None:
        self.directory = Path(directory)
        facts = read_facts(self.directory)
        self.labels: tuple[str, str] = facts.labels
        """`(negative, positive)`."""
        self.threshold: float = facts.threshold
        self.max_tokens: int = facts.max_tokens
        self.bias: float = facts.bias
        self.precision: str = precision or facts.precision
        self._tokeniser = Tokeniser(self.directory / "tokenizer.json", facts.max_tokens)
        self._session = session(self.directory, self.precision, threads)

    def probabilities(self, texts: Iterable[str]) -> NDArray[np.float32]:
        """The probability of the positive label of every text, in the order given.

        Args:
            texts: n texts; a text longer than `max_tokens` is judged by its beginning.

        Returns:
            float32 (n,).

        Raises:
            InputFault: a text that cannot be judged; names its index.
        """
        read = self._read(texts)
        found = np.empty(len(read), dtype=np.float32)
        for row, probability, _ in self._judged(read):
            found[row] = probability
        return found

    def embeddings(self, texts: Iterable[str]) -> NDArray[np.float32]:
        """What the head sees of each text: the mean of the encoder's last hidden states, in the order given.

        Args:
            texts: n texts; a text longer than `max_tokens` is read up to there.

        Returns:
            float32 (n, hidden).

        Raises:
            InputFault: a text that cannot be judged; names its index.
            ModelFault: the graph was exported before it had this output.
        """
        if EMBEDDING not in (node.name for node in self._session.get_outputs()):
            file = self.directory / MODEL_FILES[self.precision]
            raise ModelFault(f"the graph has no output {EMBEDDING!r}", place=str(file), legal="export the model again")
        read = self._read(texts)
        found: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(read)
        for rows in self._batches(read):
            ids, mask = padded([read[row].ids for row in rows], self._tokeniser.padding)
            (pooled,) = self._session.run([EMBEDDING], {"input_ids": ids, "attention_mask": mask})
            for row, vector in zip(rows, pooled, strict=True):
                found[row] = vector
        return np.stack(found) if found else np.empty((0, 0), np.float32)

    def tokens(self, texts: Iterable[str]) -> list[list[int]]:
        """The ids the model reads of each text, special marks included, in the order given.

        Raises:
            InputFault: a text that cannot be judged; names its index.
        """
        return [tokens.ids for tokens in self._read(texts)]

    def answer(self, text: str, explain: bool = False) -> Answer:
        """Judge one text.

        Args:
            text: the description of a component.
            explain: whether to add the words and their shares of the logit.

        Raises:
            InputFault: the text cannot be judged.
        """
        return self.answers([text], explain)[0]

    def answers(self, texts: Iterable[str], explain: bool = False) -> list[Answer]:
        """Judge many texts, each exactly as `answer` would, in the order given.

        Raises:
            InputFault: a text that cannot be judged; names its index.
        """
        texts = checked(texts)
        read = self._tokeniser.read(texts) if texts else []
        found: list[Answer | None] = [None] * len(read)
        for row, probability, share in self._judged(read):
            found[row] = self._answer(texts[row], read[row], probability, share, explain)
        return [answer for answer in found if answer is not None]

    def infer(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Run the model on token ids as they are, for measurements that make their own.

        Args:
            ids: (batch, sequence).
            mask: same shape, 1 at real tokens.

        Returns:
            Probability of the positive label (batch,) and each token's share of the logit (batch, sequence).

        Raises:
            ModelFault: the model answered with NaN or infinity.
        """
        probabilities, shares = self._session.run(OUTPUTS, {"input_ids": ids, "attention_mask": mask})
        if not np.isfinite(probabilities).all():
            file = self.directory / MODEL_FILES[self.precision]
            raise ModelFault("the model answered with NaN or infinity", place=str(file))
        return probabilities, shares

    def label_of(self, probability: float) -> str:
        """The label this probability of the positive label leads to."""
        return self.labels[int(probability >= self.threshold)]

    def _read(self, texts: Iterable[str]) -> list[Tokens]:
        usable = checked(texts)
        return self._tokeniser.read(usable) if usable else []

    def _judged(self, read: Sequence[Tokens]) -> Iterator[tuple[int, float, NDArray[np.float32]]]:
        """Row, probability and shares of every text; one that neighbours could tip over the threshold is run alone."""
        for rows in self._batches(read):
            probabilities, shares = self._run([read[row] for row in rows])
            for row, probability, share in zip(rows, probabilities, shares, strict=True):
                if len(rows) > 1 and abs(probability - self.threshold) < TIE:
                    (probability,), (share,) = self._run([read[row]])
                yield row, float(probability), share

    def _batches(self, read: Sequence[Tokens]) -> Iterator[list[int]]:
        size = 1 if self.precision == "int8" else BULK
        by_length = sorted(range(len(read)), key=lambda row: len(read[row].ids))
        for first in range(0, len(by_length), size):
            yield by_length[first : first + size]

    def _run(self, batch: Sequence[Tokens]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return self.infer(*padded([tokens.ids for tokens in batch], self._tokeniser.padding))

    def _answer(
        self, text: str, tokens: Tokens, probability: float, shares: NDArray[np.float32], explain: bool
    ) -> Answer:
        own = shares[: len(tokens.ids)].astype(np.float64)
        words, remainder = merge(text, tokens.offsets, own.tolist()) if explain else ((), None)
        return Answer(
            label=self.label_of(probability),
            probability=probability,
            threshold=self.threshold,
            truncated=tokens.truncated,
            logit=self.bias + float(own.sum()),
            bias=self.bias,
            remainder=remainder,
            words=words,
        )
