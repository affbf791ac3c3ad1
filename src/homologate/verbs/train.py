"""Fine-tune the classifier on a stored split. Killed half-way, the same command continues.

homologate train --data-run RUN                        the full preset
homologate train --data-run RUN --preset quick         for CI: a quarter of the time, some quality lost
homologate train --data-run RUN --encoder path/to/hf   any Hugging Face encoder directory
"""

from __future__ import annotations

import argparse
from typing import Any

from homologate.verbs._shared import add_settings, add_training, context_of, settings_of, shown, training_of


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--data-run", required=True, metavar="RUN", help="id of a finished prepare run")
    add_settings(parser)
    add_training(parser)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Train and return what was reached on the valid split."""
    from homologate.steps.train import train

    settings = settings_of(args)
    chosen = training_of(args, settings)
    context = context_of(settings)
    return shown(train(context, args.data_run, chosen), context)


def show(facts: dict[str, Any]) -> str:
    """What was reached, and the next command."""
    skipped = {"run_id", "tracking_uri"}
    told = [
        f"  {name} {value:.4g}" for name, value in facts.items() if isinstance(value, float) and name not in skipped
    ]
    return "\n".join(["trained", *told, "", f"next: homologate export --train-run {facts['run_id']}"])
