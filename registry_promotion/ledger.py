"""The ledger: who decided what about which bytes, when and why. Append-only, hash-chained, in MLflow's own database.

A row is its bytes: canonical text that begins with the hash of the row before it and its own number, stored beside its
SHA-256. Everything known about requests, approvals and stages is worked out from the rows and nowhere else kept.

Writers take turns: on SQLite by `BEGIN IMMEDIATE`, on PostgreSQL by a serialisable transaction that holds the table's
exclusive lock. A row is committed whole or not at all, so a kill at any instant leaves neither a gap nor half a row
(tests/promotion/test_the_ledger_survives_kill.py). Triggers refuse to change or delete rows; they guard against slips,
not against whoever owns the database: that is what a published head is for (`registry_promotion.verifier`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select, text

from homologate.attest.statements import timestamp
from homologate.errors import DataError, StorageError, UsageError
from registry_promotion.ledger_table import ROWS, engine_of, made, told
from registry_promotion.verifier import FIRST, Verdict, line_of, verify

__all__ = ["KINDS", "Entry", "Head", "Ledger", "Row", "Writer"]

KINDS = (
    "approval",
    "break_glass",
    "note",
    "refusal",
    "rejection",
    "request",
    "rollback",
    "transition",
)

VERIFY = "homologate audit verify"


class Head(NamedTuple):
    """The end of the ledger: publish it where nobody who can write the database can write."""

    seq: int
    hash: str


@dataclass(frozen=True)
class Entry:
    """What is to be recorded.

    Attributes:
        kind: one of `KINDS`.
        who: the authenticated account.
        model: registered name; empty for a note about none.
        version: version number, as text.
        stage: the stage it is about.
        digest: the bytes it is about, or None.
        policy_digest: the rules it was decided by, or None.
        reason: in the person's words.
        payload: whatever else belongs to it, JSON-serialisable.
    """

    kind: str
    who: str
    model: str = ""
    version: str = ""
    stage: str = ""
    digest: str | None = None
    policy_digest: str | None = None
    reason: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One recorded row.

    Attributes:
        seq: its number, from 1.
        hash: SHA-256 of its bytes.
        previous: hash of the row before.
        at: when it was written, with a time zone; never before the row before it.
        entry: what was recorded.
        text: its bytes, as text.
    """

    seq: int
    hash: str
    previous: str
    at: datetime
    entry: Entry
    text: str

    def facts(self) -> dict[str, Any]:
        """The row as JSON-serialisable facts."""
        return {**json.loads(self.text), "hash": self.hash}


class Ledger:
    """The ledger in one database.

    Args:
        database: a SQLAlchemy address (`sqlite:///mlflow.db`, `postgresql://…`), the same as MLflow's.
        clock: what time it is; the real one by default.

    Raises:
        UsageError: neither SQLite (in a file) nor PostgreSQL.
        StorageError: the database cannot be opened or its tables not made.
    """

    def __init__(self, database: str, *, clock: Callable[[], datetime] | None = None) -> None:
        self._engine = engine_of(database)
        # Readers take no turn: they see what is committed and hold nobody up.
        calm = {"isolation_level": "READ COMMITTED"} if self._engine.dialect.name == "postgresql" else {}
        self._reader = self._engine.execution_options(homologate_reading=True, **calm)
        self._clock = clock or (lambda: datetime.now(UTC))
        with told("open"):
            made(self._engine.execution_options(**calm))

    def account(self) -> str | None:
        """Whom the database authenticated us as; None on SQLite, which knows nobody."""
        if self._engine.dialect.name == "sqlite":
            return None
        with told("read"), self._reader.connect() as connection:
            return str(connection.execute(text("SELECT session_user")).scalar_one())

    def append(self, entry: Entry) -> Row:
        """Record one entry.

        Raises:
            UsageError: an unknown kind.
            StorageError: the database did not take it; then nothing was recorded.
        """
        with self.writing() as writer:
            return writer.append(entry)

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """A turn at writing: read what there is, decide, append. Nobody else writes meanwhile; all or nothing is kept.

        Raises:
            StorageError: the database did not take it; then nothing was recorded.
        """
        with told("write"), self._engine.connect() as connection, connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"LOCK TABLE {ROWS.name} IN EXCLUSIVE MODE"))
            yield Writer(connection, self._clock)

    def head(self) -> Head:
        """The number and hash of the last row; `Head(0, "000…")` where there is none."""
        with told("read"), self._reader.connect() as connection:
            return _head(connection)

    def rows(self, after: int = 0) -> list[Row]:
        """The rows numbered above `after`, oldest first.

        Raises:
            StorageError: the database cannot be read, or a row is not one.
        """
        with told("read"), self._reader.connect() as connection:
            return _rows(connection, after)

    def rows_at(self, numbers: Sequence[int]) -> list[Row]:
        """The rows of these numbers, oldest first."""
        found: list[Row] = []
        with told("read"), self._reader.connect() as connection:
            for first in range(0, len(numbers), 500):
                some = ROWS.c.seq.in_(numbers[first : first + 500])
                rows = connection.execute(select(ROWS).where(some).order_by(ROWS.c.seq))
                found += [_read(seq, digest, told) for seq, digest, told in rows]
        return found

    def export(self) -> Iterator[bytes]:
        """Every row as one line of an export, line breaks included, for `registry_promotion.verifier`."""
        with told("read"), self._reader.connect() as connection:
            found = connection.execution_options(yield_per=1000).execute(select(ROWS).order_by(ROWS.c.seq))
            for _, digest, row in found:
                yield line_of(row.encode("ascii"), digest) + b"\n"

    def verify(self, head: str | None = None) -> Verdict:
        """Check the chain as it stands in the database, against a published head if one is given."""
        return verify(self.export(), head)

    def close(self) -> None:
        """Let the database go."""
        self._engine.dispose()


