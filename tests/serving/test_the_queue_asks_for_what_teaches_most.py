"""What to label next: the unsure, the unseen and the contradicted first, nothing twice, nothing without text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from homologate.collection import FolderStore, Reading, Remark, feedback, find_all, record_feedback, ship
from serve.queue import known_words, queue

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
    keep(store, [record("told", "a"), record("p1", "the same"), record("p2", "the same")])
    keep(store, [record("hashed", "secret")], "b.jsonl", form="hash")
    spool = tmp_path / "spool"
    record_feedback(spool, [Remark("told", "compliant")], find_all(store, spool, "brakes", ["told"]), by="lab")
    ship(spool, store)
    found = queue(Reading(store, "brakes"), feedback(store, "brakes"), KNOWN)
    assert [item.prediction_id for item in found] == ["p1"]


def test_a_directory_without_a_profile_knows_no_words(tmp_path: Path) -> None:
    assert known_words(tmp_path) == frozenset()
