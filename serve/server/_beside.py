"""What came of two versions that answered the same texts: counts, times, and the answers in which they differ."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from homologate.scorer import Answer
from homologate.scorer.collector import row_id
from serve.server._model import ServedModel

__all__ = ["Beside", "percentile", "wilson"]

DISAGREEMENTS = 1000
"""The newest that are kept by name; all are counted."""

TIMES = 10_000
RECENT = 200


class Beside:
    """One challenger beside one champion, since the first text both answered.

    Attributes:
        answers: texts answered by both.
        agreed: those with the same label.
        failed: texts the challenger failed on.
        dropped: texts that were chosen for both and given up, because the server had no time to spare.
        alike: whether the newest texts (200 at most) were judged alike; None where the challenger failed.
        times: seconds a text of the challenger's newest answers; `champion_times` of the champion's.
    """

    def __init__(self, champion: ServedModel, challenger: ServedModel) -> None:
        self.champion, self.challenger = champion, challenger
        self.since = self.until = time.time()
        self.answers = self.agreed = self.failed = self.dropped = 0
        self.alike: deque[bool | None] = deque(maxlen=RECENT)
        self.times: deque[float] = deque(maxlen=TIMES)
        self.champion_times: deque[float] = deque(maxlen=RECENT)
        self.disagreements: deque[dict[str, Any]] = deque(maxlen=DISAGREEMENTS)

    def is_of(self, champion: ServedModel, challenger: ServedModel) -> bool:
        """Whether these are the two."""
        return (self.champion.digest, self.challenger.digest) == (champion.digest, challenger.digest)

    def pairs(self, prediction_id: str, champion: Sequence[Answer], challenger: Sequence[Answer]) -> int:
        """Count answers of both to the same texts; how many of them agree."""
        self.until = time.time()
        agreed = 0
        for row, (ours, theirs) in enumerate(zip(champion, challenger, strict=True)):
            same = ours.label == theirs.label
            agreed += same
            self.alike.append(same)
            if not same:
                named = row_id(prediction_id, row, len(champion))
                sides = {"champion": ours, "shadow": theirs}
                told = {side: {"label": a.label, "probability": a.probability} for side, a in sides.items()}
                self.disagreements.append({"prediction_id": named, **told})
        self.answers += len(champion)
        self.agreed += agreed
        return agreed

    def fails(self, texts: int) -> None:
        """Count texts the challenger failed on."""
        self.until = time.time()
        self.failed += texts
        self.alike.extend([None] * texts)

    def facts(self) -> dict[str, Any]:
        """The counts as JSON; times in milliseconds, moments in UTC."""
        return {
            "champion": self.champion.named,
            "challenger": self.challenger.named,
            "since": _moment(self.since),
            "until": _moment(self.until),
            "answers": self.answers,
            "agreed": self.agreed,
            "failed": self.failed,
            "dropped": self.dropped,
            "agreement": wilson(self.agreed, self.answers),
            "latency_ms": {f"p{share}": _milliseconds(percentile(self.times, share / 100)) for share in (50, 95, 99)},
            "disagreements": list(self.disagreements),
        }


def percentile(values: Sequence[float] | deque[float], share: float) -> float | None:
    """The value that `share` of them do not exceed; None where there are none."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else None


def wilson(hits: int, n: int) -> dict[str, float | None]:
    """A share with Wilson's interval at 95 % (Wilson 1927); all None where n is 0."""
    if n == 0:
        return {"value": None, "low": None, "high": None}
    z = 1.959964
    share = hits / n
    middle = share + z * z / (2 * n)
    half = z * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    whole = 1 + z * z / n
    return {"value": share, "low": max(0.0, (middle - half) / whole), "high": min(1.0, (middle + half) / whole)}


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
