"""Read, check and split the rows; store the split so that every later test is made on the same items.

homologate prepare                                     the shipped synthetic rows
homologate prepare --source parts.csv                  your own; columns and labels come from homologate.yaml
homologate prepare --source FLAT_RCL.txt --since 2014-01-01 --until 2016-01-01
"""

from __future__ import annotations

import argparse
from typing import Any

from homologate.verbs._shared import add_data, add_settings, context_of, settings_of, shown


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_settings(parser)
    add_data(parser)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Prepare the rows and return the facts about them."""
    from homologate.steps.prepare import prepare

    context = context_of(settings_of(args))
    return shown(prepare(context), context)


def show(facts: dict[str, Any]) -> str:
    """What was stored, and the next command."""
    parts = [
        f"  {name:<6}{part['rows']:>7} rows  {part['positive_share']:>6.1%} {facts['labels']['positive']}"
        + (f"  {part['from']} to {part['to']}" if part["from"] else "")
        for name, part in facts["parts"].items()
    ]
    return "\n".join(
        [
            facts["verdict"],
            *parts,
            f"fingerprint {facts['fingerprint']}",
            "",
            f"next: homologate train --data-run {facts['run_id']}",
        ]
    )
