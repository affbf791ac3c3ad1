"""Run every benchmark and write docs/performance.md: one table, each line a ratio with its threshold.

    python benchmarks/run.py              all of them (`make bench`)
    python benchmarks/run.py help digest  some of them

A benchmark is a program `bench_<what>.py` that prints one line a budget, `name | measured | threshold | ok`, and ends
with 1 where one is missed. Both sides of a ratio are measured in the same run, because machines are noisy.
"""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TABLE = HERE.parent / "docs" / "performance.md"
HEAD = """# Performance

Ratios to the physical limit, both sides measured in one run. Made by `make bench`; a missed threshold fails it.

"""


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all; return 1 where one missed its threshold."""
    programs = [HERE / f"bench_{name}.py" for name in names] or sorted(HERE.glob("bench_*.py"))
    lines, failed = [], False
    for program in programs:
        print(f"{program.stem} …", file=sys.stderr, flush=True)
        answer = subprocess.run([sys.executable, str(program)], stdout=subprocess.PIPE, text=True, check=False)
        print(answer.stdout, end="", flush=True)
        failed |= answer.returncode != 0
        lines += [line for line in answer.stdout.splitlines() if line.count("|") >= 3]
    if not names:
        where = f"{len(os.sched_getaffinity(0))} cores, {platform.machine()}, Python {platform.python_version()}"
        today = datetime.date.today().isoformat()
        table = [
            "| what | measured | threshold | |",
            "|---|---|---|---|",
            *(f"| {line.strip('| ')} |" for line in lines),
        ]
        TABLE.write_text(HEAD + "\n".join([*table, "", f"{today}, {where}.", ""]), encoding="utf-8")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
