"""The load on a server: wrk (Debian's package), one thread, each connection asking again as soon as it is answered.

It shares the cores with the server it asks, so it must cost little: a generator in Python took 0.12 ms of processor
time an answer and held a core whenever a thread of the server wanted it; wrk takes a sixth of that.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

__all__ = ["ask"]

SCRIPT = """
local asked, at = {}, 0
function init(args)
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
    for body in io.lines(args[1]) do asked[#asked + 1] = wrk.format(nil, nil, nil, body) end
end
function request()
    at = at % #asked + 1
    return asked[at]
end
function done(summary, latency, requests)
    local cut = summary.errors
    io.stderr:write(string.format(
        '{"answers": %d, "seconds": %f, "p50": %f, "p99": %f, "faults": %d, "cut": %d}',
        summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        cut.status, cut.connect + cut.read + cut.write + cut.timeout))
end
"""


def ask(url: str, path: str, bodies: Sequence[Any], connections: int, seconds: float) -> dict[str, float]:
    """Ask for some seconds, the bodies one after another and again.

    Args:
        url: of the server.
        path: what is asked, by POST.
        bodies: JSON.
        connections: callers at once, each waiting for its answer.
        seconds: wrk counts whole ones, so at least one.

    Returns:
        `answers`, `seconds` they took, `p50` and `p99` in milliseconds, and `faults`: answers of status 400 or above.

    Raises:
        SystemExit: wrk is not there, or a connection broke.
    """
    wrk = shutil.which("wrk")
    if wrk is None:
        raise SystemExit("wrk is not installed: apt-get install wrk")
    with TemporaryDirectory() as scratch:
        script, asked = Path(scratch, "ask.lua"), Path(scratch, "bodies")
        script.write_text(SCRIPT, encoding="utf-8")
        asked.write_text("".join(f"{json.dumps(body)}\n" for body in bodies), encoding="utf-8")
        words = [wrk, "--threads", "1", "--connections", str(connections), "--duration", f"{max(1, round(seconds))}s"]
        words += ["--timeout", "60s", "--script", str(script), f"{url}{path}", "--", str(asked)]
        done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"wrk ended with {done.returncode}: {done.stderr[-500:]}{done.stdout[-500:]}")
    told: dict[str, float] = json.loads(done.stderr)
    if told.pop("cut"):
        raise SystemExit(f"{url}{path}: connections broke: {done.stdout[-500:]}")
    return told
