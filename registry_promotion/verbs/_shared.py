"""What several verbs of promotion say and ask."""

from __future__ import annotations

import argparse
from typing import Any

__all__ = [
    "add_comment",
    "add_model_and_version",
    "answered_told",
    "decision_told",
    "gate_of",
    "rules_told",
    "settings_arguments",
]

FLAGS = ("is yes", "is no")
_MARKS = {"met": "+", "not_met": "x", "cannot_tell": "?", "does_not_apply": "-"}


def settings_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `--settings`."""
    from homologate.verbs._shared import add_settings

    add_settings(parser)


def add_model_and_version(parser: argparse.ArgumentParser) -> None:
    """Declare MODEL VERSION."""
    parser.add_argument("model", help="the registered model")
    parser.add_argument("version", help="its version number")


def add_comment(parser: argparse.ArgumentParser) -> None:
    """Declare `--comment`."""
    parser.add_argument("--comment", required=True, help="your reason, in your words; kept for good")


def gate_of(args: argparse.Namespace) -> Any:
    """The gate of the server in force; where the settings name a ledger, one over a registry without a gate inside."""
    from homologate.verbs._shared import settings_of
    from registry_promotion.client import GateClient
    from registry_promotion.release import ReleaseGate, ledger_address

    settings = settings_of(args)
    if ledger := ledger_address(settings):
        return ReleaseGate.open(settings, ledger)
    return GateClient.open(settings)


def answered_told(request: dict[str, Any]) -> str:
    """A request after an answer: its state, who said what, and what comes next."""
    yes = sum(one["answer"] == "approved" for one in request["approvals"])
    where = f"Request {request['id']}, {request['model']} {request['version']} to {request['stage']}"
    lines = [f"{where}: {request['state']}, {yes} of {request['needed']} approvals"]
    lines += answers_told(request)
    if request["state"] == "approved":
        follows = f"Next: homologate promote {request['id']}"
    elif request["open"]:
        follows = f"Next, as somebody else: homologate approve {request['id']} --comment …"
    else:
        follows = f"What it was judged by: homologate request --show {request['id']}"
    return "\n".join([*lines, "", follows])


def answers_told(request: dict[str, Any]) -> list[str]:
    """Who said what, a line each."""
    return [f"  {one['by']} {one['answer']}: {one['comment']}" for one in request["approvals"]]


def decision_told(decision: dict[str, Any]) -> list[str]:
    """A decision as lines: the verdict, then every rule, those that refuse first."""
    return [decision["verdict"], "", *rules_told([*decision["rules"], decision["sign_off"]])]


def rules_told(rules: list[dict[str, Any]]) -> list[str]:
    """Rules as lines, those that refuse first, each of these with its reason and what would mend it."""
    order = ("not_met", "cannot_tell", "met", "does_not_apply")
    lines = []
    for rule in sorted(rules, key=lambda rule: order.index(rule["status"])):
        found = ""
        if rule["status"] == "does_not_apply":
            found = f" [does not apply: {rule['reason']}]" if rule["reason"] else ""
        elif rule["limit"] and rule["limit"] not in FLAGS:  # of a flag the sentence says it all
            found = f" [found {rule['value'] or 'nothing'}, demanded {rule['limit']}]"
        lines.append(f"  {_MARKS[rule['status']]} {rule['id']}: {rule['sentence']}{found}")
        if rule["status"] in ("not_met", "cannot_tell"):
            lines += [f"      {text}" for text in (rule["reason"], rule["fix"] and f"→ {rule['fix']}") if text]
    return lines
