"""Traces, counts and logs for any OpenTelemetry collector (OTLP over HTTP), or for Application Insights.

Off until the standard variables say where to: OTEL_EXPORTER_OTLP_ENDPOINT (or …_TRACES_ENDPOINT, …_METRICS_ENDPOINT,
…_LOGS_ENDPOINT), or APPLICATIONINSIGHTS_CONNECTION_STRING. All other OTEL_* variables (service name, headers,
certificate, sampler, intervals) mean what OpenTelemetry says they mean. What is sent is what the log says: ids, times,
labels, versions; never a text. The exporters work on threads of their own; a collector that is down costs no answer.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from typing import Any

from serve.server._exporters import Providers, providers
from serve.server._pool import Pool
from serve.server._recorder import Finished

__all__ = ["Telemetry", "open_telemetry"]

CLOSE_SECONDS = 5.0
MOST_FRAMES = 30
_SCOPE = "homologate.serve"


class Telemetry:
    """Sends what finished. Made by `open_telemetry`.

    Args:
        providers: OpenTelemetry's, with their exporters.
        pool: whose work is counted when the counts are sent.
    """

    def __init__(self, providers: Providers, pool: Pool) -> None:
        from opentelemetry.metrics import Observation
        from opentelemetry.propagate import extract

        self._extract, self._providers = extract, providers
        self._tracer = providers.traces.get_tracer(_SCOPE)
        self._logger = providers.logs.get_logger(_SCOPE)
        meter = providers.meters.get_meter(_SCOPE)
        self._duration = meter.create_histogram("http.server.request.duration", "s", "From first byte to answer.")
        self._verdicts = meter.create_counter("homologate.verdicts", "{text}", "Texts judged, by label and version.")
        meter.create_observable_gauge(
            "homologate.outstanding", [lambda _: [Observation(pool.outstanding)]], "{job}", "Work running or waiting."
        )

    def finished(self, finished: Finished, route: str) -> None:
        """Send one request: a span, a log record bound to it, and its counts."""
        from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

        asked, noted = finished.asked, finished.asked.noted
        begun = int(asked.came_at * 1e9)
        ended = begun + int(finished.seconds * 1e9)
        about: dict[str, Any] = {
            "http.request.method": asked.method,
            "http.route": route,
            "http.response.status_code": finished.status,
        }
        told = {f"homologate.{key}": value for key, value in finished.facts(route).items() if value is not None}
        parent = self._extract({"traceparent": asked.said(b"traceparent"), "tracestate": asked.said(b"tracestate")})
        span = self._tracer.start_span(
            f"{asked.method} {route}", parent, SpanKind.SERVER, {**about, **told}, start_time=begun
        )
        if finished.status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        span.end(ended)
        self._duration.record(finished.seconds, about)
        by = {name: told[name] for name in ("homologate.version",) if name in told}
        for label in noted.labels if noted else ():
            self._verdicts.add(1, {"homologate.label": label, **by})
        level = logging.ERROR if finished.unforeseen else logging.INFO
        context = set_span_in_context(span)
        self._log("request", level, ended, {**about, **told}, context)
        if finished.unforeseen and finished.error is not None:
            fault = {"exception.type": type(finished.error).__name__, "exception.stacktrace": _frames(finished.error)}
            self._log("fault", level, ended, {**told, **fault}, context)

    def event(self, record: logging.LogRecord) -> None:
        """Send one event of the server's own log."""
        facts = getattr(record, "facts", {})
        told = {
            f"homologate.{key}": value if isinstance(value, bool | int | float) else str(value)
            for key, value in facts.items()
        }
        self._log(record.getMessage(), record.levelno, int(record.created * 1e9), told, None)

    def close(self) -> None:
        """Send what is waiting, for five seconds at most: whoever asked this server to leave waits for it."""
        ending = [threading.Thread(target=_end, args=(one,), daemon=True) for one in self._providers]
        for thread in ending:
            thread.start()
        deadline = time.monotonic() + CLOSE_SECONDS
        for thread in ending:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _log(self, name: str, level: int, at: int, facts: dict[str, Any], context: Any) -> None:
        from opentelemetry._logs import SeverityNumber

        numbers = {logging.INFO: SeverityNumber.INFO, logging.WARNING: SeverityNumber.WARN}
        self._logger.emit(
            timestamp=at,
            context=context,
            severity_number=numbers.get(level, SeverityNumber.ERROR),
            severity_text=logging.getLevelName(level),
            body=name,
            attributes=facts,
            event_name=f"homologate.{name}",
        )


def open_telemetry(pool: Pool) -> Telemetry | None:
    """What the environment asks for; None where it asks for nothing.

    Raises:
        UsageError: Application Insights is asked for and its distribution is not installed.
    """
    found = providers()
    return Telemetry(found, pool) if found else None


def _end(provider: Any) -> None:
    provider.force_flush(int(CLOSE_SECONDS * 1000))
    provider.shutdown()


def _frames(error: BaseException) -> str:
    """Where a fault came from, innermost last; without lines of source or messages, which may quote a text."""
    found = traceback.extract_tb(error.__traceback__, limit=-MOST_FRAMES)
    return "\n".join(f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}' for frame in found)
