"""The gate where none can stand inside the server: on Azure ML, the release pipeline asks it before it moves a version.

    export HOMOLOGATE_LEDGER=postgresql://ann@ledger.example.org/homologate
    homologate request parts 7 --to Production --reason "…"

The same commands, the same decision, the same ledger; but the registry is a client's, the ledger has a database of its
own, and who acts is whom that database authenticated (`session_user` of PostgreSQL, with Entra ID the person; on SQLite
the account of this machine). Nothing here can stop somebody from moving a stage around the pipeline: `homologate audit
drift` says so afterwards. docs/gate.md says what else is weaker.
"""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homologate.errors import UsageError
from registry_promotion.lifecycle import stage_named

if TYPE_CHECKING:
    from homologate.settings import Settings
    from registry_promotion.desk import Desk
    from registry_promotion.postman import Postman

__all__ = ["LEDGER_VARIABLE", "ReleaseGate", "ledger_address"]

LEDGER_VARIABLE = "HOMOLOGATE_LEDGER"


def ledger_address(settings: Settings) -> str | None:
    """The address of a ledger of its own, where the registry has no gate inside; the variable goes before the file."""
    return os.environ.get(LEDGER_VARIABLE) or settings.promotion.ledger


class ReleaseGate:
    """Answers what the command line asks of a gate, as `GateClient` does, without a server.

    Args:
        desk: the registry's desk.
        user: who acts, as the ledger's database knows them.
        postman: tells people after each step; what cannot be told now goes along with the next step.
    """

    def __init__(self, desk: Desk, user: str, postman: Postman | None = None) -> None:
        self._desk, self.user, self._postman = desk, user, postman

    @classmethod
    def open(cls, settings: Settings, database: str) -> ReleaseGate:
        """The gate over the registry that `MLFLOW_TRACKING_URI` names.

        Raises:
            TrackingError: no registry answers.
            UsageError: the registry has a gate inside, or the ledger cannot be kept in this database.
            ServiceError: the ledger's database does not answer.
        """
        from homologate.local import Services
        from homologate.tracking import Tracker, tracking_uri
        from registry_promotion.channels import channels_of
        from registry_promotion.desk import Desk
        from registry_promotion.evidence_source import MlflowEvidence
        from registry_promotion.gate import Gate
        from registry_promotion.ledger import Ledger
        from registry_promotion.mover import Mover
        from registry_promotion.opening import governed, policies_of, signer_of
        from registry_promotion.outbox import Outbox
        from registry_promotion.postman import Postman
        from registry_promotion.turnstile import Turnstile

        local = Services(Path(settings.home)).running().get("mlflow")
        place = tracking_uri(local.url if local else None)
        if place.kind == "server":
            _must_have_no_gate(place.uri)
        client = Tracker(place, experiment=settings.experiment, home=Path(settings.home)).client
        registry = _Registry(client, aliases=place.kind != "azureml")
        source = MlflowEvidence(registry, client, settings.home, stamped=False)
        promotion = settings.promotion
        ledger = Ledger(database)
        gate = Gate(ledger, policies_of(settings), source, admins=promotion.admins, signer=signer_of(settings))
        mover = Mover(gate, governed(settings), Turnstile(database))
        desk = Desk(mover, settings, registry, lambda: (promotion.address or "").rstrip("/"))
        channels = channels_of(promotion.notify)
        postman = Postman(ledger, Outbox(database), channels, Turnstile(database, "notices")) if channels else None
        return cls(desk, ledger.account() or pwd.getpwuid(os.getuid()).pw_name, postman)

    def get(self, path: str, **query: str | None) -> Any:
        """What the API of a gated server answers at `path` (see `registry_promotion.server.api`)."""
        return _answered(_READS, path, self._desk, self.user, query)

    def raw(self, path: str) -> bytes:
        """The bytes at `path`: the export of the ledger."""
        if path != "ledger/export":
            raise UsageError(f"nothing to read at {path!r}", legal="ledger/export")
        return "".join(self._desk.export()).encode("ascii")

    def post(self, path: str, **fields: str) -> Any:
        """What the API of a gated server answers to `fields` at `path`."""
        try:
            return _answered(_WRITES, path, self._desk, self.user, fields)
        finally:
            if self._postman is not None:
                self._postman.carry_once()

    def reconcile(self) -> list[str]:
        """Make the registry follow the ledger, after a kill or a move around it. What was done, in words."""
        return self._desk.mover.reconcile(self._desk.registry)


