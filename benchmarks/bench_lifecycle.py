"""The whole `main` run against its training alone (1.6), and an unchanged second run against the first (0.1).

Runs what `make run` runs, in an empty home of its own: MLflow server, `mlflow run . -e main`, twice. About eight
minutes on two cores; `--preset quick` makes it three, for a look.
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
        up = [str(BIN / "homologate"), "up", "--server-only", "--json"]
        uri = json.loads(subprocess.run(up, env=environment, stdout=subprocess.PIPE, check=True).stdout)["tracking_uri"]
        environment["MLFLOW_TRACKING_URI"] = uri
        run = [str(BIN / "mlflow"), "run", str(ROOT), "-e", "main", "--env-manager", "local"]
        try:
            first = seconds(run, environment)
            made = json.loads((Path(home) / "home" / "last.json").read_text(encoding="utf-8"))
            second = seconds(run, environment)
        finally:
            subprocess.run([str(BIN / "homologate"), "down"], env=environment, stdout=subprocess.DEVNULL, check=True)
    met = [
        told("whole `main` run against its training alone", first / made["seconds"]["train"], BUDGETS["whole"]),
        told("unchanged second run against the first", second / first, BUDGETS["again"]),
    ]
    return int(not all(met))


if __name__ == "__main__":
    sys.exit(main())
