"""What keeping predictions costs the server's slowest answers.

`python benchmarks/bench_collector.py [ROUNDS]` prints a line a budget; exit 1 on FAIL. Two servers of the int8 model
run at once, one that keeps and one that does not; each is asked in each round, the order turned round from one round
to the next, and the median of the rounds' ratios counts. The shipper is part of what is measured.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
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
    print(f"p99 ratios {[round(ratio, 3) for ratio in ratios]}", file=sys.stderr)
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


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
