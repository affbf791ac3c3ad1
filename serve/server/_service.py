"""What one server is made of, and the one thing it does: judge texts with the model of the moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fastapi import FastAPI
from starlette.types import Receive

from homologate.errors import DataError
from homologate.scorer import Answer
from homologate.scoring import faults_as_errors
from serve.server._access import Access, Pace
from serve.server._answered import Collector
from serve.server._limits import Limits
from serve.server._metrics import Metrics
from serve.server._model import ServedModel
from serve.server._pool import Pool
from serve.server._problem import Left

__all__ = ["RegistryFacts", "Service"]

_T = TypeVar("_T")


@dataclass(slots=True)
class RegistryFacts:
    """What the watch on the registry last saw; all empty where nothing is watched."""

    watching: bool = False
    reachable: bool = True
    fault: str | None = None
    refused_version: str | None = None
    refused_because: str | None = None


@dataclass(slots=True)
class Service:
    """One server: the model, the threads, the door and the counts."""

    model: ServedModel
    pool: Pool
    limits: Limits
    access: Access
    pace: Pace
    metrics: Metrics
    hosts: frozenset[str] | None = None
    """Host names a request may name; None means any."""
    tls: bool = False
    draining: bool = False
    registry: RegistryFacts = field(default_factory=RegistryFacts)
    collector: Collector | None = None
    """Told of each answered request once; None keeps no records."""
    pages: Sequence[Callable[[FastAPI, Service], None]] = ()
    """What other rooms add to the application: each is called once with it."""

    def replace_model(self, model: ServedModel) -> None:
        """Answer with `model` from the next request on; requests in progress finish with the one they began with."""
        self.model = model
        self.metrics.serves(model)

    async def judge(
        self, receive: Receive, texts: Sequence[str], explain: bool, precision: str = ""
    ) -> tuple[ServedModel, list[Answer]]:
        """The model that judged, and its answers in the order of `texts`.

        Work stops when the client leaves or the deadline passes; only what a thread is running at that moment (at
        most sixteen texts) is finished for nobody.

        Raises:
            DataError: a text cannot be judged, or this server does not answer at `precision`.
            Left: the client went away.
            ModelError: the model broke.
            Problem: 429, no room; 503 or 504, the deadline passed.
        """
        model = self.model
        if precision not in {"", model.scorer.precision}:
            raise DataError(
                f"this server does not answer at precision {precision!r:.40}",
                place="params, field precision",
                legal=model.scorer.precision,
                next_command="homologate serve --precision  # what it answers at is the operator's decision",
            )
        with faults_as_errors():
            answers = await _while_connected(
                receive, self.pool.answers(model.scorer, texts, explain, self.limits.deadline)
            )
        for answer in answers:
            self.metrics.verdicts.labels(answer.label).inc()
        return model, answers


async def _while_connected(receive: Receive, work: Coroutine[Any, Any, _T]) -> _T:
    """The result of `work`, which is cancelled when the client leaves.

    Raises:
        Left: the client went away.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise Left
    finally:
        for ours in (task, gone):
            ours.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
