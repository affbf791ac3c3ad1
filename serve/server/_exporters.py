"""Where telemetry goes: any OpenTelemetry collector (OTLP over HTTP), or Application Insights by its own distribution.

Nothing of OpenTelemetry is loaded where the environment asks for nothing.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from homologate.errors import UsageError

__all__ = ["Providers", "providers"]

CONNECTION_VARIABLE = "APPLICATIONINSIGHTS_CONNECTION_STRING"
_SIGNALS = ("TRACES", "METRICS", "LOGS")
_CALLS = ("urllib", "requests")
"""What this server makes its own calls with; each becomes a dependency. Its answers are told of by itself."""
_LEFT_ALONE = ("azure_sdk", "django", "fastapi", "flask", "httpx", "httpx2", "psycopg2", "urllib3")


class Providers(NamedTuple):
    """OpenTelemetry's three, with their exporters."""

    traces: Any
    meters: Any
    logs: Any


def providers() -> Providers | None:
    """What the environment asks for; None where it asks for nothing.

    Raises:
        UsageError: Application Insights is asked for and its distribution is not installed.
    """
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    if os.environ.get(CONNECTION_VARIABLE):
        return _application_insights()
    wanted = _wanted()
    return _otlp(wanted) if wanted else None


def _wanted() -> list[str]:
    """The signals that have somewhere to go and are not switched off (OTEL_TRACES_EXPORTER=none)."""
    whole = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    return [
        signal
        for signal in _SIGNALS
        if (whole or os.environ.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"))
        and os.environ.get(f"OTEL_{signal}_EXPORTER", "otlp") == "otlp"
    ]


def _otlp(wanted: list[str]) -> Providers:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = _resource()
    traces = TracerProvider(resource=resource, shutdown_on_exit=False)
    logs = LoggerProvider(resource=resource, shutdown_on_exit=False)
    if "TRACES" in wanted:
        traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    if "LOGS" in wanted:
        logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    readers = [PeriodicExportingMetricReader(OTLPMetricExporter())] if "METRICS" in wanted else []
    return Providers(traces, MeterProvider(readers, resource, shutdown_on_exit=False), logs)


def _application_insights() -> Providers:
    # Read when the distribution is imported. Reports to its maker: off, unless the operator says otherwise.
    for variable in ("STATSBEAT_DISABLED_ALL", "CONTROLPLANE_DISABLED"):
        os.environ.setdefault(f"APPLICATIONINSIGHTS_{variable}", "true")
    try:
        from azure.monitor.opentelemetry import configure_azure_monitor
    except ImportError as error:
        raise UsageError(
            "Application Insights is asked for, and its distribution of OpenTelemetry is not installed",
            place=f"${CONNECTION_VARIABLE}",
            next_command="uv pip install --require-hashes --no-deps -r requirements/appinsights.txt",
        ) from error
    from opentelemetry import _logs, metrics, trace

    # Left to itself it keeps five requests a second, and the counts that queries take would be of those.
    chosen = {} if os.environ.get("OTEL_TRACES_SAMPLER") else {"sampling_ratio": 1.0}
    configure_azure_monitor(
        **chosen,
        resource=_resource(),
        logger_name="homologate.telemetry",  # nobody's: events are handed over by `Telemetry`, each once
        enable_live_metrics=False,
        enable_performance_counters=False,
        instrumentation_options={
            **{name: {"enabled": True} for name in _CALLS},
            **{name: {"enabled": False} for name in _LEFT_ALONE},
        },
    )
    return Providers(trace.get_tracer_provider(), metrics.get_meter_provider(), _logs.get_logger_provider())


def _resource() -> Any:
    from opentelemetry.sdk.resources import Resource

    return Resource.create({} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "homologate"})
