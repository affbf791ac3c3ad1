"""What is read back is what was predicted, each prediction once, whatever a crash or a clock did to the files."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homologate.collection import FAULTS, FolderStore, Place, Reading, Share, find
from homologate.errors import StorageError
from homologate.scorer.collector import Collector, Privacy, Spool
from tests.collection.conftest import NOON, keep, record


def test_a_prediction_comes_back_whole(store: FolderStore) -> None:
    text = "the hose burst at 12 MPa"
    words = [(4, 8, 1.5), (9, 14, -2.5), (0, 3, 0.25)]
    given = record(
        "p1", text, words=words, bias=-0.5, remainder=0.125, latency_ms=4.25, caller="key:line-3", component="hose"
    )
    keep(store, [given])
    (found,) = Reading(store, "brakes")
    assert (found.id, found.time, found.model, found.version) == ("p1", NOON, "brakes", "3")
    assert (found.text, found.label, found.probability, found.threshold) == (text, "non-compliant", 0.9, 0.4)
    assert found.probabilities == pytest.approx({"compliant": 0.1, "non-compliant": 0.9})
    assert found.words == (Share("burst", -2.5), Share("hose", 1.5), Share("the", 0.25))
    assert (found.bias, found.remainder, found.latency_ms, found.caller) == (-0.5, 0.125, 4.25, "key:line-3")
    assert (found.component, found.door, found.digest) == ("hose", "server", "sha256:" + "0" * 64)


def test_lines_have_the_fields_and_the_place_of_azures_collector(store: FolderStore) -> None:
    keep(store, [record("p1")])
    names = list(store.names())
    assert names == ["brakes/3/model_inputs/2026/03/01/12/a.jsonl", "brakes/3/model_outputs/2026/03/01/12/a.jsonl"]
    for name in names:
        line = json.loads(store.read(name))
        collection = Place(name).collection
        assert line.keys() == {
            *("specversion", "id", "source", "type", "datacontenttype", "time", "data", "correlationid"),
            *("xrequestid", "modelversion", "collectdatatype", "agent"),
        }
        assert line["type"] == f"azureml.inference.{collection}"
        assert (line["correlationid"], line["time"]) == ("p1", "2026-03-01T12:00:00.000000Z")
        assert isinstance(line["data"], list)


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_any_order_any_repetition_and_any_cut_gives_each_whole_record_once(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = FolderStore(tmp_path_factory.mktemp("store"))
    hours = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=12))
    records = [record(f"p{at}", f"text {at}\t\n\u2028\ud800", after=3600.0 * hour) for at, hour in enumerate(hours)]
    keep(store, records)
    rng = random.Random(data.draw(st.integers(0, 1000)))
    broken = 0
    for name in list(store.names()):
        lines = store.read(name).splitlines(keepends=True)
        lines += rng.sample(lines, rng.randint(0, len(lines)))
        rng.shuffle(lines)
        half = lines[0][: rng.randint(1, len(lines[0]) - 2)] if rng.random() < 0.5 else b""
        broken += bool(half)
        store.replace(name, b"".join(lines) + half)
    reading = Reading(store, "brakes", "3")
    found = {prediction.id: prediction for prediction in reading}
    assert sorted(found) == sorted(one.id for one in records)
    assert {one.id: one.text for one in records} == {key: one.text for key, one in found.items()}
    assert reading.faults["half_line"] == broken
    assert sum(1 for _ in Reading(store, "brakes")) == len(records)
    assert reading.faults.keys() <= FAULTS.keys()


def test_a_window_holds_its_beginning_and_not_its_end(store: FolderStore) -> None:
    keep(store, [record(f"p{after}", after=after) for after in (-1.0, 0.0, 3599.0, 3600.0)])
    found = [one.id for one in Reading(store, "brakes", since=NOON, until=NOON + timedelta(hours=1))]
    assert found == ["p0.0", "p3599.0"]


def test_halves_alone_and_what_is_no_record_are_counted_and_stop_nothing(store: FolderStore) -> None:
    keep(store, [record("p1")])
    keep(store, [record("p2")], "b.jsonl")
    store.delete("brakes/3/model_inputs/2026/03/01/12/b.jsonl")
    store.put("brakes/3/model_inputs/2026/03/01/12/c.jsonl", b'\x00\x00\n[1]\n{"time": 3}\nnot json\n')
    store.put("brakes/notes.jsonl", b"{}\n")
    reading = Reading(store, "brakes")
    assert [one.id for one in reading] == ["p1"]
    assert reading.faults == {"output_alone": 1, "unreadable": 4, "foreign_file": 1}


def test_a_clock_that_jumped_is_told(store: FolderStore) -> None:
    keep(store, [record("p1")])
    for name in list(store.names()):
        store.put(name.replace("/12/", "/13/"), store.read(name).replace(b"p1", b"p2"))
    reading = Reading(store, "brakes")
    assert [one.id for one in reading] == ["p1", "p2"]
    assert reading.faults == {"clock": 2}


def test_rows_that_azures_own_collector_wrote_are_read(store: FolderStore) -> None:
    common = {"time": "2026-03-01T12:00:00Z", "correlationid": "r1", "specversion": "1.0"}
    verdict = {"label": "compliant", "probability": 0.2, "threshold": 0.5, "truncated": False}
    inputs = {**common, "data": [{"text": "one"}, {"text": "two"}]}
    outputs = {**common, "data": [verdict, {**verdict, "probability": 0.3}]}
    for collection, line in (("model_inputs", inputs), ("model_outputs", outputs)):
        store.put(f"ep/blue/{collection}/2026/03/01/12/x.jsonl", json.dumps(line).encode())
    found = list(Reading(store, "ep"))
    assert [(one.id, one.version, one.text, one.probability) for one in found] == [
        ("r1.0", "blue", "one", 0.2),
        ("r1.1", "blue", "two", 0.3),
    ]


def test_an_empty_store_holds_nothing_and_an_unreadable_one_is_an_error(store: FolderStore, tmp_path: Path) -> None:
    assert list(Reading(store, "brakes")) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot list"):
        list(Reading(FolderStore(tmp_path / "file"), "brakes"))


@given(st.text(min_size=1), st.text(min_size=1))
def test_any_name_of_a_model_makes_a_path_that_gives_it_back(model: str, version: str) -> None:
    from homologate.scorer.collector import folder

    if any("\ud800" <= letter <= "\udfff" for letter in model + version):
        return
    path = folder(model, version, "model_inputs", NOON.timestamp())
    place = Place(f"{path}/a.jsonl")
    assert (place.model, place.version, place.hour) == (model, version, "2026/03/01/12")
    assert ".." not in path.split("/")


def test_an_answer_can_be_remarked_on_before_the_collector_has_written_it(store: FolderStore, tmp_path: Path) -> None:
    collector = Collector(Spool(tmp_path / "spool", roll_seconds=0.0), Privacy("full"))
    for at in range(4):
        collector.offer(record(f"p{at}"))
        assert find(store, tmp_path / "spool", "brakes", f"p{at}").id == f"p{at}"
    collector.close()
