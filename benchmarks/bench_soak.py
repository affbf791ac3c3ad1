"""A long run of the server as it comes, predictions kept: every answer right in form, memory flat from its first tenth.

`python benchmarks/bench_soak.py [REQUESTS]` asks 24,000 questions: short texts with and without words, small batches,
one bad request in twenty, and prints a line a budget.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from load import ask
from real_model import real_model, texts
from servers import Running

from homologate.local import program

REQUESTS = 24_000


def main(requests: int = REQUESTS) -> int:
    """Ask, print, and return the exit code."""
    asked = [text[:60] for text in texts()]
    with TemporaryDirectory() as scratch:
        settings = Path(scratch, "homologate.yaml")
        settings.write_text(f"home: {scratch}\n", encoding="utf-8")
        os.environ["HOMOLOGATE_SETTINGS"] = str(settings)
        words = ["--precision", "int8", "--port", "5481", "--max-waiting", "64", "--max-texts", "100"]
        server = Running("ours", [program("homologate"), "serve", str(real_model()), *words])
        try:
            begun = time.monotonic()
            kinds = [
                ("/v1/score", [{"text": text} for text in asked], 0.5),
                ("/v1/score", [{"text": text, "explain": True} for text in asked], 0.25),
                ("/invocations", [{"inputs": asked[n : n + 2]} for n in range(0, 40, 2)], 0.2),
                ("/invocations", [{"inputs": [""]}, {"nothing": 1}], 0.05),
            ]
            answered, faults, memory = 0, 0, []
            while answered < requests:
                for path, bodies, share in kinds:
                    told = ask(server.url, path, bodies, 8, 10.0 * share)
                    answered += int(told["answers"])
                    faults += int(told["faults"]) if share > 0.05 else int(told["answers"] - told["faults"])
                memory.append(server.memory())
                print(f"{answered} answered, {memory[-1]:.1f} MB, {time.monotonic() - begun:.0f} s", file=sys.stderr)
        finally:
            server.stop()
    settled = memory[max(1, len(memory) // 10)] if len(memory) > 1 else memory[0]
    lines = [
        (f"soak of {answered} requests: answers of the wrong status", float(faults), "<=", 0.0),
        ("soak: memory at the end of that after the first tenth", max(memory[-3:]) / settled, "<=", 1.05),
    ]
    failed = False
    for what, value, sense, limit in lines:
        ok = value <= limit
        failed |= not ok
        print(f"| {what} | {value:.2f} | {sense} {limit} | {'ok' if ok else 'FAIL'} |")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else REQUESTS))
