"""Say what each stage demands, in sentences: the server's policies, or those of a folder.

homologate policy explain                      what this server demands
homologate policy explain --folder policies    what these files would demand; a fault names file, rule and field
"""

from __future__ import annotations

import argparse
from typing import Any

from registry_promotion.verbs._shared import gate_of, settings_arguments


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    settings_arguments(parser)
    parser.add_argument("what", choices=["explain"], help="explain: print every rule as a sentence")
    parser.add_argument("--folder", help="read policies from a folder instead of asking the server")
    parser.add_argument("--shipped", action="store_true", help="read the policies that come with the project")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Read or ask."""
    if not args.folder and not args.shipped:
        return dict(gate_of(args).get("policies"))
    from registry_promotion.policy import explain
    from registry_promotion.policy_files import load_policies, shipped_policies

    policies = load_policies(args.folder) if args.folder else shipped_policies()
    return {
        "policies": {
            stage: {"name": policy.name, "digest": policy.digest, "demands": explain(policy)}
            for stage, policy in policies.items()
        }
    }


def show(facts: dict[str, Any]) -> str:
    """The sentences."""
    return "\n\n".join(
        "\n".join([policy["demands"][0], *(f"  - {sentence}" for sentence in policy["demands"][1:])])
        for policy in facts["policies"].values()
    )
