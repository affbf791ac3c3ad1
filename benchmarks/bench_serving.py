"""Our server against the bare scorer on the same threads, and against `mlflow models serve` of the same directory.

`python benchmarks/bench_serving.py [ROUNDS]` prints a line a budget; exit 1 on FAIL. The int8 model, single-text
requests, every side in each round and the order turned round from one round to the next; the median of the rounds'
ratios counts. The load generator runs on the same cores, and its cost is the servers' loss, not the bare scorer's.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from load import ask
from real_model import real_model, texts

from homologate.local import program
from homologate.scorer import Scorer

SECONDS = 5.0
PORTS = {"ours": 5481, "stock": 5482, "transformers": 5483}
PATIENCE = 90.0


class Running:
    """A server process, and how long it took until it answered."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.url = f"http://127.0.0.1:{PORTS[name]}"
        begun = time.perf_counter()
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        # Stock serving starts uvicorn by name.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "HF_HUB_OFFLINE": "1"}
        self.process = subprocess.Popen(command, start_new_session=True, env=environment, **quiet)
        while not self._answers():
            if time.perf_counter() - begun > PATIENCE or self.process.poll() is not None:
                raise SystemExit(f"{name} did not start: {' '.join(command)}")
            time.sleep(0.02)
        self.ready_after = time.perf_counter() - begun

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/ping", timeout=1) as answer:  # noqa: S310 (loopback)
                return bool(answer.status == 200)
        except OSError:
            return False

    def memory(self) -> float:
        """Megabytes of the whole process group, shared pages counted once (PSS)."""
        group, total = os.getpgid(self.process.pid), 0
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if os.getpgid(int(folder.name)) == group:
                    rollup = (folder / "smaps_rollup").read_text()
                    total += int(next(line for line in rollup.splitlines() if line.startswith("Pss:")).split()[1])
            except OSError:
                continue
        return total / 1024

    def stop(self) -> None:
        """End the whole group."""
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def main(rounds: int = 5) -> int:
    """Measure, print, and return the exit code."""
    model = real_model()
    asked = texts()
    cores = len(os.sched_getaffinity(0))
    with TemporaryDirectory() as scratch:
        commands = {
            "ours": [
                *[program("homologate"), "serve", str(model), "--precision", "int8"],
                *["--port", str(PORTS["ours"]), "--max-waiting", "64"],
            ],
            "stock": _stock(_int8_copy(model, Path(scratch)), PORTS["stock"]),
            "transformers": _stock(_transformers_flavour(Path(scratch)), PORTS["transformers"]),
        }
        starts: dict[str, list[float]] = {"ours": [], "stock": []}
        for _ in range(2):
            for name, took in starts.items():
                server = Running(name, commands[name])
                took.append(server.ready_after)
                server.stop()
        running = {name: Running(name, command) for name, command in commands.items()}
        for name in starts:
            starts[name].append(running[name].ready_after)
        try:
            figures = _measure(running, Scorer(model, "int8"), asked, cores, rounds)
            memory = {name: server.memory() for name, server in running.items()}
        finally:
            for server in running.values():
                server.stop()
    ready = {name: min(took) for name, took in starts.items()}
    print(
        f"bare {figures['bare']:.0f}/s, ours {figures['ours']:.0f}/s, stock {figures['stock']:.0f}/s; "
        f"ready after {ready['ours']:.1f} and {ready['stock']:.1f} s; "
        f"memory {memory['ours']:.0f}, {memory['stock']:.0f} and {memory['transformers']:.0f} MB",
        file=sys.stderr,
    )
    lines = [
        ("server, 8 callers: answers/s of the bare scorer's", figures["bare at 8"], ">=", 0.95),
        ("server, 32 callers: answers/s of the bare scorer's", figures["bare at 32"], ">=", 0.95),
        ("server, 8 callers: times stock pyfunc", figures["stock at 8"], ">=", 1.15),
        ("server, 32 callers: times stock pyfunc", figures["stock at 32"], ">=", 1.15),
        ("server, 8 callers: times stock transformers flavour", figures["transformers at 8"], ">=", 3.0),
        ("server, 1 caller: p99 of the bare scorer's", figures["p99"], "<=", 1.3),
        ("server: time to ready of stock's", ready["ours"] / ready["stock"], "<=", 0.35),
        ("server: memory of stock's", memory["ours"] / memory["stock"], "<=", 0.6),
    ]
    failed = False
    for what, value, sense, limit in lines:
        ok = value >= limit if sense == ">=" else value <= limit
        failed |= not ok
        print(f"| {what} | {value:.2f} | {sense} {limit} | {'ok' if ok else 'FAIL'} |")
    return int(failed)


