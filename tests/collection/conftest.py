"""Records and stores for the guarantees of collection."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from homologate.collection import FolderStore
from homologate.scorer.collector import Judge, Privacy, Record, pairs

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
JUDGE = Judge("brakes", "3", "sha256:" + "0" * 64, ("compliant", "non-compliant"), "server")


def record(identity: str, text: str = "the hose burst", *, after: float = 0.0, **given: object) -> Record:
    """A record `after` seconds past noon."""
    facts = {"label": "non-compliant", "probability": 0.9, "threshold": 0.4, **given}
    return Record(identity, JUDGE, NOON.timestamp() + after, text, **facts)  # type: ignore[arg-type]


def keep(store: FolderStore, records: Iterable[Record], file: str = "a.jsonl", form: str = "full") -> None:
    """Write records as one segment does."""
    found: dict[str, str] = {}
    for one in records:
        for folder, line in pairs(one, Privacy(form)):
            found[f"{folder}/{file}"] = found.get(f"{folder}/{file}", "") + line + "\n"
    for name, lines in found.items():
        assert store.put(name, lines.encode())


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")
