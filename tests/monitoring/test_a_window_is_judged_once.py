"""One MLflow run a window: kept while nothing changes, superseded when records came late, in series by version."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from homologate.collection import Reading, Remark, record_feedback, ship
from homologate.tracking import Tracker, runs_with
from serve.monitor import DRIFT, NO_DRIFT, Finding, Monitor, Watched, _watch, findings_of
from tests.monitoring.conftest import DAY, NAME, VERSION, Production, usual

NEXT = DAY + timedelta(days=1)
LATER = DAY + timedelta(days=2)
NEW_PARTS = ("battery", "charger", "inverter")


def test_a_window_becomes_one_run_with_its_report_and_a_second_visit_writes_nothing(
    monitor: Monitor, production: Production, tracker: Tracker
) -> None:
    production.answer(usual(300, seed=9))
    (first,) = monitor.visit(NEXT)
    (second,) = monitor.visit(NEXT)
    assert (first.reused, second.reused) == (False, True)
    assert first.finding.verdict == NO_DRIFT
    assert second.finding == first.finding
    runs = runs_with(tracker, {"homologate.monitor": "window"})
    assert [run.info.run_id for run in runs] == [first.finding.run_id]
    tags = runs[0].data.tags
    assert tags["homologate.version"] == VERSION
    assert tags["homologate.digest"] == production.version.digest
    page = tracker.fetch(first.finding.run_id, "drift/drift.html").read_text()
    assert "No drift: 11 signals on" in page
    assert "<script" not in page
    facts = json.loads(tracker.fetch(first.finding.run_id, "drift/drift.json").read_text())
    assert Finding.of_json(facts) == first.finding


def test_late_records_judge_the_window_again_and_supersede_the_older_run(
    monitor: Monitor, production: Production, tracker: Tracker
) -> None:
    production.answer(usual(250, seed=9))
    (early,) = monitor.visit(NEXT)
    production.answer(usual(250, seed=10, parts=NEW_PARTS), DAY + timedelta(hours=12))
    (late,) = monitor.visit(NEXT)
    assert (early.finding.verdict, late.finding.verdict) == (NO_DRIFT, DRIFT)
    old, new = (tracker.client.get_run(seen.finding.run_id).data.tags for seen in (early, late))
    assert old["homologate.monitor.superseded_by"] == late.finding.run_id
    assert new["homologate.monitor.supersedes"] == early.finding.run_id
    assert findings_of(tracker, NAME, VERSION) == [late.finding]
    assert monitor.visit(NEXT)[0].reused


def test_two_monitors_at_once_leave_one_finding(
    monitor: Monitor, production: Production, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    production.answer(usual(250, seed=9))
    second: list[Watched] = []
    judged, inside = _watch.judge, iter([True])

    def judge(*given: Any, **more: Any) -> Finding:
        """The other looks, finds nothing, judges and writes, while the one is at it."""
        if next(inside, False):
            second.extend(monitor.visit(NEXT))
        return judged(*given, **more)

    monkeypatch.setattr(_watch, "judge", judge)
    first = monitor.visit(NEXT)
    assert [seen.reused for seen in (*first, *second)] == [False, False]
    assert findings_of(tracker, NAME, VERSION) == [first[0].finding]
    assert monitor.visit(NEXT)[0].reused
    tracker.client.delete_tag(second[0].finding.run_id, "homologate.monitor.superseded_by")  # as if it had died before
    assert monitor.visit(NEXT)[0].reused
    assert findings_of(tracker, NAME, VERSION) == [first[0].finding]


def test_records_that_vanish_do_not_take_a_finding_back(monitor: Monitor, production: Production) -> None:
    production.answer(usual(250, seed=9))
    (before,) = monitor.visit(NEXT)
    for name in list(production.store.names()):
        production.store.delete(name)
    (after,) = monitor.visit(NEXT)
    assert after.reused
    assert after.finding == before.finding


def test_every_signal_is_a_time_series_of_the_version_and_a_drift_says_since_when(
    monitor: Monitor, production: Production, tracker: Tracker
) -> None:
    production.answer(usual(250, seed=9))
    production.answer(usual(250, seed=10, parts=NEW_PARTS), NEXT)
    production.answer(usual(250, seed=11, parts=NEW_PARTS), LATER)
    watched = monitor.visit(LATER + timedelta(days=1))
    assert [seen.finding.verdict for seen in watched] == [NO_DRIFT, DRIFT, DRIFT]
    assert [seen.finding.cause.since for seen in watched] == [None, NEXT, NEXT]
    assert {"battery", "charger", "inverter"} <= set(watched[-1].finding.cause.words)
    assert {"battery", "charger", "inverter"} <= set(watched[-1].finding.cause.families)
    (series,) = runs_with(tracker, {"homologate.monitor": "series"})
    points = tracker.client.get_metric_history(series.info.run_id, "unknown_words/value")
    first = (DAY.date() - DAY.date().replace(year=1970, month=1, day=1)).days
    assert [point.step for point in sorted(points, key=lambda point: point.step)] == [first, first + 1, first + 2]
    for seen in watched:
        run = tracker.client.get_run(seen.finding.run_id)
        assert run.data.tags["mlflow.parentRunId"] == series.info.run_id
        assert run.data.metrics["unknown_words/value"] == pytest.approx(seen.finding.signal("unknown_words").value)


def test_delayed_labels_judge_the_window_again_and_show_that_it_is_no_longer_right(
    monitor: Monitor, production: Production, tmp_path: Path
) -> None:
    production.answer(usual(250, seed=9))
    (before,) = monitor.visit(NEXT)
    predictions = {prediction.id: prediction for prediction in Reading(production.store, NAME, VERSION)}
    other = dict(zip(production.scorer.labels, reversed(production.scorer.labels), strict=True))
    remarks = [
        Remark(prediction.id, other[prediction.label], "correction" if row % 2 else "label")
        for row, prediction in enumerate(predictions.values())
    ]
    record_feedback(tmp_path / "spool", remarks, predictions, by="bench")
    ship(tmp_path / "spool", production.store)
    (after,) = monitor.visit(NEXT)
    assert before.finding.signal("calibration").why == "0 labelled texts in the window, 50 are needed"
    assert after.finding.cause.signals == ("calibration",)
    assert monitor.visit(NEXT)[0].reused


def test_a_run_that_mlflow_launched_says_where_the_results_are(
    monitor: Monitor, production: Production, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    production.answer(usual(250, seed=9, parts=NEW_PARTS))
    launched = tracker.client.create_run(tracker._experiment_id()).info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", launched)
    (seen,) = monitor.visit(NEXT)
    tracker.client.set_terminated(launched, "FAILED")  # as MLflow does where a command ends with 9
    (series,) = runs_with(tracker, {"homologate.monitor": "series"})
    tags = tracker.client.get_run(launched).data.tags
    assert series.info.run_id in tags["mlflow.note.content"]
    assert tags["homologate.monitor.verdict"] == DRIFT
    assert seen.finding.run_id != launched
    assert monitor.visit(NEXT)[0].reused
