"""One at a time, across threads, processes and hosts that share a database: one move, one start of a server.

SQLite lives on one host: a lock on a file beside it. PostgreSQL may be shared by many: an advisory lock, held by a
connection of its own so that a killed server lets go.
"""

from __future__ import annotations

import threading
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any

from homologate.errors import ServiceError

__all__ = ["Turnstile"]


class Turnstile:
    """A context manager that only one holder may be inside of. Not re-entrant.

    Args:
        database: the SQLAlchemy address of the registry's database.
        name: turnstiles of different names do not wait for each other.

    Raises:
        ServiceError: a database that offers no such lock.
    """

    def __init__(self, database: str, name: str = "moves") -> None:
        from sqlalchemy.engine import make_url

        url = make_url(database)
        self._held = threading.local()
        self._file: Path | None = None
        self._engine: Any = None
        if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
            self._file = Path(url.database).resolve().with_name(f"{Path(url.database).name}.{name}.lock")
        elif url.get_backend_name() == "postgresql":
            from sqlalchemy import create_engine
            from sqlalchemy.pool import NullPool

            self._engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
            self._key = zlib.crc32(f"homologate.{name}".encode())
        else:
            raise ServiceError(
                f"the gate cannot keep {url.get_backend_name()!r} consistent",
                place="--backend-store-uri",
                legal="sqlite:///FILE, postgresql://…",
            )

    def __enter__(self) -> None:
        if self._file is not None:
            import fcntl

            handle = open(self._file, "a")  # closed by __exit__; closing is what lets go
            fcntl.flock(handle, fcntl.LOCK_EX)
            self._held.by = handle
        else:
            from sqlalchemy import text

            connection = self._engine.connect()
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": self._key})
            self._held.by = connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.by.close()
