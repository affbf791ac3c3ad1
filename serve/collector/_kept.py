"""The server's collector: each answered request becomes one record a text."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

import prometheus_client.registry
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from homologate.scorer.collector import Collector, Judge, Record, row_id
from serve.collector._shipping import Shipping

if TYPE_CHECKING:
    from serve.server import Answered

__all__ = ["Kept"]


class Kept:
    """Keeps every answer (see `serve.server.Collector`).

    Args:
        collector: where records go.
        shipping: what brings them to the store meanwhile; None leaves that to somebody else.
        registry: where `/metrics` counts.
    """

    def __init__(
        self, collector: Collector, shipping: Shipping | None = None, registry: CollectorRegistry | None = None
    ) -> None:
        self.collector, self.shipping = collector, shipping
        if registry is not None:
            registry.register(_Counts(collector))

    def start(self) -> None:
        """Start the shipper; the collector begins with its first record."""
        if self.shipping is not None:
            self.shipping.start()

    def collect(self, answered: Answered) -> None:
        """Hand over one record a text; never waits."""
        model = answered.model
        judge = _judge(model.name, model.version, model.digest, model.scorer.labels, answered.role)
        for row, (text, answer) in enumerate(zip(answered.texts, answered.answers, strict=True)):
            self.collector.offer(
                Record.of(
                    row_id(answered.prediction_id, row, len(answered.texts)),
                    judge,
                    answered.at,
                    text,
                    answer,
                    latency_ms=answered.seconds * 1000,
                    caller=answered.caller,
                    component=answered.families[row] if answered.families else "",
                )
            )

    async def stop(self) -> None:
        """Returns when what was taken is in the spool, and as much of it as goes within seconds in the store."""
        await asyncio.to_thread(self.collector.close)
        if self.shipping is not None:
            await asyncio.to_thread(self.shipping.stop)


@lru_cache(maxsize=16)
def _judge(name: str, version: str, digest: str, labels: tuple[str, str], role: str) -> Judge:
    return Judge(name, version, digest, labels, "server", role)


class _Counts(prometheus_client.registry.Collector):
    """What became of the records, for Prometheus."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def collect(self) -> Iterator[Metric]:
        """Called for each page of metrics."""
        counts = self._collector.counts()
        told = CounterMetricFamily("homologate_records", "Predictions to be kept, by outcome.", labels=["outcome"])
        for outcome, count in counts.items():
            if outcome not in {"offered", "waiting"}:
                told.add_metric([outcome], count)
        yield told
        yield GaugeMetricFamily("homologate_records_waiting", "In memory, not yet accepted.", counts["waiting"])
