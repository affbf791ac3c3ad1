"""Under load the event loop hears of several answers at once; no answer waits for a slower one, or for nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from homologate.scorer import Answer
from serve.server import Pool

ROOM = 64


class Sleeper:
    """A scorer that takes as many seconds for a text as the text says."""

    def answers(self, texts: Sequence[str], explain: bool = False) -> list[Answer]:
        time.sleep(sum(map(float, texts)))
        return [Answer("good", 0.1, 0.5, False, -2.0, 0.0, None, ()) for _ in texts]


def asked(*questions: list[str]) -> tuple[list[float], int]:
    """Ask all at once of one thread; when each was answered, and how often the loop was told."""

    async def ask() -> tuple[list[float], int]:
        loop = asyncio.get_running_loop()
        told: list[Any] = []
        tell = loop.call_soon_threadsafe
        loop.call_soon_threadsafe = lambda *words, **named: (told.append(words), tell(*words, **named))[1]  # type: ignore[method-assign]
        pool = Pool([0], ROOM)
        pool.start()
        begun = loop.time()

        async def one(texts: list[str]) -> float:
            await pool.answers(Sleeper(), texts, False, 30.0)  # type: ignore[arg-type]
            return loop.time() - begun

        answered = await asyncio.gather(*map(one, questions))
        times = len(told)
        await pool.stop()
        return list(answered), times

    return asyncio.run(ask())


def test_while_questions_wait_the_loop_hears_of_several_answers_at_once() -> None:
    answered, told = asked(*[["0.001"]] * 40)
    assert len(answered) == 40
    assert told <= 30


def test_an_answer_that_takes_longer_than_the_gathering_is_told_at_once() -> None:
    assert asked(*[["0.05"]] * 5)[1] == 5


def test_no_answer_is_kept_back_behind_more_than_one_text() -> None:
    quick, many, *_ = asked(["0.001"], ["0.3", "0.3"], ["0.001"], ["0.001"])[0]
    assert quick < many - 0.3


def test_an_answer_nobody_waits_behind_is_told_at_once() -> None:
    assert asked(["0.001"])[1] == 1
