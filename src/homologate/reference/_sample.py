"""The numbers of texts that drift is measured on, the same for a version's past and for a window of its present."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from homologate.reference._words import Vocabulary, words
from homologate.scorer.collector import redacted

if TYPE_CHECKING:
    from homologate.scorer import Scorer

__all__ = ["EMBEDDED", "Bags", "Sample", "sample_of"]

EMBEDDED = 500
"""The most texts of a sample that go through the encoder: seconds, and enough to see a shift that matters."""
NOBODY_KNOWS = -1
"""The truth of a text without a label."""


@dataclass(frozen=True)
class Bags:
    """Which items each text holds: of text `i`, `items[starts[i]:starts[i + 1]]`, ascending, each once.

    Attributes:
        items: uint16 or int32 (total,).
        starts: int64 (texts + 1,).
    """

    items: NDArray[np.int32]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, bags: Iterable[Iterable[int]]) -> Bags:
        """From one collection of items a text."""
        found = [sorted(set(bag)) for bag in bags]
        starts = np.cumsum([0, *map(len, found)], dtype=np.int64)
        return cls(np.array([item for bag in found for item in bag], dtype=np.int32), starts)

    def __len__(self) -> int:
        return len(self.starts) - 1


@dataclass(frozen=True)
class Sample:
    """Texts as numbers, in an order that tells nothing.

    The first `texts` rows have a text; the first `len(embedding)` of those went through the encoder. The others were
    kept as a hash, so only their verdict is known.

    Attributes:
        ids: of each row, as its source names it.
        probability: float32 (rows,), of the positive label, as answered.
        truth: int8 (rows,): 1 positive, 0 negative, -1 nobody knows.
        component: family of each row, `""` where nobody said.
        length: int32 (texts,), in words separated by white space.
        counted: int32 (texts,), the words as the vocabulary counts them.
        unknown: int32 (texts,), those of them that the vocabulary does not hold.
        words: the known words of each text, by number in the vocabulary.
        tokens: the sub-words of each text, by id in the tokeniser.
        embedding: float16 (embedded, hidden); `(0, 0)` where the graph gives none.
    """

    ids: tuple[str, ...]
    probability: NDArray[np.float32]
    truth: NDArray[np.int8]
    component: tuple[str, ...]
    length: NDArray[np.int32]
    counted: NDArray[np.int32]
    unknown: NDArray[np.int32]
    words: Bags
    tokens: Bags
    embedding: NDArray[np.float16]

    @property
    def texts(self) -> int:
        """Rows with a text."""
        return len(self.length)

    def __len__(self) -> int:
        return len(self.ids)


def sample_of(
    texts: Sequence[str],
    *,
    ids: Sequence[str],
    probabilities: Sequence[float],
    truths: Sequence[int],
    components: Sequence[str],
    vocabulary: Vocabulary,
    scorer: Scorer | None,
    embedded: int = EMBEDDED,
) -> Sample:
    """Measure texts.

    Texts are redacted first, so that those kept whole and those kept redacted look alike.

    Args:
        texts: of the first rows; there may be fewer texts than rows.
        ids: one a row.
        probabilities: one a row, as answered.
        truths: one a row; -1 where nobody knows.
        components: one a row.
        vocabulary: what counts as known.
        scorer: the version that tokenises and embeds; None leaves both out.
        embedded: how many of the first texts to embed.

    Raises:
        InputFault: a text that no tokeniser reads.
    """
    from homologate.scorer import ModelFault

    kept = [redacted(text)[0] for text in texts]
    found = [words(text) for text in kept]
    place = vocabulary.place
    embedding: NDArray[np.float16] = np.empty((0, 0), np.float16)
    if scorer is not None and kept:
        with contextlib.suppress(ModelFault):  # exported before the graph had this output: whoever compares says so
            embedding = scorer.embeddings(kept[:embedded]).astype(np.float16)
    return Sample(
        ids=tuple(ids),
        probability=np.asarray(probabilities, np.float32),
        truth=np.asarray(truths, np.int8),
        component=tuple(components),
        length=np.array([len(text.split()) for text in kept], np.int32),
        counted=np.array([len(row) for row in found], np.int32),
        unknown=np.array([len(vocabulary.unknown(row)) for row in found], np.int32),
        words=Bags.of([place[word] for word in row if word in place] for row in found),
        tokens=Bags.of(scorer.tokens(kept) if scorer is not None and kept else [[] for _ in kept]),
        embedding=embedding,
    )
