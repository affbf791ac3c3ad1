"""What `/metrics` tells Prometheus. No label holds anything a client chose, so their number is bounded."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter as Counts
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from serve.server._model import ServedModel
from serve.server._pool import Pool

if TYPE_CHECKING:
    from serve.server._recorder import Finished

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class _Answers(Collector):
    """What is counted of every request, in plain numbers: on the way of an answer a `Counter` costs ten times them."""

    def __init__(self) -> None:
        self.requests: Counts[tuple[str, int]] = Counts()
        self.verdicts: Counts[str] = Counts()
        self.seconds: dict[str, float] = defaultdict(float)
        self.buckets: dict[str, list[int]] = defaultdict(lambda: [0] * (len(BUCKETS) + 1))

    def count(self, finished: Finished, route: str) -> None:
        self.requests[route, finished.status] += 1
        self.seconds[route] += finished.seconds
        self.buckets[route][bisect_left(BUCKETS, finished.seconds)] += 1
        if (noted := finished.asked.noted) is not None:
            for label in noted.labels:
                self.verdicts[label] += 1

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily("homologate_requests", "Requests answered.", labels=["route", "status"])
        for (route, status), count in self.requests.items():
            requests.add_metric([route, str(status)], count)
        seconds = HistogramMetricFamily("homologate_request_seconds", "From first byte to answer.", labels=["route"])
        for route, counts in self.buckets.items():
            upper = [*map(str, BUCKETS), "+Inf"]
            seconds.add_metric([route], list(zip(upper, accumulate(counts), strict=True)), self.seconds[route])
        verdicts = CounterMetricFamily("homologate_verdicts", "Texts judged, by label.", labels=["label"])
        for label, count in self.verdicts.items():
            verdicts.add_metric([label], count)
        yield from (requests, seconds, verdicts)


class Metrics:
    """Counts of one server."""

    def __init__(self, pool: Pool) -> None:
        self.registry = CollectorRegistry()
        kept = self.registry
        self._answers = _Answers()
        kept.register(self._answers)
        self.left = Counter("homologate_clients_left", "Clients that went away unanswered.", registry=kept)
        self.reloads = Counter("homologate_reloads", "New versions met.", ["outcome"], registry=kept)
        self.registry_up = Gauge("homologate_registry_up", "Whether the registry answered last time.", registry=kept)
        self.registry_up.set(1)
        self.model = Gauge(
            "homologate_model", "The version that answers.", ["name", "version", "digest", "precision"], registry=kept
        )
        self.challenger = Gauge(
            "homologate_challenger_share",
            "The version beside the one that answers, and of how many requests.",
            ["name", "version", "digest", "mode"],
            registry=kept,
        )
        self.beside = Counter(
            "homologate_beside", "Texts that two versions were to answer.", ["outcome"], registry=kept
        )
        self.returns = Counter("homologate_canary_returns", "Canaries taken back.", ["because"], registry=kept)
        waiting = Gauge("homologate_outstanding", "Pieces of work running or waiting.", registry=kept)
        waiting.set_function(lambda: pool.outstanding)
        threads = Gauge("homologate_threads", "Threads that answer.", registry=kept)
        threads.set(len(pool.cores))
        ProcessCollector(registry=kept)
        self.up_to_date: Callable[[], None] = lambda: None
        """Called before the page is made."""

    def finished(self, finished: Finished, route: str) -> None:
        """Count one request."""
        self._answers.count(finished, route)
        if finished.status == 499:
            self.left.inc()

    def serves(self, model: ServedModel) -> None:
        """Say which version answers from now on."""
        self.model.clear()
        self.model.labels(model.name, model.version, model.digest, model.scorer.precision).set(1)

    def challenges(self, model: ServedModel | None, mode: str, share: float) -> None:
        """Say which version stands beside it from now on, and of which share of requests."""
        self.challenger.clear()
        if model is not None:
            self.challenger.labels(model.name, model.version, model.digest, mode).set(share)

    def page(self) -> bytes:
        """The text exposition."""
        self.up_to_date()
        return generate_latest(self.registry)
