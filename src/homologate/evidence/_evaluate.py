"""The evaluation: how good are these very bytes, for whom, and how sure is that.

Everything is measured through the scorer, on the ONNX files that will be served, for each precision. Each text is
scored once a precision; every number after that is arithmetic on those probabilities.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from homologate.errors import DataError
from homologate.evidence import _words_on_texts as examples
from homologate.evidence._baselines import bag_of_words, majority
from homologate.evidence._behaviour import KNOWN, Rewrite, functionality, invariance, rewrites
from homologate.evidence._intervals import Resampler, known
from homologate.evidence._items import columns_of
from homologate.evidence._leak import probe
from homologate.evidence._learning_curve import learning_curve
from homologate.evidence._metrics import Verdicts, compare, curve, measure, reliability
from homologate.evidence._personal import contacts
from homologate.evidence._sample import balanced
from homologate.evidence._scoring import TextScorer, open_scorers, probabilities
from homologate.evidence._slices import columns, measure_slices
from homologate.evidence._verdicts import evaluation_cautions, evaluation_verdict
from homologate.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["evaluate", "evaluate_scorers"]

SCHEMA = 1
_COMPARED = ("average_precision", "roc_auc", "f1", "accuracy", "cost")
_EDITED_TEXTS = 60
_SHOWN = 6
_PAIRS = 240
_PAIR_SEED = 20

Progress = Callable[[str], None]


def evaluate(
    model_dir: str | os.PathLike[str],
    frame: pd.DataFrame,
    settings: Settings,
    *,
    digest: str,
    precisions: Sequence[str] = ("fp32", "int8"),
    progress: Progress = lambda _: None,
) -> dict[str, Any]:
    """Measure a model directory on the test rows of a split frame.

    Args:
        model_dir: what `homologate.scorer.Scorer` opens.
        frame: canonical rows with `group` and `split`; `train` rows feed the baseline and the leak probe.
        settings: label words, costs, the precision that is served.
        digest: `sha256:<hex>` of the model directory; the subject of the facts.
        precisions: the ONNX files to measure; the served one must be among them.
        progress: is told each step as it begins.

    Returns:
        Facts of kind `evaluation` (docs/evidence.md, "What the facts contain"). The same bytes, rows and settings
        give the same facts: no clock and no host name is in them.

    Raises:
        ModelError: the directory is broken or answers other label words.
        DataError: there are no test rows, or train rows with one label only.
    """
    progress("opening the ONNX files")
    scorers = open_scorers(model_dir, precisions, settings.data.labels.words)
    return evaluate_scorers(scorers, frame, settings, digest=digest, progress=progress)


def evaluate_scorers(
    scorers: Mapping[str, TextScorer],
    frame: pd.DataFrame,
    settings: Settings,
    *,
    digest: str,
    progress: Progress = lambda _: None,
) -> dict[str, Any]:
    """`evaluate` for scorers that are already open: precision → scorer.

    The first is taken for the served one if the settings' is not among them.
    """
    positive = settings.data.labels.positive
    train, valid, test = _parts(frame, positive)
    served = settings.scoring.precision if settings.scoring.precision in scorers else next(iter(scorers))
    scorer = scorers[served]
    resampler = Resampler(test["group"])
    truth = (test["label"] == positive).to_numpy()
    texts: list[str] = test["text"].tolist()

    judged: dict[str, Verdicts] = {}
    for name, one in scorers.items():
        progress(f"scoring {len(texts)} test texts in {name}")
        judged[name] = Verdicts(truth, probabilities(one, texts), float(one.threshold))
    verdicts = judged[served]

    progress("fitting the baselines")
    y = (train["label"] == positive).to_numpy()
    naive = {
        "majority": Verdicts(truth, majority(y, len(test)), 0.5),
        "tfidf": Verdicts(truth, bag_of_words(train["text"].tolist(), y, texts), 0.5),
    }

    progress("intervals, slices and the threshold curve")
    facts: dict[str, Any] = {
        "schema": SCHEMA,
        "kind": "evaluation",
        "subject": {"digest": digest},
        "verdict": "",
        "cautions": [],
        "model": settings.model,
        "labels": {"negative": settings.data.labels.negative, "positive": positive},
        "served": served,
        "threshold": round(float(scorer.threshold), 6),
        "costs": settings.costs.model_dump(),
        "data": {
            name: _described(part, positive) for name, part in (("train", train), ("valid", valid), ("test", test))
        },
        "metrics": {name: measure(one, resampler, settings.costs) for name, one in judged.items()},
        "precisions": _between_precisions(judged, served, resampler, settings, test),
        "baselines": {name: measure(one, resampler, settings.costs) for name, one in naive.items()},
        "gain": {name: compare(verdicts, one, resampler, settings.costs, _COMPARED) for name, one in naive.items()},
        "reliability": {name: reliability(one, resampler) for name, one in judged.items()},
        "threshold_curve": curve(verdicts, resampler, settings.costs),
        "slices": {name: measure_slices(names, verdicts, resampler) for name, names in columns(test).items()},
    }
    facts["personal"] = contacts(frame["text"])
    progress("probing for leaks")
    facts["leak"] = probe(train, test, positive, resampler, twin_cosine=settings.data.split.near_duplicate_cosine)
    facts["learning_curve"] = learning_curve(train, test, positive, resampler)
    progress("behavioural tests")
    facts["behaviour"] = _behaviour(scorer, test, verdicts, settings)
    progress("the worst mistakes")
    facts["worst"] = _worst(scorer, test, verdicts)
    facts["items"] = columns_of(test, {name: one.probability for name, one in judged.items()})
    facts["cautions"] = evaluation_cautions(facts)
    facts["verdict"] = evaluation_verdict(facts)
    return facts


def _parts(frame: pd.DataFrame, positive: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    parts = [frame[frame["split"] == name].reset_index(drop=True) for name in ("train", "valid", "test")]
    if parts[2].empty:
        raise DataError(
            "there are no test rows",
            place="column 'split'",
            legal="train, valid, test",
            next_command="homologate prepare",
        )
    if parts[0]["label"].nunique() < 2:
        seen = ", ".join(sorted(parts[0]["label"].unique())) or "none at all"
        raise DataError(
            f"the train rows hold one label only: {seen}",
            place="column 'label' where split is 'train'",
            legal=f"{positive!r} and its opposite, both",
            next_command="homologate prepare",
        )
    return parts[0], parts[1], parts[2]


def _described(rows: pd.DataFrame, positive: str) -> dict[str, Any]:
    from homologate.dataset import fingerprint

    dates = sorted(date for date in rows["date"] if date)
    return {
        "rows": len(rows),
        "positives": int((rows["label"] == positive).sum()),
        "groups": int(rows["group"].nunique()),
        "first_date": dates[0] if dates else None,
        "last_date": dates[-1] if dates else None,
        "fingerprint": fingerprint(rows) if len(rows) else None,
    }


def _between_precisions(
    judged: Mapping[str, Verdicts], served: str, resampler: Resampler, settings: Settings, test: pd.DataFrame
) -> dict[str, Any]:
    """Each other precision against the served one: agreement, largest difference, flips, paired metric differences."""
    found = {}
    reference = judged[served]
    for name, other in judged.items():
        if name == served:
            continue
        flips = np.flatnonzero(other.stopped != reference.stopped)
        found[name] = {
            "against": served,
            "agreement": resampler.rate(other.stopped == reference.stopped),
            "largest_difference": known(float(np.abs(other.probability - reference.probability).max()))["value"],
            "flips": [
                {
                    "id": str(test["id"].iloc[i]),
                    "label": str(test["label"].iloc[i]),
                    served: round(float(reference.probability[i]), 4),
                    name: round(float(other.probability[i]), 4),
                }
                for i in flips
            ],
            "difference": compare(other, reference, resampler, settings.costs, _COMPARED),
        }
    return found


def _behaviour(scorer: TextScorer, test: pd.DataFrame, verdicts: Verdicts, settings: Settings) -> dict[str, Any]:
    rows = balanced(verdicts.stopped, _EDITED_TEXTS)
    some = test.iloc[rows]
    found = invariance(scorer, some["text"].tolist(), some["group"].to_numpy(), verdicts.probability[rows])
    found["awkward"] = functionality(scorer)
    synthetic = settings.data.source == "synthetic"
    if synthetic:
        found |= rewrites(scorer, _known_pairs(settings))
    reason = None if synthetic else "no pairs with a known truth exist for these rows; the generator makes them"
    return {"tests": found, "texts": len(rows), "directional_not_measured": reason}


def _known_pairs(settings: Settings) -> list[Rewrite]:
    """The generator's pairs, drawn apart from its rows; those that only repeat a generic edit are left out."""
    from homologate.dataset import behavioural_pairs

    labels = settings.data.labels
    pairs = behavioural_pairs(_PAIR_SEED, _PAIRS, labels)
    named = [(pair.kind.replace(" ", "_"), pair) for pair in pairs]
    return [
        Rewrite(name, pair.text_a, pair.text_b, pair.label_a == labels.positive, pair.label_b == labels.positive)
        for name, pair in named
        if name in KNOWN
    ]


def _worst(scorer: TextScorer, test: pd.DataFrame, verdicts: Verdicts) -> dict[str, list[dict[str, Any]]]:
    """The most confident mistakes of each kind, with the words that made them."""
    p = verdicts.probability
    missed = [int(i) for i in np.argsort(p) if verdicts.positive[i] and not verdicts.stopped[i]][:_SHOWN]
    stopped = [int(i) for i in np.argsort(-p) if not verdicts.positive[i] and verdicts.stopped[i]][:_SHOWN]
    return {
        "missed": examples.shown(scorer, test.iloc[missed]),
        "stopped": examples.shown(scorer, test.iloc[stopped]),
    }