def _measure(
    running: dict[str, Running], scorer: Scorer, asked: list[str], threads: int, rounds: int
) -> dict[str, float]:
    typed = [{"text": text} for text in asked]
    protocol = [{"inputs": [text]} for text in asked]
    found: dict[str, list[float]] = {}

    def served(name: str, callers: int) -> float:
        told = ask(running[name].url, "/invocations", protocol, callers, SECONDS)
        if told["faults"]:
            raise SystemExit(f"{name}: {told['faults']:.0f} of {told['answers']:.0f} answers were not 200")
        return told["answers"] / told["seconds"]

    for name in running:
        ask(running[name].url, "/invocations", protocol, 8, 1.0)  # warm
    for number in range(rounds):
        sides: list[tuple[str, Callable[[], float]]] = [
            ("bare", lambda: bare(scorer, asked, threads)),
            ("ours 8", lambda: served("ours", 8)),
            ("stock 8", lambda: served("stock", 8)),
            ("ours 32", lambda: served("ours", 32)),
            ("stock 32", lambda: served("stock", 32)),
            ("bare again", lambda: bare(scorer, asked, threads)),
        ]
        if number < 2:
            sides.append(("transformers 8", lambda: served("transformers", 8)))
        got = {name: side() for name, side in (sides if number % 2 == 0 else reversed(sides))}
        limit = (got["bare"] + got["bare again"]) / 2
        for callers in (8, 32):
            found.setdefault(f"bare at {callers}", []).append(got[f"ours {callers}"] / limit)
            found.setdefault(f"stock at {callers}", []).append(got[f"ours {callers}"] / got[f"stock {callers}"])
        if "transformers 8" in got:
            found.setdefault("transformers at 8", []).append(got["ours 8"] / got["transformers 8"])
        found.setdefault("bare", []).append(limit)
        found.setdefault("ours", []).append(got["ours 8"])
        found.setdefault("stock", []).append(got["stock 8"])
        alone = bare_p99(scorer, asked)
        found.setdefault("p99", []).append(ask(running["ours"].url, "/v1/score", typed, 1, SECONDS)["p99"] / alone)
        print(f"round {number + 1}: { {name: round(value, 1) for name, value in got.items()} }", file=sys.stderr)
    return {name: statistics.median(values) for name, values in found.items()}


def bare(scorer: Scorer, asked: list[str], threads: int) -> float:
    """Answers a second of the scorer alone, on as many threads as the server has."""
    counts = [0] * threads
    begun = time.perf_counter()

    def work(place: int) -> None:
        at = place * 37
        while time.perf_counter() - begun < SECONDS:
            scorer.answer(asked[at % len(asked)])
            at += 1
            counts[place] += 1

    crowd = [threading.Thread(target=work, args=(place,)) for place in range(threads)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    return sum(counts) / (time.perf_counter() - begun)


def bare_p99(scorer: Scorer, asked: list[str]) -> float:
    """The 99th percentile of one answer of the scorer alone, milliseconds."""
    took: list[float] = []
    begun = time.perf_counter()
    while time.perf_counter() - begun < SECONDS:
        since = time.perf_counter()
        scorer.answer(asked[len(took) % len(asked)])
        took.append(time.perf_counter() - since)
    return sorted(took)[int(len(took) * 0.99)] * 1000


def _stock(model: Path, port: int) -> list[str]:
    words = ["models", "serve", "-m", str(model), "--env-manager", "local", "--host", "127.0.0.1"]
    return [program("mlflow"), *words, "--port", str(port), "--workers", "1"]


def _int8_copy(model: Path, scratch: Path) -> Path:
    """The same directory, answering at int8 by default: stock requests cannot choose without a parameter."""
    import json
    import shutil

    copy = scratch / "int8"
    shutil.copytree(model, copy)
    facts = json.loads((copy / "scorer.json").read_text())
    (copy / "scorer.json").write_text(json.dumps(facts | {"precision": "int8"}))
    return copy


def _transformers_flavour(scratch: Path) -> Path:
    """MiniLM as MLflow's transformers flavour has it, in a process of its own: torch must not warm up this one."""
    code = (
        "import sys, warnings; warnings.simplefilter('ignore')\n"
        "import mlflow.transformers\n"
        "from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline\n"
        "from homologate.classifier._encoder import encoder_directory\n"
        "home = str(encoder_directory('minilm'))\n"
        "model = AutoModelForSequenceClassification.from_pretrained(home, num_labels=2)\n"
        "pipe = pipeline('text-classification', model=model, tokenizer=AutoTokenizer.from_pretrained(home))\n"
        "mlflow.transformers.save_model(pipe, sys.argv[1], pip_requirements=['transformers', 'torch'])\n"
    )
    out = scratch / "transformers"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", code, str(out)], capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"the transformers flavour cannot be made:\n{done.stderr[-2000:]}")
    return out


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
