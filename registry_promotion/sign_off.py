"""Who said yes, and whether it counts. Pure.

A yes counts if it came from someone who neither made the version nor asked for it nor said it already, who may approve
under the policy, for exactly these bytes, this policy and this champion, and not too long ago. Each void yes is named
with its reason.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from registry_promotion.bundle import CLOCK_TOLERANCE, Champion, EvidenceBundle
from registry_promotion.judgement import RuleResult
from registry_promotion.policy import Policy

__all__ = ["Approval", "same_person", "signed_off", "why_void"]


@dataclass(frozen=True)
class Approval:
    """One person's yes, and what it was given for.

    Attributes:
        by: the account.
        at: when, with a time zone.
        comment: in their words.
        digest: the bytes.
        policy_digest: the rules.
        champion_digest: the champion it was compared with, or None where there was none.
    """

    by: str
    at: datetime
    comment: str
    digest: str
    policy_digest: str
    champion_digest: str | None


def signed_off(
    policy: Policy,
    evidence: EvidenceBundle,
    champion: Champion | None,
    approvals: Sequence[Approval],
    now: datetime,
    requester: str,
) -> RuleResult:
    """How many different people have validly said yes."""
    wanted = policy.sign_off.approvals
    says = f"{wanted} of the approvers, neither author nor requester, approved these bytes under this policy."
    valid: list[Approval] = []
    void: list[str] = []
    for approval in approvals:
        why = why_void(approval, policy, evidence, champion, now, requester)
        if not why and any(same_person(approval.by, other.by) for other in valid):
            why = "has already approved"
        if why:
            void.append(f"{approval.by} {why}")
        else:
            valid.append(approval)
    names = ", ".join(approval.by for approval in valid)
    missing = wanted - len(valid)
    needed = f"{missing} more approval{'s' if missing != 1 else ''} needed"
    reason = "; ".join([needed, *(f"not counted: {one}" for one in void)])
    met = len(valid) >= wanted
    return RuleResult(
        id="sign-off",
        topic="sign_off",
        sentence=says,
        status="met" if met else "not_met",
        value=f"{len(valid)}{f': {names}' if names else ''}",
        limit=f"at least {wanted}",
        reason="" if met else reason,
        fix="" if met else "an approver runs: homologate approve <request>",
    )


def why_void(
    approval: Approval,
    policy: Policy,
    evidence: EvidenceBundle,
    champion: Champion | None,
    now: datetime,
    requester: str,
) -> str:
    """Why an approval does not count, or nothing."""
    if any(same_person(approval.by, author) for author in evidence.authors):
        return "made this version"
    if same_person(approval.by, requester):
        return "asked for it"
    if policy.sign_off.approvers and approval.by not in policy.sign_off.approvers:
        return "is not an approver of this policy"
    if approval.digest != evidence.digest:
        return "approved other bytes"
    if approval.policy_digest != policy.digest:
        return "approved under another policy"
    if approval.champion_digest != (champion.digest if champion else None):
        return "approved against another champion"
    if now - approval.at > timedelta(days=policy.sign_off.valid_days):
        return f"approved more than {policy.sign_off.valid_days:g} days ago"
    if approval.at - now > CLOCK_TOLERANCE:
        return "approved in the future"
    return ""


def same_person(one: str, other: str) -> bool:
    """Whether two account names may be one person: case, width and surrounding space do not tell people apart."""
    return _folded(one) == _folded(other)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()
