"""How a version really does: what came true, over time and by slice, beside what its evaluation promised.

Only kinds of knowledge that do not depend on the verdict are measured: `label` feedback, which is given for every
component of a batch whatever the model said. Corrections exist only where somebody disagreed; a rate among them says
nothing of the others, so they are counted, and reported apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from homologate.collection import Feedback, Prediction

__all__ = ["METRICS", "WORSE", "performance", "truths"]

METRICS = ("accuracy", "miss_rate", "false_stop_rate")
"""What is compared with the promise; `miss_rate` among positives, `false_stop_rate` among negatives."""

WORSE = "worse than promised"
LEAST = 20
"""Labels below which a period or a slice is counted and not measured."""


def truths(remarks: Iterable[Feedback]) -> dict[str, Feedback]:
    """What is held to be true about each prediction: the newest remark that nobody rejected, accepted ones first."""
    found: dict[str, Feedback] = {}
    for remark in remarks:
        known = found.get(remark.prediction_id)
        firmer = known is None or (remark.review == "accepted") >= (known.review == "accepted")
        if remark.review != "rejected" and firmer:
            found[remark.prediction_id] = remark
    return found


def performance(
    predictions: Iterable[Prediction],
    remarks: Iterable[Feedback],
    promised: Mapping[str, Any] | None = None,
    *,
    period: str = "%Y-%m",
) -> dict[str, Any]:
    """Measure one version.

    Args:
        predictions: of one version.
        remarks: feedback on them.
        promised: the facts of the version's evaluation; None where they cannot be had.
        period: how a moment becomes a period (`strftime`), by the prediction's own time.

    Returns:
        Facts: `predictions`, `labelled`, `corrections` (`open`, `accepted`, `rejected`), `unmatched` (labels whose
        prediction is not there), `metrics` (each an interval, with `promised` and `verdict`), `periods` and `slices`
        (lists of `name`, `labels` and the metrics; not measured below `LEAST`).
    """
    kept = list(remarks)
    known = truths(remark for remark in kept if remark.kind == "label")
    rows: list[tuple[Prediction, str, str]] = []
    seen, count = set(), 0
    for prediction in predictions:
        count += 1
        if prediction.id in known and prediction.role != "shadow":
            remark = known[prediction.id]
            seen.add(prediction.id)
            rows.append((prediction, remark.label, prediction.component or remark.component or "(unknown)"))
    corrections = [remark for remark in kept if remark.kind == "correction"]
    facts: dict[str, Any] = {
        "schema": 1,
        "kind": "performance",
        "predictions": count,
        "labelled": len(rows),
        "unmatched": len(known.keys() - seen),
        "corrections": {
            "open": sum(remark.review is None for remark in corrections),
            "accepted": sum(remark.review == "accepted" for remark in corrections),
            "rejected": sum(remark.review == "rejected" for remark in corrections),
        },
        "metrics": {},
        "periods": _by(rows, lambda row: _period(row[0].time, period)),
        "slices": {
            "component": _by(rows, lambda row: row[2]),
            "length": _by(rows, lambda row: _length(row[0].text)),
        },
    }
    if len(rows) >= LEAST:
        measured = _measure(rows)
        facts["metrics"] = {name: _beside(name, measured[name], _promise(promised, name)) for name in METRICS}
    return facts | {"verdict": _verdict(facts)}


def _by(rows: list[tuple[Prediction, str, str]], name: Any) -> list[dict[str, Any]]:
    groups: dict[str, list[Any]] = {}
    for row in rows:
        groups.setdefault(name(row), []).append(row)
    return [
        {"name": key, "labels": len(found), **(_measure(found) if len(found) >= LEAST else {})}
        for key, found in sorted(groups.items())
    ]


def _measure(rows: list[tuple[Prediction, str, str]]) -> dict[str, dict[str, float | None]]:
    """Each metric with its interval; texts judged more than once are one group of the bootstrap."""
    import numpy as np

    from homologate.evidence import Resampler

    positive = np.array([truth == prediction.labels[1] for prediction, truth, _ in rows])
    stopped = np.array([prediction.label == prediction.labels[1] for prediction, _, _ in rows])
    resampler = Resampler([prediction.text_sha256 for prediction, _, _ in rows])
    return {
        "accuracy": resampler.rate(positive == stopped),
        "miss_rate": resampler.rate(positive & ~stopped, positive),
        "false_stop_rate": resampler.rate(~positive & stopped, ~positive),
    }


def _promise(evaluation: Mapping[str, Any] | None, metric: str) -> dict[str, float | None] | None:
    if evaluation is None:
        return None
    found: dict[str, float | None] = evaluation["metrics"][evaluation["served"]][metric]
    return found


def _beside(name: str, real: dict[str, float | None], promised: dict[str, float | None] | None) -> dict[str, Any]:
    """The real interval, the promised one, and whether they part: a promise is broken only where they do not meet."""
    verdict = "cannot tell"
    if promised and None not in {real["low"], real["high"], promised["low"], promised["high"]}:
        above, below = real["low"] > promised["high"], real["high"] < promised["low"]  # type: ignore[operator]
        worse, better = (below, above) if name == "accuracy" else (above, below)
        verdict = WORSE if worse else "better than promised" if better else "as promised"
    return {**real, "promised": promised, "verdict": verdict}


def _verdict(facts: Mapping[str, Any]) -> str:
    if not facts["metrics"]:
        return f"{facts['labelled']} predictions have a label; {LEAST} are needed to measure anything"
    accuracy = facts["metrics"]["accuracy"]
    bounds = "" if accuracy["low"] is None else f" ({accuracy['low']:.1%} to {accuracy['high']:.1%})"
    return f"accuracy {accuracy['value']:.1%}{bounds} on {facts['labelled']} labels: {accuracy['verdict']}"


def _period(time: datetime, form: str) -> str:
    return time.strftime(form)


def _length(text: str | None) -> str:
    if text is None:
        return "(hash only)"
    words = len(text.split())
    return "1 to 15 words" if words <= 15 else "16 to 30 words" if words <= 30 else "31 words or more"
