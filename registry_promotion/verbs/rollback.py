"""Put the previous Production version back: one command, recorded, with a reason. It must still verify.

homologate rollback component-classifier --reason "stops good hoses since this morning"
"""

from __future__ import annotations

import argparse
from typing import Any

from registry_promotion.verbs._shared import gate_of, settings_arguments


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    settings_arguments(parser)
    parser.add_argument("model", help="the registered model")
    parser.add_argument("--reason", required=True, help="why; kept for good")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Roll back."""
    from registry_promotion.client import quoted

    return dict(gate_of(args).post(f"models/{quoted(args.model)}/rollback", reason=args.reason))


def show(facts: dict[str, Any]) -> str:
    """Where the version is now."""
    moved = facts["moved"]
    return (
        f"{moved['model']} version {moved['version']} is back in {moved['stage']}.\n\n"
        f"What happened: homologate history {moved['model']}"
    )
