"""The one order in which a version moves: the gate authorises, the ledger records, the registry follows.

One move at a time goes through, across processes. A process killed in between leaves a ledger that is one move ahead;
`reconcile` makes that move. The same order holds inside our server and, where no gate can stand inside the server
(Azure ML), for the release pipeline that drives the registry from outside.
"""

from __future__ import annotations

import fnmatch
import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from homologate.errors import RefusedError
from registry_promotion import lifecycle

__all__ = ["GATE_TAGS", "Mover"]

GATE_TAGS = "gate."
"""Tags with this prefix are the gate's own."""

_log = logging.getLogger("homologate.gate")


class Mover:
    """Moves the governed models of one registry.

    Args:
        gate: decides, and writes the ledger (`registry_promotion.gate.Gate`).
        models: names and patterns of the governed models.
        turnstile: lets one move through at a time, across processes.
    """

    mend = "homologate audit reconcile"
    """What makes the registry follow the ledger."""

    def __init__(self, gate: Any, models: Sequence[str], turnstile: Any) -> None:
        self.gate = gate
        self.models = tuple(models)
        self._turnstile = turnstile

    def governs(self, model: str) -> bool:
        """Whether a registered model is under the gate. Case cannot take a model out from under it."""
        return any(fnmatch.fnmatchcase(model.casefold(), pattern.casefold()) for pattern in self.models)

    def acting(self) -> AbstractContextManager[None]:
        """Inside this block the registry obeys: what is done is the gate's own."""
        return nullcontext()

    def move(self, registry: Any, version: Any, stage: str, user: str | None) -> Any:
        """Put a version into a stage if the gate lets it, recorded first and then done.

        Args:
            registry: the store, or a client of it.
            version: the registry's own entity of the version.
            stage: one of `lifecycle.STAGES`.
            user: the authenticated account; None where nobody is.

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
            with self.acting():
                return lifecycle.place(registry, model, number, stage)

    def _place_again(self, registry: Any, model: str, number: str, stage: str) -> Any:
        """A version already where it should be: put its aliases right and change nothing else."""
        if stage not in lifecycle.ALIASES:
            return registry.get_model_version(model, number)
        with self.acting():
            return lifecycle.place(registry, model, number, stage)

    def rollback(self, registry: Any, model: str, user: str, reason: str) -> Any:
        """Put the previous Production version back, as the gate names it. The registry's entity of it, after the move.

        Raises:
            RefusedError: there is none, or it no longer verifies.
        """
        with self._turnstile:
            number = self.gate.rollback(model, user, reason)
            with self.acting():
                return lifecycle.place(registry, model, number, "Production")

    def break_glass(self, registry: Any, version: Any, stage: str, user: str, reason: str) -> Any:
        """Move a version without a decision, as a named admin. The registry's entity of it, after the move.

        Raises:
            RefusedError: the user is not an admin of the gate.
        """
        model, number = version.name, str(version.version)
        with self._turnstile:
            self.gate.break_glass(model, number, stage, user, reason)
            with self.acting():
                return lifecycle.place(registry, model, number, stage)

    def reconcile(self, registry: Any) -> list[str]:
        """Make the registry say what the ledger says, after a kill between the two. Returns what was done, in words."""
        done = []
        with self._turnstile, self.acting():
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
