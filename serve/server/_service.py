"""What one server is made of, and the one thing it does: judge texts with the model of the moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fastapi import FastAPI

from homologate.errors import DataError
from homologate.scorer import Answer, InputFault
from homologate.scoring import faults_as_errors
from serve.http import Hosts, Limits, Problem
from serve.server._access import Access, Pace
from serve.server._answered import Answered, Collector
from serve.server._asked import Asked, Noted
from serve.server._challenger import Challenger
from serve.server._metrics import Metrics
from serve.server._model import ServedModel
from serve.server._occlusion import occluded
from serve.server._place import RegistryFacts
from serve.server._pool import Pool, Ran
from serve.server._recorder import Recorder

__all__ = ["Service"]


@dataclass(slots=True)
class Service:
    """One server: the model, the threads, the door and the counts."""

    model: ServedModel
    pool: Pool
    limits: Limits
    access: Access
    pace: Pace
    metrics: Metrics
    recorder: Recorder
    hosts: Hosts = field(default_factory=lambda: Hosts(None))
    """The names a request may call this server by."""
    tls: bool = False
    draining: bool = False
    registry: RegistryFacts = field(default_factory=RegistryFacts)
    collector: Collector | None = None
    """Told of each answered request once; None keeps no records."""
    pages: Sequence[Callable[[FastAPI, Service], None]] = ()
    """What other rooms add to the application: each is called once with it."""
    challenger: Challenger | None = None
    """Answers beside the model, or before a share of the callers."""

    def replace_model(self, model: ServedModel) -> None:
        """Answer with `model` from the next request on; requests in progress finish with the one they began with."""
        self.model = model
        self.metrics.serves(model)

    def vanished(self, because: str) -> bool:
        """Hear that the name means no version now: what serves goes on, and it is told as a fault."""
        return False

    async def judge(
        self, asked: Asked, texts: list[str], explain: bool, precision: str = "", *, occlude: bool = False
    ) -> tuple[ServedModel, list[Answer]]:
        """The model that judged, and its answers in the order of `texts`; with `occlude`, of the first alone.

        Work stops when the client leaves or the deadline passes; only what a thread is running at that moment (at
        most sixteen texts) is finished for nobody.

        Raises:
            DataError: a text cannot be judged, or this server does not answer at `precision`.
            ModelError: the model broke.
            Problem: 429, no room; 503 or 504, the deadline passed.
        """
        model, role, ran = self.model, "champion", None
        asked.model = model
        if precision and precision != model.scorer.precision:
            raise DataError(
                f"this server does not answer at precision {precision!r:.40}",
                place="params, field precision",
                legal=model.scorer.precision,
                next_command="homologate serve --precision  # what it answers at is the operator's decision",
            )
        deadline, champion = self.limits.deadline, model
        with faults_as_errors():
            if self.challenger is not None and (other := self.challenger.takes(asked, champion)) is not None:
                ran = await self._tried(other, champion, texts, explain, deadline / 2)
                if ran is None:
                    deadline /= 2
                else:
                    model, role = other, "canary"
            if ran is None:
                ran = await self.pool.answers(champion.scorer, texts, explain, deadline)
            answers = ran.answers
            if occlude:
                answers = [await self._occluded(asked, model, texts[0], answers[0])]
        asked.noted = Noted(model, role, [answer.label for answer in answers], answers[0].probability, explain)
        if self.collector is not None:
            at, seconds, who = asked.came_at, time.perf_counter() - asked.begun, asked.caller
            judged = tuple(texts), tuple(answers)
            self.collector.collect(Answered(asked.request_id, at, seconds, who, *judged, model, role, asked.families))
        if self.challenger is not None:
            self.challenger.answered(asked, texts, answers, champion, model, ran.seconds)
        return model, answers

    async def _occluded(self, asked: Asked, model: ServedModel, text: str, answer: Answer) -> Answer:
        """The answer with occlusion's words, or as it is where they are not ready in time: a verdict waits for none."""
        left = min(self.limits.explain, self.limits.deadline - (time.perf_counter() - asked.begun))
        try:
            explained = await occluded(self.pool, model.scorer, text, answer, left)
        except Problem:
            return answer
        asked.explained_by = "occlusion"
        return explained

    async def _tried(
        self, other: ServedModel, champion: ServedModel, texts: list[str], explain: bool, deadline: float
    ) -> Ran | None:
        """The canary's answers; None where it failed, so that no client pays for trying it."""
        assert self.challenger is not None  # noqa: S101 (who else would have taken it)
        try:
            return await self.pool.answers(other.scorer, texts, explain, deadline)
        except InputFault:
            raise
        except Problem as problem:
            if problem.status == 429:
                raise
            if problem.status == 504:
                self.challenger.failed(champion, other, len(texts), problem)
        except Exception as error:
            self.challenger.failed(champion, other, len(texts), error)
        return None
