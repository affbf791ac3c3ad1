"""The commands of this room (see `homologate.commands` for what a command is).

Nothing but the standard library may be imported here.
"""

from __future__ import annotations

from homologate.commands import Command

__all__ = ["COMMANDS"]

COMMANDS = (
    Command(
        "request",
        "Ask for a version to go to a stage; the gate answers every rule.",
        "registry_promotion.verbs.request",
        "promote",
    ),
    Command(
        "approve",
        "Approve a request, as someone who neither made nor asked for it.",
        "registry_promotion.verbs.approve",
        "promote",
    ),
    Command("reject", "Reject a request, with a reason.", "registry_promotion.verbs.reject", "promote"),
    Command("promote", "Move an approved version to its stage.", "registry_promotion.verbs.promote", "promote"),
    Command("rollback", "Put the previous Production version back.", "registry_promotion.verbs.rollback", "promote"),
    Command(
        "history", "What happened to a model, or what served on a day.", "registry_promotion.verbs.history", "promote"
    ),
    Command(
        "trace",
        "Follow a version or a prediction back to runs, data, reports and people.",
        "registry_promotion.verbs.trace",
        "promote",
    ),
    Command("policy", "Say what a policy demands, in sentences.", "registry_promotion.verbs.policy", "promote"),
    Command(
        "audit",
        "Export and verify the ledger; find what disagrees with it.",
        "registry_promotion.verbs.audit",
        "promote",
    ),
    Command(
        "evidence", "Verify what is claimed about a version's bytes.", "registry_promotion.verbs.evidence", "promote"
    ),
    Command(
        "demo", "Take the last version through the gate as demo accounts.", "registry_promotion.verbs.demo", "promote"
    ),
)
