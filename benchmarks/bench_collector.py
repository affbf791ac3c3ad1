"""What keeping predictions costs the server's slowest answers, and whether memory stays flat however many there are.

`python benchmarks/bench_collector.py [ROUNDS]` prints a line a budget; exit 1 on FAIL. Two servers of the int8 model
run at once, one that keeps and one that does not; each is asked in each round, the order turned round from one round
to the next, and the median of the rounds' ratios counts. The shipper is part of what is measured.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.request
from pathlib import Path
from statistics import median

import yaml
from load import ask
from real_model import real_model, texts

from homologate.local import program

SECONDS = 5.0
CALLERS = 8
PORTS = {"keeps": 5491, "does not": 5492}
PATIENCE = 90.0
SOAK_RECORDS = 200_000

SOAK = """
    import os, sys, time
    from homologate.collection import FolderStore, ship
    from homologate.scorer.collector import Collector, Judge, Privacy, Record, Spool
    judge = Judge("bench", "1", "sha256:0", ("good", "bad"), "server")
    collector = Collector(Spool(sys.argv[1], roll_seconds=1.0), Privacy("redacted"))
    store = FolderStore(sys.argv[2])
    records = int(sys.argv[3])
    def memory():
        return int(next(l for l in open("/proc/self/status") if l.startswith("VmRSS")).split()[1])
    early = 0
    for number in range(records):
        text = f"The hose from lot {number} burst at 12 MPa; call jo@example.com."
        while not collector.offer(Record(f"r{number}", judge, time.time(), text, "bad", 0.9, 0.5)):
            time.sleep(0.01)
        if number % 10_000 == 9_999:
            ship(sys.argv[1], store)
            early = early or (memory() if number >= records // 10 else 0)
    late = memory()
    collector.close()
    ship(sys.argv[1], store)
    counts = collector.counts()
    print(early, late, counts["accepted"])
"""


def main(rounds: int = 15) -> int:
    """Measure, print, and return the exit code."""
    model, asked = real_model(), [{"text": text} for text in texts()]
    with tempfile.TemporaryDirectory() as scratch:
        running = {name: _start(name, model, Path(scratch) / name) for name in PORTS}
        try:
            ratios, medians = [], []
            for number in range(rounds + 1):
                order = list(PORTS) if number % 2 else list(PORTS)[::-1]
                found = {
                    name: ask(f"http://127.0.0.1:{PORTS[name]}", "/v1/score", asked, CALLERS, SECONDS) for name in order
                }
                if number:  # the first warms both up
                    ratios.append(found["keeps"]["p99"] / found["does not"]["p99"])
                    medians.append(found["keeps"]["p50"] / found["does not"]["p50"])
        finally:
            for process in running.values():
                process.terminate()
                process.wait()
        early, late, accepted = _soak(Path(scratch))
    print(f"p99 ratios {[round(ratio, 3) for ratio in ratios]}; soak {early} to {late} kB", file=sys.stderr)
    lines = [
        (
            f"keeping predictions, {CALLERS} callers: p99 over that of a server that does not",
            median(ratios),
            1.05,
        ),
        (
            f"keeping predictions, {CALLERS} callers: p50 over that of a server that does not",
            median(medians),
            1.05,
        ),
        (f"memory after {SOAK_RECORDS:,} records over memory after a tenth of them", late / early, 1.05),
        ("records of the soak that were not accepted", float(SOAK_RECORDS - accepted), 0.0),
    ]
    failed = False
    for what, value, limit in lines:
        passed = value <= limit
        failed |= not passed
        print(f"{what} | {value:.3f} | <= {limit:g} | {'ok' if passed else 'FAIL'}")
    return int(failed)


def _start(name: str, model: Path, home: Path) -> subprocess.Popen[bytes]:
    home.mkdir()
    settings = home / "homologate.yaml"
    settings.write_text(yaml.safe_dump({"home": str(home), "collection": {"enabled": name == "keeps"}}))
    command = [program("homologate"), "serve", str(model), "--precision", "int8", "--port", str(PORTS[name])]
    process = subprocess.Popen([*command, "--settings", str(settings)], stderr=subprocess.DEVNULL)
    begun = time.perf_counter()
    while time.perf_counter() - begun < PATIENCE:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORTS[name]}/ping", timeout=1):
                return process
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"{name} did not start")


def _soak(scratch: Path) -> tuple[int, int, int]:
    words = [sys.executable, "-c", textwrap.dedent(SOAK), str(scratch / "spool"), str(scratch / "store")]
    done = subprocess.run([*words, str(SOAK_RECORDS)], capture_output=True, text=True, check=True, env=os.environ)
    early, late, accepted = map(int, done.stdout.split())
    return early, late, accepted


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
