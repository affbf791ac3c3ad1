"""A ledger of its own in PostgreSQL, and the people who may append to it: what a pipeline has beside Azure ML."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

PEOPLE = ("rita", "ann", "bob", "ada", "author")


def ledger_for(server: str, people: Sequence[str] = PEOPLE) -> str:
    """The address of a new ledger whose tables their owner made; `people` may read it and append to it.

    Args:
        server: SQLAlchemy address of a PostgreSQL as its owner, without a database name.
        people: roles; made where they are missing.
    """
    from sqlalchemy import create_engine, text

    from registry_promotion.ledger import Ledger
    from registry_promotion.outbox import Outbox

    name = f"t{uuid.uuid4().hex}"
    engine = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        known = set(connection.execute(text("SELECT rolname FROM pg_roles")).scalars())
        for person in set(people) - known:
            connection.execute(text(f'CREATE ROLE "{person}" LOGIN'))
    engine.dispose()
    ledger = f"{server}/{name}"
    Ledger(ledger).close()
    Outbox(ledger)
    owner = create_engine(ledger, isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        for person in people:
            granted = f'GRANT SELECT, INSERT, UPDATE ON homologate_ledger, homologate_told TO "{person}"'
            connection.execute(text(granted))
    owner.dispose()
    return ledger
