"""Run every benchmark and write docs/performance.md: one table, each line a budget with its threshold.

    python benchmarks/run.py              all of them (`make bench`)
    python benchmarks/run.py help digest  some of them; their lines are replaced, the others stay

A benchmark is a program `bench_<what>.py` that prints one line a budget, `name | measured | threshold | ok`, and ends
with 1 where one is missed. Both sides of a ratio are measured in the same run, because machines are noisy. The table
is written after every program, so a long run that is interrupted loses nothing it has measured.
"""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "performance.md"
HEAD = """# Performance

Ratios to the physical limit, both sides measured in one run. Made by `make bench`; a missed threshold fails it.
`python benchmarks/run.py NAME` measures one benchmark again and replaces its lines.

| what | measured | threshold | | benchmark, cores, date |
|---|---|---|---|---|
"""

Table = dict[str, list[str]]
"""The lines of each benchmark, by its name, each ending with who measured it."""


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all; return 1 where one missed its threshold."""
    there = {program.stem.removeprefix("bench_"): program for program in sorted(HERE.glob("bench_*.py"))}
    unknown = [name for name in names if name not in there]
    if unknown:
        print(f"no benchmark {unknown[0]!r}; there are: {', '.join(there)}", file=sys.stderr)
        return 2
    table = {name: lines for name, lines in written(PAGE).items() if name in there}
    failed = False
    for name in names or there:
        print(f"{name} …", file=sys.stderr, flush=True)
        code, lines = measured(there[name])
        failed |= code != 0
        by = f"{name}, {len(os.sched_getaffinity(0))} {platform.machine()}, {datetime.date.today().isoformat()}"
        table[name] = [f"| {line.strip('| ')} | {by} |" for line in lines]
        PAGE.write_text(HEAD + "".join(f"{line}\n" for part in sorted(table) for line in table[part]), encoding="utf-8")
    return int(failed)


def measured(program: Path) -> tuple[int, list[str]]:
    """Run one benchmark, showing its lines as they come; its exit code and the lines that are budgets."""
    lines = []
    with subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, text=True) as running:
        for line in running.stdout or ():
            print(line, end="", flush=True)
            if line.count("|") >= 3:
                lines.append(line.strip())
    if running.returncode not in (0, 1) or not lines:
        lines.append(f"{program.stem} | did not finish, exit code {running.returncode} | | FAIL")
    return running.returncode, lines


def written(page: Path) -> Table:
    """The lines of a page that was written before."""
    table: Table = {}
    for line in page.read_text(encoding="utf-8").splitlines() if page.exists() else ():
        cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
        if line.startswith("| ") and len(cells) >= 4 and cells[0] != "what":
            table.setdefault(cells[-1].split(",")[0], []).append(line)
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