class Writer:
    """One turn at writing (see `Ledger.writing`)."""

    def __init__(self, connection: Connection, clock: Callable[[], datetime]) -> None:
        self._connection, self._clock = connection, clock

    def rows(self, after: int = 0) -> list[Row]:
        """The rows numbered above `after`, those of this turn included."""
        return _rows(self._connection, after)

    def head(self) -> Head:
        """The end of the ledger, rows of this turn included."""
        return _head(self._connection)

    def now(self) -> datetime:
        """The time of the next row: the clock's, but never before the last row's: setting it back undoes nothing."""
        last = self._last()
        return max(self._clock(), last.at) if last else self._clock()

    def append(self, entry: Entry) -> Row:
        """Record one entry; kept when the turn ends well.

        Raises:
            UsageError: an unknown kind.
            DataError: the payload holds what JSON has no word for.
        """
        if entry.kind not in KINDS:
            raise UsageError(f"no kind of row {entry.kind!r}", place="ledger", legal=KINDS)
        head = self.head()
        row = _written(head, self.now(), entry)
        self._connection.execute(insert(ROWS).values(seq=row.seq, hash=row.hash, row=row.text))
        return row

    def _last(self) -> Row | None:
        head = self.head()
        return self.rows(head.seq - 1)[0] if head.seq else None


def _written(head: Head, at: datetime, entry: Entry) -> Row:
    """The row that follows `head`. Pure ASCII on one line, so that no reader splits or decodes it otherwise."""
    rest = {
        "at": timestamp(at),
        "kind": entry.kind,
        "who": entry.who,
        "model": entry.model,
        "version": entry.version,
        "stage": entry.stage,
        "digest": entry.digest,
        "policy_digest": entry.policy_digest,
        "reason": entry.reason,
        "payload": dict(entry.payload),
    }
    try:
        told = json.dumps({"previous": head.hash, "seq": head.seq + 1, **rest}, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(f"cannot be recorded: {error}", place="ledger", legal="what JSON has a word for") from error
    return _read(head.seq + 1, sha256(told.encode("ascii")).hexdigest(), told)


def _read(seq: int, digest: str, told: str) -> Row:
    """A row from what the database holds.

    Raises:
        StorageError: it is not a row.
    """
    try:
        raw = json.loads(told)
        at, previous, number = datetime.fromisoformat(raw.pop("at")), raw.pop("previous"), raw.pop("seq")
        entry = Entry(**raw)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageError(
            f"row {seq} of the ledger is not one: {error}", next_command="homologate audit verify"
        ) from error
    if number != seq:
        raise StorageError(f"row {seq} of the ledger says it is row {number}", next_command="homologate audit verify")
    return Row(seq, digest, previous, at, entry, told)


def _rows(connection: Connection, after: int) -> list[Row]:
    found = connection.execute(select(ROWS).where(ROWS.c.seq > after).order_by(ROWS.c.seq))
    return [_read(seq, digest, told) for seq, digest, told in found]


def _head(connection: Connection) -> Head:
    found = connection.execute(select(ROWS.c.seq, ROWS.c.hash).order_by(ROWS.c.seq.desc()).limit(1)).first()
    return Head(found[0], found[1]) if found else Head(0, FIRST)
