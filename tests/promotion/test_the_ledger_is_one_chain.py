"""The ledger only grows, in one unbroken chain; any row edited, dropped, moved or inserted is found, offline too."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from homologate.errors import DataError, ServiceError, StorageError, UsageError
from registry_promotion import verifier
from registry_promotion.ledger import Entry, Head, Ledger
from registry_promotion.verifier import FIRST, line_of, main, verify


@pytest.fixture
def ledger(database: str) -> Iterator[Ledger]:
    kept = Ledger(database)
    yield kept
    kept.close()


def fill(ledger: Ledger, rows: int) -> list[bytes]:
    for number in range(rows):
        ledger.append(Entry("note", who=f"user {number % 3}", model="parts", reason=f"№ {number}\nnew line \u2028"))
    return list(ledger.export())


def test_a_row_is_recorded_whole_and_read_back(ledger: Ledger) -> None:
    entry = Entry(
        kind="request", who="rita", model="parts", version="7", stage="Production", digest=f"sha256:{'a' * 64}",
        policy_digest=f"sha256:{'b' * 64}", reason="ready — now", payload={"n": [1, 2.5, None, True]},
    )  # fmt: skip
    assert ledger.head() == Head(0, FIRST)
    row = ledger.append(entry)
    assert ledger.rows() == [row]
    assert (row.seq, row.previous, row.entry) == (1, FIRST, entry)
    assert ledger.head() == Head(1, row.hash)
    assert row.facts()["hash"] == row.hash == sha256(row.text.encode()).hexdigest()


def test_rows_follow_each_other_and_can_be_read_from_any_place(ledger: Ledger) -> None:
    fill(ledger, 5)
    rows = ledger.rows()
    assert [row.seq for row in rows] == [1, 2, 3, 4, 5]
    assert [row.previous for row in rows[1:]] == [row.hash for row in rows[:-1]]
    assert ledger.rows(after=3) == rows[3:]
    assert ledger.verify(rows[-1].hash).ok


def test_an_unknown_kind_and_a_value_json_has_no_word_for_are_refused_and_leave_nothing(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match=r"no kind of row 'rumour'(.|\n)*legal: approval, break_glass, note, refusal"):
        ledger.append(Entry("rumour", who="x"))
    with pytest.raises(DataError, match="cannot be recorded"):
        ledger.append(Entry("note", who="x", payload={"ap": float("nan")}))
    assert ledger.head().seq == 0


def test_a_turn_that_fails_records_nothing(ledger: Ledger) -> None:
    def fail_after_writing() -> None:
        with ledger.writing() as writer:
            writer.append(Entry("note", who="x"))
            assert writer.head().seq == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_writing()
    assert ledger.head().seq == 0


def test_time_never_runs_backwards(database: str) -> None:
    days = iter([2, 1, 3])
    ledger = Ledger(database, clock=lambda: datetime(2026, 3, next(days), tzinfo=UTC))
    written = [ledger.append(Entry("note", who="x")).at.day for _ in range(3)]
    assert written == [2, 2, 3]
    ledger.close()


@pytest.mark.parametrize("statement", ["UPDATE homologate_ledger SET row = ''", "DELETE FROM homologate_ledger"])
def test_the_database_itself_refuses_to_change_or_delete_rows(ledger: Ledger, database: str, statement: str) -> None:
    fill(ledger, 2)
    engine = create_engine(database)
    with pytest.raises(Exception, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()
    assert ledger.verify().rows == 2


def test_many_writers_take_turns_without_a_gap(database: str) -> None:
    ledgers = [Ledger(database) for _ in range(4)]

    def write(ledger: Ledger) -> None:
        for _ in range(10):
            ledger.append(Entry("note", who="x"))

    threads = [threading.Thread(target=write, args=(ledger,)) for ledger in ledgers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    verdict = ledgers[0].verify()
    for ledger in ledgers:
        ledger.close()
    assert (verdict.ok, verdict.rows) == (True, 40)


def test_reading_does_not_wait_for_a_writer(ledger: Ledger) -> None:
    fill(ledger, 1)
    with ledger.writing() as writer:
        writer.append(Entry("note", who="x"))
        seen: list[int] = []
        reader = threading.Thread(target=lambda: seen.append(ledger.head().seq))
        reader.start()
        reader.join(timeout=20)
    assert seen == [1]


def test_a_database_the_ledger_cannot_use_is_refused(tmp_path: Path) -> None:
    for address in ("sqlite://", "mysql://x/y"):
        with pytest.raises(UsageError, match=r"legal: sqlite:///FILE, postgresql://"):
            Ledger(address)
    with pytest.raises(StorageError, match="cannot open the ledger"):
        Ledger(f"sqlite:///{tmp_path}/absent/registry.db")
    with pytest.raises(ServiceError, match="cannot open the ledger"):
        Ledger("postgresql+psycopg2://nobody:secret@127.0.0.1:1/none")  # pragma: allowlist secret


# ── what an export shows ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    ledger = Ledger(f"sqlite:///{tmp_path_factory.mktemp('ledger') / 'registry.db'}")
    lines = fill(ledger, 12)
    ledger.close()
    return lines


def head_of(lines: list[bytes]) -> str:
    return str(json.loads(lines[-1])["hash"])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bit_changed_anywhere_is_found(data: st.DataObject, exported: list[bytes]) -> None:
    blob = bytearray(b"".join(exported))
    position = data.draw(st.integers(0, len(blob) - 1))
    blob[position] ^= 1 << data.draw(st.integers(0, 7))
    assert not verify(bytes(blob).splitlines(keepends=True), head_of(exported)).ok


TAMPERINGS: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "edited": (lambda lines: [*lines[:4], lines[4].replace(b'"user 1"', b'"user 2"'), *lines[5:]], "row 5 was edited"),
    "dropped": (lambda lines: lines[:4] + lines[5:], "row 5 is missing: row 6 stands in its place"),
    "first dropped": (lambda lines: lines[1:], "row 1 is missing: row 2 stands in its place"),
    "swapped": (lambda lines: [*lines[:4], lines[5], lines[4], *lines[6:]], "row 5 is missing: row 6 stands"),
    "doubled": (lambda lines: [*lines[:5], *lines[4:]], "row 5 stands where row 6 should be"),
    "garbage": (lambda lines: [*lines[:4], b"{}\n", *lines[4:]], "line 5 is not a row of a ledger"),
    "cut": (lambda lines: [*lines[:-1], lines[-1][:-30]], "line 12 is not a row of a ledger"),
    "tail dropped": (lambda lines: lines[:-2], "is not in this ledger: rows were cut off"),
    "emptied": (lambda lines: [], "is not in this ledger"),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_row_edited_dropped_reordered_or_inserted_is_found_and_named(exported: list[bytes], name: str) -> None:
    tamper, told = TAMPERINGS[name]
    verdict = verify(tamper(exported), head_of(exported))
    assert not verdict.ok
    assert told in verdict.sentence


def rehashed(lines: list[bytes], number: int, old: bytes, new: bytes) -> list[bytes]:
    """An edit by somebody who knows how the chain is made: row `number` changed, every hash after it made anew."""
    rows = [line[81:-2] for line in lines]
    rows[number - 1] = rows[number - 1].replace(old, new)
    made: list[bytes] = []
    for index, row in enumerate(rows):
        if index >= number:
            row = row.replace(rows_hash(lines[index - 1]), rows_hash(made[-1]))
        made.append(line_of(row, sha256(row).hexdigest()) + b"\n")
    return made


def rows_hash(line: bytes) -> bytes:
    return line[9:73]


def test_a_chain_rewritten_from_an_edit_on_is_found_by_the_published_head_alone(exported: list[bytes]) -> None:
    forged = rehashed(exported, 5, b'"user 1"', b'"user 2"')
    assert verify(forged).ok
    assert "only a published head can tell" in verify(forged).sentence
    assert not verify(forged, head_of(exported)).ok


def test_a_forged_row_put_in_with_its_own_good_hash_breaks_the_chain(exported: list[bytes]) -> None:
    row = exported[4][81:-2].replace(b'"user 1"', b'"user 9"')
    verdict = verify([*exported[:4], line_of(row, sha256(row).hexdigest()) + b"\n", *exported[5:]])
    assert (verdict.ok, verdict.rows) == (False, 5)
    assert verdict.sentence == "row 6 does not follow the row before it: one of them was replaced or inserted"


def test_an_older_published_head_still_holds_after_the_ledger_grew(exported: list[bytes]) -> None:
    verdict = verify(exported, head_of(exported[:7]))
    assert verdict.ok
    assert verdict.sentence.endswith("holds the published head, and rows were added since")


def test_a_restored_old_backup_is_told_by_its_head(exported: list[bytes]) -> None:
    assert not verify(exported[:7], head_of(exported)).ok


def test_an_auditor_needs_one_file_and_python_alone(exported: list[bytes], tmp_path: Path) -> None:
    tool = tmp_path / "verifier.py"
    tool.write_text(Path(verifier.__file__).read_text())
    export = tmp_path / "export.jsonl"
    export.write_bytes(b"".join(exported))
    words = [sys.executable, "-I", "-S", str(tool), str(export), "--head", head_of(exported)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("ok: 12 rows are one unbroken chain that holds the published head")
    export.write_bytes(b"".join(exported).replace(b"user 1", b"user 2", 1))
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout.startswith("FAULT: row 2 was edited")


def test_a_wrong_use_of_the_verifier_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "absent")]) == 2
    assert main([str(tmp_path / "absent"), "--head", "xyz"]) == 2
    assert "is not a hash of 64 hex digits" in capsys.readouterr().err


def test_every_line_of_an_export_is_plain_json_on_one_line(exported: list[bytes]) -> None:
    for number, line in enumerate(exported, start=1):
        assert line.isascii()
        assert json.loads(line)["row"]["seq"] == number
    assert timedelta(0) <= datetime.now(UTC) - datetime.fromisoformat(json.loads(exported[-1])["row"]["at"])
