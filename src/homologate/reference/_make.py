"""From split rows and the exported bytes to a profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from homologate.reference._profile import Profile
from homologate.reference._sample import NOBODY_KNOWS, Sample, sample_of
from homologate.reference._words import Vocabulary

if TYPE_CHECKING:
    import pandas as pd

    from homologate.scorer import Scorer

__all__ = ["HELD_OUT", "profile_of"]

HELD_OUT = 2000
"""The most held-out texts a profile keeps the numbers of."""
BINS = 20
CALIBRATION_BINS = 5


def profile_of(frame: pd.DataFrame, scorer: Scorer, *, seed: int = 20) -> Profile:
    """Profile the texts a version was made and judged with.

    The vocabulary is counted on the train split, everything else on valid and test: how many unknown words, which
    probabilities and which embeddings are usual can only be seen on texts that the weights never saw.

    Args:
        frame: canonical rows with `split`.
        scorer: the exported bytes.
        seed: draws the held-out texts where there are more than `HELD_OUT`, and their order.

    Returns:
        The profile; identical texts count once.
    """
    vocabulary = Vocabulary.of(frame.loc[frame["split"] == "train", "text"])
    held = frame[frame["split"] != "train"].drop_duplicates("text")
    held = held.sample(n=min(HELD_OUT, len(held)), random_state=seed)
    texts = held["text"].tolist()
    truths = [scorer.labels.index(label) if label in scorer.labels else NOBODY_KNOWS for label in held["label"]]
    sample = sample_of(
        texts,
        ids=held["id"].astype(str).tolist(),
        probabilities=scorer.probabilities(texts).tolist() if texts else [],
        truths=truths,
        components=held["component"].tolist() if "component" in held else [""] * len(held),
        vocabulary=vocabulary,
        scorer=scorer,
    )
    return Profile(_summary(frame, vocabulary, sample, scorer), vocabulary, sample)


def _summary(frame: pd.DataFrame, vocabulary: Vocabulary, sample: Sample, scorer: Scorer) -> dict[str, Any]:
    dates = [date for date in frame["date"] if date] if "date" in frame else []
    counted = max(int(sample.counted.sum()), 1)
    return {
        "train_texts": vocabulary.texts,
        "distinct_words": vocabulary.distinct,
        "held_out_texts": len(sample),
        "from": min(dates, default=""),
        "to": max(dates, default=""),
        "labels": list(scorer.labels),
        "threshold": scorer.threshold,
        "precision": scorer.precision,
        "length_in_words": {
            "deciles": np.quantile(sample.length, np.linspace(0, 1, 11)).round(1).tolist() if len(sample) else []
        },
        "unknown_words": round(int(sample.unknown.sum()) / counted, 5),
        "label_share": _mean(sample.probability >= scorer.threshold),
        "true_label_share": _mean(sample.truth[sample.truth >= 0]),
        "probability_histogram": np.histogram(sample.probability, bins=BINS, range=(0, 1))[0].tolist(),
        "calibration": _calibration(sample),
        "components": _by_component(sample, scorer.threshold),
    }


def _calibration(sample: Sample) -> list[dict[str, Any]]:
    """Said against seen, in equal bins of the probability."""
    labelled = sample.truth >= 0
    bins = np.minimum((sample.probability * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    rows = [(labelled & (bins == number)) for number in range(CALIBRATION_BINS)]
    return [
        {"texts": int(row.sum()), "said": _mean(sample.probability[row]), "seen": _mean(sample.truth[row])}
        for row in rows
    ]


def _by_component(sample: Sample, threshold: float) -> dict[str, dict[str, Any]]:
    names = np.array(sample.component, dtype=object)
    return {
        str(name): {
            "texts": int((names == name).sum()),
            "label_share": _mean(sample.probability[names == name] >= threshold),
        }
        for name in sorted(set(names))
        if name
    }


def _mean(values: Any) -> float | None:
    return round(float(np.mean(values)), 4) if len(values) else None
