"""Stop what `homologate up` started. Runs, versions and artifacts stay where they are."""

from __future__ import annotations

import argparse
from typing import Any

from homologate.verbs._shared import add_settings, settings_of


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_settings(parser)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Stop the services and return their names."""
    from pathlib import Path

    from homologate.local import Services

    return {"stopped": Services(Path(settings_of(args).home)).stop()}


def show(facts: dict[str, Any]) -> str:
    """What was stopped, and the way back."""
    stopped = ", ".join(facts["stopped"]) or "nothing was running"
    return f"stopped: {stopped}\n\nnext: homologate up"
