"""One request on its way through the server, as little as it takes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from starlette.types import Receive

from serve.server._model import ServedModel

__all__ = ["Asked", "Noted"]


class Noted:
    """What a request was answered with, for the log, the counts and the traces. Never the text."""

    __slots__ = ("explain", "labels", "model", "probability", "role")

    def __init__(self, model: ServedModel, role: str, labels: list[str], probability: float, explain: bool) -> None:
        self.model, self.role, self.labels = model, role, labels
        self.probability, self.explain = probability, explain


class Asked:
    """A request: its header, its body to come, who asks, and what it was answered with.

    Args:
        method: as the client wrote it.
        path: without query.
        header: names in lower case; the first of a name given twice counts.
        receive: ASGI's.
        whole: the body where it is here already.
        request_id: names it, and the prediction, everywhere.

    Attributes:
        caller: the caller's name, once the door knows it; None where anybody may ask.
        client: the address it came from.
        model: who was asked to judge it, whether or not an answer came of it.
        families: of what is asked about, one a text, or none where the caller named none; kept, never judged.
        explained_by: the method whose words the answer carries, where words were asked for.
        came_at: seconds since 1970; `begun` the same moment on the clock that only runs forward.
    """

    __slots__ = (
        "begun",
        "caller",
        "came_at",
        "client",
        "explained_by",
        "families",
        "header",
        "method",
        "model",
        "noted",
        "path",
        "receive",
        "request_id",
        "whole",
    )

    def __init__(
        self,
        method: str,
        path: str,
        header: Iterable[tuple[bytes, bytes]],
        receive: Receive,
        request_id: str,
        whole: bytes | None = None,
    ) -> None:
        self.method, self.path, self.request_id = method, path, request_id
        self.receive, self.whole = receive, whole
        self.header: dict[bytes, bytes] = {}
        for name, value in header:
            self.header.setdefault(name, value)
        self.came_at, self.begun = time.time(), time.perf_counter()
        self.caller: str | None = None
        self.client = "unknown"
        self.explained_by = "shares"
        self.families: Sequence[str] = ()
        self.model: ServedModel | None = None
        self.noted: Noted | None = None

    def said(self, name: bytes, default: str = "") -> str:
        """One field of the header as text."""
        value = self.header.get(name)
        return default if value is None else value.decode("latin-1")

    def tell(self, told: dict[str, Any]) -> None:
        """Add what the log says of the prediction; of one that failed, who should have made it."""
        noted, model = self.noted, self.noted.model if self.noted else self.model
        if noted is not None:
            told["prediction_id"] = self.request_id
        if model is not None:
            told["model"], told["version"], told["digest"] = model.name, model.version, model.digest
        if noted is not None:
            told["role"], told["texts"], told["explain"] = noted.role, len(noted.labels), noted.explain
            if len(noted.labels) == 1:
                told["label"], told["probability"] = noted.labels[0], noted.probability
