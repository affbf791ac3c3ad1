"""What one server may be asked to do. Every limit is named in the error that it causes."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds that keep memory and waiting finite.

    Attributes:
        body_bytes: the most bytes of one request.
        texts: the most texts of one request.
        characters: the most characters of one text; a longer one is a fault, not a description.
        waiting: pieces of work that may wait for a thread; beyond them a request is refused with 429.
        deadline: seconds a request may take, waiting included; beyond them 503 (not begun) or 504 (begun).
        explain: seconds the slow explanation of an answer may take of them; beyond, the answer goes without it.
        patience: seconds a client may take to send its header, and again its body; beyond them 408.
        connections: open connections; beyond them a new one is closed at once.
        drain: seconds that requests in progress have to finish after SIGTERM.
        rate: requests a second and caller, on average; None means as many as the threads can do.
        burst: requests a caller may make at once before `rate` holds.
    """

    body_bytes: int = 1 << 20
    texts: int = 1000
    characters: int = 20_000
    waiting: int = 64
    deadline: float = 10.0
    explain: float = 5.0
    patience: float = 10.0
    connections: int = 256
    drain: float = 30.0
    rate: float | None = None
    burst: int = 50
