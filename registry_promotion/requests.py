"""Requests: asked, judged at once, answered by people, each step a row of the ledger.

Evidence is fetched and the bytes are recomputed at the request and at every approval. An answer is bound to the digest,
the policy and the champion; if one of them changes, it counts no more. Whoever made or asked for a version cannot
approve it. All state is worked out from the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from homologate.attest import Signer, sign_statement
from homologate.attest.statements import timestamp
from homologate.errors import HomologateError, UsageError
from registry_promotion.book import Book
from registry_promotion.checks import as_of, may_approve, must_be_movable, said, still_waiting
from registry_promotion.decision import Approval, Champion, Decision, EvidenceBundle, decide
from registry_promotion.ledger import Entry, Ledger
from registry_promotion.lifecycle import ALIASES, stage_named
from registry_promotion.policy import Policy
from registry_promotion.record import as_recorded
from registry_promotion.standing import Standing
from registry_promotion.states import Request

__all__ = ["EvidenceSource", "Requests"]


class EvidenceSource(Protocol):
    """Who fetches and verifies what is known of a version (`registry_promotion.evidence_source.MlflowEvidence`)."""

    def fetch(self, model: str, version: str) -> EvidenceBundle:
        """Everything known of a version, its digest recomputed and its statements verified now.

        Raises:
            ModelError: there is no such version.
        """
        ...

    def digest(self, model: str, version: str) -> str:
        """The digest of the stored bytes, recomputed now."""
        ...

    def locations(self, model: str, version: str) -> Collection[str]:
        """The artifact locations a decision about the version rests on."""
        ...


class Requests(Book):
    """The requests of one ledger.

    Args:
        ledger: where everything is recorded.
        policies: by stage; a guarded stage without one lets nothing in.
        evidence_source: fetches and verifies evidence.
        signer: signs each answer as an in-toto statement kept in its row; None leaves them unsigned.
        clock: what time it is; the real one by default.
    """

    def __init__(
        self,
        ledger: Ledger,
        policies: Mapping[str, Policy],
        evidence_source: EvidenceSource,
        *,
        signer: Signer | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        super().__init__(ledger, clock=clock)
        self.policies, self.evidence_source = dict(policies), evidence_source
        self._signer = signer

    def request(self, model: str, version: str, stage: str, user: str, reason: str) -> Request:
        """Ask for a version to go to a stage. Every rule is answered at once and the answer recorded with the request.

        Raises:
            UsageError: the stage is not guarded, nobody asks, or no reason is given.
            RefusedError: the version stands there already, or would leave Production empty.
            ModelError: there is no such version.
        """
        stage, policy = self._policy(stage)
        user, reason = said(user, "user"), said(reason, "--reason")
        must_be_movable(self._now_standing(), model, version, stage)
        while True:
            standing = self._now_standing()
            evidence = self.evidence_source.fetch(model, version)
            champion = self._champion(standing, evidence)
            decision = self._decide(standing, policy, evidence, champion, user, ())
            with self._writing() as (writer, now_standing):
                if now_standing.seq != standing.seq and not _same_champion(now_standing, model, champion):
                    continue  # the champion changed while evidence was fetched: judge against the new one
                asked = writer.append(_asked(decision, user, reason, policy))
                if not decision.evidence_passes:
                    refused = {"request": str(asked.seq), "ends": True}
                    writer.append(_entry("refusal", decision, "the gate", decision.verdict, refused))
            return self.find(str(asked.seq))

    def approve(self, request_id: str, user: str, comment: str) -> Request:
        """Say yes, after the evidence was fetched and judged again.

        Raises:
            RefusedError: the request does not wait, the user made it, asked for it, answered it or may not answer, or
                the evidence no longer holds.
            UsageError: no such request, or no comment.
        """
        user, comment = said(user, "user"), said(comment, "--comment")
        asked = self._waiting(request_id)
        decision = self.decide(request_id)
        policy = self.policies[asked.stage]
        may_approve(asked, decision, policy, user)
        with self._writing() as (writer, standing):
            asked = still_waiting(standing, asked.id, self.policies)
            may_approve(asked, decision, policy, user)
            payload: dict[str, Any] = {
                "request": asked.id,
                "champion_digest": decision.champion_digest,
                **self._signed(asked, "approved", user, comment, writer.now()),
            }
            writer.append(_entry("approval", decision, user, comment, payload))
        return self.find(request_id)

    def reject(self, request_id: str, user: str, comment: str) -> Request:
        """Say no. Anybody may, also who asked: a no lets nothing through.

        Raises:
            RefusedError: the request does not wait for an answer.
            UsageError: no such request, or no comment.
        """
        user, comment = said(user, "user"), said(comment, "--comment")
        self._waiting(request_id)
        with self._writing() as (writer, standing):
            asked = still_waiting(standing, request_id, self.policies)
            bound = (asked.model, asked.version, asked.stage, asked.digest, asked.policy_digest)
            signed = self._signed(asked, "rejected", user, comment, writer.now())
            writer.append(Entry("rejection", user, *bound, comment, {"request": asked.id, **signed}))
        return self.find(request_id)

    def decide(self, request_id: str) -> Decision:
        """The decision as of now, on evidence fetched now, with the answers there are.

        Raises:
            UsageError: no such request, or its stage has no policy any more.
        """
        asked = self.find(request_id)
        _, policy = self._policy(asked.stage)
        standing = self._now_standing()
        evidence = self.evidence_source.fetch(asked.model, asked.version)
        # Who was an author when it was asked for stays one, whatever the runs say now.
        evidence = replace(evidence, authors=evidence.authors | asked.authors)
        champion = self._champion(standing, evidence)
        return self._decide(standing, policy, evidence, champion, asked.requested_by, asked.approvals)

    def told(self, request_id: str) -> dict[str, Any]:
        """The decision as facts: as of now while the request is open, as recorded once it is closed.

        Raises:
            UsageError: no such request.
        """
        asked = self.find(request_id)
        if asked.open:
            return self.decide(request_id).facts()
        [row] = self.ledger.rows_at([int(asked.id)])
        return as_recorded(asked, row.entry.payload["decision"])

    def find(self, request_id: str) -> Request:
        """One request as it is now.

        Raises:
            UsageError: there is none of this id.
        """
        found = self._now_standing().requests.get(str(request_id))
        if found is None:
            raise UsageError(f"no request {request_id!r}", next_command="homologate request --list")
        return as_of(found, self.policies)

    def requests(self, model: str | None = None, state: str | None = None) -> list[Request]:
        """Requests, newest first."""
        found = (as_of(one, self.policies) for one in reversed(self._now_standing().requests.values()))
        return [one for one in found if model in (None, one.model) and state in (None, one.state)]

    def _policy(self, stage: str) -> tuple[str, Policy]:
        named = stage_named(stage)
        if named not in ALIASES:
            raise UsageError(f"{named} is not guarded", place="--to", legal=ALIASES)
        if named not in self.policies:
            raise UsageError(f"no policy for {named}", legal=self.policies, next_command="homologate policy explain")
        return named, self.policies[named]

    def _decide(
        self,
        standing: Standing,
        policy: Policy,
        evidence: EvidenceBundle,
        champion: Champion | None,
        requester: str,
        approvals: tuple[Approval, ...],
    ) -> Decision:
        staged = standing.current(evidence.model, "Staging")
        there = staged is not None and (staged.version, staged.digest) == (evidence.version, evidence.digest)
        return decide(
            policy,
            evidence,
            champion,
            approvals,
            now=self._now(standing),
            requester=requester,
            staged_since=staged.since if there and staged else None,
        )

    def _champion(self, standing: Standing, evidence: EvidenceBundle) -> Champion | None:
        """The version in Production and its judged items."""
        placed = standing.current(evidence.model, "Production")
        if placed is None:
            return None
        known = Champion(placed.version, placed.digest or "unknown")
        try:
            found = self.evidence_source.fetch(evidence.model, placed.version)
        except HomologateError as error:
            return replace(known, fault=f"the champion, version {placed.version}: {error.problem}")
        if found.digest != placed.digest:
            return replace(known, fault=f"the champion's bytes are {found.digest}, they were {placed.digest}")
        if "evaluation" not in found.facts:
            return replace(known, fault=f"the champion, version {placed.version}, has no evaluation to compare with")
        return replace(known, evaluation=found.facts["evaluation"])

    def _signed(self, asked: Request, answer: str, user: str, comment: str, at: datetime) -> dict[str, Any]:
        """The answer as a signed statement about the bytes, where there is a signer and there are bytes."""
        if self._signer is None or asked.digest is None:
            return {}
        predicate = {
            "request": asked.id,
            "model": asked.model,
            "version": asked.version,
            "stage": asked.stage,
            "answer": answer,
            "by": user,
            "at": timestamp(at),
            "comment": comment,
            "policy_digest": asked.policy_digest,
            "champion_digest": asked.champion_digest,
        }
        return {"statement": sign_statement("approval", asked.digest, predicate, self._signer, name=asked.model)}

    def _waiting(self, request_id: str) -> Request:
        self.find(request_id)
        return still_waiting(self._now_standing(), str(request_id), self.policies)


def _asked(decision: Decision, user: str, reason: str, policy: Policy) -> Entry:
    champion = {"version": decision.champion_version, "digest": decision.champion_digest}
    payload = {
        "policy": policy.name,
        "needed": policy.sign_off.approvals,
        "authors": sorted(decision.authors),
        "champion": champion if decision.champion_version else None,
        "demonstration": decision.demonstration,
        "decision": decision.facts(),
    }
    return _entry("request", decision, user, reason, payload)


def _entry(kind: str, decision: Decision, who: str, reason: str, payload: Mapping[str, Any]) -> Entry:
    bound = (decision.model, decision.version, decision.stage, decision.digest, decision.policy_digest)
    return Entry(kind, who, *bound, reason, payload)


def _same_champion(standing: Standing, model: str, champion: Champion | None) -> bool:
    now = standing.current(model, "Production")
    return (now.digest if now else None) == (champion.digest if champion else None)
