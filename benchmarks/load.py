"""A load generator that costs little: one thread, plain sockets, requests made beforehand, answers barely read.

It runs in a process of its own, on the same cores as what it asks: `python benchmarks/load.py URL PATH BODIES
CONNECTIONS SECONDS` prints `{"answers": n, "seconds": s, "p50": ms, "p99": ms, "faults": n}`.
"""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


def ask(url: str, path: str, bodies: list[Any], connections: int, seconds: float) -> dict[str, float]:
    """Run the generator in a process of its own and return what it measured."""
    words = [sys.executable, __file__, url, path, "-", str(connections), str(seconds)]
    done = subprocess.run(words, input=json.dumps(bodies), capture_output=True, text=True, check=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def main(words: list[str]) -> None:
    """Ask for some seconds."""
    url, path, source, connections, seconds = words
    given = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    host = urlsplit(url).netloc
    requests = [_request(host, path, json.dumps(body).encode()) for body in json.loads(given)]
    address = (urlsplit(url).hostname or "", urlsplit(url).port or 80)
    chosen = selectors.DefaultSelector()
    for number in range(int(connections)):
        wire = socket.create_connection(address)
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.setblocking(True)
        state = {"wire": wire, "next": number * 37, "got": b"", "since": 0.0}
        _send(state, requests)
        chosen.register(wire, selectors.EVENT_READ, state)
    begun = time.perf_counter()
    took: list[float] = []
    faults = 0
    while time.perf_counter() - begun < float(seconds):
        for key, _ in chosen.select(timeout=1.0):
            state = key.data
            state["got"] += state["wire"].recv(65536)
            head, gap, body = state["got"].partition(b"\r\n\r\n")
            if not gap or len(body) < _length(head):
                continue
            took.append(time.perf_counter() - state["since"])
            faults += b" 200 " not in head[:16]
            _send(state, requests)
    lasted = time.perf_counter() - begun
    took.sort()
    at = {
        name: took[min(int(len(took) * share), len(took) - 1)] * 1000 for name, share in (("p50", 0.5), ("p99", 0.99))
    }
    print(json.dumps({"answers": len(took), "seconds": lasted, "faults": faults, **at}))


def _request(host: str, path: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _send(state: dict[str, Any], requests: list[bytes]) -> None:
    state["got"], state["since"] = b"", time.perf_counter()
    state["wire"].sendall(requests[state["next"] % len(requests)])
    state["next"] += 1


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


if __name__ == "__main__":
    main(sys.argv[1:])
