"""From rows to a registered version: prepare, train, export, evaluate, explain, register.

A step is reused when neither its data, nor its code, nor its parameters have changed since it last finished.

    homologate main                                  the shipped synthetic rows, full preset
    homologate main --preset quick                   for CI
    homologate main --source parts.csv               your own rows
    homologate main --fresh                          run every step again

What it makes is a registered version and the evidence about it. Whether that reaches Staging and Production is for
other people to decide: `homologate request`.
"""

from __future__ import annotations

import argparse
from typing import Any

from homologate.verbs._shared import add_data, add_settings, add_training, context_of, settings_of, training_of


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_settings(parser)
    add_data(parser)
    add_training(parser)
    parser.add_argument(
        "--fresh", nargs="?", const="yes", default="", choices=["", "yes", "no"], help="run every step again"
    )


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Run the lifecycle and return what it made."""
    from homologate.pipeline import run_all
    from homologate.summary import remember, summary

    settings = settings_of(args)
    chosen = training_of(args, settings)
    context = context_of(settings)
    with context.tracker.step(
        "main", params={"preset": args.preset or settings.preset, "source": settings.data.source}
    ):
        outcomes = run_all(context, chosen, fresh=args.fresh == "yes")
    return remember(settings, summary(context, outcomes))


def show(facts: dict[str, Any]) -> str:
    """What was made, how good it is beside the baseline, where it is, and the next command."""
    from homologate.summary import told

    return told(facts)
