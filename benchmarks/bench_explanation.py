"""The pointing game of a good model, and its collapse for the same recipe trained on shuffled labels.

An explanation is worth what it would not say of a model that learnt nothing. Both are trained with the quick preset on
shipped rows, one on the labels as they are, the other on the same labels shuffled; both are exported, and
explained on the same test texts, whose true cause is known. The good one must point into the cause more often than
chance for certain, and for certain more often than the fooled one, which must not beat chance by more than `LUCK`.
Intervals are 95 %, by the grouped bootstrap of the report. About a minute on two quiet cores.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from real_model import Forgetful

from homologate.classifier import export, train
from homologate.dataset import generate, split_rows
from homologate.evidence import explain
from homologate.settings import ExplanationSettings, Settings, SyntheticSettings

ROWS = 1200
LUCK = 0.05
"""Points above chance that a model of shuffled labels may show: causes and chance are not quite alike in length."""


def main() -> int:
    """Train both, explain both, print a line a budget."""
    settings = Settings(preset="quick", explanation=ExplanationSettings(faithfulness_texts=10, surrogate_words=50))
    labels = settings.data.labels
    frame = split_rows(
        generate(SyntheticSettings(rows=ROWS), labels, settings.data.synthetic.seed), settings.data.split
    )
    shuffled = np.random.default_rng(20).permutation(frame["label"].to_numpy())
    good, fooled = (_pointing(frame, label, settings) for label in (frame["label"], shuffled))
    first, lost, chance = good["first"], fooled["first"], good["chance"]
    beats = first["low"] is not None and first["low"] > chance
    collapses = first["low"] is not None and lost["high"] is not None and lost["high"] < first["low"]
    what = f"strongest word in the true cause, {good['texts']} texts, MiniLM quick"
    luck = lost["value"] - chance
    met = [
        told(f"{what}: learnt", _span(first), f"low end above chance, {chance:.0%}", beats),
        told(f"{what}: shuffled labels", _span(lost), "interval wholly below the learnt one's", collapses),
        told(f"{what}: shuffled labels − chance", f"{luck:+.2f}", f"at most {LUCK:+}", luck <= LUCK),
    ]
    return 0 if all(met) else 1


def _pointing(frame: Any, label: Any, settings: Settings) -> dict[str, Any]:
    """The pointing game over every test text of a model that learnt `label`, against the causes of the true labels."""
    with tempfile.TemporaryDirectory() as home:
        trained = train(
            frame.assign(label=label),
            settings.training_of(),
            settings.data.labels,
            settings.costs,
            Path(home) / "work",
            Forgetful(),
        )
        model = export(trained.directory, Path(home) / "onnx")
        told: dict[str, Any] = explain(model, frame, settings, digest="sha256:" + "0" * 64)["pointing"]["all"]
    return told


def told(what: str, measured: str, wanted: str, met: bool) -> bool:
    """Print one line of the table."""
    print(f"{what} | {measured} | {wanted} | {'ok' if met else 'FAIL'}", flush=True)
    return met


def _span(interval: dict[str, float | None]) -> str:
    value, low, high = (interval[name] for name in ("value", "low", "high"))
    return "cannot be told" if None in (value, low, high) else f"{value:.0%} ({low:.0%} to {high:.0%})"


if __name__ == "__main__":
    sys.exit(main())
