"""The commands of this room (see `homologate.commands` for what a command is).

Nothing but the standard library may be imported here.
"""

from __future__ import annotations

from homologate.commands import Command

__all__ = ["COMMANDS"]

COMMANDS = (
    Command("serve", "Serve a version: answers, words that decided, who answered.", "serve.verbs.serve", "serve"),
    Command("web", "Serve the technicians' pages in front of a scoring server.", "serve.verbs.web", "serve"),
    Command("edge", "Pack an approved version for devices without a network.", "serve.verbs.edge", "serve"),
    Command("deploy", "Put the approved version on an Azure ML endpoint, or go back.", "serve.verbs.deploy", "serve"),
    Command("key", "Make an API key for a caller; only its hash is kept.", "serve.verbs.key", "serve"),
    Command("shadow", "Turn what was counted in the shadow into signed evidence.", "serve.verbs.shadow", "serve"),
    Command("monitor", "Compare what a version saw with its own past.", "serve.verbs.monitor", "watch"),
    Command("ship", "Move kept predictions from the spool to the store.", "serve.verbs.ship", "watch"),
    Command("feedback", "Say what turned out to be true; see the real performance.", "serve.verbs.feedback", "watch"),
    Command("dashboard", "Write one page for the operator.", "serve.verbs.dashboard", "watch"),
    Command("queue", "Say which texts to label next.", "serve.verbs.queue", "watch"),
    Command("retrain", "Train again on reviewed feedback and ask people.", "serve.verbs.retrain", "watch"),
    Command("forget", "Remove one prediction from what is kept.", "serve.verbs.forget", "watch"),
)
