"""Answers over HTTP: `POST /v1/score` as the server of this project gives them, `GET /health`. Standard library.

Made for callers on the device or its own network. Bodies, callers at once and the time to send a request are bounded;
who must be known by key or token is asked by the gateway in front, or not served from an edge device.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import uuid
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from homologate_collector import MOST_COMPONENT, Judge, Privacy, Record, pairs
from homologate_scorer import InputFault, Scorer, ScorerFault

from ._faults import Fault, StorageFault, UsageFault
from ._package import Package
from ._spool import Spool

__all__ = ["Service"]

MOST_BYTES = 65_536
MOST_CHARACTERS = 20_000
PLAIN = " !#$&'()*+,/:;=?@[]^`{|}<>"
"""What a header holds as it is, besides letters, digits and `-._~`; the rest is percent-encoded."""

WAITING = 32
"""Questions that wait for a core; more are answered 429."""


class Service(ThreadingHTTPServer):
    """One verified, probed package that answers.

    Args:
        address: host and port; port 0 takes a free one.
        package: what answers.
        scorer: its scorer, probed.
        spool: where predictions go before the answer leaves.
        privacy: what of a text may be kept.
    """

    daemon_threads = False
    request_queue_size = 64

    def __init__(
        self, address: tuple[str, int], package: Package, scorer: Scorer, spool: Spool, privacy: Privacy
    ) -> None:
        self.package, self.scorer, self.spool, self.privacy = package, scorer, spool, privacy
        facts = package.facts
        self.judge = Judge(facts["model"], facts["version"], facts["digest"], scorer.labels, "edge")
        cores = len(os.sched_getaffinity(0))
        self._turns = threading.BoundedSemaphore(cores)
        self._places = threading.BoundedSemaphore(cores + WAITING)
        super().__init__(address, _Handler)

    def score(self, question: Any) -> dict[str, Any]:
        """The answer to one question, kept before it is given.

        Raises:
            UsageFault: not a question.
            StorageFault: it cannot be kept, so it is not given.
        """
        text, explain, component = _asked(question)
        begun = time.perf_counter()
        with self._turns:
            try:
                answer = self.scorer.answer(text, explain)
            except InputFault as fault:
                raise UsageFault(fault.problem, place="text", legal=fault.legal) from fault
        name = uuid.uuid4().hex
        took = (time.perf_counter() - begun) * 1000
        record = Record.of(name, self.judge, time.time(), text, answer, latency_ms=took, component=component)
        one, other = pairs(record, self.privacy)
        self.spool.keep((one, other))
        negative, positive = self.scorer.labels
        told = {
            "prediction_id": name,
            "label": answer.label,
            "probabilities": {negative: 1.0 - answer.probability, positive: answer.probability},
            "threshold": answer.threshold,
            "truncated": answer.truncated,
        }
        if explain:
            words = [asdict(word) for word in answer.words]
            told |= {"words": words, "bias": answer.bias, "remainder": answer.remainder}
        return told | {"model": self.model_facts()}

    def model_facts(self) -> dict[str, str]:
        """Which model answers, as JSON."""
        names = ("version", "digest", "precision")
        return {"name": self.package.facts["model"], **{name: self.package.facts[name] for name in names}}

    def health(self) -> dict[str, Any]:
        """That it is ready, as what, and what waits to be forwarded."""
        status = Path("/proc/self/status").read_text(encoding="ascii")
        resident = next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")), 0)
        return {
            "ready": True,
            "model": self.model_facts(),
            "package": f"sha256:{self.package.digest}",
            "signed_by": self.package.signed_by,
            "waiting_to_be_forwarded": self.spool.waiting(),
            "memory_mb": round(resident / 1024, 1),
        }

    def admitted(self) -> bool:
        """Whether there is a place for one more question; `left` gives it back."""
        return self._places.acquire(blocking=False)

    def left(self) -> None:
        """One question less."""
        self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no event; anything else is told, without the question."""
        error = sys.exception()
        if not isinstance(error, OSError):
            print(json.dumps({"event": "failed", "error": f"{type(error).__name__}: {error!s:.200}"}), file=sys.stderr)


class _Handler(BaseHTTPRequestHandler):
    server: Service
    server_version, sys_version = "homologate-edge", ""
    protocol_version = "HTTP/1.1"
    timeout = 20
    """Seconds a client may take to send a request."""
    statuses: ClassVar[dict[str, int]] = {"UsageError": 400, "StorageError": 503}

    def do_GET(self) -> None:
        """GET /health."""
        if self.path == "/health":
            self._send(200, self.server.health())
        else:
            self._refuse(404, UsageFault(f"nothing at {self.path[:60]!r}", legal="POST /v1/score, GET /health"))

    def do_POST(self) -> None:
        """POST /v1/score."""
        if self.path != "/v1/score":
            self._refuse(404, UsageFault(f"nothing at {self.path[:60]!r}", legal="POST /v1/score, GET /health"))
            return
        body = self._body()
        if body is None:
            return
        if not self.server.admitted():
            self._refuse(429, UsageFault("too many questions at once", next_command="ask again in a second"))
            return
        try:
            self._send(200, self.server.score(_json(body)))
        except Fault as fault:
            self._refuse(self.statuses.get(fault.kind, 500), fault)
        except ScorerFault as fault:
            self._refuse(500, StorageFault(fault.problem, place=fault.place))
        finally:
            self.server.left()

    def log_message(self, *_: Any) -> None:
        """No access log: a device's disk is small, and predictions are kept."""

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or self.headers.get("Transfer-Encoding"):
            self._refuse(411, UsageFault("a question says how long it is", legal="Content-Length"))
        elif int(length) > MOST_BYTES:
            self._refuse(413, UsageFault(f"a body of {length} bytes", legal=f"at most {MOST_BYTES}"))
        else:
            return self.rfile.read(int(length))
        return None

    def _refuse(self, status: int, fault: Fault) -> None:
        self.close_connection = True
        self._send(status, fault.as_json(), {"Retry-After": "1"} if status in (429, 503) else {})

    def _send(self, status: int, content: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        data = json.dumps(content, ensure_ascii=False).encode()
        facts = self.server.model_facts()
        named = {f"X-Model-{name.title()}": quote(facts[name], PLAIN) for name in ("name", "version", "digest")}
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json; charset=utf-8",
            "Content-Length": str(len(data)),
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
            **named,
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UsageFault(f"not JSON: {error!s:.100}", place="body", legal='{"text": "…"}') from error


def _asked(question: Any) -> tuple[str, bool, str]:
    legal = '{"text": "…", "explain": false, "component": "…"}'
    if not isinstance(question, dict) or "text" not in question or question.keys() - {"text", "explain", "component"}:
        raise UsageFault("not a question", place="body", legal=legal)
    text, explain, component = question["text"], question.get("explain", False), question.get("component", "")
    if not isinstance(text, str) or not isinstance(explain, bool) or not isinstance(component, str):
        told = "text and component are strings and explain is true or false"
        raise UsageFault(told, place="body", legal=legal)
    if len(component) > MOST_COMPONENT:
        legal = f"at most {MOST_COMPONENT}"
        raise UsageFault(f"a component of {len(component)} characters", place="component", legal=legal)
    if len(text) > MOST_CHARACTERS:
        raise UsageFault(f"a text of {len(text)} characters", place="text", legal=f"at most {MOST_CHARACTERS}")
    return text, explain, component
