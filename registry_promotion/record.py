"""What was decided, told once a request waits for nothing any more. Pure.

Judging a closed request anew would compare a version in Production with itself and count approvals that did their work;
what matters then is what the gate saw, as its row of the ledger keeps it, and how it ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from registry_promotion.checks import why_closed
from registry_promotion.states import Request

__all__ = ["as_recorded"]


def as_recorded(asked: Request, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """A closed request's decision as facts, its verdict in the past tense.

    Args:
        asked: the request, closed.
        recorded: the decision's facts as stored with the request.
    """
    facts = {**recorded, "passes": asked.state == "promoted"}
    if asked.state == "refused":
        return facts
    names = [approval.by for approval in asked.approvals]
    if asked.state == "promoted":
        held = sum(rule["status"] == "met" for rule in recorded["rules"])
        facts["verdict"] = (
            f"{asked.model} version {asked.version} went to {asked.stage}: {held} rules held, "
            f"{' and '.join(names) or 'nobody'} approved."
        )
        met = {"status": "met", "value": f"{len(names)}: {', '.join(names)}", "reason": "", "fix": ""}
        facts["sign_off"] = {**recorded["sign_off"], **met}
        return facts
    facts["verdict"] = f"{asked.model} version {asked.version} did not go to {asked.stage}. {_sentence(asked)}"
    facts["sign_off"] = {**recorded["sign_off"], "reason": why_closed(asked), "fix": ""}
    return facts


def _sentence(asked: Request) -> str:
    state, _, why = why_closed(asked).partition(": ")
    return f"{state.capitalize()}: {why}."
