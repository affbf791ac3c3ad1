"""The collector: takes records without waiting, and writes them to the spool on a thread of its own.

What becomes of a record, in counts that add up (`Collector.counts`):

    offered    the answer was made and the record handed over
    waiting    in memory, behind at most `most_waiting` others; the death of the process loses it
    accepted   its line stands whole in the spool: the death of the process cannot lose it, and after at most
               `sync_seconds` more neither can the death of the machine
    dropped    never accepted, by reason: `queue` (too many waiting), `spool` (nothing was shipped for long), `disk`
               (the disk took nothing until the end), `fault` (it could not be written as JSON)

A record is accepted within about `PAUSE` seconds. A disk that takes nothing is asked again every second; meanwhile
records wait, then drop.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import time
import weakref
from collections import Counter, deque
from collections.abc import Sequence

from ._privacy import Privacy
from ._record import Record, pairs
from ._spool import Spool, SpoolFull, spool_line

__all__ = ["Collector"]

PAUSE = 0.05
"""Seconds between a record and the write that takes it and its neighbours along: twenty writes a second at most."""
RETRY_SECONDS = 1.0


class Collector:
    """See the module. Safe from any thread; the spool is opened and the thread begun by the first record.

    Args:
        spool: where accepted lines go.
        privacy: what of a text is kept.
        most_waiting: records that may wait in memory.
        most_characters: of text that may wait in memory.
        sync_seconds: how long an accepted record may not yet be forced to the disk.
    """

    def __init__(
        self,
        spool: Spool,
        privacy: Privacy,
        *,
        most_waiting: int = 10_000,
        most_characters: int = 64 << 20,
        sync_seconds: float = 1.0,
    ) -> None:
        self.spool, self.privacy = spool, privacy
        self.most_waiting, self.most_characters, self.sync_seconds = most_waiting, most_characters, sync_seconds
        self._begin()
        weakly = weakref.WeakMethod(self._forked)
        os.register_at_fork(after_in_child=lambda: (weakly() or _nothing)())
        atexit.register(self.close)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Record] = deque()
        self._characters = 0
        self._offered = self._accepted = 0
        self._dropped: Counter[str] = Counter()
        self._wake = threading.Event()
        self._ended = False
        self._synced = time.monotonic()
        self._thread: threading.Thread | None = None

    def offer(self, record: Record) -> bool:
        """Hand a record over; False where it was dropped at once. Never waits, never raises."""
        with self._lock:
            self._offered += 1
            if (
                self._ended
                or len(self._waiting) >= self.most_waiting
                or self._characters + len(record.text) > self.most_characters
            ):
                self._dropped["queue"] += 1
                return False
            self._waiting.append(record)
            self._characters += len(record.text)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="collector", daemon=True)
                self._thread.start()
        self._wake.set()
        return True

    def counts(self) -> dict[str, int]:
        """`offered`, `waiting`, `accepted` and `dropped_<reason>`; the first is always the sum of the others."""
        with self._lock:
            return {
                "offered": self._offered,
                "accepted": self._accepted,
                "waiting": self._offered - self._accepted - self._dropped.total(),
                **{f"dropped_{reason}": self._dropped[reason] for reason in ("queue", "spool", "disk", "fault")},
            }

    def close(self, seconds: float = 10.0) -> None:
        """Write what waits and leave the segment to the shipper; what the disk does not take by then is dropped."""
        with self._lock:
            thread, self._ended = self._thread, True
        if thread is not None:
            self._wake.set()
            thread.join(seconds)
        atexit.unregister(self.close)

    def _run(self) -> None:
        """Until closed: wait for records, gather for a moment, write them in one go, force them to the disk in time."""
        while not self._ended or self._waiting:
            self._wake.wait(self.sync_seconds)
            if not self._ended:
                time.sleep(PAUSE)
            self._wake.clear()
            self._write()
            self._secure()
        with contextlib.suppress(OSError):
            self.spool.roll()

    def _secure(self) -> None:
        """Force what was written to the disk where it is time, and leave a segment that is due to the shipper."""
        if time.monotonic() - self._synced >= self.sync_seconds:
            self._synced = time.monotonic()
            with contextlib.suppress(OSError):
                self.spool.sync()
        if self.spool.due:
            with contextlib.suppress(OSError):
                self.spool.roll()

    def _write(self) -> None:
        """Move everything that waits into the spool; where it never ends, secure it on the way."""
        while batch := self._taken():
            lines = self._lines(batch)
            while lines:
                try:
                    self.spool.append(lines)
                except SpoolFull:
                    return self._count(len(lines), "spool")
                except OSError:
                    if self._ended:
                        return self._count(len(lines), "disk")
                    self._wake.clear()
                    time.sleep(RETRY_SECONDS)
                else:
                    self._count(len(lines), None)
                    self._secure()
                    break
        return None

    def _taken(self, most: int = 500) -> list[Record]:
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
            self._characters -= sum(len(record.text) for record in batch)
        return batch

    def _lines(self, batch: Sequence[Record]) -> list[bytes]:
        lines = []
        for record in batch:
            try:
                lines.append(spool_line(pairs(record, self.privacy)))
            except (ValueError, TypeError, OverflowError, UnicodeError, OSError):
                self._count(1, "fault")  # a record that cannot be written must not keep the others
        return lines

    def _count(self, records: int, reason: str | None) -> None:
        with self._lock:
            if reason is None:
                self._accepted += records
            else:
                self._dropped[reason] += records

    def _forked(self) -> None:
        """In a child process: the parent writes what waits; here begins an own thread and segment."""
        self._begin()
        self.spool.forked()


def _nothing() -> None:
    return None
