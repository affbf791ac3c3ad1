"""Zero downtime: meet the version the registry names now, probe it, and only then let it answer.

The old version answers until the new one is ready, and finishes the requests it began. A registry that is down, or a
version that is refused, changes nothing but what `/health`, `/metrics` and the log say.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from homologate.errors import HomologateError, ModelError, RefusedError
from homologate.versions import ModelVersion, Reference, Registry
from serve.http import _log
from serve.server._metrics import Metrics
from serve.server._model import ServedModel
from serve.server._place import Place

__all__ = ["Watch"]


class Watch:
    """The watch on a moving name.

    Args:
        place: whose model is replaced.
        metrics: the counts.
        registry: what is asked.
        reference: the moving name (a stage or an alias).
        load: fetches, verifies, loads and probes a version; blocks, so it runs off the event loop.
        seconds: between two looks; each wait is drawn within a tenth of it, so that many servers do not ask at once.
    """

    def __init__(
        self,
        place: Place,
        metrics: Metrics,
        registry: Registry,
        reference: Reference,
        load: Callable[[ModelVersion], ServedModel],
        seconds: float,
    ) -> None:
        self._place, self._metrics, self._registry, self._reference = place, metrics, registry, reference
        self._load, self._seconds = load, seconds
        self._refused: tuple[str, str] | None = None
        place.registry.watching = True

    async def run(self) -> None:
        """Look for ever; ends only by being cancelled."""
        if self._place.model is None:
            await self.look()
        while True:
            await asyncio.sleep(self._seconds * random.uniform(0.9, 1.1))  # noqa: S311 (spreads load)
            # A version promoted while another was being loaded is met at once, not a whole wait later.
            while await self.look():
                pass

    async def look(self) -> bool:
        """Look once; whether a new version answers now."""
        state, metrics, current = self._place.registry, self._metrics, self._place.model
        try:
            version = await asyncio.to_thread(self._registry.resolve, self._reference)
        except HomologateError as error:
            if not (isinstance(error, ModelError) and self._place.vanished(error.problem)):
                self._tell_fault(error)
            return False
        if not state.reachable:
            _log.event("registry_back", registry=self._registry.uri)
        state.reachable, state.fault = True, None
        metrics.registry_up.set(1)
        named = (version.number, version.tags.get("homologate.digest", ""))
        if current is not None and named == (current.version, current.digest):
            self._refused = state.refused_version = state.refused_because = None
            return False
        if named == self._refused:
            return False
        try:
            model = await asyncio.to_thread(self._load, version)
        except Exception as error:
            self._refuse(version, named, error)
            return False
        self._place.replace_model(model)
        self._refused = state.refused_version = state.refused_because = None
        metrics.reloads.labels("served").inc()
        _log.event("model_replaced", was=current.version if current else None, now=model.version, digest=model.digest)
        return True

    @property
    def _holder(self) -> str | None:
        return self._place.model.version if self._place.model else None

    def _tell_fault(self, error: HomologateError) -> None:
        state = self._place.registry
        if state.reachable or state.fault != error.problem:
            _log.event(
                "registry_fault", level=30, fault=error.problem, still_serving=self._holder
            )  # told once, not at every look
        state.reachable, state.fault = False, error.problem
        self._metrics.registry_up.set(0)

    def _refuse(self, version: ModelVersion, named: tuple[str, str], error: Exception) -> None:
        """Keep what serves. Bytes that were judged bad stay bad; a store that failed is tried again next time."""
        state = self._place.registry
        told = error.problem if isinstance(error, HomologateError) else type(error).__name__
        if isinstance(error, RefusedError | ModelError):
            self._refused = named
        state.refused_version, state.refused_because = version.number, told
        self._metrics.reloads.labels("refused").inc()
        _log.event("model_refused", level=40, version=version.number, because=told, still_serving=self._holder)
