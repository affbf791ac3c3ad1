"""The decision: may these bytes stand in that stage. Pure: no clock, no store, no request inside.

The rule of combination: a version passes if and only if **every** rule of the policy and every rule below is met or
does not apply, and enough people have signed off. Nothing adds up, nothing outweighs anything. What is missing, stale,
about other bytes or not to be believed is *cannot tell*, and cannot tell refuses. So removing evidence, ageing it,
changing its subject or worsening a value never turns a refusal into a pass (tests/test_a_decision_is_monotone.py).

No policy can switch these off:

    digest          the bytes were found and recomputed
    verification    every check of `homologate.attest.verify_bundle` is met
    subject         every report is about exactly these bytes
    authors         who made the version is known, so that they cannot approve it
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from homologate.attest import canonical, sha256_of
from homologate.errors import DataError
from homologate.evidence import compare_items, paired_items, read_items
from registry_promotion.bundle import CLOCK_TOLERANCE, Champion, EvidenceBundle, is_about
from registry_promotion.judgement import RuleResult, always, judge
from registry_promotion.policy import Policy
from registry_promotion.sign_off import Approval, signed_off

__all__ = ["Approval", "Champion", "Decision", "EvidenceBundle", "RuleResult", "decide"]

SOURCES_OF_EVIDENCE = ("data", "evaluation", "explanation", "parity", "shadow", "training")
"""What a bundle may speak of. Ages, the time in Staging and the comparison are worked out here, never brought."""


@dataclass(frozen=True)
class Decision:
    """The answer, with every reason.

    Attributes:
        model: registered name.
        version: version number.
        stage: the stage asked for.
        digest: the bytes judged, or None.
        policy: name of the policy.
        policy_digest: its digest.
        demonstration: whether the policy is one.
        champion_version: the version compared with, or None.
        champion_digest: its digest, or None.
        rules: every rule on the evidence.
        sign_off: the rule on people.
        comparison: the paired test against the champion, or None.
        authors: who may not approve because they made it.
    """

    model: str
    version: str
    stage: str
    digest: str | None
    policy: str
    policy_digest: str
    demonstration: bool
    champion_version: str | None
    champion_digest: str | None
    rules: tuple[RuleResult, ...]
    sign_off: RuleResult
    comparison: Mapping[str, Any] | None
    authors: frozenset[str]

    @property
    def evidence_passes(self) -> bool:
        """Whether every rule on the evidence holds: people may now approve."""
        return not any(rule.refuses for rule in self.rules)

    @property
    def passes(self) -> bool:
        """Whether the evidence holds and enough people agreed: the version may move."""
        return self.evidence_passes and not self.sign_off.refuses

    @property
    def refusals(self) -> tuple[RuleResult, ...]:
        """The rules that refuse, the people's last."""
        return tuple(rule for rule in (*self.rules, self.sign_off) if rule.refuses)

    @property
    def verdict(self) -> str:
        """One line for a person."""
        if self.passes:
            return f"{self.model} version {self.version} may go to {self.stage}: all {self._counted} rules hold."
        if self.evidence_passes:
            return f"The evidence holds ({self._counted} rules); {self.sign_off.reason}."
        refusing = [rule for rule in self.rules if rule.refuses]
        untold = sum(rule.status == "cannot_tell" for rule in refusing)
        told = f", {untold} of them because nobody can tell" if untold else ""
        return (
            f"{self.model} version {self.version} may not go to {self.stage}: "
            f"{len(refusing)} of {self._counted} rules refuse{told}."
        )

    def facts(self) -> dict[str, Any]:
        """The decision as JSON-serialisable facts."""
        found = {**asdict(self), "authors": sorted(self.authors), "rules": [asdict(rule) for rule in self.rules]}
        champion = {"version": self.champion_version, "digest": self.champion_digest} if self.champion_version else None
        return {
            **found,
            "verdict": self.verdict,
            "passes": self.passes,
            "evidence_passes": self.evidence_passes,
            "champion": champion,
        }

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the facts."""
        return sha256_of(canonical(self.facts()))

    @property
    def _counted(self) -> int:
        return sum(rule.status != "does_not_apply" for rule in self.rules)


def decide(
    policy: Policy,
    evidence: EvidenceBundle,
    champion: Champion | None,
    approvals: Sequence[Approval],
    *,
    now: datetime,
    requester: str,
    staged_since: datetime | None = None,
) -> Decision:
    """Decide whether a version may stand in the policy's stage.

    Args:
        policy: the rules.
        evidence: what is known of the version.
        champion: the version in Production, or None where the ledger says there is none.
        approvals: every yes to this request, valid or not.
        now: the moment the decision is for, with a time zone.
        requester: who asked; may not approve.
        staged_since: since when the version has stood in Staging, from the ledger; None where it does not.

    Returns:
        The decision; it never raises on evidence that is missing or odd, it says so.
    """
    facts = _believable(evidence)
    report = evidence.facts.get("comparison") or {}
    comparison, fault = _comparison(facts, report if is_about(report, evidence.digest) else {}, champion)
    if comparison is not None:
        facts["comparison"] = comparison
    facts["age"] = _ages(evidence, now)
    facts["champion"] = {"exists": champion is not None}
    if evidence.size is not None:
        facts["artifact"] = {"megabytes": evidence.size / 1e6}
    if "shadow" in facts:
        facts["shadow"] = {**facts["shadow"], "beside_champion": _beside(facts["shadow"], champion)}
    if staged_since is not None:
        facts["staging"] = {"hours": (now - staged_since).total_seconds() / 3600}
    rules = [*always(evidence), *_judged(policy, facts, evidence.places, champion, fault)]
    return Decision(
        model=evidence.model,
        version=evidence.version,
        stage=policy.stage,
        digest=evidence.digest,
        policy=policy.name,
        policy_digest=policy.digest,
        demonstration=policy.demonstration,
        champion_version=champion.version if champion else None,
        champion_digest=champion.digest if champion else None,
        rules=tuple(rules),
        sign_off=signed_off(policy, evidence, champion, approvals, now, requester),
        comparison=comparison,
        authors=evidence.authors,
    )


def _believable(evidence: EvidenceBundle) -> dict[str, Mapping[str, Any]]:
    """The facts that are about these bytes."""
    strangers = evidence.strangers()
    return {
        kind: facts for kind, facts in evidence.facts.items() if kind in SOURCES_OF_EVIDENCE and kind not in strangers
    }


def _comparison(
    facts: Mapping[str, Mapping[str, Any]], report: Mapping[str, Any], champion: Champion | None
) -> tuple[dict[str, Any] | None, str]:
    """The paired test, or why there is none.

    The stored items of both are taken where they are the same. Where the two were tested on different items, the signed
    comparison report has both scored on the newest; it counts only if it is about these bytes and this very champion.
    """
    if champion is None:
        return None, "there is no version in Production to compare with"
    if "evaluation" not in facts:
        return None, "the version has no evaluation to compare"
    if champion.evaluation is None:
        return None, champion.fault or f"there are no items of the champion, version {champion.version}"
    if not is_about(champion.evaluation, champion.digest):
        return None, f"the champion's items are not about its bytes, {champion.digest}"
    try:
        stored = compare_items(read_items(facts["evaluation"]), read_items(champion.evaluation))
        return {**stored, "rescored": None}, ""
    except DataError as error:
        told = f"{error.problem} (champion: version {champion.version})"
    about = report.get("champion") or {}
    if about.get("digest") != champion.digest:
        other = f"version {about['version']}" if about else "no champion"
        return None, f"{told}, and the comparison report is about {other}; compare again with: homologate main"
    try:
        return {**compare_items(*paired_items(report)), "rescored": report["test"]["rescored"]}, ""
    except DataError as error:
        return None, f"{told}, and {error.problem}"


def _beside(shadow: Mapping[str, Any], champion: Champion | None) -> bool:
    """Whether a shadow report compares with the version that stands in Production now."""
    beside = shadow.get("champion")
    return champion is not None and isinstance(beside, Mapping) and beside.get("digest") == champion.digest


def _ages(evidence: EvidenceBundle, now: datetime) -> dict[str, float]:
    """Days since each report was measured; a report dated in the future has no age that can be believed."""
    return {
        kind: max(0.0, (now - moment).total_seconds() / 86_400)
        for kind, moment in evidence.measured_at.items()
        if moment - now <= CLOCK_TOLERANCE
    }


def _judged(
    policy: Policy, facts: Mapping[str, Any], places: Mapping[str, str], champion: Champion | None, fault: str
) -> Iterator[RuleResult]:
    for rule in policy.rules:
        for result in judge(rule, facts, places):
            if rule.source != "comparison" or "comparison" in facts:
                yield result
            elif champion is None:
                # Said, not passed: the other rules must carry the decision alone.
                yield replace(result, status="does_not_apply", reason=f"no champion: {fault}", fix="")
            else:
                yield replace(result, reason=fault)
