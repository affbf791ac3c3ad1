"""Our server against the bare scorer on the same threads, and against `mlflow models serve` of the same directory.

`python benchmarks/bench_serving.py [ROUNDS]` prints a line a budget; exit 1 on FAIL. The int8 model, single-text
requests, every side in short slices, one after another, the bare scorer right before and after each of ours, and the
order turned round from one round to the next; the median of the rounds' ratios counts. A server that is not asked
sleeps. The load (wrk) runs on the same cores, and its cost is the servers' loss, not the bare scorer's. Keeping
predictions is off: it is measured by itself.
"""

from __future__ import annotations

import os
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from load import ask
from real_model import real_model, texts
from servers import PORTS, Running, int8_copy, settings_without_records, stock, transformers_flavour

from homologate.local import program
from homologate.scorer import Scorer

SECONDS = 4.0
"""Of a slice: long beside the few answers that wrk, stopping, no longer counts and the bare scorer does."""


def main(rounds: int = 9) -> int:
    """Measure, print, and return the exit code."""
    model = real_model()
    asked = texts()
    cores = len(os.sched_getaffinity(0))
    with TemporaryDirectory() as scratch:
        os.environ["HOMOLOGATE_SETTINGS"] = settings_without_records(Path(scratch))
        commands = {
            "ours": [
                *[program("homologate"), "serve", str(model), "--precision", "int8"],
                *["--port", str(PORTS["ours"]), "--max-waiting", "64"],
            ],
            "shadowed": [
                *[program("homologate"), "serve", str(model), "--precision", "int8"],
                *["--port", str(PORTS["shadowed"]), "--max-waiting", "64"],
                *["--challenger", str(int8_copy(model, Path(scratch), "other")), "--shadow-share", "0.1"],
            ],
            "stock": stock(int8_copy(model, Path(scratch), "int8"), PORTS["stock"]),
            "transformers": stock(transformers_flavour(Path(scratch)), PORTS["transformers"]),
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
        ("server: answers/s with a shadow of a tenth, of those without", figures["shadowed"], ">=", 0.85),
        ("server: cost of an answer with words of one without", figures["explained"], "<=", 1.2),
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
    explained = [{"inputs": [text], "params": {"explain": True}} for text in asked]
    found: dict[str, list[float]] = {}

    def told_by(name: str, path: str, bodies: list[Any], callers: int, seconds: float = SECONDS) -> dict[str, float]:
        running[name].wake()
        told = ask(running[name].url, path, bodies, callers, seconds)
        running[name].sleep()
        return told

    def served(name: str, callers: int, bodies: list[Any] | None = None) -> float:
        told = told_by(name, "/invocations", bodies or protocol, callers)
        if told["faults"]:
            raise SystemExit(f"{name}: {told['faults']:.0f} of {told['answers']:.0f} answers were not 200")
        return told["answers"] / told["seconds"]

    for name in running:
        told_by(name, "/invocations", protocol, 8, 1.0)  # warm
    for number in range(rounds):
        sides: list[tuple[str, Callable[[], float]]] = [
            ("bare", lambda: bare(scorer, asked, threads)),
            ("ours 8", lambda: served("ours", 8)),
            ("bare between", lambda: bare(scorer, asked, threads)),
            ("ours 32", lambda: served("ours", 32)),
            ("bare again", lambda: bare(scorer, asked, threads)),
            ("stock 32", lambda: served("stock", 32)),
            ("stock 8", lambda: served("stock", 8)),
            ("shadowed 8", lambda: served("shadowed", 8)),
            ("explained 8", lambda: served("ours", 8, explained)),
        ]
        if number % 4 == 0:
            sides.append(("transformers 8", lambda: served("transformers", 8)))
        got = {name: side() for name, side in (sides if number % 2 == 0 else reversed(sides))}
        for callers, beside in ((8, "bare"), (32, "bare again")):
            limit = (got[beside] + got["bare between"]) / 2
            found.setdefault(f"bare at {callers}", []).append(got[f"ours {callers}"] / limit)
            found.setdefault(f"stock at {callers}", []).append(got[f"ours {callers}"] / got[f"stock {callers}"])
        found.setdefault("shadowed", []).append(got["shadowed 8"] / got["ours 8"])
        found.setdefault("explained", []).append(got["ours 8"] / got["explained 8"])
        if "transformers 8" in got:
            found.setdefault("transformers at 8", []).append(got["ours 8"] / got["transformers 8"])
        found.setdefault("bare", []).append(got["bare between"])
        found.setdefault("ours", []).append(got["ours 8"])
        found.setdefault("stock", []).append(got["stock 8"])
        alone = bare_p99(scorer, asked)
        found.setdefault("p99", []).append(told_by("ours", "/v1/score", typed, 1)["p99"] / alone)
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


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
