"""Verification of a ledger of 100,000 rows against hashing the same bytes: at most 2 times.

`python benchmarks/bench_ledger.py` prints one line; exit 1 on FAIL. The ledger is what 25,000 promotions leave: a
request with its decision, two approvals, a move. The limit it is held against is one SHA-256 over the whole export,
read in large blocks, with nothing checked. The best of several alternating rounds counts.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from hashlib import file_digest, sha256
from pathlib import Path

from registry_promotion.verifier import FIRST, READ_AT_ONCE, line_of, verify

THRESHOLD = 2.0
ROWS = 100_000
ROUNDS = 3
DIGEST = f"sha256:{'a' * 64}"
RULE = {
    "id": "average-precision", "topic": "quality", "status": "met", "value": "78.00%", "limit": "at least 70.00%",
    "sentence": "Average precision is at least 70 %, even at the lower end of its interval.", "reason": "", "fix": "",
    "evidence": "/homologate/models/parts/versions/7/evidence/evaluation/evaluation.html",
}  # fmt: skip
PROMOTION = (
    ("request", {"id": "R1", "decision": {"verdict": "The evidence holds.", "rules": [RULE] * 40}}),
    ("approval", {"id": "R1", "answer": "approved"}),
    ("approval", {"id": "R1", "answer": "approved"}),
    ("transition", {"id": "R1", "from": "Staging"}),
)


def main() -> int:
    """Measure, print one table line, and return the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        export = Path(folder) / "export.jsonl"
        head = write(export)
        ours = theirs = float("inf")
        for _ in range(ROUNDS):
            theirs = min(theirs, seconds(lambda: hashed(export)))
            ours = min(ours, seconds(lambda: verified(export, head)))
        size = export.stat().st_size / 1e6
    ratio = ours / theirs
    verdict = "ok" if ratio <= THRESHOLD else "FAIL"
    what = f"ledger of {ROWS:,} rows ({size:.0f} MB) verified in {ours:.2f} s, against hashing its bytes"
    print(f"| {what} | {ratio:.2f} | <= {THRESHOLD} | {verdict} |")
    return 0 if verdict == "ok" else 1


def write(export: Path) -> str:
    """Write the ledger's export and return its head."""
    previous = FIRST
    with export.open("wb") as lines:
        for number in range(1, ROWS + 1):
            kind, payload = PROMOTION[(number - 1) % len(PROMOTION)]
            row = {
                "previous": previous, "seq": number, "at": "2026-03-01T12:00:00.000001Z", "kind": kind, "who": "ann",
                "model": "component-classifier", "version": str(number // 4), "stage": "Production", "digest": DIGEST,
                "policy_digest": DIGEST, "reason": "The champion misses brake hoses.", "payload": payload,
            }  # fmt: skip
            told = json.dumps(row, separators=(",", ":")).encode()
            previous = sha256(told).hexdigest()
            lines.write(line_of(told, previous) + b"\n")
    return previous


def hashed(export: Path) -> None:
    """One SHA-256 over the file."""
    with export.open("rb") as stream:
        file_digest(stream, "sha256")


def verified(export: Path, head: str) -> None:
    """Every row checked."""
    with export.open("rb", buffering=READ_AT_ONCE) as lines:
        if not verify(lines, head).ok:
            raise SystemExit("the ledger of the benchmark does not verify")


def seconds(work: Callable[[], None]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
