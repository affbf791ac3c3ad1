"""An hour's worth of predictions, as fast as they go, from collector to store: memory flat, none lost or doubled.

`python benchmarks/bench_records.py [RECORDS]` pushes 1,000,000 (an hour at 280 answers a second) through the parts a
server has: collector, spool, the shipper in its process, a folder as the store. Memory is that of the last tenth over
that of the second tenth, of the process that answers and of its shipper; then every line of the store is counted.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from statistics import mean

RECORDS = 1_000_000
SAMPLES = 100

WRITER = """
    import sys, time
    from pathlib import Path
    from homologate.scorer.collector import Collector, Judge, Privacy, Record, Spool
    from serve.collector import Shipping

    spool, store, records, samples = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    judge = Judge("bench", "1", "sha256:0", ("good", "bad"), "server")
    collector, shipping = Collector(Spool(spool), Privacy("redacted")), Shipping(spool, store, None)
    shipping.start()
    (shipper,) = Path("/proc/self/task/%s/children" % Path("/proc/self").readlink()).read_text().split()

    def memory(process):
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])

    def waits():
        # Here records come faster than in an hour, and the shipper has its pauses: it is waited for at half a spool.
        return collector.counts()["waiting"] > 5000 or len(list(spool.glob("*.ready"))) > 100

    for number in range(records):
        text = f"The hose from lot {number} burst at 12 MPa; call jo@example.com."
        facts = {"latency_ms": 3.2, "component": "hose"}
        collector.offer(Record(f"r{number}", judge, time.time(), text, "bad", 0.9, 0.5, **facts))
        if number % 1000 == 999:
            while waits():
                time.sleep(0.01)
        if number % (records // samples) == records // samples - 1:
            print(memory("self"), memory(shipper), flush=True)
    collector.close()
    shipping.stop(120)
    print(collector.counts()["accepted"])
"""


def main(records: int = RECORDS) -> int:
    """Push, count, print, and return the exit code."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        words = [sys.executable, "-c", textwrap.dedent(WRITER), f"{scratch}/spool", f"{scratch}/store"]
        done = subprocess.run([*words, str(records), str(SAMPLES)], stdout=subprocess.PIPE, text=True, check=True)
        *samples, accepted = done.stdout.split("\n")[:-1]
        pushed = time.monotonic() - begun
        stored, doubled = counted(Path(scratch) / "store", records)
    print(f"{accepted} accepted, {stored} stored, {pushed:.0f} s, kB: {samples[::10]}", file=sys.stderr)
    memory = [[int(kilobytes) for kilobytes in sample.split()] for sample in samples]
    tenth = len(memory) // 10
    own, shippers = (
        mean(sample[at] for sample in memory[-tenth:]) / mean(sample[at] for sample in memory[tenth : 2 * tenth])
        for at in (0, 1)
    )
    lines = [
        (f"{records:,} records kept: memory of the last tenth of that of the second", own, 1.05),
        ("the same, of their shipper", shippers, 1.05),
        ("records of these that are not in the store", float(records - stored), 0.0),
        ("records of these that are there twice", float(doubled), 0.0),
    ]
    failed = False
    for what, value, limit in lines:
        passed = value <= limit
        failed |= not passed
        print(f"{what} | {value:.3f} | <= {limit:g} | {'ok' if passed else 'FAIL'}")
    return int(failed)


def counted(store: Path, records: int) -> tuple[int, int]:
    """How many of the records stand in the store, and how many lines are there once more."""
    seen, doubled = bytearray(records), 0
    for file in store.rglob("model_outputs/**/*.jsonl"):
        for found in re.finditer(rb'"prediction_id":"r(\d+)"', file.read_bytes()):
            doubled += seen[int(found[1])]
            seen[int(found[1])] = 1
    return sum(seen), doubled


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