Answer = Callable[..., Any]


def _answered(table: Mapping[str, Answer], path: str, desk: Desk, user: str, given: Mapping[str, str | None]) -> Any:
    from urllib.parse import unquote

    for pattern, answer in table.items():
        if found := re.fullmatch(pattern, path):
            return answer(desk, user, *map(unquote, found.groups()), **given)
    raise UsageError(f"a gate without a server has no {path!r}", place=f"${LEDGER_VARIABLE}")


def _request(desk: Desk, user: str, *, model: str, version: str, stage: str, reason: str) -> Any:
    made, decision = desk.request(model, version, stage, user, reason)
    return {"request": made.facts(), "decision": decision.facts(), "address": desk.address(made)}


def _shown(desk: Desk, _: str, request_id: str) -> Any:
    found = desk.find(request_id)
    return {"request": found.facts(), "decision": desk.decision(found), "address": desk.address(found)}


def _history(desk: Desk, _: str, model: str, *, at: str | None = None) -> Any:
    return {"model": model, "at": at, "stages": desk.current(model, at)} if at else desk.history(model)


def _break_glass(desk: Desk, user: str, model: str, *, version: str, stage: str, reason: str) -> Any:
    return {"moved": desk.break_glass(model, version, stage_named(stage), user, reason)}


_READS: Mapping[str, Answer] = {
    "requests": lambda desk, _, model=None, state=None: {"requests": [r.facts() for r in desk.requests(model, state)]},
    "requests/([^/]+)": _shown,
    "models/([^/]+)/current": lambda desk, _, model: {"model": model, "stages": desk.current(model)},
    "models/([^/]+)/history": _history,
    "models/([^/]+)/versions/([^/]+)/evidence": lambda desk, _, model, version: desk.verification(model, version),
    "models/([^/]+)/versions/([^/]+)/trace": lambda desk, _, model, version: desk.trace(model, version),
    "digests/([^/]+)": lambda desk, _, digest: {"versions": desk.versions_of(digest)},
    "drift": lambda desk, _: {"drift": desk.drift()},
    "policies": lambda desk, _: {"policies": desk.policies()},
    "ledger/head": lambda desk, _: desk.head(),
}
_WRITES: Mapping[str, Answer] = {
    "requests": _request,
    "requests/([^/]+)/approve": lambda desk, user, asked, comment: {
        "request": desk.answer(asked, user, comment, approve=True).facts()
    },
    "requests/([^/]+)/reject": lambda desk, user, asked, comment: {
        "request": desk.answer(asked, user, comment, approve=False).facts()
    },
    "requests/([^/]+)/promote": lambda desk, user, asked: {"moved": desk.promote(desk.find(asked), user)},
    "models/([^/]+)/rollback": lambda desk, user, model, reason: {"moved": desk.rollback(model, user, reason)},
    "models/([^/]+)/break-glass": _break_glass,
}


class _Registry:
    """A client with the few signatures of the store that differ.

    Args:
        client: MLflow's client.
        aliases: whether the registry has aliases. Azure ML has stages alone.
    """

    def __init__(self, client: Any, *, aliases: bool) -> None:
        self._client, self.has_aliases = client, aliases

    def set_model_version_tag(self, name: str, version: str, tag: Any) -> None:
        self._client.set_model_version_tag(name, version, tag.key, tag.value)

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
        if self.has_aliases:
            self._client.set_registered_model_alias(name, alias, version)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def _must_have_no_gate(uri: str) -> None:
    from homologate.accounts import login_of_environment
    from homologate.errors import HomologateError
    from registry_promotion.client import GateClient

    try:
        GateClient(uri, login_of_environment()).get("health")
    except HomologateError:
        return
    raise UsageError(
        f"the MLflow server at {uri} has a gate inside, and its ledger is the one that counts",
        place=f"${LEDGER_VARIABLE}, or homologate.yaml, field promotion.ledger",
        legal="unset: then the commands speak to that server",
    )
