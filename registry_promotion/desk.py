"""The desk: what people can do at the gate, said once for the API, the pages and the release pipeline.

Every write here goes through the gate and then the mover; nothing is decided on this page of code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from homologate.errors import ModelError, RefusedError, TrackingError, UsageError
from homologate.settings import Settings
from registry_promotion.difference import Differences
from registry_promotion.drift import drift
from registry_promotion.lifecycle import ALIASES, held, stage_named
from registry_promotion.mover import GATE_TAGS, Mover
from registry_promotion.policy import explain
from registry_promotion.shadow import DIGEST_TAG
from registry_promotion.trace import trace_of

__all__ = ["Desk"]


class Desk:
    """One registry's desk.

    Args:
        mover: moves its versions.
        settings: the project's settings.
        registry: MLflow's registry store, or what behaves like it.
        address: where people reach the pages, without a trailing slash; empty where there are none.
    """

    def __init__(self, mover: Mover, settings: Settings, registry: Any, address: Callable[[], str]) -> None:
        self.mover, self.settings, self.registry = mover, settings, registry
        self.gate = mover.gate
        self._address = address
        self._differences = Differences(self.gate.evidence_source)

    # ── requests ──────────────────────────────────────────────────────────────────────────────────────────────────

    def request(self, model: str, version: str, stage: str, user: str, reason: str) -> tuple[Any, Any]:
        """Make a request; the request and its decision.

        Raises:
            UsageError: the model is not governed, or the stage is not guarded.
            ModelError: there is no such version.
        """
        self._must_govern(model)
        wanted = stage_named(stage)
        if wanted not in ALIASES:
            raise UsageError(f"nothing to ask for: {wanted} is not guarded", legal=ALIASES, place="--to")
        known = self.version(model, version)
        made = self.gate.request(known.name, str(known.version), wanted, user, reason)
        self._show_on_version(made)
        return made, self.gate.decide(made.id)

    def version(self, model: str, version: str) -> Any:
        """The registry's entity of a version.

        Raises:
            ModelError: there is none.
        """
        from mlflow.exceptions import MlflowException

        try:
            return self.registry.get_model_version(model, version)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise TrackingError(f"the registry does not answer: {error.message}") from error
            raise ModelError(
                f"no version {version!r} of {model!r}", next_command=f"homologate history {model}"
            ) from error

    def requests(self, model: str | None = None, state: str | None = None) -> list[Any]:
        """Requests, newest first."""
        return list(self.gate.requests(model=model, state=state))

    def find(self, request_id: str) -> Any:
        """One request."""
        return self.gate.find(request_id)

    def decision(self, request: Any) -> dict[str, Any]:
        """The decision as facts: as of now while the request is open, as recorded once it is closed."""
        return dict(self.gate.told(request.id))

    def answer(self, request_id: str, user: str, comment: str, *, approve: bool) -> Any:
        """Approve or reject; the request as it is then."""
        answered = (self.gate.approve if approve else self.gate.reject)(request_id, user, comment)
        self._show_on_version(answered)
        return answered

    # ── moves ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def promote(self, request: Any, user: str) -> dict[str, str]:
        """Make the move a request asks for."""
        version = self.version(request.model, request.version)
        moved = self.mover.move(self.registry, version, request.stage, user)
        self._show_on_version(self.gate.find(request.id))
        return _moved(moved)

    def rollback(self, model: str, user: str, reason: str) -> dict[str, str]:
        """Put the previous Production version back."""
        self._must_govern(model)
        return _moved(self.mover.rollback(self.registry, model, user, reason))

    def break_glass(self, model: str, version: str, stage: str, user: str, reason: str) -> dict[str, str]:
        """Move without a decision, as a named admin, loudly."""
        self._must_govern(model)
        known = self.version(model, version)
        moved = _moved(self.mover.break_glass(self.registry, known, stage_named(stage), user, reason))
        stands = self.gate.standing(moved["model"], moved["stage"]) or {}
        return {**moved, "expires_at": str(stands.get("expires_at") or "")}

    # ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────

    def current(self, model: str, at: str | None = None) -> dict[str, Any]:
        """What the ledger says stands in each guarded stage, now or on a day: version, since when, by whom.

        Raises:
            UsageError: the ledger knows no such model, and it is not governed.
        """
        self._must_know(model)
        return {stage: self.gate.standing(model, stage, at) for stage in ALIASES}

    def history(self, model: str) -> dict[str, Any]:
        """The model's rows of the ledger, oldest first.

        Raises:
            UsageError: the ledger knows no such model, and it is not governed.
        """
        self._must_know(model)
        return {"model": model, "rows": [dict(row) for row in self.gate.history(model)]}

    def _must_know(self, model: str) -> None:
        if model not in self.gate.models():
            self._must_govern(model)

    def _must_govern(self, model: str) -> None:
        if not self.mover.governs(model):
            raise UsageError(
                f"{model!r} is not under the gate", legal=self.mover.models, place="homologate.yaml, promotion.models"
            )

    def unjudged(self, model: str) -> list[str]:
        """Versions that stand in Production though the ledger put none there: from before the gate."""
        if self.gate.current(model, "Production"):
            return []
        return list(held(self.registry, model, "Production"))

    def verification(self, model: str, version: str) -> dict[str, Any]:
        """Every check of a version's bundle of evidence."""
        source = self.gate.evidence_source
        found = source.fetch(model, version)
        return {
            "model": model,
            "version": found.version,
            "authors": sorted(found.authors),
            "runs": source.runs(model, version),
            **found.verification,
        }

    def trace(self, model: str, version: str) -> dict[str, Any]:
        """Everything a version rests on and everything that happened to it."""
        return trace_of(self, model, version)

    def versions_of(self, digest: str) -> list[dict[str, str]]:
        """The versions with these bytes, as the ledger recorded them or the registry claims."""
        known = self.gate.versions_of(digest)
        if re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            claimed = self.registry.search_model_versions(f"tags.`{DIGEST_TAG}` = '{digest}'", max_results=100)
            known = [*known, *((v.name, str(v.version)) for v in claimed if (v.name, str(v.version)) not in known)]
        return [{"model": model, "version": version} for model, version in known]

    def drift(self, models: Iterable[str] | None = None) -> list[dict[str, str]]:
        """What the registry says that the ledger does not, about `models` or every governed one."""
        return list(drift(self.registry, self.gate, self.models() if models is None else models, self.mover.mend))

    def flips(self, request: Any, decision: Mapping[str, Any]) -> dict[str, Any]:
        """The items that changed verdict against the champion, with texts and highlights where they can be had."""
        return self._differences.flips(request.model, request.version, decision)

    def drivers(self, request: Any, decision: Mapping[str, Any]) -> dict[str, Any] | None:
        """The words that weigh most, beside the champion's."""
        return self._differences.drivers(request.model, request.version, decision)

    def models(self) -> list[str]:
        """The governed models that exist."""
        found = self.registry.search_registered_models(max_results=1000)
        return sorted(model.name for model in found if self.mover.governs(model.name))

    def policies(self) -> dict[str, Any]:
        """Each stage's policy: its name, its digest, its demands in sentences, and its rules one by one."""
        return {
            stage: {
                "name": policy.name,
                "says": policy.says,
                "digest": policy.digest,
                "demonstration": policy.demonstration,
                "demands": explain(policy),
                "rules": [
                    {"id": one.id, "says": one.says, "demand": one.demand, "reads": one.reads, "each": list(one.each)}
                    for one in policy.rules
                ],
            }
            for stage, policy in self.gate.policies.items()
        }

    def head(self) -> dict[str, Any]:
        """The head of the ledger, for publication."""
        return dict(self.gate.ledger_head())

    def export(self) -> Iterable[str]:
        """The ledger, one canonical JSON row a line."""
        yield from self.gate.export()

    # ── links ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def address(self, request: Any) -> str:
        """Where a request is read by people: its page, or the command that shows it."""
        root = self._address()
        return f"{root}/homologate/requests/{request.id}" if root else f"homologate request --show {request.id}"

    def _show_on_version(self, request: Any) -> None:
        """Write the request's address and state where MLflow's own pages show them."""
        from mlflow.entities.model_registry import ModelVersionTag

        link = self.address(request)
        with self.mover.acting():
            for key, value in (("request", link), ("state", f"{request.stage}: {request.state}")):
                tag = ModelVersionTag(f"{GATE_TAGS}{key}", value)
                self.registry.set_model_version_tag(request.model, request.version, tag)
            known = self.registry.get_model_version(request.model, request.version)
            if link not in (known.description or ""):
                shown = f"[{link}]({link})" if "://" in link else f"`{link}`"
                line = f"Asked to go to {request.stage}: {shown}"
                text = f"{known.description}\n\n{line}" if known.description else line
                if len(text) <= 5000:  # the registry's limit; the tag says the same
                    self.registry.update_model_version(request.model, request.version, text)


def _moved(entity: Any) -> dict[str, str]:
    if entity is None:
        raise RefusedError("nothing was moved")
    return {"model": entity.name, "version": str(entity.version), "stage": entity.current_stage}
