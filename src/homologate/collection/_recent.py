"""The store and, before it, what this machine has kept and not shipped yet: what was answered a moment ago is there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from homologate.collection._places import spool_of, store_of
from homologate.collection._ship import read_segment
from homologate.collection._store import Store
from homologate.scorer.collector import OPEN, READY

if TYPE_CHECKING:
    from homologate.settings import Settings

__all__ = ["Recent", "recent_of"]


class Recent:
    """A store to read from: a segment of the spool has the name it will have in the store, so nothing is there twice.

    The spool is read once, when this is made; take a new one for a new look. Writing goes to the store.

    Args:
        store: where shipped lines are.
        spool: this machine's.
    """

    def __init__(self, store: Store, spool: Path) -> None:
        self.store = store
        self.spooled: dict[str, bytes] = {}
        """What is in the spool, by the name it will have in the store."""
        for segment in [*spool.glob(f"*{OPEN}"), *spool.glob(f"*{READY}")]:
            lines = _lines(segment)
            for folder, found in lines.items():
                self.spooled[f"{folder}/{segment.stem}.jsonl"] = b"\n".join(found) + b"\n"
        self.put, self.replace, self.delete = store.put, store.replace, store.delete

    def __str__(self) -> str:
        return str(self.store)

    def names(self, prefix: str = "") -> Iterator[str]:
        """See `Store`."""
        yield from sorted({*self.store.names(prefix), *(name for name in self.spooled if name.startswith(prefix))})

    def read(self, name: str) -> bytes:
        """See `Store`."""
        return self.spooled[name] if name in self.spooled else self.store.read(name)


def _lines(segment: Path) -> dict[str, list[bytes]]:
    """What a segment holds by folder; nothing where it was shipped a moment ago, for then it is in the store."""
    for path in (segment, segment.with_suffix(READY)):  # the collector may close it between the look and the reading
        with contextlib.suppress(FileNotFoundError):
            return read_segment(path.read_bytes())[0]
    return {}


def recent_of(settings: Settings) -> Recent:
    """The store and the spool the settings name. Raises as `store_of`."""
    return Recent(store_of(settings), spool_of(settings))
