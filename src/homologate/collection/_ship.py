"""Ship: from the spool to the store, each accepted line exactly once.

A segment that is ready never changes and is stored under its own name, one file a folder it speaks of. So a shipper
that died half way does the same again, finds the names taken, and goes on; only when every file is in the store does
the segment leave the spool. One shipper works on a spool at a time (a lock on the folder).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from homologate.collection._layout import FORGOTTEN, Place
from homologate.collection._reading import events, places
from homologate.collection._store import Store
from homologate.errors import StorageError
from homologate.scorer.collector import adopt

__all__ = ["locked", "read_segment", "ship", "tombstones"]

LOCK = "shipping.lock"
BROKEN = ".broken"
_CORRELATION = re.compile(rb'"correlationid":"((?:[^"\\]|\\.)*)"')


def ship(spool: str | os.PathLike[str], store: Store, *, patience: float = 0.0) -> dict[str, int]:
    """Move every segment that is ready into the store.

    Args:
        spool: the folder; missing counts as empty.
        store: where to.
        patience: seconds to wait for another shipper of the same spool.

    Returns:
        Counts: `segments`, `records` stored now, `known` (stored before, by a shipper that died), `forgotten` (held
        back by a tombstone), `broken` (lines no writer of ours made; kept beside the spool as `<segment>.broken`).

    Raises:
        StorageError: the store or the spool will not; what was not shipped stays in the spool.
    """
    counts = Counter(dict.fromkeys(("segments", "records", "known", "forgotten", "broken"), 0))
    folder = Path(spool)
    if not folder.is_dir():
        return dict(counts)
    with locked(folder, patience), _spool_faults(folder):
        for segment in adopt(folder):
            _ship_one(segment, store, counts)
    return dict(counts)


def _ship_one(segment: Path, store: Store, counts: Counter[str]) -> None:
    files, broken = read_segment(segment.read_bytes())
    gone: dict[tuple[str, str], set[str]] = {}
    for folder, lines in files.items():
        name = f"{folder}/{segment.stem}.jsonl"
        place = Place(name)
        version = (place.model, place.version)
        if version not in gone:
            gone[version] = tombstones(store, *version)
        kept = [line for line in lines if not gone[version] or _correlation(line) not in gone[version]]
        counts["forgotten"] += len(lines) - len(kept)
        if kept:
            stored = store.put(name, b"\n".join(kept) + b"\n")
            counts["records" if stored else "known"] += len(kept)
    if broken:
        segment.with_suffix(BROKEN).write_bytes(b"\n".join(broken) + b"\n")
        counts["broken"] += len(broken)
    segment.unlink()
    counts["segments"] += 1


def read_segment(data: bytes) -> tuple[dict[str, list[bytes]], list[bytes]]:
    """The lines of a segment by folder, and the lines no writer of ours made."""
    files: dict[str, list[bytes]] = {}
    broken = []
    for line in data.split(b"\n"):
        parts = line.split(b"\t")
        if len(parts) % 2 == 0 and all(map(_is_folder, parts[::2])):
            for folder, content in zip(parts[::2], parts[1::2], strict=True):
                files.setdefault(folder.decode(), []).append(content)
        elif line:
            broken.append(line)
    return files, broken


def tombstones(store: Store, model: str, version: str) -> set[str]:
    """The prediction ids of one version that were forgotten."""
    return {
        event["correlationid"]
        for place in places(store, model, version, FORGOTTEN)
        for event in events(store.read(place.name), Counter())
    }


@contextlib.contextmanager
def locked(spool: Path, patience: float) -> Iterator[None]:
    """Hold the right to ship or change what is ready in a spool.

    Raises:
        StorageError: another process holds it and does not give it back in time.
    """
    deadline = time.monotonic() + patience
    with open(spool / LOCK, "a") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise StorageError(
                        "another process is shipping this spool",
                        place=str(spool),
                        next_command="wait for it, or: homologate where",
                    ) from None
                time.sleep(0.05)
        yield


@contextlib.contextmanager
def _spool_faults(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"the spool will not: {error.strerror or error}", place=str(folder)) from error


def _correlation(line: bytes) -> str:
    found = _CORRELATION.search(line)
    return found[1].decode() if found else ""


def _is_folder(name: bytes) -> bool:
    try:
        Place(f"{name.decode()}/a.jsonl")
    except ValueError:
        return False
    return True
