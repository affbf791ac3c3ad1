"""The table of the ledger in MLflow's own database, and what each database does to keep it whole and append-only.

SQLite: `BEGIN IMMEDIATE` and a full sync; PostgreSQL: serialisable transactions, the table's lock, triggers. Rows and
their hashes are not known here (`registry_promotion.ledger`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Engine, MetaData, String, Table, Text, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from homologate.errors import ServiceError, StorageError, UsageError

__all__ = ["ROWS", "engine_of", "made", "told"]

_METADATA = MetaData()
ROWS = Table(
    "homologate_ledger",
    _METADATA,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("row", Text, nullable=False),
)


_GUARDED = (
    "SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = to_regclass('homologate_ledger') AND tgname = :trigger)"
)


def engine_of(database: str) -> Engine:
    """An engine whose transactions begin when the ledger says so.

    Raises:
        UsageError: neither SQLite (in a file) nor PostgreSQL.
    """
    url = make_url(database)
    name = url.get_backend_name()
    if name == "postgresql":
        return create_engine(url, isolation_level="SERIALIZABLE", pool_pre_ping=True)
    if name != "sqlite" or url.database in (None, "", ":memory:"):
        raise UsageError(
            f"the ledger cannot be kept in {url.render_as_string(hide_password=True)!r}",
            place="--backend-store-uri",
            legal="sqlite:///FILE, postgresql://…",
        )
    engine = create_engine(url, connect_args={"timeout": 60})

    @event.listens_for(engine, "connect")
    def _ours(connection: Any, _record: Any) -> None:
        # The driver's own transactions begin late; the ledger's begin when it says so.
        connection.isolation_level = None
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def _immediately(connection: Connection) -> None:
        reading = connection.get_execution_options().get("homologate_reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def made(engine: Engine) -> None:
    """The table and the triggers that refuse changes, made once, though many servers start at once.

    On PostgreSQL this needs READ COMMITTED: whoever waited for the lock must see the table the first one made.
    """
    statements: Sequence[str]
    if engine.dialect.name == "sqlite":
        statements = [
            f"CREATE TRIGGER IF NOT EXISTS {ROWS.name}_no_{verb} BEFORE {verb} ON {ROWS.name} "
            "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
            for verb in ("UPDATE", "DELETE")
        ]
    else:
        statements = [
            "CREATE OR REPLACE FUNCTION homologate_append_only() RETURNS trigger AS "
            "$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$ LANGUAGE plpgsql",
            f"CREATE OR REPLACE TRIGGER {ROWS.name}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {ROWS.name} "
            "FOR EACH STATEMENT EXECUTE FUNCTION homologate_append_only()",
        ]
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('homologate_ledger'))"))
            if connection.execute(text(_GUARDED), {"trigger": f"{ROWS.name}_no_change"}).scalar():
                return  # who may only append need not own what was made once
        _METADATA.create_all(connection)
        for statement in statements:
            connection.execute(text(statement))


@contextmanager
def told(doing: str) -> Iterator[None]:
    """Turn the database's errors into ours."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        kind = ServiceError if "connect" in str(cause).lower() else StorageError
        raise kind(f"cannot {doing} the ledger: {str(cause).strip()}", place="the registry's database") from error
