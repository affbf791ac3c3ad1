"""A finding for Prometheus: gauges in a file that node_exporter's textfile collector reads, as batch jobs do it."""

from __future__ import annotations

from pathlib import Path

from homologate.errors import StorageError
from serve.monitor._finding import CANNOT_TELL, DRIFT, NO_DRIFT, Finding

__all__ = ["write_metrics"]

_CODES = {DRIFT: 1, NO_DRIFT: 0, CANNOT_TELL: -1}


def write_metrics(file: Path, finding: Finding) -> None:
    """Write the newest finding, whole or not at all; a signal that cannot be told has a verdict and no value.

    Args:
        file: its name must end with `.prom` for node_exporter.
        finding: of the newest window.

    Raises:
        StorageError: the disk will not.
    """
    from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

    registry = CollectorRegistry()
    about = ("model", "version")
    whose = (finding.model, finding.version)

    def gauge(name: str, told: str, *more: str) -> Gauge:
        return Gauge(f"homologate_drift_{name}", told, [*about, *more], registry=registry)

    codes = "1 drift, 0 no drift, -1 cannot tell."
    gauge("verdict", f"Of the newest window: {codes}").labels(*whose).set(_CODES[finding.verdict])
    gauge("window_end_seconds", "When the newest window ended.").labels(*whose).set(finding.end.timestamp())
    gauge("records", "Predictions in the newest window.").labels(*whose).set(finding.records)
    verdicts = gauge("signal_verdict", f"Of one signal: {codes}", "signal")
    values = gauge("signal_value", "How far a signal is from the version's past.", "signal")
    limits = gauge("signal_limit", "From which value a signal alarms, at the size of the window.", "signal")
    for signal in finding.signals:
        verdicts.labels(*whose, signal.name).set(_CODES[signal.verdict])
        for gauges, number in ((values, signal.value), (limits, signal.limit)):
            if number is not None:
                gauges.labels(*whose, signal.name).set(number)
    try:
        write_to_textfile(str(file), registry)
    except OSError as error:
        raise StorageError(f"cannot write: {error.strerror or error}", place=str(file)) from error
