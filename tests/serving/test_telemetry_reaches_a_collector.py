"""Traces, counts and logs arrive at a real OTLP receiver and name the prediction, never the text."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from waiting import until

PRIVATE = "zebra-crossing-in-Oldenburg"
TRACE = "0123456789abcdef" * 2
KINDS = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
}


class Receiver:
    """What arrived, decoded."""

    def __init__(self) -> None:
        self.url = ""
        self.raw = b""
        self.got: dict[str, list[Any]] = {path: [] for path in KINDS}

    def spans(self) -> list[Any]:
        return [s for m in self.got["/v1/traces"] for r in m.resource_spans for c in r.scope_spans for s in c.spans]

    def logs(self) -> list[Any]:
        return [e for m in self.got["/v1/logs"] for r in m.resource_logs for c in r.scope_logs for e in c.log_records]

    def metrics(self) -> dict[str, Any]:
        found = (
            m
            for got in self.got["/v1/metrics"]
            for r in got.resource_metrics
            for c in r.scope_metrics
            for m in c.metrics
        )
        return {metric.name: metric for metric in found}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            made.raw += body
            made.got[self.path].append(KINDS[self.path].FromString(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as http:
        made.url = f"http://127.0.0.1:{http.server_address[1]}"
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield made
        http.shutdown()


def attributes(told: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in told.attributes}


def test_a_request_is_a_span_a_log_record_and_counts_that_name_the_prediction_and_not_the_text(
    serve: Callable[..., Any], model_directory: Path, receiver: Receiver
) -> None:
    quick = {"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_BLRP_SCHEDULE_DELAY": "100", "OTEL_METRIC_EXPORT_INTERVAL": "300"}
    where = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_SERVICE_NAME": "inspection-line-3"}
    server = serve(model_directory, environment={**where, **quick})
    asked = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    text = f"The lamp from lot 7 cracked below the limit. {PRIVATE}"
    answer = requests.post(f"{server.url}/v1/score", json={"text": text}, headers=asked, timeout=30)
    refused = server.invoke({"inputs": [{"text": PRIVATE}, {"words": PRIVATE}]})
    until(lambda: len(receiver.spans()) >= 2 and "http.server.request.duration" in receiver.metrics(), 20, "telemetry")
    span = next(span for span in receiver.spans() if span.name == "POST /v1/score")
    told = attributes(span)
    assert span.trace_id.hex() == TRACE
    assert told["homologate.prediction_id"] == answer.json()["prediction_id"]
    assert told["homologate.digest"] == answer.json()["model"]["digest"]
    assert told["homologate.label"] == answer.json()["label"]
    assert told["http.response.status_code"] == 200
    assert 0 < span.end_time_unix_nano - span.start_time_unix_nano < 30e9
    (resource,) = {attributes(r.resource)["service.name"] for m in receiver.got["/v1/traces"] for r in m.resource_spans}
    assert resource == "inspection-line-3"
    record = until(lambda: next((e for e in receiver.logs() if e.span_id == span.span_id), None), 10, "log record")
    assert attributes(record)["homologate.prediction_id"] == answer.json()["prediction_id"]
    assert {e.body.string_value for e in receiver.logs()} >= {"ready", "request"}
    verdicts = receiver.metrics()["homologate.verdicts"].sum.data_points
    assert {attributes(point)["homologate.label"] for point in verdicts} == {answer.json()["label"]}
    assert refused.status_code == 400
    assert server.stop() == 0
    assert PRIVATE.encode() not in receiver.raw


def test_a_collector_that_is_down_costs_no_answer_and_no_end(serve: Callable[..., Any], model_directory: Path) -> None:
    server = serve(model_directory, environment={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"})
    assert {server.score().status_code for _ in range(20)} == {200}
    assert server.stop() == 0


def test_without_an_endpoint_nothing_is_loaded_and_nothing_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    from serve.server import Pool
    from serve.server._telemetry import open_telemetry

    assert open_telemetry(Pool([0], 1)) is None
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert open_telemetry(Pool([0], 1)) is None
