"""The same answers from torch, fp32 and int8? Asked of the whole test set, and of the shapes it does not have."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from homologate.errors import DataError
from homologate.scorer import Scorer, padded
from homologate.scoring import faults_as_errors, open_scorer

from ._classifier import Classifier, load_classifier
from ._fit import using_threads
from ._progress import ProgressLine
from ._token_parity import token_parity

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["parity"]

Floats = NDArray[np.float32]
SCHEMA = 1
FP32_LIMIT = 1e-4
"""The most an fp32 probability may differ from torch's."""
INT8_AGREEMENT = 0.99
"""The least share of test texts on which int8 must answer the label that torch answers."""
BATCHES = (1, 2, 33)


def parity(
    classifier_dir: str | os.PathLike[str],
    onnx_dir: str | os.PathLike[str],
    frame: pd.DataFrame,
    threads: int = 0,
) -> dict[str, Any]:
    """Compare the exported files with the classifier they came from.

    Args:
        classifier_dir: what training wrote.
        onnx_dir: what export wrote.
        frame: rows with `id` and `text`; where there is a column `split`, its `test` rows are compared.
        threads: cores to use; 0 means every core this process may use.

    Returns:
        JSON-serialisable facts: `schema`, `kind`, `verdict`, `passed`; `texts`; for `fp32` and `int8` the greatest and
        mean difference in probability, label agreement with torch, and every flip (id, text, both probabilities);
        `shapes` for batch sizes and lengths the test set may not have; `tokens` for the tokeniser.

    Raises:
        ModelError: one of the directories is broken.
        DataError: there is no text to compare.
    """
    classifier = load_classifier(classifier_dir)
    rows = frame[frame["split"] == "test"] if "split" in frame.columns else frame
    texts, ids = rows["text"].tolist(), [str(value) for value in rows["id"]]
    if not texts:
        raise DataError("no test row to compare", place="split 'test'", next_command="homologate prepare")
    with using_threads(threads) as cores, ProgressLine("parity", 3 * len(texts), unit="text") as line:
        scorers = {precision: open_scorer(onnx_dir, precision, cores) for precision in ("fp32", "int8")}
        expected = classifier.probabilities(texts)
        line.advance(len(texts), "torch done")
        compared = {}
        with faults_as_errors():
            for precision, scorer in scorers.items():
                found = scorer.probabilities(texts)
                compared[precision] = _compared(classifier, expected, found, ids, texts)
                line.advance(len(texts), f"{precision} done")
            shapes = _shapes(classifier, scorers, texts)
        tokens = token_parity(classifier, texts)
    passed = {
        f"fp32 within {FP32_LIMIT} of torch": compared["fp32"]["max_difference"] <= FP32_LIMIT,
        "fp32 flips no verdict": not compared["fp32"]["flips"],
        f"int8 agrees on {INT8_AGREEMENT:.0%} of labels": compared["int8"]["label_agreement"] >= INT8_AGREEMENT,
        f"every shape within {FP32_LIMIT}": shapes["max_difference"] <= FP32_LIMIT,
        "tokens are the same": not tokens["differences"],
    }
    return {
        "schema": SCHEMA,
        "kind": "parity",
        "verdict": _verdict(compared, len(texts), [name for name, holds in passed.items() if not holds]),
        "passed": all(passed.values()),
        "checks": passed,
        "texts": len(texts),
        "threshold": classifier.threshold,
        **compared,
        "shapes": shapes,
        "tokens": tokens,
    }


def _compared(
    classifier: Classifier, expected: Floats, found: Floats, ids: Sequence[str], texts: Sequence[str]
) -> dict[str, Any]:
    difference = np.abs(expected.astype(np.float64) - found)
    flipped = np.flatnonzero((expected >= classifier.threshold) != (found >= classifier.threshold))
    return {
        "max_difference": float(difference.max()),
        "mean_difference": float(difference.mean()),
        "label_agreement": 1 - len(flipped) / len(texts),
        "flips": [
            {
                "id": ids[row],
                "text": texts[row],
                "torch": float(expected[row]),
                "answered": float(found[row]),
                "from": classifier.labels[int(expected[row] >= classifier.threshold)],
                "to": classifier.labels[int(found[row] >= classifier.threshold)],
            }
            for row in flipped.tolist()
        ],
    }


def _shapes(classifier: Classifier, scorers: Mapping[str, Scorer], texts: Sequence[str]) -> dict[str, Any]:
    """Texts cut to every kind of length, in batches of 1, 2 and 33: fp32 against torch; int8 must answer at all.

    int8 is asked in batches of one, as it always is.
    """
    stream = [token for tokens in classifier.tokeniser.read(texts) for token in tokens.ids]
    while len(stream) < classifier.max_tokens:
        stream += stream
    lengths = [*range(1, min(17, classifier.max_tokens + 1)), *range(24, classifier.max_tokens, 16)]
    lengths = sorted({*lengths, classifier.max_tokens})
    worst: dict[str, float] = {}
    for size in BATCHES:
        mixed = [stream[: lengths[(step * len(lengths)) // size]] for step in range(size)]
        batches = [[stream[:length]] for length in lengths] if size == 1 else [mixed]
        worst[str(size)] = max(_difference(classifier, scorers, batch) for batch in batches)
    return {
        "batch_sizes": list(BATCHES),
        "lengths": lengths,
        "max_difference_by_batch_size": worst,
        "max_difference": max(worst.values()),
    }


def _difference(classifier: Classifier, scorers: Mapping[str, Scorer], batch: list[list[int]]) -> float:
    """The greatest fp32 difference in probability on these token ids; infinite where an answer is no probability."""
    ids, mask = padded(batch, classifier.tokeniser.padding)
    with torch.inference_mode():
        logits, _ = classifier.network(torch.from_numpy(ids), torch.from_numpy(mask))
    found, shares = scorers["fp32"].infer(ids, mask)
    if len(batch) == 1:
        quantised, _ = scorers["int8"].infer(ids, mask)
        if not 0 <= float(quantised[0]) <= 1:
            return float("inf")
    if found.shape != (len(batch),) or shares.shape != ids.shape or (shares[mask == 0] != 0).any():
        return float("inf")
    return float(np.abs(torch.sigmoid(logits).numpy() - found).max())


def _verdict(compared: Mapping[str, Any], texts: int, failed: Sequence[str]) -> str:
    flips = {precision: len(facts["flips"]) for precision, facts in compared.items()}
    numbers = (
        f"{texts} test texts: fp32 differs by at most {compared['fp32']['max_difference']:.1e} "
        f"and flips {flips['fp32']}; int8 by at most {compared['int8']['max_difference']:.3f} and flips {flips['int8']}"
    )
    return f"{numbers}. Not met: {'; '.join(failed)}." if failed else f"{numbers}."
