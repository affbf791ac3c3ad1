"""What happened to a model, and what stood where on a day.

homologate history component-classifier
homologate history component-classifier --at 2026-03-01
"""

from __future__ import annotations

import argparse
from typing import Any

from registry_promotion.story import clock_told, rows_of
from registry_promotion.verbs._shared import gate_of, settings_arguments


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    settings_arguments(parser)
    parser.add_argument("model", nargs="?", help="the registered model; default: the one of the settings")
    parser.add_argument("--at", metavar="DATE", help="a day or moment (ISO 8601, UTC): what stood where then")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Ask the ledger."""
    from homologate.verbs._shared import settings_of
    from registry_promotion.client import quoted

    model = args.model or settings_of(args).model
    return dict(gate_of(args).get(f"models/{quoted(model)}/history", at=args.at))


def show(facts: dict[str, Any]) -> str:
    """The rows, oldest first, or what stood in each stage."""
    if "rows" not in facts:
        lines = [f"{facts['model']} on {clock_told(facts['at'])}:"]
        lines += [f"  {stage:<11} {_stood(standing)}" for stage, standing in facts["stages"].items()]
        return "\n".join(lines)
    rows = rows_of(facts["rows"])[::-1]
    if not rows:
        return f"Nothing has happened to {facts['model']} yet. Next: homologate request {facts['model']} VERSION --to …"
    return "\n".join(
        f"{clock_told(row['at'])}  {row['says']}, by {row['by']}"
        + (f": {' '.join(row['reason'].split())}" if row["reason"] else "")
        for row in rows
    )


def _stood(standing: dict[str, Any] | None) -> str:
    """What stood in one stage, and by what right."""
    if standing is None:
        return "nothing"
    how = ", BY A BROKEN GLASS" if standing["break_glass"] else ", a demonstration" if standing["demonstration"] else ""
    return f"version {standing['version']}, since {clock_told(standing['since'])}, by {standing['by']}{how}"
