"""Make the ONNX model directory of a trained classifier and prove that it answers as torch did.

The directory holds fp32 and int8, the tokenizer, the scorer and its requirements. Every test text is answered three
ways (torch, fp32, int8); the parity report lists the largest difference and every verdict that flipped.
"""

from __future__ import annotations

import argparse
from typing import Any

from homologate.verbs._shared import add_settings, context_of, settings_of, shown


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--train-run", required=True, metavar="RUN", help="id of a finished train run")
    add_settings(parser)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Export and return digest and parity verdict."""
    from homologate.steps.export import export

    context = context_of(settings_of(args))
    return shown(export(context, args.train_run), context)


def show(facts: dict[str, Any]) -> str:
    """The digest, the parity verdict, and the next commands."""
    return "\n".join(
        [
            facts["verdict"],
            f"digest {facts['digest']}",
            "",
            f"next: homologate evaluate --export-run {facts['run_id']}",
            f"      homologate explain --export-run {facts['run_id']}",
        ]
    )
