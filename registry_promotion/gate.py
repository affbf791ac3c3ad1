"""The gate: request, decision, sign-off, move. It decides and keeps the ledger; it never touches the registry.

    gate = Gate(Ledger(database), shipped_policies(), MlflowEvidence(…), admins={"ada"})
    asked = gate.request("parts", "7", "Production", "rita", "misses fewer hoses")
    gate.approve(asked.id, "ann", "read all three reports")
    gate.approve(asked.id, "bob", "agree")
    gate.authorise_transition("parts", "7", "Production", "rita")      # RefusedError says what to do
    gate.record_transition("parts", "7", "Production", "rita")         # then the registry moves

What is checked when: evidence is fetched and the bytes are recomputed at the request, at each approval and at the move.
An answer is bound to the digest, the policy and the champion; if one of them changes, it counts no more. Whoever made
or asked for a version cannot approve it. One request makes one move. All state is worked out from the ledger's rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from homologate.attest import Signer
from homologate.errors import RefusedError
from registry_promotion.checks import (
    ask_again,
    listed,
    must_be_movable,
    must_not_empty_production,
    previous,
    said,
    still_waiting,
    why_closed,
)
from registry_promotion.ledger import Entry, Ledger, Row
from registry_promotion.lifecycle import ALIASES, stage_named
from registry_promotion.policy import Policy
from registry_promotion.requests import EvidenceSource, Requests
from registry_promotion.states import Request

__all__ = ["BREAK_GLASS_HOURS", "Authorisation", "EvidenceSource", "Gate"]

BREAK_GLASS_HOURS = 72.0
"""How long a broken glass is good; after that the version that stands by it is overdue on every page."""

LEAVE = timedelta(minutes=15)
"""How long an authorisation is good for: a move follows it at once."""


@dataclass(frozen=True)
class Authorisation:
    """Leave to make one move.

    Attributes:
        model: registered name.
        version: version number, as text.
        stage: where to.
        user: who moves it.
        at: when it was given.
        digest: the bytes as recomputed.
        request: the request behind it.
        policy_digest: the rules.
        champion_digest: the version in Production when it was given, or None.
        demonstration: whether the policy is a demonstration.
    """

    model: str
    version: str
    stage: str
    user: str
    at: datetime
    digest: str
    request: str
    policy_digest: str
    champion_digest: str | None
    demonstration: bool


class Gate(Requests):
    """The gate over one ledger. Safe to use from many threads and, over one database, from many processes.

    Args:
        ledger: where everything is recorded.
        policies: by stage; a guarded stage without one lets nothing in.
        evidence_source: fetches and verifies evidence.
        admins: accounts that may break the glass.
        signer: signs each answer as an in-toto statement kept in its row; None leaves them unsigned.
        clock: what time it is; the real one by default.
    """

    def __init__(
        self,
        ledger: Ledger,
        policies: Mapping[str, Policy],
        evidence_source: EvidenceSource,
        *,
        admins: Collection[str] = (),
        signer: Signer | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        super().__init__(ledger, policies, evidence_source, signer=signer, clock=clock)
        self.admins = tuple(admins)
        self._granted: dict[tuple[str, str, str, str], Authorisation] = {}

    def approve(self, request_id: str, user: str, comment: str) -> Request:
        """Say yes (see `Requests.approve`). A version that stands by a broken glass then stands by its request."""
        super().approve(request_id, user, comment)
        self._regularise(request_id, user)
        return self.find(request_id)

    def authorise_transition(self, model: str, version: str, stage: str, user: str | None) -> Authorisation:
        """Leave to make one move, after recomputing the bytes and judging everything again.

        Raises:
            RefusedError: there is no request that may move; the text says what to do next. The refusal is recorded.
        """
        stage = stage_named(stage)
        try:
            authorised = self._authorised(model, version, stage, user)
        except RefusedError as error:
            self._record_refusal(model, version, stage, user, error)
            raise
        with self._lock:
            self._granted[model, version, stage, authorised.user] = authorised
        return authorised

    def record_transition(
        self, model: str, version: str, stage: str, user: str | None, authorisation: Authorisation | None = None
    ) -> Row:
        """Record a move, before the registry makes it. Into a guarded stage only with an authorisation, used once.

        Raises:
            RefusedError: nothing authorised it, or what authorised it has changed since; or it would leave Production
                empty.
        """
        stage = stage_named(stage)
        key = (model, version, stage, user or "")
        with self._lock:
            granted = self._granted.pop(key, None)
        leave = authorisation or granted
        with self._writing() as (writer, standing):
            if stage not in ALIASES:
                must_not_empty_production(standing, model, version, stage)
                digest = standing.digests.get((model, version))
                return writer.append(Entry("transition", user or "", model, version, stage, digest))
            for_this = leave is not None and (leave.model, leave.version, leave.stage, leave.user) == key
            if leave is None or not for_this or writer.now() - leave.at > LEAVE:
                raise RefusedError(
                    f"nothing authorises version {version} of {model!r} to go to {stage}",
                    next_command=ask_again(model, version, stage),
                )
            asked = still_waiting(standing, leave.request, self.policies)
            now = standing.current(model, "Production")
            if leave.champion_digest != (now.digest if now else None):
                raise RefusedError(
                    "another version went to Production meanwhile",
                    next_command=ask_again(model, version, stage),
                )
            replaced = standing.current(model, stage)
            payload = {
                "request": asked.id,
                "replaces": replaced.version if replaced else None,
                "demonstration": leave.demonstration,
                "approved_by": [one.by for one in asked.approvals],
            }
            bound = (model, version, stage, leave.digest, leave.policy_digest)
            return writer.append(Entry("transition", leave.user, *bound, asked.reason, payload))

    def rollback(self, model: str, user: str, reason: str) -> str:
        """Put the previous Production version back: recorded here, then moved by the caller. Its version number.

        Raises:
            RefusedError: there is no previous version, or its bytes or evidence no longer verify.
        """
        user, reason = said(user, "user"), said(reason, "--reason")
        standing = self._now_standing()
        earlier = previous(standing, model)
        evidence = self.evidence_source.fetch(model, earlier.version)
        if evidence.digest is None or evidence.digest != earlier.digest:
            raise RefusedError(
                f"version {earlier.version} of {model!r} is not what stood in Production: its bytes are "
                f"{evidence.digest or 'not readable'}, they were {earlier.digest}",
                next_command=f"request another version, or: homologate promote --break-glass {model} VERSION",
            )
        if evidence.verification.get("ok") is not True:
            faults = [c["id"] for c in evidence.verification.get("checks", ()) if c.get("status") != "met"]
            raise RefusedError(
                f"the evidence of version {earlier.version} of {model!r} no longer verifies: {', '.join(faults)}",
                next_command=f"homologate evidence verify {model} {earlier.version}",
            )
        with self._writing() as (writer, now):
            if previous(now, model) != earlier:
                raise RefusedError("somebody moved Production meanwhile", next_command=f"homologate history {model}")
            out = now.current(model, "Production")
            payload = {"replaces": out.version if out else None, "demonstration": earlier.demonstration}
            bound = (model, earlier.version, "Production", earlier.digest, None)
            writer.append(Entry("rollback", user, *bound, reason, payload))
        return earlier.version

    def break_glass(self, model: str, version: str, stage: str, user: str, reason: str) -> Row:
        """Move a version without a decision, in an emergency: recorded loudly, and overdue after `BREAK_GLASS_HOURS`.

        Raises:
            RefusedError: the user is not an admin of the gate, or the bytes cannot be read.
            UsageError: the stage is not guarded, or no reason is given.
        """
        stage, policy = self._policy(stage)
        user, reason = said(user, "user"), said(reason, "--reason")
        if user not in self.admins:
            error = RefusedError(
                f"{user!r} may not break the glass",
                place="homologate.yaml, field promotion.admins",
                legal=", ".join(self.admins) or "nobody: it names no account; write one there and restart the server",
                next_command=ask_again(model, version, stage),
            )
            self._record_refusal(model, version, stage, user, error)
            raise error
        must_be_movable(self._now_standing(), model, version, stage)
        digest = self.evidence_source.fetch(model, version).digest
        if digest is None:
            raise RefusedError(f"the bytes of version {version} of {model!r} cannot be read")
        with self._writing() as (writer, standing):
            must_not_empty_production(standing, model, version, stage)
            expires = writer.now() + timedelta(hours=BREAK_GLASS_HOURS)
            replaced = standing.current(model, stage)
            payload = {"expires_at": expires.isoformat(), "replaces": replaced.version if replaced else None}
            return writer.append(
                Entry("break_glass", user, model, version, stage, digest, policy.digest, reason, payload)
            )

    def _authorised(self, model: str, version: str, stage: str, user: str | None) -> Authorisation:
        ask = ask_again(model, version, stage)
        if not user:
            raise RefusedError(
                "nobody is logged in, so nobody can answer for this move",
                next_command="log in (MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD)",
            )
        self._policy(stage)
        standing = self._now_standing()
        must_be_movable(standing, model, version, stage)
        mine = [one for one in self.requests(model) if (one.version, one.stage) == (version, stage)]
        asked = next((one for one in mine if one.open), None)
        if asked is None:
            last = f"; its last request, {mine[0].id}, is {why_closed(mine[0])}" if mine else ""
            raise RefusedError(
                f"version {version} of {model!r} may not go to {stage}: nobody asked{last}", next_command=ask
            )
        decision = self.decide(asked.id)
        if decision.digest != asked.digest:
            raise RefusedError(
                f"the bytes changed since request {asked.id}: they are {decision.digest}, they were {asked.digest}",
                next_command=ask,
            )
        if not decision.passes:
            waiting = decision.evidence_passes
            raise RefusedError(
                f"request {asked.id}: {decision.verdict}{listed(decision)}",
                next_command=f"homologate approve {asked.id} --comment …" if waiting else ask,
            )
        return Authorisation(
            model=model,
            version=version,
            stage=stage,
            user=user,
            at=self._now(standing),
            digest=str(decision.digest),
            request=asked.id,
            policy_digest=decision.policy_digest,
            champion_digest=decision.champion_digest,
            demonstration=decision.demonstration,
        )

    def _regularise(self, request_id: str, user: str) -> None:
        """A version that stands by a broken glass and is now approved stands by its request, without a second move."""
        asked = self.find(request_id)
        there = self._now_standing().current(asked.model, asked.stage)
        if there is None or there.version != asked.version or there.how != "break_glass" or asked.state != "approved":
            return
        try:
            leave = self._authorised(asked.model, asked.version, asked.stage, user)
        except RefusedError:
            return  # approved, but something else refuses: the page shows what
        self.record_transition(asked.model, asked.version, asked.stage, user, leave)
