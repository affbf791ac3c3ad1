"""A small world whose truth is known: rows, and a scorer whose every share can be computed by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from homologate.evidence import Rival, evaluate_scorers, explain_scorer, read_items
from homologate.evidence import comparison as compare_with
from homologate.scorer import Answer, Word
from homologate.settings import DataSettings, LabelSettings, Settings

DIGEST = "sha256:" + "0" * 64
SETTINGS = Settings(data=DataSettings(source="rows.csv", labels=LabelSettings()))

_PARTS = ("belt", "hose", "lamp", "mirror")
_MAKERS = ("Ardent", "Bellwether", "Corvid Motors")
_BAD = ("cracked early", "leaked badly", "tore apart", "fell short")
_GOOD = ("held firmly", "stayed tight", "shone steadily", "passed easily")
_ASIDES = (
    "The sample came from the line.",
    "It was stored dry.",
    "The bench was checked before.",
    "Two people watched.",
)


class KeywordScorer:
    """The logit is a bias plus the weights of the words, so every share is exact."""

    labels = ("compliant", "non-compliant")
    threshold = 0.5

    def __init__(self, weights: Mapping[str, float], bias: float = 0.0) -> None:
        self.weights, self.bias = dict(weights), bias
        self.asked = 0

    def probabilities(self, texts: Iterable[str]) -> NDArray[np.float32]:
        return np.array([answer.probability for answer in self.answers(texts)], dtype=np.float32)

    def answers(self, texts: Iterable[str], explain: bool = False) -> list[Answer]:
        return [self._answer(text, explain) for text in texts]

    def _answer(self, text: str, explain: bool) -> Answer:
        self.asked += 1
        words = tuple(
            Word(found.group(), found.start(), found.end(), self.weights.get(found.group().lower(), 0.0))
            for found in re.finditer(r"\w+", text)
        )
        logit = self.bias + sum(word.contribution for word in words)
        probability = float(1 / (1 + np.exp(-logit)))
        label = self.labels[probability >= self.threshold]
        shown = words if explain else ()
        return Answer(label, probability, self.threshold, False, logit, self.bias, 0.0 if explain else None, shown)


GOOD_WEIGHTS = {word: 2.0 for phrase in _BAD for word in phrase.split()} | {
    word: -2.0 for phrase in _GOOD for word in phrase.split()
}


def rows(count: int = 240, seed: int = 1, style: Callable[[bool], str] = lambda _: "") -> pd.DataFrame:
    """Canonical split rows: the verdict rests on one phrase, whose span is recorded; a few are told the wrong way."""
    generator = np.random.default_rng(seed)
    found = []
    for index in range(count):
        bad = bool(generator.random() < 0.35)
        part, maker = str(generator.choice(_PARTS)), str(generator.choice(_MAKERS))
        cause = str(generator.choice(_BAD if bad else _GOOD))
        aside = " ".join(generator.permutation(_ASIDES)[: generator.integers(1, 4)])
        before = f"{style(bad)}The {part} number {index} on the bench "
        misread = generator.random() < 0.06
        found.append(
            {
                "id": f"row-{index:04}",
                "text": f"{before}{cause} under load. {aside}",
                "label": "non-compliant" if bad != misread else "compliant",
                "date": f"{2014 + index * 3 // count}-0{1 + index % 9}-11",
                "component": part,
                "manufacturer": maker,
                "source": "bench",
                "cause_start": len(before),
                "cause_end": len(before) + len(cause),
                "group": index // 2 if index % 10 == 0 else index,
                "split": "train" if index < count * 0.55 else "valid" if index < count * 0.65 else "test",
            }
        )
    return pd.DataFrame(found)


@pytest.fixture(scope="session")
def make_rows() -> Callable[..., pd.DataFrame]:
    return rows


@pytest.fixture
def make_scorer() -> type[KeywordScorer]:
    return KeywordScorer


@pytest.fixture
def good_weights() -> dict[str, float]:
    return dict(GOOD_WEIGHTS)


@pytest.fixture(scope="session")
def evaluation() -> dict[str, Any]:
    """Evaluation facts of a good scorer, with a second precision that differs a little."""
    good = KeywordScorer(GOOD_WEIGHTS, bias=-0.5)
    rough = KeywordScorer({word: 0.93 * weight for word, weight in GOOD_WEIGHTS.items()}, bias=-0.4)
    return evaluate_scorers({"fp32": good, "int8": rough}, rows(), SETTINGS, digest=DIGEST)


@pytest.fixture(scope="session")
def explanation() -> dict[str, Any]:
    """Explanation facts of the same scorer."""
    return explain_scorer(KeywordScorer(GOOD_WEIGHTS, bias=-0.5), rows(), SETTINGS, digest=DIGEST)


@pytest.fixture(scope="session")
def comparison(evaluation: dict[str, Any]) -> dict[str, Any]:
    """Comparison facts of the same scorer beside a champion that is right where it is wrong, and the reverse."""
    items, test = read_items(evaluation), rows()
    rival = Rival("3", "sha256:" + "1" * 64, replace(items, probability=1 - items.probability))
    return compare_with(items, rival, test[test["split"] == "test"], SETTINGS, digest=DIGEST)
