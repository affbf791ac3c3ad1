"""Forgetting removes every line about a prediction, wherever it is on its way, and nothing else."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest

from homologate.cli import main
from homologate.collection import REMAINS, FolderStore, Reading, expire, forget, ship
from homologate.errors import DataError
from homologate.scorer.collector import OPEN, Collector, Privacy, Spool
from tests.collection.conftest import NOON, keep, record


def collected(spool: Path, *ids: str) -> Collector:
    collector = Collector(Spool(spool), Privacy("full"))
    for identity in ids:
        collector.offer(record(identity, f"text of {identity}"))
    return collector


def everything(*folders: Path) -> bytes:
    return b"".join(file.read_bytes() for top in folders for file in sorted(top.rglob("*")) if file.is_file())


def ids(store: FolderStore) -> list[str]:
    return sorted(one.id for one in Reading(store, "brakes"))


def test_what_is_stored_is_removed_and_a_tombstone_stays(store: FolderStore, tmp_path: Path) -> None:
    keep(store, [record("p1", "text of p1"), record("p10", "text of p10")])
    facts = forget(store, tmp_path / "spool", "brakes", "p1", by="dpo")
    assert (facts["removed"], facts["versions"], facts["remains"]) == (2, ["3"], list(REMAINS))
    assert ids(store) == ["p10"]
    left = everything(store.folder)
    assert b"text of p1\\" not in left.replace(b'"', b"\\")
    assert b'"by":"dpo"' in left
    keep(store, [record("p1", "text of p1")], "replayed.jsonl")
    assert ids(store) == ["p10"], "a copy that comes back later is not read"


def test_what_waits_in_the_spool_is_removed_too(store: FolderStore, tmp_path: Path) -> None:
    collected(tmp_path / "spool", "p1", "p2").close()
    assert forget(store, tmp_path / "spool", "brakes", "p1", by="dpo")["removed"] == 2
    assert b"text of p1" not in everything(tmp_path / "spool")
    ship(tmp_path / "spool", store)
    assert ids(store) == ["p2"]


def test_what_is_being_written_is_held_back_when_it_ships(store: FolderStore, tmp_path: Path) -> None:
    collector = collected(tmp_path / "spool", "p1", "p2")
    while collector.counts()["accepted"] < 2:
        time.sleep(0.01)
    assert list((tmp_path / "spool").glob(f"*{OPEN}"))
    assert forget(store, tmp_path / "spool", "brakes", "p1", by="dpo")["pending"] == 1
    collector.close()
    assert ship(tmp_path / "spool", store)["forgotten"] == 2
    assert ids(store) == ["p2"]
    assert b"text of p1" not in everything(store.folder, tmp_path / "spool")


def test_an_unknown_id_is_an_error_that_says_what_an_id_is(store: FolderStore, tmp_path: Path) -> None:
    keep(store, [record("p1")])
    with pytest.raises(DataError, match="no line about prediction 'p2'") as raised:
        forget(store, tmp_path / "spool", "brakes", "p2", by="dpo")
    assert "prediction_id" in str(raised.value.legal)
    assert not [name for name in store.names() if "forgotten" in name]


def test_the_command_forgets_and_says_what_it_cannot_reach(
    store: FolderStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(store, [record("p1"), record("p2")])
    file = tmp_path / "homologate.yaml"
    file.write_text(f"{{model: brakes, home: {tmp_path}, collection: {{store: {store.folder}}}}}\n")
    assert main(["forget", "p1", "--by", "dpo", "--settings", str(file)]) == 0
    told = capsys.readouterr().out
    assert "p1 is forgotten: 2 lines removed (brakes version 3)" in told
    assert all(f"  - {item}" in told for item in REMAINS)
    assert ids(store) == ["p2"]
    assert main(["forget", "p1x", "--settings", str(file)]) == 3
    assert "no line about prediction 'p1x'" in capsys.readouterr().err


def test_what_is_older_than_the_retention_expires_and_tombstones_do_not(store: FolderStore, tmp_path: Path) -> None:
    keep(store, [record("p1"), record("p2", after=3 * 86400)])
    forget(store, tmp_path / "spool", "brakes", "p1", by="dpo")
    keep(store, [record("p3")], "b.jsonl")
    assert expire(store, 2, now=NOON + timedelta(days=4)) == 2
    assert ids(store) == ["p2"]
    assert [name for name in store.names() if "forgotten" in name]
