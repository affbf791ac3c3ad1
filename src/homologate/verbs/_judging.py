"""What `evaluate` and `explain` have in common: an export run in, a report out."""

from __future__ import annotations

import argparse
from typing import Any, Literal

from homologate.verbs._shared import add_settings, context_of, report_link, settings_of, shown

__all__ = ["arguments", "judged", "told"]

KINDS = {"evaluate": "evaluation", "explain": "explanation"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--export-run", required=True, metavar="RUN", help="id of a finished export run")
    add_settings(parser)


def judged(step: Literal["evaluate", "explain"], args: argparse.Namespace) -> dict[str, Any]:
    """Run one of the two steps and return its verdict, its headline figures and where the report is."""
    from homologate.steps import judge

    context = context_of(settings_of(args))
    outcome = (judge.evaluate if step == "evaluate" else judge.explain)(context, args.export_run)
    page = report_link(context, outcome.run_id, f"{KINDS[step]}/{KINDS[step]}.html")
    return shown(outcome, context) | {"export_run": args.export_run, "report": page}


def told(step: Literal["evaluate", "explain"], facts: dict[str, Any]) -> str:
    """The verdict, the report, and the next command."""
    runs = {step: facts["run_id"], "export": facts["export_run"]}
    words = " ".join(f"--{name}-run {runs.get(name, 'RUN')}" for name in ("export", "evaluate", "explain"))
    return "\n".join([facts["verdict"], f"report {facts['report']}", "", f"next: homologate register {words}"])
