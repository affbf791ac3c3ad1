"""Where feedback and the queue are: behind the scoring server or, for an Azure ML endpoint, on the settings' store.

An endpoint keeps its predictions in Azure's own collector, which knows no feedback. So the app keeps what it was
answered itself, as every door of this project does, under the prediction id the endpoint gave and the name of whoever
asked; `serve.feedback` and `serve.queue` then work on that store as they do everywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from homologate.errors import HomologateError, ModelError, TrackingError
from homologate.settings import Settings
from serve.http import Problem, problem_of
from serve.web._server import Credential, ScoringServer
from serve.web._verdict import Verdict

if TYPE_CHECKING:
    from serve.collector import Shipping

__all__ = ["Desk", "OwnDesk", "Queue", "Said", "ServerDesk"]


class Said(NamedTuple):
    """What somebody says is true about a prediction; `kind` is `correction` or `label`."""

    prediction_id: str
    label: str
    kind: str = "correction"
    component: str = ""
    note: str = ""


class Queue(NamedTuple):
    """Texts to label, best first (`serve.queue.Item` as JSON), and what could not be told about them."""

    items: list[dict[str, Any]]
    note: str = ""


class Desk(Protocol):
    """Takes feedback and knows what to label."""

    own: bool
    """Whether it takes feedback whatever the scoring server can do."""

    def start(self) -> None:
        """Called before the first request."""

    def judged(self, verdicts: Sequence[Verdict], by: str | None) -> None:
        """Hear of answers somebody got. Never waits, never raises."""

    async def give(self, said: Said, by: str | None, who: Credential) -> None:
        """Record feedback. Raises Problem: 404, the prediction is not kept (yet); 403, `by` may not; 503, no store."""

    async def queue(self, most: int, by: str | None, who: Credential) -> Queue:
        """What to label next. Raises Problem: 403, `by` may not; 503, no store or registry."""

    async def stop(self) -> None:
        """Called after the last answer; returns when what was heard is kept."""


class ServerDesk:
    """The desk behind the scoring server; it keeps what it answers itself."""

    own = False

    def __init__(self, server: ScoringServer) -> None:
        self._server = server

    def start(self) -> None:
        """Nothing to start."""

    def judged(self, verdicts: Sequence[Verdict], by: str | None) -> None:
        """The server has kept them."""

    async def give(self, said: Said, by: str | None, who: Credential) -> None:
        """See `Desk`."""
        await self._server.give(who, {name: value for name, value in said._asdict().items() if value})

    async def queue(self, most: int, by: str | None, who: Credential) -> Queue:
        """See `Desk`."""
        return Queue(await self._server.queue(who, most))

    async def stop(self) -> None:
        """Nothing to stop."""


class OwnDesk:
    """The desk on the settings' store.

    Args:
        settings: model, labels, store, spool, privacy, and who may give feedback.
        shipping: what brings the spool to the store meanwhile; None leaves that to somebody else.
    """

    own = True

    def __init__(self, settings: Settings, shipping: Shipping | None = None) -> None:
        from homologate.collection import spool_of
        from homologate.scorer.collector import Collector, Privacy, Spool

        self._settings, self._shipping = settings, shipping
        spool = Spool(spool_of(settings), most_bytes=settings.collection.spool_megabytes << 20)
        self._collector = Collector(spool, Privacy(settings.collection.privacy))

    def start(self) -> None:
        """Start the shipper."""
        if self._shipping is not None:
            self._shipping.start()

    def judged(self, verdicts: Sequence[Verdict], by: str | None) -> None:
        """Keep them, each under its id."""
        from homologate.scorer.collector import Judge, Record

        for one in verdicts:
            if one.id is None:
                continue
            judge = Judge(one.model or self._settings.model, one.version, one.digest, one.labels, "web")
            self._collector.offer(
                Record(
                    one.id,
                    judge,
                    one.at.timestamp(),
                    one.text,
                    one.label,
                    one.probability,
                    one.threshold,
                    one.truncated,
                    caller=by,
                    component=one.family,
                    words=[(word.start, word.end, word.share) for word in one.words],
                )
            )

    async def give(self, said: Said, by: str | None, who: Credential) -> None:
        """See `Desk`."""
        from homologate.collection import Remark
        from serve.feedback import give

        await _run(give, self._settings, [Remark(**said._asdict())], by=by)

    async def queue(self, most: int, by: str | None, who: Credential) -> Queue:
        """See `Desk`. Where the registry cannot be asked which words the version knows, no word is called new."""
        from serve.feedback import may_give
        from serve.queue import queue_of, queue_without_profile

        await _run(may_give, self._settings, by)
        try:
            items, note = await asyncio.to_thread(queue_of, self._settings, most=most), ""
        except (ModelError, TrackingError) as error:
            items = await _run(queue_without_profile, self._settings, most=most)
            note = f"Which words are new to the version cannot be told: {error.problem}."
        except HomologateError as error:
            raise problem_of(error) from error
        return Queue([item.facts() for item in items], note)

    async def stop(self) -> None:
        """See `Desk`."""
        await asyncio.to_thread(self._collector.close)
        if self._shipping is not None:
            await asyncio.to_thread(self._shipping.stop)


async def _run(work: Any, *given: Any, **named: Any) -> Any:
    """Work that waits for a disk or a store, off the loop; its errors as Problems."""
    try:
        return await asyncio.to_thread(work, *given, **named)
    except HomologateError as error:
        unknown = error.problem.startswith("no prediction")
        raise (Problem(404, error) if unknown else problem_of(error)) from error
