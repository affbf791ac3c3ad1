"""The whole `make run` against its training alone (1.6), and an unchanged second run against the first (0.1).

Runs what `make run` runs, in an empty home of its own and twice: the gated MLflow server with its demo accounts,
`mlflow run . -e main` as the author, the way through the gate. About eight minutes on two cores; `--preset quick` makes
it three, for a look. The first start of the server (its tables, its accounts) is set-up and not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
BUDGETS = {"whole": 1.6, "again": 0.1}


def seconds(words: list[str], environment: dict[str, str]) -> float:
    """Wall time of one command, in seconds."""
    begun = time.perf_counter()
    subprocess.run(words, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


def told(what: str, ratio: float, threshold: float) -> bool:
    """Print one line of the table; return whether the threshold is met."""
    met = ratio <= threshold
    print(f"{what} | {ratio:.2f} × | at most {threshold} × | {'ok' if met else 'FAIL'}", flush=True)
    return met


def main() -> int:
    """Run twice and compare."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--preset", default="full")
    preset = parser.parse_args().preset
    with tempfile.TemporaryDirectory() as home:
        settings = Path(home) / "homologate.yaml"
        settings.write_text(f"home: {home}/home\npreset: {preset}\n", encoding="utf-8")
        environment = {
            **os.environ,
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "HOMOLOGATE_SETTINGS": str(settings),
        }
        homologate = str(BIN / "homologate")
        subprocess.run(
            [homologate, "up", "--demo", "--server-only"], env=environment, stdout=subprocess.DEVNULL, check=True
        )
        run = [str(BIN / "mlflow"), "run", str(ROOT), "-e", "main", "--env-manager", "local"]
        run += ["--experiment-name", "components"]  # as `make run` does; the author may not write elsewhere
        steps = [
            [homologate, "up", "--demo", "--server-only"],
            [homologate, "as", "demo-author", "--", *run],
            [homologate, "demo"],
        ]
        try:
            first = sum(seconds(step, environment) for step in steps)
            made = json.loads((Path(home) / "home" / "last.json").read_text(encoding="utf-8"))
            second = sum(seconds(step, environment) for step in steps)
        finally:
            subprocess.run([homologate, "down"], env=environment, stdout=subprocess.DEVNULL, check=True)
    met = [
        told("whole `make run` against its training alone", first / made["seconds"]["train"], BUDGETS["whole"]),
        told("unchanged second run against the first", second / first, BUDGETS["again"]),
    ]
    return int(not all(met))


if __name__ == "__main__":
    sys.exit(main())
