"""Forget one prediction, and let old ones expire."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from homologate.collection._layout import FORGOTTEN, Place, hour_of
from homologate.collection._reading import places
from homologate.collection._ship import locked, read_segment
from homologate.collection._store import Store
from homologate.errors import DataError
from homologate.scorer.collector import OPEN, Judge, adopt, event, folder, spool_line, stamp

__all__ = ["REMAINS", "expire", "forget"]

REMAINS = (
    "the tombstone: the id, who asked and when",
    "rows of training runs that used a reviewed correction of it (MLflow, data/rows.parquet)",
    "monitoring reports that show it as an example",
    "snapshots, soft-deleted blobs and backups of the store, and spools of other machines until they ship",
)
"""What forgetting cannot reach; told each time."""


def forget(store: Store, spool: Path, model: str, identity: str, *, by: str, patience: float = 30.0) -> dict[str, Any]:
    """Remove every line about a prediction from store and spool, and leave a tombstone.

    The tombstone is written first: from then on no reading gives the prediction and no shipper stores it.

    Args:
        store: where shipped lines are.
        spool: this machine's spool.
        model: the model's name.
        identity: the prediction id.
        by: who asked, for the tombstone.
        patience: seconds to wait for a shipper at work.

    Returns:
        Facts: `prediction_id`, `versions`, `removed` (lines), `pending` (lines in a segment still being written, which
        the shipper will hold back), `remains` (what this cannot reach).

    Raises:
        DataError: no line about it anywhere.
        StorageError: store or spool will not.
    """
    spool.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked(spool, patience):
        segments = adopt(spool)
        files = [place for place in places(store, model) if place.collection != FORGOTTEN]
        marked = [place for place in files if _lines_about(store.read(place.name), identity)]
        waiting = {path: _versions(path.read_bytes(), model, identity) for path in [*segments, *spool.glob(f"*{OPEN}")]}
        versions = {place.version for place in marked}.union(*waiting.values())
        if not versions:
            raise DataError(
                f"no line about prediction {identity!r}",
                place=f"{store}, model {model!r}, and {spool}",
                legal="an id an answer gave (prediction_id); of several texts, <id>.<row>",
                next_command="homologate where  # says where predictions are kept",
            )
        for version in sorted(versions):
            _bury(store, model, version, identity, by)
        removed = sum(_rewrite(store, place, identity) for place in marked)
        for path in segments:
            if waiting[path]:
                removed += _rewrite_segment(path, identity)
    pending = sum(len(found) for path, found in waiting.items() if path.suffix == OPEN)
    return {
        "prediction_id": identity,
        "model": model,
        "versions": sorted(versions),
        "removed": removed,
        "pending": pending,
        "remains": list(REMAINS),
    }


def expire(store: Store, days: int, *, now: datetime | None = None) -> int:
    """Delete every file whose hour is older than `days`, tombstones excepted; how many."""
    first = hour_of((now or datetime.now(UTC)) - timedelta(days=days))
    old = [place for place in places(store) if place.hour < first and place.collection != FORGOTTEN]
    for place in old:
        store.delete(place.name)
    return len(old)


def _bury(store: Store, model: str, version: str, identity: str, by: str) -> None:
    now = time.time()
    judge = Judge(model, version, "", ("", ""), "forget")
    line = event(identity, judge, FORGOTTEN, stamp(now), {"prediction_id": identity, "by": by})
    store.put(f"{folder(model, version, FORGOTTEN, now)}/{secrets.token_hex(16)}.jsonl", f"{line}\n".encode())


def _rewrite(store: Store, place: Place, identity: str) -> int:
    data = store.read(place.name)
    kept = [line for line in data.split(b"\n") if line and not _is_about(line, identity)]
    lines = len(_lines_about(data, identity))
    if kept:
        store.replace(place.name, b"\n".join(kept) + b"\n")
    else:
        store.delete(place.name)
    return lines


def _rewrite_segment(path: Path, identity: str) -> int:
    """Called with the spool locked, on a segment that is ready, so nobody else reads or writes it."""
    files, broken = read_segment(path.read_bytes())
    pairs = [(name, line) for name, lines in files.items() for line in lines]
    kept = [(name, line.decode()) for name, line in pairs if not _is_about(line, identity)]
    scratch = path.with_suffix(".part")
    others = [line + b"\n" for line in broken if not _is_about(line, identity)]
    scratch.write_bytes(b"".join([*(spool_line([pair]) for pair in kept), *others]))
    scratch.replace(path)
    return len(pairs) - len(kept)


def _versions(segment: bytes, model: str, identity: str) -> set[str]:
    if identity.encode() not in segment:
        return set()
    found = {
        Place(f"{name}/a.jsonl")
        for name, lines in read_segment(segment)[0].items()
        if any(_is_about(line, identity) for line in lines)
    }
    return {place.version for place in found if place.model == model}


def _lines_about(data: bytes, identity: str) -> list[bytes]:
    if json.dumps(identity).encode() not in data:
        return []
    return [line for line in data.split(b"\n") if _is_about(line, identity)]


def _is_about(line: bytes, identity: str) -> bool:
    """Whether a line is of this prediction; a broken line that holds the id counts, since it may hold the text."""
    if json.dumps(identity).encode() not in line:
        return False
    try:
        found: Any = json.loads(line)
    except ValueError:
        return True
    return isinstance(found, Mapping) and found.get("correlationid") == identity
