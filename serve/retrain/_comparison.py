"""The new version beside the one in Production: on held-out feedback, and on the test everything was promised on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from homologate.settings import Settings

__all__ = ["METRICS", "better", "compare_versions", "no_worse", "outcomes"]

METRICS = ("accuracy", "miss_rate", "false_stop_rate")


def compare_versions(
    old: Path, new: Path, slices: Mapping[str, tuple[Sequence[str], Sequence[str]]], settings: Settings
) -> dict[str, Any]:
    """Paired differences, new minus old, on the same texts.

    Args:
        old: the model directory in Production.
        new: the new one.
        slices: name → (texts, true labels).
        settings: labels and costs.

    Returns:
        For each slice `texts`, and `old`, `new` and `difference` of each of `METRICS` (intervals at 95 %, None where
        there is too little to tell).

    Raises:
        ModelError: a directory is broken.
    """
    import numpy as np

    from homologate.evidence import Resampler, Verdicts, compare, measure
    from homologate.scoring import open_scorer

    scorers = {"old": open_scorer(old), "new": open_scorer(new)}
    found: dict[str, Any] = {}
    for name, (texts, labels) in slices.items():
        found[name] = {"texts": len(texts)}
        if len(texts) == 0:
            continue
        positive = np.array([label == settings.data.labels.positive for label in labels])
        verdicts = {
            side: Verdicts(positive, np.asarray(scorer.probabilities(texts), dtype=np.float64), scorer.threshold)
            for side, scorer in scorers.items()
        }
        resampler = Resampler(list(texts))
        for side, verdict in verdicts.items():
            measured = measure(verdict, resampler, settings.costs)
            found[name][side] = {metric: measured[metric] for metric in METRICS}
        found[name]["difference"] = compare(verdicts["new"], verdicts["old"], resampler, settings.costs, METRICS)
    return found


def better(comparison: Mapping[str, Any], slice_name: str) -> bool:
    """Whether the new version got more right there; False where nothing was measured."""
    difference = comparison[slice_name].get("difference")
    return difference is not None and difference["accuracy"]["value"] > 0


def no_worse(comparison: Mapping[str, Any], slice_name: str) -> bool:
    """Whether nothing shows that the new version's accuracy is worse there: its interval reaches 0 or above."""
    difference = comparison[slice_name].get("difference")
    if difference is None:
        return True
    accuracy = difference["accuracy"]
    return bool((accuracy["high"] if accuracy["high"] is not None else accuracy["value"]) >= 0)


def outcomes(comparison: Mapping[str, Any]) -> dict[str, str]:
    """What came of each slice in one word or two; the first had to be better, the others no worse."""
    target, *elsewhere = comparison
    found = {target: "better" if better(comparison, target) else "no better"}
    return found | {name: "no worse" if no_worse(comparison, name) else "worse" for name in elsewhere}
