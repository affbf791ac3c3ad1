"""Traces, counts and logs for any OpenTelemetry collector (OTLP over HTTP), or for Application Insights.

Off until the standard variables say where to: OTEL_EXPORTER_OTLP_ENDPOINT (or …_TRACES_ENDPOINT, …_METRICS_ENDPOINT,
…_LOGS_ENDPOINT), or APPLICATIONINSIGHTS_CONNECTION_STRING. All other OTEL_* variables (service name, headers,
certificate, sampler, intervals) mean what OpenTelemetry says they mean. What is sent is what the log says: ids, times,
labels, versions; never a text. The exporters work on threads of their own; a collector that is down costs no answer.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from typing import Any

from homologate.errors import UsageError
from serve.server._pool import Pool
from serve.server._recorder import Finished

__all__ = ["Telemetry", "open_telemetry"]

CONNECTION_VARIABLE = "APPLICATIONINSIGHTS_CONNECTION_STRING"
_SIGNALS = ("TRACES", "METRICS", "LOGS")
_SCOPE = "homologate.serve"


class Telemetry:
    """Sends what finished. Made by `open_telemetry`.

    Args:
        make: what sends, by signal, for a provider of traces; a signal without one is not sent.
        pool: whose work is counted when the counts are sent.
    """

    def __init__(self, make: Callable[[Any], Mapping[str, Any]], pool: Pool) -> None:
        from opentelemetry.metrics import Observation
        from opentelemetry.propagate import extract
        from opentelemetry.sdk._logs import LoggerProvider
        from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "homologate"}
        resource = Resource.create(named)
        self._extract = extract
        self._traces = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._logs = LoggerProvider(resource=resource, shutdown_on_exit=False)
        exporters, readers = make(self._traces), []
        if "TRACES" in exporters:
            self._traces.add_span_processor(BatchSpanProcessor(exporters["TRACES"]))
        if "LOGS" in exporters:
            self._logs.add_log_record_processor(BatchLogRecordProcessor(exporters["LOGS"]))
        if "METRICS" in exporters:
            readers.append(PeriodicExportingMetricReader(exporters["METRICS"]))
        self._meters = MeterProvider(readers, resource, shutdown_on_exit=False)
        self._tracer = self._traces.get_tracer(_SCOPE)
        self._logger = self._logs.get_logger(_SCOPE)
        meter = self._meters.get_meter(_SCOPE)
        self._duration = meter.create_histogram("http.server.request.duration", "s", "From first byte to answer.")
        self._verdicts = meter.create_counter("homologate.verdicts", "{text}", "Texts judged, by label.")
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
        for label in noted.labels if noted else ():
            self._verdicts.add(1, {"homologate.label": label})
        level = logging.ERROR if finished.unforeseen else logging.INFO
        self._log("request", level, ended, {**about, **told}, set_span_in_context(span))

    def event(self, record: logging.LogRecord) -> None:
        """Send one event of the server's own log."""
        facts = getattr(record, "facts", {})
        told = {
            f"homologate.{key}": value if isinstance(value, bool | int | float) else str(value)
            for key, value in facts.items()
        }
        self._log(record.getMessage(), record.levelno, int(record.created * 1e9), told, None)

    def close(self) -> None:
        """Send what is waiting, for five seconds at most."""
        self._traces.force_flush(5000)
        self._meters.force_flush(5000)
        self._logs.force_flush(5000)
        for provider in (self._traces, self._meters, self._logs):
            provider.shutdown()

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
        UsageError: Application Insights is asked for and its exporter is not installed.
    """
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    if os.environ.get(CONNECTION_VARIABLE):
        return Telemetry(_application_insights, pool)
    makers = _otlp()
    return Telemetry(lambda _: {signal: make() for signal, make in makers.items()}, pool) if makers else None


def _otlp() -> dict[str, Callable[[], Any]]:
    """The exporters that have somewhere to send to and are not switched off (OTEL_TRACES_EXPORTER=none)."""
    whole = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    wanted = [
        signal
        for signal in _SIGNALS
        if (whole or os.environ.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"))
        and os.environ.get(f"OTEL_{signal}_EXPORTER", "otlp") == "otlp"
    ]
    if not wanted:
        return {}
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    makers = {"TRACES": OTLPSpanExporter, "METRICS": OTLPMetricExporter, "LOGS": OTLPLogExporter}
    return {signal: makers[signal] for signal in wanted}


def _application_insights(traces: Any) -> dict[str, Any]:
    try:
        from azure.monitor.opentelemetry import exporter as azure
    except ImportError as error:
        raise UsageError(
            "Application Insights is asked for, and its exporter is not installed",
            place=f"${CONNECTION_VARIABLE}",
            next_command="uv pip install --require-hashes --no-deps -r requirements/appinsights.txt",
        ) from error
    # The exporter's own reports to its maker: off, unless the operator says otherwise.
    for variable in ("STATSBEAT_DISABLED_ALL", "CONTROLPLANE_DISABLED"):
        os.environ.setdefault(f"APPLICATIONINSIGHTS_{variable}", "true")
    return {
        "TRACES": azure.AzureMonitorTraceExporter(tracer_provider=traces),
        "METRICS": azure.AzureMonitorMetricExporter(),
        "LOGS": azure.AzureMonitorLogExporter(),
    }
