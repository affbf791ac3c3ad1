"""What must hold before a row is written: small questions about a request, a person or a stage. Pure.

Each returns or raises a `RefusedError` that names the next command.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time

from homologate.errors import RefusedError, UsageError
from registry_promotion.decision import Decision
from registry_promotion.policy import Policy
from registry_promotion.sign_off import same_person
from registry_promotion.standing import Standing
from registry_promotion.states import Placement, Request

__all__ = [
    "as_of",
    "ask_again",
    "listed",
    "may_approve",
    "moment",
    "must_be_movable",
    "must_not_empty_production",
    "previous",
    "said",
    "still_waiting",
    "why_closed",
]


def ask_again(model: str, version: str, stage: str) -> str:
    """The command that asks for a move."""
    return f"homologate request {model} {version} --to {stage} --reason …"


def as_of(asked: Request, policies: Mapping[str, Policy]) -> Request:
    """A request as it is under the policies in force: judged by other rules, it is void."""
    policy = policies.get(asked.stage)
    if asked.open and (policy is None or policy.digest != asked.policy_digest):
        return replace(asked, state="void")
    return asked


def still_waiting(standing: Standing, request_id: str, policies: Mapping[str, Policy]) -> Request:
    """The request, if it still waits for an answer or its move."""
    asked = as_of(standing.requests[request_id], policies)
    if not asked.open:
        raise RefusedError(
            f"request {request_id} is {why_closed(asked)}",
            next_command=ask_again(asked.model, asked.version, asked.stage),
        )
    return asked


def why_closed(asked: Request) -> str:
    """The state of a request that waits for nothing any more, and why."""
    why = {
        "void": "the bytes, the policy or the champion it was judged by changed",
        "superseded": "the same was asked anew",
        "refused": "the evidence did not hold",
        "promoted": "its move was made; one request makes one move",
        "rejected": f"{asked.answers[-1].by} said no" if asked.answers else "somebody said no",
    }[asked.state]
    return f"{asked.state}: {why}"


def may_approve(asked: Request, decision: Decision, policy: Policy, user: str) -> None:
    """Raise unless this person may say yes to this, now."""
    others = "somebody else must approve"
    if any(same_person(user, author) for author in decision.authors):
        raise RefusedError(f"{user!r} made this version", next_command=others)
    if same_person(user, asked.requested_by):
        raise RefusedError(f"{user!r} asked for this", next_command=others)
    if any(same_person(user, one.by) for one in asked.approvals):
        raise RefusedError(f"{user!r} has already approved request {asked.id}", next_command=others)
    if policy.sign_off.approvers and user not in policy.sign_off.approvers:
        raise RefusedError(f"{user!r} may not approve", legal=policy.sign_off.approvers, next_command=others)
    ask = ask_again(asked.model, asked.version, asked.stage)
    if decision.digest != asked.digest:
        raise RefusedError(f"the bytes changed since request {asked.id}", next_command=ask)
    if decision.champion_digest != asked.champion_digest:
        raise RefusedError(f"another version went to Production since request {asked.id}", next_command=ask)
    if not decision.evidence_passes:
        raise RefusedError(f"{decision.verdict}{listed(decision)}", next_command=ask)


def listed(decision: Decision) -> str:
    """The rules on the evidence that refuse, one a line."""
    rules = [rule for rule in decision.rules if rule.refuses]
    return "".join(
        f"\n  - {rule.id}: {rule.reason or f'{rule.value}, wanted {rule.limit}'}; {rule.fix}" for rule in rules
    )


def must_not_empty_production(standing: Standing, model: str, version: str, stage: str) -> None:
    """Raise if the move would leave nothing in Production."""
    there = standing.current(model, "Production")
    if there and there.version == version and stage != "Production":
        raise RefusedError(
            f"version {version} of {model!r} is in Production; taking it out would leave nothing there",
            next_command=f"homologate rollback {model} --reason …, or promote another version",
        )


def must_be_movable(standing: Standing, model: str, version: str, stage: str) -> None:
    """Raise if the version stands there already, or if the move would leave Production empty."""
    must_not_empty_production(standing, model, version, stage)
    there = standing.current(model, stage)
    if there and there.version == version and there.how != "break_glass":
        raise RefusedError(
            f"version {version} of {model!r} stands in {stage} already, since {there.since:%Y-%m-%d %H:%M} UTC",
            next_command=f"homologate history {model}",
        )


def previous(standing: Standing, model: str) -> Placement:
    """What a rollback would put back."""
    previous = standing.before(model)
    if previous is None:
        raise RefusedError(
            f"there is no earlier Production version of {model!r} to go back to",
            next_command=f"homologate history {model}",
        )
    return previous


def said(words: str, place: str) -> str:
    """The text a person gave; nothing is no text."""
    if not words or not words.strip():
        raise UsageError("nothing was said", place=place, legal="text that is not empty")
    return words.strip()


def moment(at: datetime | str | None) -> datetime | None:
    """A moment from what a person wrote; a bare date means the end of that day in UTC."""
    if at is None or isinstance(at, datetime):
        return at
    try:
        if len(at) == len("2026-03-01"):
            return datetime.combine(date.fromisoformat(at), time.max, UTC)
        moment = datetime.fromisoformat(at)
    except ValueError as error:
        raise UsageError(f"{at!r} is no moment", place="--at", legal="2026-03-01, 2026-03-01T12:00:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
