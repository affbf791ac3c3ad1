"""What `/metrics` tells Prometheus. No label holds anything a client chose, so their number is bounded."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from serve.server._model import ServedModel
from serve.server._pool import Pool

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Metrics:
    """Counts of one server."""

    def __init__(self, pool: Pool) -> None:
        self.registry = CollectorRegistry()
        kept = self.registry
        self.requests = Counter("homologate_requests", "Requests answered.", ["route", "status"], registry=kept)
        self.seconds = Histogram(
            "homologate_request_seconds", "From first byte to answer.", ["route"], buckets=BUCKETS, registry=kept
        )
        self.verdicts = Counter("homologate_verdicts", "Texts judged, by label.", ["label"], registry=kept)
        self.left = Counter("homologate_clients_left", "Clients that went away unanswered.", registry=kept)
        self.reloads = Counter("homologate_reloads", "New versions met.", ["outcome"], registry=kept)
        self.registry_up = Gauge("homologate_registry_up", "Whether the registry answered last time.", registry=kept)
        self.registry_up.set(1)
        self.model = Gauge(
            "homologate_model", "The version that answers.", ["name", "version", "digest", "precision"], registry=kept
        )
        waiting = Gauge("homologate_outstanding", "Pieces of work running or waiting.", registry=kept)
        waiting.set_function(lambda: pool.outstanding)
        threads = Gauge("homologate_threads", "Threads that answer.", registry=kept)
        threads.set(len(pool.cores))
        ProcessCollector(registry=kept)

    def serves(self, model: ServedModel) -> None:
        """Say which version answers from now on."""
        self.model.clear()
        self.model.labels(model.name, model.version, model.digest, model.scorer.precision).set(1)

    def page(self) -> bytes:
        """The text exposition."""
        return generate_latest(self.registry)
