"""How far each channel was told: one number a channel, beside the ledger. The ledger itself is the outbox."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, MetaData, String, Table, create_engine, insert, select, update
from sqlalchemy.exc import IntegrityError

__all__ = ["Outbox"]

_METADATA = MetaData()
_TOLD = Table(
    "homologate_told",
    _METADATA,
    Column("channel", String(32), primary_key=True),
    Column("seq", BigInteger, nullable=False),
)


class Outbox:
    """Progress of the channels over one ledger.

    Args:
        database: the SQLAlchemy address of the ledger's database.
    """

    def __init__(self, database: str) -> None:
        self._engine = create_engine(database, pool_pre_ping=True)
        _METADATA.create_all(self._engine)

    def told(self, channel: str, head: int) -> int:
        """The number of the last row a channel was told of; a channel that is new begins after `head`.

        Args:
            channel: its name.
            head: number of the ledger's last row. A number beyond it is of a ledger that an older database replaced.
        """
        one = _TOLD.c.channel == channel
        with self._engine.begin() as connection:
            found = connection.execute(select(_TOLD.c.seq).where(one)).scalar()
        if found is not None:
            return min(int(found), head)
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(_TOLD).values(channel=channel, seq=head))
        except IntegrityError:  # another process of this server was first
            return self.told(channel, head)
        return head

    def tell(self, channel: str, seq: int) -> None:
        """Remember that a channel was told of every row up to `seq`."""
        with self._engine.begin() as connection:
            connection.execute(update(_TOLD).where(_TOLD.c.channel == channel).values(seq=seq))
