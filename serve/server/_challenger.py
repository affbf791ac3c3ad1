"""The version beside the champion: in its shadow, or before a share of the callers, and taken back when it fails.

    shadow   the champion answers; of a sample, the challenger answers too, unseen
    canary   the challenger answers a share of the callers; the champion answers the same texts, unseen

Either way both answers are counted (`Beside`) and recorded, and the client gets one. What nobody waits for is done when
a thread is free, or at the latest after a quarter of a second, one text at a time: so it takes little from those who
wait, and what there was no time for is counted as dropped. A canary is taken back by itself when the challenger fails,
is slow or disagrees beyond its limits, and stays back until another version comes.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, NamedTuple

from homologate.scorer import Answer, InputFault
from serve.http import _log
from serve.server._answered import Answered, Collector
from serve.server._asked import Asked
from serve.server._beside import Beside, percentile, wilson
from serve.server._metrics import Metrics
from serve.server._model import ServedModel
from serve.server._place import RegistryFacts
from serve.server._pool import Pool

__all__ = ["CanaryLimits", "Challenger"]

TEXTS = 16
"""Of one request, the first so many are answered by both."""

BACKLOG = 32
PATIENCE_SECONDS = 0.25
ENOUGH = 20
"""Texts before slowness or disagreement is judged; three failures are enough for failing."""


@dataclass(frozen=True, slots=True)
class CanaryLimits:
    """Beyond these the canary is taken back.

    Attributes:
        failing: share of the newest 200 texts the challenger may fail on.
        slower: how many times the champion's 95th percentile its own may be.
        disagreement: share of texts it may judge differently, held against the lower end of the 95 % interval.
    """

    failing: float = 0.02
    slower: float = 2.0
    disagreement: float = 0.2


class _Turn(NamedTuple):
    """A request that was answered by one and is to be answered by the other."""

    asked: Asked
    texts: list[str]
    answers: list[Answer]
    champion: ServedModel
    challenger: ServedModel
    by_challenger: bool


class Challenger:
    """See the module.

    Args:
        pool: the threads.
        metrics: the counts.
        mode: `shadow` or `canary`.
        share: of requests, 0 to 1.
        by: what decides which requests: `prediction` (each by itself) or `caller` (a caller always meets the same).
        limits: of a canary.
        collector: told of the unseen answers too.
    """

    def __init__(
        self,
        pool: Pool,
        metrics: Metrics,
        *,
        mode: str,
        share: float,
        by: str = "prediction",
        limits: CanaryLimits | None = None,
        collector: Collector | None = None,
    ) -> None:
        self._pool, self._metrics, self._collector = pool, metrics, collector
        self.mode, self.share, self._by, self._limits = mode, share, by, limits or CanaryLimits()
        self.model: ServedModel | None = None
        self.registry = RegistryFacts()
        self.returned: str | None = None
        """Why the canary was taken back; None while it is not."""
        self._beside: Beside | None = None
        self._backlog: deque[_Turn] = deque()
        self._came = asyncio.Event()

    def replace_model(self, model: ServedModel) -> None:
        """Another version takes the place beside the champion; a canary starts anew."""
        self.model, self.returned = model, None
        self._metrics.challenges(model, self.mode, self.share)
        _log.event("challenger", mode=self.mode, share=self.share, version=model.version, digest=model.digest)

    def vanished(self, because: str) -> bool:
        """The name means no version now: nobody stands beside the champion. Always true: that is as it may be."""
        if self.model is not None:
            _log.event("challenger_gone", was=self.model.version, because=because)
            self.model = None
            self._metrics.challenges(None, self.mode, 0)
        return True

    def takes(self, asked: Asked, champion: ServedModel) -> ServedModel | None:
        """The challenger, where it is to answer this request in the champion's place."""
        model = self.model
        if model is None or self.mode != "canary" or self.returned or model.digest == champion.digest:
            return None
        return model if self._chosen(asked) else None

    def answered(
        self,
        asked: Asked,
        texts: list[str],
        answers: list[Answer],
        champion: ServedModel,
        by: ServedModel,
        seconds: float,
    ) -> None:
        """Hear of an answer a client gets: count its time, and let the other side answer too where it is chosen."""
        model = self.model
        if model is None or model.digest == champion.digest:
            return
        beside = self._of(champion, model)
        by_challenger = by is model
        (beside.times if by_challenger else beside.champion_times).append(seconds / len(texts))
        if by_challenger or (self.mode == "shadow" and self._chosen(asked)):
            if len(self._backlog) >= BACKLOG:
                beside.dropped += min(len(texts), TEXTS)
                self._metrics.beside.labels("dropped").inc(min(len(texts), TEXTS))
            else:
                turn = _Turn(asked, texts[:TEXTS], answers[:TEXTS], champion, model, by_challenger)
                self._backlog.append(turn)
                self._came.set()
        if by_challenger:
            self._hold_to_limits(beside)

    def failed(self, champion: ServedModel, challenger: ServedModel, texts: int, error: Exception) -> None:
        """Hear that the challenger did not answer; the champion does in its place."""
        beside = self._of(champion, challenger)
        beside.fails(texts)
        self._metrics.beside.labels("failed").inc(texts)
        _log.event("challenger_failed", level=30, version=challenger.version, fault=type(error).__name__)
        self._hold_to_limits(beside)

    async def run(self) -> None:
        """Let the other side answer, one request after another; ends only by being cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._came.wait()
            until = loop.time() + PATIENCE_SECONDS
            while self._pool.outstanding >= len(self._pool.cores) and loop.time() < until:
                await asyncio.sleep(0.02)
            turn = self._backlog.popleft()
            if not self._backlog:
                self._came.clear()
            await self._answer(turn)

    def facts(self) -> dict[str, Any]:
        """How it stands, for `/health`."""
        beside = self._beside
        return {
            "mode": self.mode,
            "share": self.share,
            "model": self.model.facts() if self.model else None,
            "returned": self.returned,
            "answers": beside.answers if beside else 0,
            "agreement": wilson(beside.agreed, beside.answers)["value"] if beside else None,
            **self.registry.facts(),
        }

    def report(self) -> dict[str, Any] | None:
        """What came of the two that stand beside each other now; None before the first text."""
        return {"mode": self.mode, "share": self.share, **self._beside.facts()} if self._beside else None

    def _of(self, champion: ServedModel, challenger: ServedModel) -> Beside:
        if self._beside is None or not self._beside.is_of(champion, challenger):
            self._beside = Beside(champion, challenger)
        return self._beside

    def _chosen(self, asked: Asked) -> bool:
        """Whether this request is of the share. By caller, the same caller is always or never chosen."""
        if self._by == "caller":
            named = hashlib.sha256((asked.caller or asked.client).encode()).hexdigest()
        else:
            named = asked.request_id
        return int(named[:8], 16) < self.share * 2**32

    async def _answer(self, turn: _Turn) -> None:
        other = turn.champion if turn.by_challenger else turn.challenger
        try:
            ran = await self._pool.aside(other.scorer, turn.texts)
        except InputFault:
            return  # one of them cannot read it: no fault of theirs
        except Exception as error:
            if not turn.by_challenger:
                self.failed(turn.champion, turn.challenger, len(turn.texts), error)
            return
        beside = self._of(turn.champion, turn.challenger)
        sides = (ran.answers, turn.answers) if turn.by_challenger else (turn.answers, ran.answers)
        agreed = beside.pairs(turn.asked.request_id, *sides)
        self._metrics.beside.labels("agreed").inc(agreed)
        self._metrics.beside.labels("disagreed").inc(len(turn.texts) - agreed)
        (beside.champion_times if turn.by_challenger else beside.times).append(ran.seconds / len(turn.texts))
        if self._collector is not None:
            asked, texts, answers = turn.asked, tuple(turn.texts), tuple(ran.answers)
            at, who, named = time.time(), asked.caller, asked.families
            told = Answered(asked.request_id, at, ran.seconds, who, texts, answers, other, "shadow", named)
            self._collector.collect(told)
        self._hold_to_limits(beside)

    def _hold_to_limits(self, beside: Beside) -> None:
        """Take the canary back where it passes a limit."""
        if self.mode != "canary" or self.returned:
            return
        because = self._passed(beside)
        if because is None:
            return
        kind, self.returned = because
        self._metrics.returns.labels(kind).inc()
        self._metrics.challenges(self.model, self.mode, 0)
        _log.event("canary_returned", level=40, version=beside.challenger.version, because=self.returned)

    def _passed(self, beside: Beside) -> tuple[str, str] | None:
        limits, newest = self._limits, list(beside.alike)
        failed = newest.count(None)
        if failed >= 3 and failed > limits.failing * max(len(newest), len(beside.times)):
            return "failing", f"it failed on {failed} of its newest {len(newest)} texts (limit {limits.failing:.0%})"
        ours, theirs = list(beside.champion_times)[-200:], list(beside.times)[-200:]
        if min(len(ours), len(theirs)) >= ENOUGH:
            mine, its = percentile(ours, 0.95) or 0.0, percentile(theirs, 0.95) or 0.0
            if its > limits.slower * mine:
                told = f"its 95th percentile is {its * 1000:.0f} ms, the champion's {mine * 1000:.0f} ms"
                return "slow", f"{told} (limit {limits.slower:g} times)"
        judged = len(newest) - failed
        if judged >= ENOUGH:
            surely = wilson(newest.count(False), judged)["low"] or 0.0
            if surely > limits.disagreement:
                share = f"{newest.count(False)} of its newest {judged} texts"
                return "disagreeing", f"it judged {share} differently (limit {limits.disagreement:.0%})"
        return None
