"""What several verbs of promotion say and ask."""

from __future__ import annotations

import argparse
from typing import Any

__all__ = ["add_comment", "add_model_and_version", "decision_told", "gate_of", "rules_told", "settings_arguments"]

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
    """The gate of the server in force."""
    from homologate.verbs._shared import settings_of
    from registry_promotion.client import GateClient

    return GateClient.open(settings_of(args))


def decision_told(decision: dict[str, Any]) -> list[str]:
    """A decision as lines: the verdict, then every rule, those that refuse first."""
    return [decision["verdict"], "", *rules_told([*decision["rules"], decision["sign_off"]])]


def rules_told(rules: list[dict[str, Any]]) -> list[str]:
    """Rules as lines, those that refuse first, each of these with its reason and what would mend it."""
    order = ("not_met", "cannot_tell", "met", "does_not_apply")
    lines = []
    for rule in sorted(rules, key=lambda rule: order.index(rule["status"])):
        found = f" [{rule['value'] or 'nothing'}; {rule['limit']}]" if rule["limit"] else ""
        lines.append(f"  {_MARKS[rule['status']]} {rule['id']}: {rule['sentence']}{found}")
        if rule["status"] in ("not_met", "cannot_tell"):
            lines += [f"      {text}" for text in (rule["reason"], rule["fix"] and f"→ {rule['fix']}") if text]
    return lines
