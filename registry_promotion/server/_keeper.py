"""The keeper stands between the server's guards and the gate: which models are governed, what is judged, who may move.

The gate decides and keeps the ledger; the registry holds stages and aliases. A move goes through here in one order, one
at a time: the gate authorises, the ledger records, the registry follows. A server killed in between finds at its next
start a ledger that is one move ahead, and makes that move (`reconcile`).
"""

from __future__ import annotations

import fnmatch
import logging
import threading
from collections.abc import Sequence
from typing import Any

from homologate.errors import HomologateError, RefusedError
from registry_promotion import lifecycle
from registry_promotion.server import _locations as locations
from registry_promotion.server._identity import acting_as_gate
from registry_promotion.server._turnstile import Turnstile

__all__ = ["EVIDENCE_TAGS", "GATE_TAGS", "Keeper"]

GATE_TAGS = "gate."
"""Tags with this prefix are the gate's own."""

EVIDENCE_TAGS = "homologate."
"""Tags with this prefix say where a version's evidence is; they are fixed once it was judged."""

_log = logging.getLogger("homologate.gate")


class Keeper:
    """Answers the guards of one server process.

    Args:
        gate: decides, and writes the ledger (`registry_promotion.gate.Gate`).
        models: names and patterns of the governed models.
        turnstile: lets one move through at a time, across processes.
    """

    def __init__(self, gate: Any, models: Sequence[str], turnstile: Turnstile) -> None:
        self.gate = gate
        self.models = tuple(models)
        self._turnstile = turnstile
        self._seen: tuple[object, frozenset[str]] = (object(), frozenset())
        self._lock = threading.Lock()

    def governs(self, model: str) -> bool:
        """Whether a registered model is under the gate. Case cannot take a model out from under it."""
        return any(fnmatch.fnmatchcase(model.casefold(), pattern.casefold()) for pattern in self.models)

    # ── moving ────────────────────────────────────────────────────────────────────────────────────────────────────

    def move(self, registry: Any, version: Any, stage: str, user: str | None) -> Any:
        """Put a version into a stage if the gate lets it, recorded first and then done.

        Args:
            registry: the guarded store.
            version: the registry's own entity of the version.
            stage: one of `lifecycle.STAGES`.
            user: the authenticated account; None where the server has no login.

        Raises:
            RefusedError: the gate said no; the text says what to do.
        """
        model, number = version.name, str(version.version)
        with self._turnstile:
            there = registry.get_model_version(model, number).current_stage
            if there == stage:
                return self._place_again(registry, model, number, stage)
            if stage in lifecycle.ALIASES:
                self.gate.authorise_transition(model, number, stage, user)
            elif there == "Production":
                raise RefusedError(
                    f"version {number} of {model!r} is in Production; taking it out would leave nothing there",
                    next_command=f"homologate rollback {model} --reason …, or promote another version",
                )
            self.gate.record_transition(model, number, stage, user)
            with acting_as_gate():
                return lifecycle.place(registry, model, number, stage)

    def _place_again(self, registry: Any, model: str, number: str, stage: str) -> Any:
        """A version already where it should be: put its aliases right and change nothing else."""
        if stage not in lifecycle.ALIASES:
            return registry.get_model_version(model, number)
        with acting_as_gate():
            return lifecycle.place(registry, model, number, stage)

    def reconcile(self, registry: Any) -> list[str]:
        """Make the registry say what the ledger says, after a kill between the two. Returns what was done, in words."""
        done = []
        with self._turnstile, acting_as_gate():
            for model in self.gate.models():
                for stage in lifecycle.ALIASES:
                    should = self.gate.current(model, stage)
                    try:
                        if should and lifecycle.held(registry, model, stage) != (should,):
                            lifecycle.place(registry, model, should, stage)
                            done.append(f"{model} version {should} put into {stage}, as the ledger says")
                    except Exception as error:  # the server must come up and say so; `audit drift` names it too
                        done.append(f"{model} version {should} is not in {stage}, though the ledger says so: {error}")
        for line in done:
            _log.warning(line)
        return done

    def rollback(self, registry: Any, model: str, user: str, reason: str) -> Any:
        """Put the previous Production version back, as the gate names it. The registry's entity of it, after the move.

        Raises:
            RefusedError: there is none, or it no longer verifies.
        """
        with self._turnstile:
            number = self.gate.rollback(model, user, reason)
            with acting_as_gate():
                return lifecycle.place(registry, model, number, "Production")

    def break_glass(self, registry: Any, version: Any, stage: str, user: str, reason: str) -> Any:
        """Move a version without a decision, as a named admin. The registry's entity of it, after the move.

        Raises:
            RefusedError: the user is not an admin of the gate.
        """
        model, number = version.name, str(version.version)
        with self._turnstile:
            self.gate.break_glass(model, number, stage, user, reason)
            with acting_as_gate():
                return lifecycle.place(registry, model, number, stage)

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
        if (touched := locations.touches(location, self.sealed())) is None:
            return
        from registry_promotion.server._refusals import as_mlflow

        raise as_mlflow(
            RefusedError(
                "these artifacts belong to a version that was judged; they can no longer change",
                place=locations.shown(touched),
                next_command="make the change in a new run, register it, and request that version",
            )
        )

    def sealed(self) -> frozenset[str]:
        """The places no one may write to, kept until the ledger grows."""
        head = self.gate.head()
        with self._lock:
            known, places = self._seen
        if known == head:
            return places
        places = frozenset(self._places())
        with self._lock:
            self._seen = (head, places)
        return places

    def _places(self) -> Sequence[str]:
        found = []
        for model, number in self.gate.judged():
            try:
                found += [locations.place_of(uri) for uri in self.gate.evidence_source.locations(model, number)]
            except HomologateError as error:
                _log.warning("cannot seal the artifacts of %s version %s: %s", model, number, error)
        return found
