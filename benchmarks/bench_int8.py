"""int8 against fp32, one text at a time on one thread: at least 1.5 × the texts a second, 99 % of the labels.

The model that ships is trained and exported, for a half-trained one has half its texts beside the threshold; its test
rows are then asked of both files in turn, text by text, so that a noisy machine is noisy for both. The loss of average
precision must not be significant: the 95 % interval of the paired difference (bootstrap over texts) reaches 0. About
five minutes.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homologate.classifier import export, train
from homologate.dataset import read_rows, split_rows
from homologate.scorer import Scorer
from homologate.settings import PRESETS, CostSettings, LabelSettings, Settings

FASTER, AGREEMENT = 1.5, 0.99
LABELS = LabelSettings()
ROUNDS = 3


class Unrecorded:
    """A run nobody keeps: this benchmark is not about training."""

    def params(self, values: Any) -> None:
        """Nothing."""

    def metrics(self, values: Any, step: int = 0) -> None:
        """Nothing."""

    def figure(self, figure: Any, path: str) -> None:
        """Nothing."""

    def folder(self, local: Any, path: str) -> None:
        """Nothing."""

    def json(self, facts: Any, path: str) -> None:
        """Nothing."""


def main() -> int:
    """Train, export, measure, print one line a budget."""
    settings = Settings()
    frame = split_rows(read_rows(settings.data), settings.data.split)
    with tempfile.TemporaryDirectory() as home:
        facts = train(frame, PRESETS["full"], LABELS, CostSettings(), Path(home) / "train", Unrecorded())
        model = export(facts.directory, Path(home) / "onnx")
        scorers = {precision: Scorer(model, precision, threads=1) for precision in ("fp32", "int8")}
        test = frame[frame["split"] == "test"]
        found, spent = ask(scorers, test["text"].tolist())
    targets = (test["label"] == LABELS.positive).to_numpy()
    faster = spent["fp32"] / spent["int8"]
    fp32, int8 = (found[precision] >= facts.threshold for precision in ("fp32", "int8"))
    agreement = float((fp32 == int8).mean())
    low, loss, high = lost(found["fp32"], found["int8"], targets)
    met = [faster >= FASTER, agreement >= AGREEMENT, low <= 0]
    words = ["ok" if holds else "FAIL" for holds in met]
    print(f"int8 / fp32, texts a second one at a time | {faster:.2f} × | at least {FASTER} × | {words[0]}")
    print(f"int8 labels that are fp32's, {len(targets)} texts | {agreement:.3f} | at least {AGREEMENT} | {words[1]}")
    print(f"average precision int8 loses | {loss:.4f} [{low:.4f}, {high:.4f}] | interval reaches 0 | {words[2]}")
    return 0 if all(met) else 1


def ask(scorers: dict[str, Scorer], texts: list[str]) -> tuple[dict[str, NDArray[np.float64]], dict[str, float]]:
    """Every text of both scorers in turn; each text's best time of several rounds counts."""
    found = {precision: np.zeros(len(texts)) for precision in scorers}
    best = {precision: np.full(len(texts), np.inf) for precision in scorers}
    for _ in range(ROUNDS):
        for row, text in enumerate(texts):
            for precision, scorer in scorers.items():
                begun = time.perf_counter()
                found[precision][row] = scorer.answer(text).probability
                best[precision][row] = min(best[precision][row], time.perf_counter() - begun)
    return found, {precision: float(times.sum()) for precision, times in best.items()}


def lost(
    fp32: NDArray[np.float64], int8: NDArray[np.float64], targets: NDArray[np.bool_]
) -> tuple[float, float, float]:
    """Average precision of fp32 less that of int8: low, value, high, by a paired bootstrap over texts."""
    from sklearn.metrics import average_precision_score as precision

    chance = np.random.default_rng(0)
    differences = []
    for _ in range(1000):
        rows = chance.integers(0, len(targets), len(targets))
        differences.append(precision(targets[rows], fp32[rows]) - precision(targets[rows], int8[rows]))
    low, high = np.percentile(differences, [2.5, 97.5])
    return float(low), float(precision(targets, fp32) - precision(targets, int8)), float(high)


if __name__ == "__main__":
    sys.exit(main())
