"""What to label next: the unsure, the unseen and the contradicted first, nothing twice, nothing without text."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from homologate.collection import FolderStore, Reading, Remark, feedback, find_all, record_feedback, ship
from homologate.errors import ModelError
from homologate.reference import profile_of
from homologate.scorer import Scorer
from homologate.settings import Settings
from serve.queue import queue, queue_of

from ..collection.conftest import JUDGE, keep, record

KNOWN = {"the", "hose", "burst", "held"}


def test_unsure_unseen_and_contradicted_texts_come_before_the_others(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    sure, unsure = {"probability": 0.999, "threshold": 0.4}, {"probability": 0.4, "threshold": 0.4}
    keep(
        store,
        [
            record("sure", "the hose burst", **sure),
            record("unsure", "the hose held", **unsure),
            record("unseen", "quantum flux capacitor", **sure),
            record("contradicted", "the hose", **unsure),
        ],
    )
    shadow = replace(JUDGE, version="4", role="shadow")
    keep(
        store,
        [replace(record("contradicted", "the hose", label="compliant", probability=0.1), judge=shadow)],
        "b.jsonl",
    )
    found = queue(Reading(store, "brakes"), [], KNOWN)
    assert [item.prediction_id for item in found] == ["contradicted", "unseen", "unsure", "sure"]
    by_id = {item.prediction_id: item for item in found}
    assert by_id["contradicted"].disagrees
    assert by_id["unseen"].novel == 1.0
    assert by_id["unsure"].uncertain == 1.0
    assert by_id["sure"].useful < 0.01
    assert len(queue(Reading(store, "brakes"), [], KNOWN, most=2)) == 2


def test_what_has_feedback_a_twin_or_no_text_is_not_asked_for(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    keep(store, [record("told", "a"), record("p1", "the same"), record("p2", "the same"), record("again", "a")])
    keep(store, [record("hashed", "secret")], "b.jsonl", form="hash")
    spool = tmp_path / "spool"
    record_feedback(spool, [Remark("told", "compliant")], find_all(store, spool, "brakes", ["told"]), by="lab")
    ship(spool, store)
    found = queue(Reading(store, "brakes"), feedback(store, "brakes"), KNOWN)
    assert [item.prediction_id for item in found] == ["p1"]


def test_the_newest_texts_are_ranked_however_many_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FolderStore(tmp_path)
    keep(store, [record(f"p{hour}", f"text {hour}", after=3600.0 * hour) for hour in range(6)])
    monkeypatch.setattr("serve.queue._queue.NEWEST", 2)
    assert {item.prediction_id for item in queue(Reading(store, "brakes"), [], KNOWN)} == {"p4", "p5"}


def test_a_word_is_new_where_the_versions_own_profile_says_so(
    tmp_path: Path, tiny_model: Path, model_directory: Path, rows: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    past = Path(shutil.copytree(model_directory, tmp_path / "model"))
    for name, content in profile_of(rows, Scorer(tiny_model)).files().items():
        (past / name).write_bytes(content)
    monkeypatch.setattr("serve.queue._queue.directory_of", lambda settings, which: past)
    settings = Settings.model_validate({"model": "brakes", "home": str(tmp_path)})
    texts = ["The lamp held above the limit", "The lamp held above [mail] [vin]", "The lamp held above quantum flux"]
    keep(FolderStore(tmp_path / "collected"), [record(f"p{n}", text) for n, text in enumerate(texts)])
    found = {item.prediction_id: item.novel for item in queue_of(settings)}
    assert found == {"p0": 0.0, "p1": 0.0, "p2": pytest.approx(2 / 6)}, "what redaction leaves is no new word"
    (past / "reference.json").unlink()
    with pytest.raises(ModelError, match="carries no reference profile"):
        queue_of(settings)
