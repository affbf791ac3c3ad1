"""Threads that answer, off the event loop, with a bounded number of questions waiting.

One thread a core, each running a session call of one thread: two such threads beat one session of two threads on the
same cores. The threads stay on the cores the process was given and move freely among them: pinned one to one, a thread
waits for a core somebody else is using while another stands idle (p99 of one caller 1.7 times the bare scorer's on a
shared machine, 1.2 without). The session is shared (ONNX Runtime sessions are safe to call from several threads), so
memory does not grow with threads. What runs on the threads is `_work`; all else runs on the event loop, so
nothing here needs a lock.

While questions wait, answers are gathered: a thread goes on to the next question and the event loop hears of several
answers at once. An answer clears the processor's caches of the loop's code and the loop takes a core from a thread, so
four answers told in a row cost little more than one. No answer is kept back where less than `RESERVE` waits, behind
anything longer than one text, or beyond `GATHER_SECONDS`.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from homologate.errors import ServiceError
from homologate.scorer import Answer, InputFault, Scorer
from serve.http import Problem

__all__ = ["Pool", "Ran"]

SLICE = 16
"""Texts of similar length that one thread takes at a time; what waits behind a long request waits for one slice."""

GATHER_SECONDS = 0.02
"""How long an answer may wait for the next ones, while other questions wait for a thread."""

RESERVE = 2
"""Questions a thread that must be waiting: what keeps the threads busy while the loop answers and hears of new ones."""


class Ran(NamedTuple):
    """Answers, and the seconds threads spent on them, waiting excluded."""

    answers: list[Answer]
    seconds: float


class _Job:
    """One piece of work: cancelled before it began, it is dropped unread.

    Args:
        work: what to do.
        result: who waits for it.
        brief: whether it is one text that somebody waits for.
        counted: whether somebody waits for it.

    Attributes:
        found, error: what came of it, once a thread has had it; `seconds` it took, and the moment it `ended`.
    """

    __slots__ = ("begun", "brief", "cancelled", "counted", "ended", "error", "found", "result", "seconds", "work")

    def __init__(
        self, work: Callable[[], Any], result: asyncio.Future[Any], *, brief: bool = False, counted: bool = True
    ) -> None:
        self.work, self.result, self.brief, self.counted = work, result, brief, counted
        self.begun = self.cancelled = False
        self.seconds = self.ended = 0.0
        self.found: Any = None
        self.error: Exception | None = None

    def late(self) -> None:
        """Its deadline has passed."""
        if not self.result.done():
            self.result.set_exception(TimeoutError())


class Pool:
    """The threads that answer.

    Args:
        cores: the cores to use, one thread each.
        waiting: jobs that may wait beyond those that run.
    """

    def __init__(self, cores: Sequence[int], waiting: int) -> None:
        self.cores = tuple(cores)
        self.waiting = waiting
        self.outstanding = 0
        """Jobs queued or running, cancelled ones included until a thread has dropped them: what the bound is on."""
        self.busy_seconds = 0.02
        """Running mean of what one job takes."""
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._done: deque[_Job] = deque()
        self._threads: list[threading.Thread] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Start the threads; called on the event loop that will ask, whose thread gives way to them from then on."""
        self._loop = asyncio.get_running_loop()
        for core in self.cores:
            thread = threading.Thread(target=self._work, name=f"answers-{core}", daemon=True)
            thread.start()
            self._threads.append(thread)
        # A loop that is woken would push a thread off its core in the middle of an answer, which then finds its caches
        # gone. As a batch task it waits for a free core or its turn, at most a few milliseconds and only under load.
        with contextlib.suppress(OSError, AttributeError):  # not every system knows it, or lets a container choose it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))

    async def stop(self) -> None:
        """End the threads after what they are doing."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join, 5)

    def check_room(self) -> None:
        """Return where one more request may enter.

        Raises:
            Problem: 429 with the seconds after which there should be room.
        """
        if self.outstanding >= len(self.cores) + self.waiting:
            seconds = max(1, math.ceil(self.outstanding * self.busy_seconds / len(self.cores)))
            raise Problem(
                429,
                ServiceError(
                    f"{self.outstanding} questions are being answered or waiting",
                    legal=f"at most {self.waiting} waiting for {len(self.cores)} threads",
                    next_command=f"ask again in {seconds} s",
                ),
                retry_after=seconds,
            )

    async def answers(self, scorer: Scorer, texts: Sequence[str], explain: bool, deadline: float) -> Ran:
        """Judge texts with `scorer`, in the order given; cancelled, it leaves no work behind but what already runs.

        Args:
            scorer: the model that judges.
            texts: one or more texts.
            explain: whether to add the words.
            deadline: seconds from now.

        Raises:
            InputFault: a text cannot be judged; `index` is its place in `texts`.
            Problem: 429, there is no room; 503, no thread was free before the deadline; 504, some were, too late.
        """
        self.check_room()
        jobs: list[_Job] = []
        try:
            if len(texts) == 1:
                answers = await self._run(partial(scorer.answers, texts, explain), jobs, deadline)
            else:
                async with asyncio.timeout(deadline):
                    answers = await self._many(scorer, texts, explain, jobs)
            return Ran(answers, sum([job.seconds for job in jobs]))
        except TimeoutError:
            limit = f"{deadline:g} s (--deadline)"
            if any(job.begun for job in jobs):
                late = ServiceError(f"the answer was not ready within {limit}", next_command="send fewer texts")
                raise Problem(504, late) from None
            raise Problem(503, ServiceError(f"no thread was free within {limit}"), retry_after=5) from None

    async def aside(self, scorer: Scorer, texts: Sequence[str]) -> Ran:
        """Judge texts for nobody who waits: behind all others, and not among what may wait.

        Raises:
            ScorerFault: a text cannot be judged, or the model broke.
        """
        assert self._loop is not None  # noqa: S101 (started with the server)
        job = _Job(partial(scorer.answers, texts), self._loop.create_future(), counted=False)
        self._jobs.put(job)
        return Ran(await job.result, job.seconds)

    async def _many(self, scorer: Scorer, texts: Sequence[str], explain: bool, jobs: list[_Job]) -> list[Answer]:
        found: list[Answer | None] = [None] * len(texts)
        by_length = sorted(range(len(texts)), key=lambda row: len(str(texts[row])))
        slices = iter([by_length[first : first + SLICE] for first in range(0, len(by_length), SLICE)])

        async def take() -> None:
            for rows in slices:
                chosen = [texts[row] for row in rows]
                try:
                    answers = await self._run(partial(scorer.answers, chosen, explain), jobs)
                except InputFault as fault:
                    index = None if fault.index is None else rows[fault.index]
                    raise InputFault(fault.problem, index=index, place=fault.place, legal=fault.legal) from fault
                for row, answer in zip(rows, answers, strict=True):
                    found[row] = answer

        # As many slices at once as there are threads, and no more: others' questions get in between.
        try:
            async with asyncio.TaskGroup() as group:
                for _ in self.cores:
                    group.create_task(take())
        except BaseExceptionGroup as faults:
            raise faults.exceptions[0] from None
        return [answer for answer in found if answer is not None]

    async def _run(
        self, work: Callable[[], list[Answer]], jobs: list[_Job], within: float | None = None
    ) -> list[Answer]:
        """Run one piece of work; of one text, `within` seconds: a bare timer costs a fifth of `asyncio.timeout`."""
        assert self._loop is not None  # noqa: S101 (started with the server)
        job = _Job(work, self._loop.create_future(), brief=within is not None)
        late = None if within is None else self._loop.call_later(within, job.late)
        jobs.append(job)
        self.outstanding += 1
        self._jobs.put(job)
        try:
            answers: list[Answer] = await job.result
        except (asyncio.CancelledError, TimeoutError):
            job.cancelled = True
            raise
        finally:
            if late is not None:
                late.cancel()
        return answers

    def _work(self) -> None:
        while (job := self._next()) is not None:
            begun = time.perf_counter()
            if not job.cancelled:
                job.begun = True
                try:
                    job.found = job.work()
                except Exception as caught:
                    job.error = caught
            job.ended = time.perf_counter()
            job.seconds = job.ended - begun
            self._done.append(job)
            del job  # an idle thread must not keep the last question alive

    def _next(self) -> _Job | None:
        """The next job. What is done is told first where nothing should keep it back."""
        try:
            job = self._jobs.get_nowait()
        except queue.Empty:
            self._tell()
            return self._jobs.get()
        if job is None or not job.brief or self._jobs.qsize() < RESERVE * len(self.cores) or self._kept_long():
            self._tell()
        return job

    def _kept_long(self) -> bool:
        """Whether the first answer that is kept back would wait too long for one job more."""
        try:
            waited = time.perf_counter() - self._done[0].ended
        except IndexError:  # the loop took it meanwhile
            return False
        return waited + self.busy_seconds > GATHER_SECONDS

    def _tell(self) -> None:
        if not self._done:
            return
        # The loop is closed where the server was killed in the middle of an answer.
        with contextlib.suppress(RuntimeError):
            assert self._loop is not None  # noqa: S101
            self._loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        while self._done:
            job = self._done.popleft()
            if job.counted:
                self.outstanding -= 1
            if job.begun and job.counted:
                self.busy_seconds += 0.05 * (job.seconds - self.busy_seconds)
            if job.result.done():
                continue
            if job.error is not None:
                job.result.set_exception(job.error)
                job.error = None  # its traceback would hold the text as long as anybody holds the job
            else:
                job.result.set_result(job.found)
