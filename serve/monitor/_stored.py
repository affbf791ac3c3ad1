"""Findings in MLflow: which run stands for a window, what it holds, and how it is read back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homologate.errors import DataError
from homologate.tracking import StepRun, Tracker, runs_with
from serve.monitor._finding import DRIFT, Finding
from serve.monitor._windows import Window

if TYPE_CHECKING:
    from mlflow.entities import Run

__all__ = ["FACTS", "PAGE", "SUPERSEDED", "findings_of", "metrics_of", "past_of", "read_finding", "standing"]

FACTS, PAGE = "drift/drift.json", "drift/drift.html"
SUPERSEDED = "homologate.monitor.superseded_by"
_CODES = {"drift": 1.0, "no drift": 0.0, "cannot tell": -1.0}


def standing(tracker: Tracker, tags: Mapping[str, str], window: Window) -> Run | None:
    """The run that stands for a window of the version these tags name; None where there is none.

    The newest stands, and supersedes the others here: those before late records, that of a monitor which judged at the
    same time, and what a monitor left that died before it could.
    """
    about = {"homologate.monitor.window": window.name, "homologate.monitor.period": window.period}
    found = [run for run in runs_with(tracker, {**tags, **about}) if SUPERSEDED not in run.data.tags]
    for older in found[1:]:
        StepRun(tracker.client, older, tracker.place.uri).tags({SUPERSEDED: found[0].info.run_id})
    return found[0] if found else None


def findings_of(tracker: Tracker, model: str, version: str, most: int = 100) -> list[Finding]:
    """The standing findings about a version, oldest window first; superseded ones are not among them.

    Args:
        tracker: in the model's monitoring experiment.
        model: the registered name.
        version: the number.
        most: the newest so many runs are read.

    Raises:
        TrackingError: the server refuses.
    """
    about = {"homologate.monitor": "window", "homologate.model": model, "homologate.version": version}
    runs = [run for run in runs_with(tracker, about, most=most) if SUPERSEDED not in run.data.tags]
    return sorted((read_finding(tracker, run.info.run_id) for run in runs), key=lambda finding: finding.start)


def read_finding(tracker: Tracker, run_id: str) -> Finding:
    """The finding a window's run holds.

    Raises:
        DataError: it is none of ours.
    """
    file: Path = tracker.fetch(run_id, FACTS)
    try:
        return Finding.of_json(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"the finding cannot be read: {error}", place=str(file)) from error


def past_of(history: Sequence[Finding]) -> dict[str, Any]:
    """The windows before, as the page shows them."""
    return {
        "history": [
            {
                "start": one.start.isoformat(),
                "outcome": one.verdict,
                "records": one.records,
                "signals": [signal.title for signal in one.signals if signal.verdict == DRIFT],
            }
            for one in history
        ]
    }


def metrics_of(finding: Finding) -> dict[str, float]:
    """One group a signal, so that the MLflow UI draws them section by section."""
    values = {
        "window/records": float(finding.records),
        "window/outcome": _CODES[finding.verdict],
        "window/new_words": float(len(finding.new_words)),
    }
    for signal in finding.signals:
        for part in ("value", "limit", "expected", "p", "now"):
            number = getattr(signal, part)
            if number is not None:
                values[f"{signal.name}/{part}"] = float(number)
    return values
