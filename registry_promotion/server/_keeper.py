"""The keeper stands between the server's guards and the gate: what may move, what may not vanish, what is sealed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from homologate.errors import HomologateError, RefusedError
from registry_promotion import lifecycle
from registry_promotion.mover import Mover
from registry_promotion.server import _locations as locations
from registry_promotion.server._identity import acting_as_gate
from registry_promotion.turnstile import Turnstile

__all__ = ["EVIDENCE_TAGS", "Keeper"]

EVIDENCE_TAGS = "homologate."
"""Tags with this prefix say where a version's evidence is; they are fixed once it was judged."""

_log = logging.getLogger("homologate.gate")


class Keeper(Mover):
    """Answers the guards of one server process (see `Mover` for its arguments)."""

    mend = "restart the server, which makes the registry follow the ledger"

    def __init__(self, gate: Any, models: Sequence[str], turnstile: Turnstile) -> None:
        super().__init__(gate, models, turnstile)
        self._seen: tuple[object, locations.Sealed] = (object(), locations.Sealed())
        self._located: dict[tuple[str, str], tuple[int, tuple[str, ...]]] = {}
        self._lock = threading.Lock()

    def acting(self) -> AbstractContextManager[None]:
        """Inside this block the guarded stores obey."""
        return acting_as_gate()

    # ── what may not vanish ───────────────────────────────────────────────────────────────────────────────────────

    def refuse_deletion(self, version: Any) -> None:
        """Raise if the version was judged: a decision must be able to show what it was about."""
        model, number = version.name, str(version.version)
        if version.current_stage in lifecycle.ALIASES:
            raise RefusedError(
                f"version {number} of {model!r} is in {version.current_stage} and cannot be deleted",
                next_command=f"homologate rollback {model} --reason …, or promote another version",
            )
        self.refuse_if_judged(version, "be deleted")

    def refuse_if_judged(self, version: Any, fate: str) -> None:
        """Raise if anybody ever asked for the version's promotion."""
        model, number = version.name, str(version.version)
        if (model, number) in self.gate.judged():
            raise RefusedError(
                f"version {number} of {model!r} was judged; it is part of the record and cannot {fate}",
                next_command="archive it, or register a new version",
            )

    def refuse_if_staged(self, registry: Any, model: str, fate: str) -> None:
        """Raise if any version of `model` is in a guarded stage."""
        for stage in lifecycle.ALIASES:
            for number in lifecycle.held(registry, model, stage):
                raise RefusedError(
                    f"{model!r} cannot be {fate}: its version {number} is in {stage}",
                    next_command=f"homologate history {model}",
                )

    # ── where bytes may come from, and which may no longer change ─────────────────────────────────────────────────

    def check_source(self, registry: Any, source: str, run_id: str | None) -> None:
        """Raise unless a governed version's source lies inside this server's artifact root and its own run.

        Raises:
            RefusedError: it lies elsewhere, or names no run.
        """
        from registry_promotion.server._sources import check_source

        check_source(registry, source, run_id)

    def check_write(self, location: str) -> None:
        """Raise MLflow's PERMISSION_DENIED if writing to `location` would change what a decision rests on."""
        if (touched := self.sealed().touched_by(location)) is None:
            return
        from registry_promotion.server._refusals import as_mlflow

        raise as_mlflow(
            RefusedError(
                "these artifacts belong to a version that was judged; they can no longer change",
                place=locations.shown(touched),
                next_command="make the change in a new run, register it, and request that version",
            )
        )

    def sealed(self) -> locations.Sealed:
        """The places no one may write to, kept until the ledger grows."""
        head = self.gate.head()
        with self._lock:
            known, sealed = self._seen
        if known == head:
            return sealed
        sealed = locations.Sealed(self._places())
        with self._lock:
            self._seen = (head, sealed)
        return sealed

    def _places(self) -> Iterator[str]:
        """Where the bytes and the evidence of every judged version lie; looked up anew where that may have changed.

        It may where a row told of the version, and in Staging, where shadow reports gather without one.
        """
        staged = {(model, self.gate.current(model, "Staging")) for model in self.gate.models()}
        for version, row in self.gate.judged().items():
            known, places = self._located.get(version, (0, ()))
            if known != row or version in staged:
                try:
                    found = self.gate.evidence_source.locations(*version)
                except HomologateError as error:
                    _log.warning("cannot seal the artifacts of %s version %s: %s", *version, error)
                else:
                    places = tuple(locations.place_of(uri) for uri in found)
                    self._located[version] = (row, places)
            yield from places
