"""Verify what is claimed about a version: its bytes, its reports, their signatures.

homologate evidence verify component-classifier 7
"""

from __future__ import annotations

import argparse
from typing import Any

from registry_promotion.verbs._shared import add_model_and_version, gate_of, settings_arguments


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    settings_arguments(parser)
    parser.add_argument("what", choices=["verify"], help="verify: make every check and say what each found")
    add_model_and_version(parser)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Have the server check its own stored bytes; exit code 7 where a check is not met."""
    from homologate.errors import RefusedError
    from registry_promotion.client import quoted

    path = f"models/{quoted(args.model)}/versions/{quoted(args.version)}/evidence"
    facts = dict(gate_of(args).get(path))
    return facts if facts["ok"] else {**facts, "exit_code": RefusedError.exit_code}


def show(facts: dict[str, Any]) -> str:
    """Every check, those not met first."""
    checks = sorted(facts["checks"], key=lambda check: check["status"] == "met")
    lines = [f"{facts['model']} version {facts['version']}: {'verified' if facts['ok'] else 'NOT verified'}", ""]
    for check in checks:
        lines.append(f"  {'+' if check['status'] == 'met' else 'x'} {check['id']}: {check['sentence']}")
        lines += [f"      → {check['fix']}"] if check["fix"] else []
    return "\n".join(lines)
