"""Verify what is claimed about a version: its bytes, its reports, their signatures.

    homologate evidence verify 7
    homologate evidence verify component-classifier 7
    homologate evidence verify 7 --at-gate

The bytes and the bundle are fetched and checked on this machine, with the keys that are trusted here: digest, names of
files, bill of materials, and of every statement its signature, schema, subject, completeness and reports. `--at-gate`
has the server check its own stores with its keys instead. Exit code 7 where a check is not met or cannot be told.
"""

from __future__ import annotations

import argparse
from typing import Any

from registry_promotion.verbs._shared import gate_of, settings_arguments


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    settings_arguments(parser)
    parser.add_argument("what", choices=["verify"], help="verify: make every check and say what each found")
    parser.add_argument("model", nargs="?", help="the registered model (default: the settings' model)")
    parser.add_argument("version", help="its version number")
    parser.add_argument("--at-gate", action="store_true", help="have the gate check its own stored bytes")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Make every check; exit code 7 where one is not met."""
    from homologate.errors import RefusedError
    from homologate.verbs._shared import settings_of

    model = args.model or settings_of(args).model
    facts = _at_gate(args, model) if args.at_gate else _here(args, model)
    return facts if facts["ok"] else {**facts, "exit_code": RefusedError.exit_code}


def _here(args: argparse.Namespace, model: str) -> dict[str, Any]:
    from homologate.attest.keys import trusted_folder
    from homologate.verbs._shared import context_of, settings_of
    from registry_promotion.evidence_source import MlflowEvidence

    context = context_of(settings_of(args))
    context.say(f"fetching the bytes and the evidence of {model} version {args.version}")
    client = context.tracker.client
    found = MlflowEvidence(client, client, context.home).fetch(model, args.version)
    told = {"model": found.model, "version": found.version, "keys": str(trusted_folder(context.home))}
    return {**told, **found.verification}


def _at_gate(args: argparse.Namespace, model: str) -> dict[str, Any]:
    from registry_promotion.client import quoted

    path = f"models/{quoted(model)}/versions/{quoted(args.version)}/evidence"
    return {"keys": "the gate's", **gate_of(args).get(path)}


def show(facts: dict[str, Any]) -> str:
    """Every check, those not met first."""
    marks = {"met": "+", "not_met": "x", "cannot_tell": "?"}
    checks = sorted(facts["checks"], key=lambda check: ("not_met", "cannot_tell", "met").index(check["status"]))
    verdict = "verified" if facts["ok"] else "NOT verified"
    lines = [f"{facts['model']} version {facts['version']}: {verdict}, with the keys of {facts['keys']}", ""]
    for check in checks:
        lines.append(f"  {marks[check['status']]} {check['id']}: {check['sentence']}")
        lines += [f"      → {check['fix']}"] if check["fix"] else []
    if facts["ok"]:
        lines += ["", f"next: homologate request {facts['model']} {facts['version']} --to Staging --reason …"]
    return "\n".join(lines)
