"""What the operator is told, as data."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from homologate.collection import Prediction, Reading, feedback, recent_of
from homologate.errors import HomologateError
from homologate.settings import Settings
from serve.dashboard._alerts import alerts
from serve.feedback import named, performance, promise_of
from serve.monitor import Finding, findings_of, open_tracker

__all__ = ["dashboard", "traffic"]


def dashboard(settings: Settings, *, days: int = 7, now: datetime | None = None) -> dict[str, Any]:
    """Everything the page shows.

    A part that cannot be had (a dead registry, a store that is away) is named in `faults` and leaves the others alone.

    Args:
        settings: model, store, registry.
        days: how far back traffic is shown.
        now: aware; None means the clock.
    """
    moment = now or datetime.now(UTC)
    faults: list[str] = []
    facts: dict[str, Any] = {"schema": 1, "kind": "dashboard", "model": settings.model, "days": days}
    facts |= {"made": moment.isoformat(timespec="seconds"), "production": None, "performance": None, "drift": None}
    reading = Reading(recent_of(settings), settings.model, since=moment - timedelta(days=days))
    try:
        facts["traffic"] = traffic(reading)
        facts["records"] = {name: count for name, count in reading.faults.items() if count}
        waiting = [remark for remark in feedback(recent_of(settings), settings.model) if remark.review is None]
        facts["unreviewed"] = len(waiting)
    except HomologateError as error:
        faults.append(f"predictions: {error.problem}")
        facts |= {"traffic": traffic([]), "records": {}, "unreviewed": 0}
    try:
        version = named(settings, "Production")
        facts["production"] = {"version": version.number, "digest": version.tags.get("homologate.digest", "")}
        facts["production"] |= _placement(settings)
        remarks = [one for one in feedback(recent_of(settings), settings.model) if one.version == version.number]
        own = Reading(recent_of(settings), settings.model, version.number)
        facts["performance"] = performance(own, remarks, promise_of(settings, version.number))
        facts["drift"] = drift(findings_of(open_tracker(settings), settings.model, version.number, most=days))
    except HomologateError as error:
        faults.append(f"registry: {error.problem}")
    facts["faults"] = faults
    return facts | {"alerts": alerts(facts)}


def traffic(predictions: Iterable[Prediction]) -> list[dict[str, Any]]:
    """By day: how many, how fast (ms; None where nobody waited), and the share of the positive label."""
    days: dict[str, _Day] = {}
    for prediction in predictions:
        if prediction.role != "shadow":
            days.setdefault(f"{prediction.time:%Y-%m-%d}", _Day()).add(prediction)
    return [{"day": day, **found.facts()} for day, found in sorted(days.items())]


def drift(findings: Sequence[Finding]) -> dict[str, Any] | None:
    """The newest finding, and the verdicts of the windows before; None where no window was judged."""
    if not findings:
        return None
    told: dict[str, Any] = findings[-1].as_json()
    windows = [
        {"start": f"{one.start:%Y-%m-%d %H:%M}", "records": one.records, "verdict": one.verdict} for one in findings
    ]
    return told | {"windows": windows}


class _Day:
    """The counts of a day: a number a prediction, never the predictions."""

    def __init__(self) -> None:
        self._waits, self._positive, self._versions = array("d"), 0, Counter[str]()

    def add(self, prediction: Prediction) -> None:
        if prediction.latency_ms is not None:
            self._waits.append(prediction.latency_ms)
        self._positive += prediction.label == prediction.labels[1]
        self._versions[prediction.version] += 1

    def facts(self) -> dict[str, Any]:
        waits, count = sorted(self._waits), self._versions.total()
        return {
            "predictions": count,
            "p50_ms": _at(waits, 0.5),
            "p99_ms": _at(waits, 0.99),
            "positive_share": round(self._positive / count, 4),
            "versions": dict(sorted(self._versions.items())),
        }


def _at(ordered: Sequence[float], share: float) -> float | None:
    return round(ordered[min(int(len(ordered) * share), len(ordered) - 1)], 2) if ordered else None


def _placement(settings: Settings) -> dict[str, Any]:
    """Since when and by whom, as the gate's ledger says; empty where no gate answers."""
    from pathlib import Path

    from homologate.local import Services
    from homologate.tracking import tracking_uri
    from homologate.versions import open_registry

    local = Services(Path(settings.home)).running().get("mlflow")
    registry = open_registry(tracking_uri(local.url if local else None).uri)
    try:
        stands = registry.placements(settings.model).get("Production") or {}
    except HomologateError:
        return {"since": None, "by": None}
    return {"since": stands.get("since") or stands.get("at"), "by": stands.get("by") or stands.get("who")}
