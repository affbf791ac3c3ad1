"""Predictions that wait for a connection: on the disk before the answer leaves, gone when the store has them.

One SQLite file. A prediction is one row of two lines (`homologate_collector`: input and output). Rows of one hour are
bound to a batch before they are sent for the first time, and a batch never changes: however often it is sent, it is
the same two files under the same names, so a store that has them already is a store that has them. The names hold
this spool's own id, so a spool that was lost and begun again never meets its older files.

None is lost, because a row goes only after the store said it has both files; none is doubled, because of the names.
"""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple

from ._faults import StorageFault

__all__ = ["Batch", "Spool"]

BATCH = 500
"""Predictions in one pair of files, at most."""
MOST_MEGABYTES = 1024

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS spool (id TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS prediction (seq INTEGER PRIMARY KEY AUTOINCREMENT, input_folder TEXT NOT NULL,"
    " input_line TEXT NOT NULL, output_folder TEXT NOT NULL, output_line TEXT NOT NULL, batch INTEGER)",
    "CREATE TABLE IF NOT EXISTS batch (id INTEGER PRIMARY KEY AUTOINCREMENT)",
    "CREATE INDEX IF NOT EXISTS prediction_batch ON prediction (batch)",
)

Pair = tuple[tuple[str, str], tuple[str, str]]
"""`(folder, line)` of the input and of the output."""


class Batch(NamedTuple):
    """Two files to send: `{path under the store: bytes}`, and how many predictions they hold."""

    number: int
    files: dict[str, bytes]
    predictions: int


class Spool:
    """The file of one device. Any thread may call; one thread writes, and writes what came meanwhile at once.

    Args:
        file: the SQLite file; made where it is missing.
        device: how this device names its files.
        most_megabytes: a spool this large takes no more.

    Raises:
        StorageFault: the file cannot be opened or is no spool.
    """

    def __init__(self, file: Path, device: str, most_megabytes: int = MOST_MEGABYTES) -> None:
        self._file, self._most = file, most_megabytes << 20
        self._waiting: queue.SimpleQueue[tuple[Pair, Future[None]] | None] = queue.SimpleQueue()
        with self._faults(), self._open() as base:
            for statement in SCHEMA:
                base.execute(statement)
            base.execute("INSERT INTO spool SELECT ? WHERE NOT EXISTS (SELECT 1 FROM spool)", (uuid.uuid4().hex[:12],))
            (spool,) = base.execute("SELECT id FROM spool").fetchone()
        self._name = f"{device}-{spool}"
        self._writer = threading.Thread(target=self._write, name="spool", daemon=True)
        self._writer.start()

    def keep(self, pair: Pair) -> None:
        """Put one prediction on the disk; returns when it would survive a cut of the power.

        Raises:
            StorageFault: the disk is full or broken, or the spool is as large as it may be.
        """
        done: Future[None] = Future()
        self._waiting.put((pair, done))
        done.result()

    def waiting(self) -> int:
        """How many predictions wait."""
        with self._faults(), self._open() as base:
            return int(base.execute("SELECT count(*) FROM prediction").fetchone()[0])

    def next_batch(self) -> Batch | None:
        """The oldest batch that was not sent; bound now where none is, None where nothing waits.

        Raises:
            StorageFault: the disk will not take the binding.
        """
        with self._faults(), self._open() as base:
            found = base.execute("SELECT min(id) FROM batch").fetchone()[0]
            number = found if found is not None else self._bind(base)
            if number is None:
                return None
            rows = base.execute(
                "SELECT input_folder, input_line, output_folder, output_line FROM prediction "
                "WHERE batch = ? ORDER BY seq",
                (number,),
            ).fetchall()
        name = f"{self._name}-{number:08d}.jsonl"
        files: dict[str, bytes] = {}
        for folder, line in [*((row[0], row[1]) for row in rows), *((row[2], row[3]) for row in rows)]:
            files[f"{folder}/{name}"] = files.get(f"{folder}/{name}", b"") + line.encode() + b"\n"
        return Batch(number, files, len(rows))

    def sent(self, batch: Batch) -> None:
        """Forget a batch whose files the store has."""
        with self._faults(), self._open() as base:
            base.execute("DELETE FROM prediction WHERE batch = ?", (batch.number,))
            base.execute("DELETE FROM batch WHERE id = ?", (batch.number,))

    def close(self) -> None:
        """Write what came and stop."""
        self._waiting.put(None)
        self._writer.join()

    def _bind(self, base: sqlite3.Connection) -> int | None:
        oldest = base.execute("SELECT input_folder FROM prediction ORDER BY seq LIMIT 1").fetchone()
        if oldest is None:
            return None
        number = base.execute("INSERT INTO batch DEFAULT VALUES").lastrowid
        base.execute(
            "UPDATE prediction SET batch = ? WHERE seq IN "
            "(SELECT seq FROM prediction WHERE input_folder = ? ORDER BY seq LIMIT ?)",
            (number, oldest[0], BATCH),
        )
        return number

    def _write(self) -> None:
        while True:
            came = [self._waiting.get()]
            while came[-1] is not None and not self._waiting.empty():
                came.append(self._waiting.get())
            asked = [one for one in came if one is not None]
            try:
                if asked:
                    self._insert([pair for pair, _ in asked])
                fault = None
            except StorageFault as error:
                fault = error
            for _, done in asked:
                done.set_exception(fault) if fault else done.set_result(None)
            if came[-1] is None:
                return

    def _insert(self, pairs: list[Pair]) -> None:
        rows = [(*one, *other) for one, other in pairs]
        with self._faults(), self._open() as base:
            pages = [base.execute(f"PRAGMA {fact}").fetchone()[0] for fact in ("page_count", "freelist_count")]
            if (pages[0] - pages[1]) * base.execute("PRAGMA page_size").fetchone()[0] > self._most:
                raise StorageFault(
                    f"the spool holds {self._most >> 20} MB of predictions that nobody has fetched",
                    place=str(self._file),
                    next_command="bring the connection back, or `forward` to a folder by hand",
                )
            base.executemany(
                "INSERT INTO prediction (input_folder, input_line, output_folder, output_line) VALUES (?, ?, ?, ?)",
                rows,
            )

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """One transaction, on the disk when the block ends."""
        base = sqlite3.connect(self._file, timeout=30.0, isolation_level=None)
        try:
            base.execute("PRAGMA journal_mode = WAL")
            base.execute("PRAGMA synchronous = FULL")
            base.execute("BEGIN IMMEDIATE")
            yield base
            base.execute("COMMIT")
        finally:
            base.close()  # what was not committed is undone

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StorageFault(f"the spool cannot be used: {error}", place=str(self._file)) from error
