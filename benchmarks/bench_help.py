"""`homologate --help` against a bare interpreter: at most 4 times `python -c pass`."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 21
THRESHOLD = 4.0


def seconds(words: list[str]) -> float:
    """Wall time of one process, in seconds."""
    begun = time.perf_counter()
    subprocess.run(words, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


def main() -> int:
    """Interleave both, compare medians."""
    ours = [str(Path(sys.executable).parent / "homologate"), "--help"]
    bare = [sys.executable, "-c", "pass"]
    times = [(seconds(ours), seconds(bare)) for _ in range(ROUNDS)][1:]
    middle = len(times) // 2
    ratio = sorted(a for a, _ in times)[middle] / sorted(b for _, b in times)[middle]
    met = ratio <= THRESHOLD
    told = f"{ratio:.2f} × | at most {THRESHOLD} × | {'ok' if met else 'FAIL'}"
    print(f"`homologate --help` against `python -c pass` | {told}")
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())
