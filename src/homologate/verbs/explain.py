"""Report what the ONNX bytes decide on: global importances, and how faithful the words of each answer are.

The report is about the very bytes that will be served, carries their digest, is signed, and is stored as JSON and as a
page for reviewers (open it in the MLflow UI with the link printed at the end).
"""

from __future__ import annotations

import argparse
from typing import Any

from homologate.verbs._judging import arguments, judged, told

__all__ = ["arguments", "run", "show"]


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure and return the verdict and the headline figures."""
    return judged("explain", args)


def show(facts: dict[str, Any]) -> str:
    """The verdict, the report, and the next command."""
    return told("explain", facts)
