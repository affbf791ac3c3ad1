"""What people say about predictions joins them by id, counts once, and says how a version really does."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from waiting import until

from homologate.cli import main
from homologate.collection import FolderStore, Reading, Remark, feedback, find, forget, ship
from homologate.errors import DataError, RefusedError
from homologate.settings import Settings, load_settings
from serve.feedback import decide, give, performance

from ..collection.conftest import NOON, keep, record
from .conftest import Server

GOOD, BAD = "compliant", "non-compliant"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    file = tmp_path / "homologate.yaml"
    people = {"givers": ["line-*", "lab"], "reviewers": ["lab", "line-1"]}
    file.write_text(yaml.safe_dump({"model": "brakes", "home": str(tmp_path), "feedback": people}))
    return load_settings(file)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "collected")


def said(settings: Settings, store: FolderStore) -> list[Any]:
    ship(Path(settings.home) / "spool", store)
    return feedback(store, "brakes")


def test_a_remark_is_kept_once_and_waits_for_another_person(settings: Settings, store: FolderStore) -> None:
    keep(store, [record("p1")])
    (identity,) = give(settings, [Remark("p1", GOOD, note="tested again")], by="line-1")
    assert give(settings, [Remark("p1", GOOD, note="tested again")], by="line-1") == [identity]
    (one,) = said(settings, store)
    assert (one.prediction_id, one.label, one.by, one.version) == ("p1", GOOD, "line-1", "3")
    assert (one.review, one.reviewer) == (None, None)
    with pytest.raises(RefusedError, match="line-1 gave this feedback and cannot review it"):
        decide(settings, identity, accepted=True, by="line-1")
    decide(settings, identity, accepted=True, by="lab")
    (one,) = said(settings, store)
    assert (one.review, one.reviewer) == ("accepted", "lab")


def test_an_unknown_id_or_label_records_nothing_of_its_file(settings: Settings, store: FolderStore) -> None:
    keep(store, [record("p1")])
    with pytest.raises(DataError, match="no prediction 'p7' and 1 others"):
        give(settings, [Remark("p1", GOOD), Remark("p7", GOOD), Remark("p8", GOOD)], by="lab")
    with pytest.raises(DataError, match="no label 'fine'") as raised:
        give(settings, [Remark("p1", GOOD), Remark("p1", "fine")], by="lab")
    assert raised.value.legal == f"{GOOD}, {BAD}"
    assert said(settings, store) == []


def test_people_the_settings_do_not_name_are_refused(settings: Settings, store: FolderStore) -> None:
    keep(store, [record("p1")])
    with pytest.raises(RefusedError, match="eve may not give feedback") as raised:
        give(settings, [Remark("p1", GOOD)], by="eve")
    assert "line-*" in str(raised.value)
    with pytest.raises(RefusedError, match="nobody can be told apart here"):
        give(settings, [Remark("p1", GOOD)], by=None)
    (identity,) = give(settings, [Remark("p1", GOOD)], by="line-2")
    with pytest.raises(RefusedError, match="line-2 may not review feedback"):
        decide(settings, identity, accepted=True, by="line-2")


def test_what_was_answered_a_moment_ago_is_found_in_the_spool(settings: Settings, store: FolderStore) -> None:
    from homologate.scorer.collector import Collector, Privacy, Spool

    spool = Path(settings.home) / "spool"
    collector = Collector(Spool(spool), Privacy("full"))
    collector.offer(record("p1", "a text"))
    while not collector.counts()["accepted"]:
        pass
    assert find(store, spool, "brakes", "p1").text == "a text"
    collector.close()


def test_feedback_is_forgotten_with_its_prediction(settings: Settings, store: FolderStore) -> None:
    keep(store, [record("p1"), record("p2")])
    give(settings, [Remark("p1", GOOD, note="Jo Smith saw it"), Remark("p2", GOOD)], by="lab")
    said(settings, store)
    forget(store, Path(settings.home) / "spool", "brakes", "p1", by="dpo")
    assert [one.prediction_id for one in said(settings, store)] == ["p2"]
    assert all(b"Jo Smith" not in store.read(name) for name in store.names())
    with pytest.raises(DataError, match="no prediction 'p1'"):
        find(store, Path(settings.home) / "spool", "brakes", "p1")


def test_real_performance_has_intervals_periods_slices_and_a_promise(settings: Settings, store: FolderStore) -> None:
    component = {0: "hose", 1: "lamp"}
    month = timedelta(days=31).total_seconds()
    records = [
        record(
            f"p{n}",
            f"text {n}",
            after=month * (n >= 60),
            label=BAD if n % 2 else GOOD,
            probability=0.9 if n % 2 else 0.1,
            component=component[n % 2],
        )
        for n in range(120)
    ]
    keep(store, records)
    wrong = set(range(60, 90))
    remarks = [
        Remark(f"p{n}", (GOOD if n % 2 else BAD) if n in wrong else (BAD if n % 2 else GOOD), "label")
        for n in range(120)
    ]
    give(settings, remarks, by="lab")
    give(settings, [Remark("p119", GOOD)], by="line-2")
    promised = {"served": "fp32", "metrics": {"fp32": {"accuracy": {"value": 0.95, "low": 0.93, "high": 0.97}}}}
    promised["metrics"]["fp32"] |= {
        name: {"value": None, "low": None, "high": None} for name in ("miss_rate", "false_stop_rate")
    }
    facts = performance(Reading(store, "brakes", "3"), said(settings, store), promised)
    accuracy = facts["metrics"]["accuracy"]
    assert accuracy["value"] == 0.75
    assert accuracy["low"] < 0.75 < accuracy["high"] < 0.93
    assert accuracy["verdict"] == "worse than promised"
    assert facts["metrics"]["miss_rate"]["verdict"] == "cannot tell"
    assert [(one["name"], one["accuracy"]["value"]) for one in facts["periods"]] == [("2026-03", 1.0), ("2026-04", 0.5)]
    assert [one["name"] for one in facts["slices"]["component"]] == ["hose", "lamp"]
    assert facts["corrections"] == {"open": 1, "accepted": 0, "rejected": 0}
    assert NOON.strftime("%Y-%m") == "2026-03"


def test_few_labels_are_counted_and_not_measured(settings: Settings, store: FolderStore) -> None:
    keep(store, [record("p1")])
    give(settings, [Remark("p1", GOOD, "label")], by="lab")
    facts = performance(Reading(store, "brakes", "3"), said(settings, store))
    assert facts["metrics"] == {}
    assert facts["verdict"] == "1 predictions have a label; 20 are needed to measure anything"


def test_a_file_of_labels_is_read_from_the_command_line(
    settings: Settings, store: FolderStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(store, [record("p1"), record("p2")])
    file = tmp_path / "labels.csv"
    file.write_text(f"prediction_id,label\np1,{GOOD}\np2,{BAD}\n")
    where = ["--settings", str(tmp_path / "homologate.yaml"), "--json"]
    assert main(["feedback", str(file), "--by", "lab", *where]) == 0
    assert json.loads(capsys.readouterr().out)["recorded"] == 2
    assert main(["feedback", "--accept-all", "--by", "line-1", *where]) == 0
    assert {one.review for one in said(settings, store)} == {"accepted"}
    assert main(["feedback", str(file), "--by", "eve", *where]) == 7
    assert "eve may not give feedback" in capsys.readouterr().err
    file.write_text(f"prediction_id,label\np1,{GOOD}\np7,{BAD}\n")
    assert main(["feedback", str(file), "--by", "lab", *where]) == 3
    assert "no prediction 'p7'" in capsys.readouterr().err
    file.write_text("prediction,label\np1,x\n")
    assert main(["feedback", str(file), "--by", "lab", *where]) == 3
    assert "prediction_id, label, kind, component, note" in capsys.readouterr().err


def test_a_caller_corrects_over_http_and_only_where_callers_are_known(
    serve: Callable[..., Server], model_directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = {}
    for name in ("line-1", "lab"):
        main(["key", name, "--file", str(tmp_path / "keys.txt"), "--json"])
        keys[name] = {"X-API-Key": json.loads(capsys.readouterr().out)["key"]}
    file = tmp_path / "homologate.yaml"
    people = {"givers": ["key:line-*"], "reviewers": ["key:lab"]}
    file.write_text(yaml.safe_dump({"model": "model", "home": str(tmp_path), "feedback": people}))
    server = serve(model_directory, "--settings", file, "--api-keys", tmp_path / "keys.txt")

    def post(path: str, body: dict[str, Any], name: str | None = "line-1") -> requests.Response:
        return requests.post(f"{server.url}{path}", json=body, headers=keys.get(name or "", {}), timeout=30)

    told = post("/v1/score", {"text": "The hose from lot 12 held."}).json()
    remark = {"prediction_id": told["prediction_id"], "label": told["label"]}
    assert post("/v1/feedback", remark, None).status_code == 401
    refused = post("/v1/feedback", remark, "lab")
    assert (refused.status_code, refused.json()["error"]["message"]) == (403, "key:lab may not give feedback")
    # The collector writes a moment after the answer.
    given = until(lambda: (told := post("/v1/feedback", remark)).status_code == 201 and told, 10, "kept prediction")
    unknown = post("/v1/feedback", remark | {"prediction_id": "nobody"})
    assert (unknown.status_code, unknown.json()["error"]["message"]) == (404, "no prediction 'nobody'")
    assert post("/v1/feedback", {"label": "x"}).status_code == 400
    assert post("/v1/feedback", remark | {"label": "fine"}).status_code == 400
    path = f"/v1/feedback/{given.json()['feedback_id']}/review"
    assert post(path, {"accepted": True}).status_code == 403
    assert post(path, {"accepted": True}, "lab").json()["review"] == "accepted"
    assert post("/v1/feedback/nothing/review", {"accepted": True}, "lab").status_code == 404
