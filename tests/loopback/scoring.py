"""Real scoring servers on loopback: `homologate serve`, started, asked and stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from waiting import until

from homologate.local import program

__all__ = ["TEXTS", "Server", "servers"]

TEXTS = [
    "The lamp from lot 7 cracked below the limit at 61 units.",
    "The hose from lot 12 held above the limit at 120 units. Tested twice.",
    "The seat from lot 99 cracked below the limit at 99 units.",
]
START_SECONDS = 30.0


@dataclass
class Server:
    """One running `homologate serve`."""

    process: subprocess.Popen[bytes]
    log: Path
    url: str = ""

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """The lines of its log, or those of one event."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if name in (None, line["event"])]

    def score(self, text: Any = TEXTS[0], **more: Any) -> requests.Response:
        """POST /v1/score."""
        return requests.post(f"{self.url}/v1/score", json={"text": text, **more}, timeout=30)

    def invoke(self, body: Any, **headers: str) -> requests.Response:
        """POST /invocations."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return requests.post(
            f"{self.url}/invocations", data=data, headers={"Content-Type": "application/json", **headers}, timeout=30
        )

    def health(self) -> requests.Response:
        """GET /health."""
        return requests.get(f"{self.url}/health", timeout=10)

    def memory(self) -> float:
        """Resident megabytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024

    def metric(self, name: str) -> float:
        """The sum of one metric over its labels."""
        lines = requests.get(f"{self.url}/metrics", timeout=10).text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))

    def await_event(self, name: str, seconds: float = 20.0) -> dict[str, Any]:
        """The newest event of that name, as soon as there is one."""
        return until(lambda: (self.events(name) or [None])[-1], seconds, f"event {name}")

    def told(self, response: requests.Response) -> dict[str, Any]:
        """The line of its log about one response; lines come in batches, a moment later."""
        named = response.headers["X-Request-Id"]
        return until(lambda: next((e for e in self.events("request") if e["request_id"] == named), None), 5, "log line")

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


@contextmanager
def servers(homes: Callable[[], Path]) -> Iterator[Callable[..., Server]]:
    """Starts `homologate VERB WORDS…` in a folder of its own and waits until it is ready; all end with the block."""
    started: list[Server] = []

    def start(
        *words: str | Path, verb: str = "serve", ready: bool = True, environment: dict[str, str] | None = None
    ) -> Server:
        home = homes()
        # Keeping predictions has tests of its own; here each server would start a shipper beside it.
        (home / "homologate.yaml").write_text("collection: {enabled: false}\n")
        command = [program("homologate"), verb, *map(str, words), "--port", "0"]
        with (home / "log").open("wb") as sink:
            process = subprocess.Popen(
                command, cwd=home, stderr=sink, stdout=sink, env={**os.environ, **(environment or {})}
            )
        server = Server(process, home / "log")
        started.append(server)
        if ready:
            until(lambda: server.events("ready") or process.poll() is not None, START_SECONDS, "ready server")
            assert process.poll() is None, server.log.read_text()
            server.url = server.events("ready")[0]["url"]
        return server

    try:
        yield start
    finally:
        for server in started:
            server.process.kill()
            server.process.wait()
