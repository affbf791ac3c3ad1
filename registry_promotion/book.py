"""The book: what the ledger says, read as requests and placements, and turns at writing it.

Every answer comes from the committed rows. What was folded once is kept and only new rows are read; if the row it stood
on is gone, an older database was put back or rows were changed, and that is said instead of silently believed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from homologate.attest.statements import timestamp
from homologate.errors import RefusedError, StorageError
from registry_promotion.checks import moment
from registry_promotion.ledger import Entry, Ledger, Row, Writer
from registry_promotion.lifecycle import stage_named
from registry_promotion.standing import Standing
from registry_promotion.states import Placement

__all__ = ["Book"]

REPEATED_REFUSAL = timedelta(minutes=10)
"""The same refusal of the same person is recorded once in this time, so that trying again does not flood the ledger."""


class Book:
    """One ledger, understood. Safe to use from many threads and, over one database, from many processes.

    Args:
        ledger: where everything is recorded.
        clock: what time it is; the real one by default.
    """

    def __init__(self, ledger: Ledger, *, clock: Callable[[], datetime] | None = None) -> None:
        self.ledger = ledger
        self._clock = clock or (lambda: datetime.now(UTC))
        self._standing = Standing()
        self._lock = threading.RLock()

    def current(self, model: str, stage: str, at: datetime | str | None = None) -> str | None:
        """The version the ledger says stands in a stage, now or at a moment; None where none does.

        Args:
            model: registered name.
            stage: a guarded stage.
            at: a moment with a time zone, or ISO text; a bare date means the end of that day in UTC.
        """
        found = self._now_standing().current(model, stage_named(stage), moment(at))
        return found.version if found else None

    def standing(self, model: str, stage: str, at: datetime | str | None = None) -> dict[str, Any] | None:
        """As `current`, with since when, by whom, how, and whether a broken glass is overdue."""
        standing = self._now_standing()
        found = standing.current(model, stage_named(stage), moment(at))
        return found.facts(moment(at) or self._now(standing)) if found else None

    def overdue(self) -> list[Placement]:
        """What stands by a broken glass for longer than it was good for."""
        standing = self._now_standing()
        now = self._now(standing)
        placed = [one for stages in standing.placements.values() for one in stages.values()]
        return [one for one in placed if one.expires_at and now > one.expires_at]

    def history(self, model: str) -> list[dict[str, Any]]:
        """The rows of a model, oldest first."""
        return [row.facts() for row in self.ledger.rows_at(self._now_standing().rows.get(model, []))]

    def models(self) -> list[str]:
        """The models the ledger knows."""
        return sorted(self._now_standing().rows)

    def judged(self) -> dict[tuple[str, str], int]:
        """Every version that was ever requested or moved into a guarded stage: it may no longer change or vanish.

        Returns:
            By model and version, the number of the last row about it.
        """
        return self._now_standing().judged

    def digest_of(self, model: str, version: str) -> str | None:
        """The digest the ledger last recorded for a version."""
        return self._now_standing().digests.get((model, version))

    def placements(self, model: str, version: str) -> list[dict[str, Any]]:
        """Where a version stood, oldest first: as `standing`, with `until`, which is None where it still stands."""
        found: list[dict[str, Any]] = []
        there: Placement | None = None
        for when, stages in self._now_standing().timeline.get(model, []):
            now = next((one for one in stages.values() if one.version == version), None)
            if now == there:
                continue
            if there is not None:
                found[-1]["until"] = timestamp(when)
            if now is not None:
                found.append({**now.facts(), "until": None})
            there = now
        return found

    def versions_of(self, digest: str) -> list[tuple[str, str]]:
        """Model and version of everything the ledger recorded under these bytes, oldest first."""
        return [known for known, recorded in self._now_standing().digests.items() if recorded == digest]

    def knows(self, digest: str) -> bool:
        """Whether the ledger ever recorded anything about these bytes."""
        return digest in self._now_standing().digests.values()

    def head(self) -> str:
        """The hash of the last row: cheap, and new whenever anything changed."""
        return self.ledger.head().hash

    def ledger_head(self) -> dict[str, Any]:
        """The head for publication: `{"head": hash, "rows": number}`."""
        head = self.ledger.head()
        return {"head": head.hash, "rows": head.seq}

    def export(self) -> Iterator[str]:
        """The ledger, one row a line, for `registry_promotion.verifier`."""
        for line in self.ledger.export():
            yield line.decode("ascii")

    def _now_standing(self) -> Standing:
        """What the committed rows say, read no further than what is new."""
        with self._lock:
            rows = self.ledger.rows(after=max(0, self._standing.seq - 1))
            return self._folded(rows)

    def _folded(self, rows: list[Row]) -> Standing:
        known = self._standing
        if known.seq:
            if not rows or (rows[0].seq, rows[0].hash) != (known.seq, known.hash):
                raise StorageError(
                    f"the ledger is not the one it was: row {known.seq} with hash {known.hash[:12]}… is gone; an older "
                    "database was put back, or rows were changed",
                    next_command="homologate audit verify FILE --head HASH, with the head you published",
                )
            rows = rows[1:]
        self._standing = known.grown(rows)
        return self._standing

    @contextmanager
    def _writing(self) -> Iterator[tuple[Writer, Standing]]:
        """A turn at writing, with everything committed before it already known."""
        with self.ledger.writing() as writer, self._lock:
            yield writer, self._folded(writer.rows(after=max(0, self._standing.seq - 1)))

    def _now(self, standing: Standing) -> datetime:
        """The time, but never before the last row's: a clock set back brings no approval back to life."""
        return max(self._clock(), standing.at) if standing.at else self._clock()

    def _record_refusal(self, model: str, version: str, stage: str, user: str | None, error: RefusedError) -> None:
        key = (model, version, stage, user or "", error.problem)
        with self._writing() as (writer, standing):
            latest = standing.refused.get(key)
            if latest is None or writer.now() - latest > REPEATED_REFUSAL:
                writer.append(Entry("refusal", user or "", model, version, stage, reason=error.problem))
