"""`homologate score` of a CSV into a CSV against the bare scorer on the same texts, sorted by length, in memory.

Both sides in each round, on the same threads; the median of the rounds' ratios counts: at least 0.9, reading, checking,
hashing, writing and forcing to the disk included. And the file's verdicts are those of one text at a time: every label,
and every probability within 1e-6 at fp32, to the bit at int8. About three minutes.
"""

from __future__ import annotations

import csv
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from real_model import real_model, texts

from homologate.attest import digest_of
from homologate.batch import Model, score_file
from homologate.scorer import Scorer

SHARE, CLOSE = 0.9, {"fp32": 1e-6, "int8": 0.0}
ROWS, SLICE = 900, 32


def main(rounds: int = 3) -> int:
    """Measure, print one line a budget."""
    directory = real_model()
    asked = [text for _ in range(ROWS) for text in texts(ROWS)][:ROWS]
    failed = False
    with TemporaryDirectory() as home:
        source = Path(home) / "in.csv"
        with source.open("w", encoding="utf-8", newline="") as sink:
            rows = ([str(number), "3.5", text] for number, text in enumerate(asked))
            csv.writer(sink).writerows([["id", "mileage", "text"], *rows])
        for precision, close in CLOSE.items():
            share, found = compared(directory, precision, asked, source, rounds)
            scorer = Scorer(directory, precision)
            alone = [scorer.answer(text) for text in asked]
            labels = sum(row["label"] == answer.label for row, answer in zip(found, alone, strict=True))
            apart = max(abs(float(row["probability"]) - one.probability) for row, one in zip(found, alone, strict=True))
            lines = [
                (f"file, {precision}: rows/s of the bare scorer's", f"{share:.2f}", f">= {SHARE}", share >= SHARE),
                (f"file, {precision}: labels as one text at a time", f"{labels} of {ROWS}", "all", labels == ROWS),
                (f"file, {precision}: probability apart", f"{apart:.1e}", f"<= {close:g}", apart <= close),
            ]
            for what, value, limit, holds in lines:
                failed |= not holds
                print(f"| {what} | {value} | {limit} | {'ok' if holds else 'FAIL'} |", flush=True)
    return int(failed)


def compared(
    directory: Path, precision: str, asked: list[str], source: Path, rounds: int
) -> tuple[float, list[dict[str, str]]]:
    """The median of file / bare in rows a second, and the rows of the last file."""
    model = Model(directory, "1", digest_of(directory))
    shares = []
    for number in range(rounds):
        out = source.with_name(f"out-{precision}-{number}.csv")

        def file(out: Path = out) -> float:
            begun = time.perf_counter()
            score_file(source, out, model, precision=precision)
            return time.perf_counter() - begun

        sides = [lambda: bare(directory, precision, asked), file]
        took = [side() for side in (sides if number % 2 == 0 else reversed(sides))]
        plain, whole = took if number % 2 == 0 else reversed(took)
        shares.append(plain / whole)
        print(f"{precision}: bare {ROWS / plain:.0f}/s, file {ROWS / whole:.0f}/s", file=sys.stderr)
    with out.open(encoding="utf-8", newline="") as data:
        return statistics.median(shares), list(csv.DictReader(data))


def bare(directory: Path, precision: str, asked: list[str]) -> float:
    """Seconds the scorer alone takes, from the closed directory: sorted by length, a thread a core, nothing written."""
    begun = time.perf_counter()
    scorer = Scorer(directory, precision, threads=1)
    by_length = sorted(asked, key=len, reverse=True)
    slices = [by_length[first : first + SLICE] for first in range(0, len(by_length), SLICE)]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(scorer.probabilities, slices))
    return time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
