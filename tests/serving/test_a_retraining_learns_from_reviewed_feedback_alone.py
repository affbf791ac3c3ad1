"""What a retraining may learn and when it may begin: reviewed feedback, one retraining a cause, none too soon."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from homologate.collection import Feedback, FolderStore, Reading
from homologate.dataset import add_corrections
from homologate.errors import DataError, RefusedError, UsageError
from homologate.scoring import open_scorer
from homologate.settings import DataSettings, LabelSettings, RetrainingSettings, Settings
from serve.monitor import CANNOT_TELL, DRIFT, NO_DRIFT, Finding, Signal
from serve.monitor import Cause as WhatDrifted
from serve.retrain import Cause, may_start
from serve.retrain._comparison import better, compare_versions, no_worse
from serve.retrain._gate import Gate as RealGate
from serve.retrain._history import Before, may_go_on
from serve.retrain._material import Material, Row, gather, suspicious, write
from serve.retrain._page import page, reason
from serve.retrain._slices import must_be_labelled, slices_of

from ..collection.conftest import keep, record

GOOD, BAD = "compliant", "non-compliant"
NOW = datetime(2026, 3, 9, tzinfo=UTC)


def remark(
    prediction: str, label: str = BAD, review: Any = "accepted", kind: str = "correction", by: str = "line"
) -> Feedback:
    identity = f"{prediction}-{label}-{by}"
    return Feedback(identity, prediction, NOW, "3", kind, label, by, "hose", "", review, "maria" if review else None)


def test_only_what_two_people_stand_behind_is_learnt(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    keep(store, [record(f"p{n}", f"text {n}") for n in range(6)] + [record("twin", "text 0")])
    keep(store, [record("hashed", "gone")], "b.jsonl", form="hash")
    remarks = [
        remark("p0"),
        remark("p1", review=None),
        remark("p2", review="rejected"),
        remark("p3", kind="label"),
        remark("hashed"),
        remark("forgotten"),
        remark("p4"),
        remark("twin", GOOD),
    ]
    found = gather(remarks, Reading(store, "brakes"), 0.5)
    kept = {row.id: row for row in [*found.train, *found.held_out]}
    assert set(kept) == {"feedback-p3", "feedback-p4"}
    assert (kept["feedback-p4"].text, kept["feedback-p4"].label, kept["feedback-p4"].component) == (
        "text 4",
        BAD,
        "hose",
    )
    assert found.excluded == {"unreviewed": 1, "rejected": 1, "no_prediction": 1, "hash_only": 1, "contradicted": 2}


def test_what_is_held_out_stays_held_out(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    keep(store, [record(f"p{n}", f"text {n}") for n in range(200)])
    few = gather([remark(f"p{n}") for n in range(100)], Reading(store, "brakes"), 0.34)
    many = gather([remark(f"p{n}") for n in range(200)], Reading(store, "brakes"), 0.34)
    assert 20 <= len(few.held_out) <= 48
    assert {row.id for row in few.held_out} <= {row.id for row in many.held_out}
    assert not {row.id for row in many.held_out} & {row.id for row in many.train}


def test_labels_that_look_wrong_are_set_aside() -> None:
    old = pd.DataFrame(
        [
            {"text": f"The hose {n} {'burst' if n % 2 else 'held'} again", "label": BAD if n % 2 else GOOD}
            for n in range(120)
        ]
    )
    rows = [
        Row(f"r{n}", f"The lamp {n} {'burst' if n % 2 else 'held'}", BAD if n % 2 else GOOD, "", "") for n in range(20)
    ]
    wrong = Row("wrong", "The seat 7 held again", BAD, "", "")
    assert [row.id for row in suspicious(old, [*rows, wrong], LabelSettings())] == ["wrong"]
    assert suspicious(old.head(3), rows[:1], LabelSettings()) == []


def test_corrections_join_train_and_valid_and_never_the_test(tmp_path: Path) -> None:
    columns = {
        "date": "2025-01-01",
        "component": "",
        "manufacturer": "",
        "source": "s",
        "cause_start": -1,
        "cause_end": -1,
    }
    parts = ["train"] * 6 + ["valid"] * 2 + ["test"] * 2
    frame = pd.DataFrame(
        [
            {
                "id": f"o{n}",
                "text": f"old text number {n} of a hose",
                "label": GOOD,
                **columns,
                "group": n,
                "split": part,
            }
            for n, part in enumerate(parts)
        ]
    )
    added = [
        Row(f"feedback-{n}", f"completely different words {n} {n * 7}", BAD, "2026-02-01", "lamp") for n in range(40)
    ]
    twin = Row("feedback-twin", "old text number 9 of a hose", BAD, "2026-02-01", "")
    write([*added, twin], tmp_path / "c.csv")
    settings = DataSettings(corrections=str(tmp_path / "c.csv"))
    joined = add_corrections(frame, settings)
    assert list(joined.columns) == list(frame.columns)
    assert joined[joined["split"] == "test"]["id"].tolist() == ["o8", "o9"]
    assert "feedback-twin" not in set(joined["id"]), "it says what a test item says"
    new = joined[joined["id"].str.startswith("feedback")]
    assert set(new["split"]) == {"train", "valid"}
    assert new["source"].unique().tolist() == ["c.csv"]


class Gate:
    def __init__(self, **states: str) -> None:
        self.states = states

    def state(self, request: str) -> str:
        return self.states[request]


def before(cause: str = "other", status: str = "FINISHED", days: float = 30, request: str | None = None) -> Before:
    return Before("run", status, cause, None if status == "RUNNING" else NOW - timedelta(days=days), request)


@pytest.mark.parametrize(
    ("earlier", "states", "told"),
    [
        ([before("cause")], {}, "this cause had its retraining"),
        ([before(status="RUNNING")], {}, "a retraining is running"),
        ([before(request="r7")], {"r7": "open"}, "request r7 of an earlier retraining waits for people"),
        ([before(days=6)], {}, "1 in a row led nowhere"),
        ([before(days=13), before(days=20, request="r1")], {"r1": "rejected"}, "2 in a row led nowhere"),
    ],
)
def test_a_retraining_does_not_begin(earlier: list[Before], states: dict[str, str], told: str) -> None:
    with pytest.raises(RefusedError, match=told):
        may_start("cause", earlier, Gate(**states), RetrainingSettings(), NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("earlier", "states"),
    [
        ([], {}),
        ([before("cause", status="FAILED", days=8)], {}),
        ([before(days=8, request="r1")], {"r1": "promoted"}),
        ([before(days=15), before(days=20, request="r1")], {"r1": "rejected"}),
    ],
)
def test_a_retraining_begins(earlier: list[Before], states: dict[str, str]) -> None:
    may_start("cause", earlier, Gate(**states), RetrainingSettings(), NOW)  # type: ignore[arg-type]


def test_of_two_that_begin_at_the_same_moment_the_first_goes_on() -> None:
    first, second = (before(status="RUNNING")._replace(run_id=name) for name in ("first", "second"))
    ended = before()
    may_go_on(first.run_id, [second, first, ended])
    with pytest.raises(RefusedError, match="a retraining is running") as refused:
        may_go_on(second.run_id, [second, first, ended])
    assert refused.value.place == "run first"


def test_a_kept_promise_is_no_cause_and_a_broken_one_is_one_cause() -> None:
    interval = {"value": 0.5, "low": 0.4, "high": 0.6, "promised": {"value": 0.9, "low": 0.8, "high": 0.95}}
    facts = {
        "version": "3",
        "labelled": 100,
        "verdict": "so",
        "metrics": {"accuracy": {**interval, "verdict": "as promised"}},
    }
    with pytest.raises(DataError, match="version 3 does what was promised"):
        Cause.performance(facts)
    facts["metrics"] = {"accuracy": {**interval, "verdict": "worse than promised"}}
    cause = Cause.performance(facts)
    assert cause.says == (
        "version 3 does worse than promised on 100 labels: "
        "accuracy 50.0% (40.0% to 60.0%), promised 90.0% (80.0% to 95.0%)"
    )
    assert cause.id == Cause.performance({**facts, "labelled": 200}).id
    assert cause.id != Cause.manual("3", "a reason").id


def drifted(verdict: str, day: int, since: int | None = None, **cause: Any) -> Finding:
    start, begun = datetime(2026, 3, day, tzinfo=UTC), datetime(2026, 3, since or day, tzinfo=UTC)
    signal = Signal("unknown_words", "Unknown words", DRIFT, "1 % → 9 %; far", 0.09, 0.0, 0.02, 0.0005)
    found = WhatDrifted(("unknown_words",), **cause, since=begun) if verdict == DRIFT else WhatDrifted()
    subject = ("brakes", "3", "sha256:0", start, start + timedelta(days=1), 300, f"{day}")
    return Finding(*subject, verdict, f"{verdict}.", (signal,), cause=found, run_id=f"run{day}")  # type: ignore[arg-type]


def test_a_drift_is_one_cause_from_its_first_window_to_its_last() -> None:
    words = {"families": ("battery",), "words": ("charger", "inverter")}
    first, second = drifted(DRIFT, 2, **words), drifted(DRIFT, 3, since=2, **words)
    cause = Cause.drift("3", [drifted(NO_DRIFT, 1), first, second])
    assert cause.says == (
        "what version 3 is asked has drifted since 2026-03-02 00:00 UTC: unknown words 0.09 (limit 0.02); "
        "families: battery; new words: charger, inverter"
    )
    assert cause.tags == {
        "homologate.drift.run": "run3",
        "homologate.drift.since": "2026-03-02T00:00:00+00:00",
        "homologate.drift.signals": "unknown_words",
        "homologate.drift.families": "battery",
        "homologate.drift.words": "charger, inverter",
    }
    assert cause.id == Cause.drift("3", [first]).id
    assert cause.id == Cause.drift("3", [first, second, drifted(CANNOT_TELL, 4)]).id, "silence takes nothing back"
    assert cause.id != Cause.drift("3", [drifted(DRIFT, 6, **words)]).id
    assert cause.id != Cause.drift("4", [first]).id


@pytest.mark.parametrize(
    ("findings", "told"),
    [
        ([], "no drift of version 3 is known: no window of it was ever judged"),
        ([drifted(CANNOT_TELL, 4)], "no drift of version 3 is known: 2026-03-04 00:00: cannot tell."),
        ([drifted(DRIFT, 2), drifted(NO_DRIFT, 3)], "no drift of version 3 is known: 2026-03-03 00:00: no drift."),
    ],
)
def test_what_did_not_drift_is_no_cause(findings: list[Finding], told: str) -> None:
    with pytest.raises(DataError) as caught:
        Cause.drift("3", findings)
    assert caught.value.problem == told
    assert caught.value.next_command == "homologate monitor"


def test_a_drift_parts_what_it_touches_from_the_rest_and_must_be_labelled_first() -> None:
    rows = [
        Row("a", "The charger burst", BAD, "2026-03-02", ""),
        Row("b", "The hose burst", BAD, "2026-03-05", "battery"),
        Row("c", "The hose held", GOOD, "2026-03-05", "hose"),
    ]
    tested = pd.DataFrame({"text": ["t"], "label": [GOOD]})
    named = Cause.drift("3", [drifted(DRIFT, 4, families=("battery",), words=("charger",))])
    found = slices_of(named, Material(train=rows[:1], held_out=rows), tested)
    assert found == {
        "drifted texts": (["The charger burst", "The hose burst"], [BAD, BAD]),
        "other feedback": (["The hose held"], [GOOD]),
        "test": (["t"], [GOOD]),
    }
    nameless = Cause.drift("3", [drifted(DRIFT, 4)])
    texts, _ = slices_of(nameless, Material(held_out=rows), tested)["drifted texts"]
    assert texts == ["The hose burst", "The hose held"], "where nothing is named, whatever came since the first window"
    assert list(slices_of(Cause.manual("3", "so"), Material(held_out=rows), tested)) == ["held-out feedback", "test"]
    must_be_labelled(named, Material(train=rows[:1], held_out=rows))
    with pytest.raises(DataError, match="0 reviewed ones are there to learn from and 2 to measure on") as caught:
        must_be_labelled(named, Material(train=rows[2:], held_out=rows))
    assert str(caught.value.next_command).startswith("homologate queue")


def test_the_request_says_what_got_better_and_what_did_not(model_directory: Path, other_directory: Path) -> None:
    texts = [f"The hose from lot {n} {'cracked below' if n % 3 == 0 else 'held above'} the limit." for n in range(60)]
    truth = open_scorer(model_directory)
    labels = [truth.answer(text).label for text in texts]
    words = dict(zip(("negative", "positive"), truth.labels, strict=True))
    settings = Settings.model_validate({"data": {"labels": words}})
    slices = {"held-out feedback": (texts, labels), "test": (texts[:10], labels[:10]), "nothing": ([], [])}
    found = compare_versions(other_directory, model_directory, slices, settings)
    worse = compare_versions(model_directory, other_directory, slices, settings)
    assert found["held-out feedback"]["new"]["accuracy"]["value"] == 1.0
    assert better(found, "held-out feedback")
    assert no_worse(found, "held-out feedback")
    assert not better(worse, "held-out feedback")
    assert not better(worse, "nothing"), "where nothing was measured nothing is better"
    assert not no_worse(worse, "held-out feedback")
    assert no_worse(worse, "nothing"), "where nothing was measured nothing is worse"
    facts = {
        "run_id": "r1",
        "cause": {"says": "version 1 does <worse>"},
        "material": {"train": 40, "held_out": 60, "excluded": {"unreviewed": 3}},
        "model": "brakes",
        "version": "2",
        "champion": "1",
        "comparison": found,
    }
    told = reason(facts)
    assert told.startswith("Retrained because version 1 does <worse>.\nIt learnt from 40 texts")
    assert "On 60 texts (held-out feedback), version 2 is better than 1: accuracy 100.0% instead of" in told
    assert "On 10 texts (test), version 2 is no worse than 1" in told
    assert "Nothing could be measured on nothing: it is empty." in told
    made = page(facts)
    assert "<h1>Version 2 against version 1: better on held-out feedback, no worse on test.</h1>" in made
    assert "Version 1 does &lt;worse&gt;." in made
    assert "<script" not in made
    assert "What drifted" not in made
    cause = Cause.drift("1", [drifted(DRIFT, 3, families=("<b>",), words=("charger",))])
    made = page({**facts, "cause": {"kind": cause.kind, "says": cause.says, "facts": cause.facts}})
    assert "<th scope='row'>Unknown words</th><td>0.09</td><td>0.02</td>" in made
    assert "Families that moved: &lt;b&gt;" in made
    assert "<code>run3</code>" in made
    assert "(60 texts): better" in made
    assert "(10 texts): no worse" in made


def test_where_no_gate_stands_in_the_registry_the_ledger_of_its_own_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = f"sqlite:///{tmp_path}/runs.db"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry)
    monkeypatch.setenv("HOMOLOGATE_LEDGER", f"sqlite:///{tmp_path}/ledger.db")
    with pytest.raises(UsageError, match="no request '12'") as caught:
        RealGate(registry).state("12")
    assert caught.value.next_command == "homologate request --list"
    assert (tmp_path / "ledger.db").exists()
