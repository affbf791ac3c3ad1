"""Digest of a model directory against `sha256sum` on the same files: at least 0.8 of its speed.

`python benchmarks/bench_digest.py` prints one line; exit 1 on FAIL. Both read warm files; the best of several
alternating rounds counts, so that a busy machine slows both alike.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from homologate.attest import digest_of

THRESHOLD = 0.8
ROUNDS = 7
FILES = {"model.onnx": 91, "model.int8.onnx": 23, "tokenizer.json": 1}
"""The shipped model's files, in MB."""


def main() -> int:
    """Measure, print one table line, and return the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for number, (name, size) in enumerate(FILES.items()):
            (root / name).write_bytes(bytes((number + i) % 251 for i in range(1000)) * size * 1000)
        words = ["sha256sum", *map(str, root.iterdir())]
        ours = theirs = float("inf")
        for _ in range(ROUNDS):
            ours = min(ours, seconds(lambda: digest_of(root)))
            theirs = min(theirs, seconds(lambda: subprocess.run(words, check=True, capture_output=True)))
    ratio = theirs / ours
    verdict = "ok" if ratio >= THRESHOLD else "FAIL"
    print(f"| digest_of against sha256sum, {sum(FILES.values())} MB | {ratio:.2f} | >= {THRESHOLD} | {verdict} |")
    return 0 if verdict == "ok" else 1


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
