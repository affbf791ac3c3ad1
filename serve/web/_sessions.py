"""What the app remembers of a person between two requests: here, in memory, bounded, and never in the browser.

The browser holds a random number. A key lives in its session alone and ends with it: after a time without a request,
when the person signs out, when the app stops, or when more people came than there is room for.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from serve.web._verdict import Verdict

if TYPE_CHECKING:
    from serve.web._server import About
    from serve.web._several import Several

__all__ = ["Answered", "Session", "Sessions"]

MOST_SESSIONS = 500
MOST_ANSWERS = 20
MOST_CHARACTERS = 200_000
"""Of the texts one session remembers; the oldest answers go first."""


@dataclass(slots=True)
class Answered:
    """A verdict, and what this person said about it: the label, and whether it was the verdict's own."""

    verdict: Verdict
    said: str | None = None


@dataclass(slots=True)
class Session:
    """One person's visit.

    Attributes:
        key: the API key they signed in with; never shown, never logged. Empty where none was needed.
        about: what the server said of the caller when they signed in.
        answers: newest last, by the reference in the page's address.
        several: the last table of verdicts, for its download.
    """

    key: str = field(default="", repr=False)
    about: About | None = None
    answers: OrderedDict[str, Answered] = field(default_factory=OrderedDict)
    several: Several | None = None
    seen: float = 0.0

    def remember(self, verdict: Verdict) -> str:
        """Keep a verdict; its reference."""
        reference = secrets.token_urlsafe(12)
        self.answers[reference] = Answered(verdict)
        while len(self.answers) > MOST_ANSWERS or (
            len(self.answers) > 1 and sum(len(one.verdict.text) for one in self.answers.values()) > MOST_CHARACTERS
        ):
            self.answers.popitem(last=False)
        return reference


class Sessions:
    """Every visit there is.

    Args:
        idle: seconds without a request after which one ends.
        clock: seconds, forward only.
    """

    def __init__(self, idle: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.idle, self._clock = idle, clock
        self._kept: OrderedDict[str, Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def open(self, session: Session) -> str:
        """Keep a session under a number nobody can guess; the session silent for longest makes room."""
        number = secrets.token_urlsafe(32)
        self._keep(number, session)
        return number

    def find(self, number: str) -> Session | None:
        """The session of that number, where it has not ended."""
        session = self._kept.get(number)
        if session is None:
            return None
        if self._clock() - session.seen > self.idle:
            del self._kept[number]
            return None
        self._keep(number, session)
        return session

    def of(self, person: str) -> Session:
        """The session of somebody known by other means, who therefore needs no number."""
        session = self.find(f"person {person}") or Session()
        self._keep(f"person {person}", session)
        return session

    def end(self, number: str) -> None:
        """Forget a session and all it holds."""
        self._kept.pop(number, None)

    def _keep(self, number: str, session: Session) -> None:
        now = self._clock()
        session.seen = now
        self._kept[number] = session
        self._kept.move_to_end(number)
        # The one silent for longest stands first, so what has ended stands before what has not.
        while len(self._kept) > MOST_SESSIONS or now - next(iter(self._kept.values())).seen > self.idle:
            self._kept.popitem(last=False)
