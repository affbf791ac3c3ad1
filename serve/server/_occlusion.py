"""The slow explanation, on request: how far the logit falls when each word alone is taken away.

One more answer a word, so about thirty times the price of the shares that come out of the graph, and a little more
faithful; the explanation report measures both on the same texts. The work is done in slices like any other: it stops
when the client leaves or the deadline passes.
"""

from __future__ import annotations

from dataclasses import replace

from homologate.scorer import Answer, InputFault, Scorer
from serve.server._pool import Pool

__all__ = ["occluded"]


async def occluded(pool: Pool, scorer: Scorer, text: str, answer: Answer, deadline: float) -> Answer:
    """The same verdict with occlusion's words; `bias + remainder + every contribution` is still the logit.

    Args:
        pool: the threads.
        scorer: what answered.
        text: what was asked.
        answer: the answer with the graph's words.
        deadline: seconds from now.

    Raises:
        Problem: 429, there is no room; 503 or 504, the deadline passed.
    """
    words = {i: text[: word.start] + text[word.end :] for i, word in enumerate(answer.words)}
    falls: dict[int, float] = {}
    while words := {i: rest for i, rest in words.items() if rest.strip()}:
        rows = list(words)
        try:
            ran = await pool.answers(scorer, list(words.values()), False, deadline)
        except InputFault as fault:
            if fault.index is None:
                raise
            del words[rows[fault.index]]  # without this word there is nothing to read: its own share stands
            continue
        falls = {i: answer.logit - without.logit for i, without in zip(rows, ran.answers, strict=True)}
        break
    shares = tuple(replace(word, contribution=falls.get(i, word.contribution)) for i, word in enumerate(answer.words))
    return replace(
        answer, words=shares, remainder=answer.logit - answer.bias - sum(word.contribution for word in shares)
    )
