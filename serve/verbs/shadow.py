"""Turn what a server counted in the shadow of Production into signed evidence about the version in Staging.

    homologate serve --challenger Staging --api-keys keys.txt     counts
    homologate shadow --server http://127.0.0.1:5100              reports, signs, stores

The report is about the challenger's bytes and names the champion's; the gate finds it by its run's tags, believes only
its signature, and holds it against the policy for Production (docs/gate.md). Report again when more was answered: the
newest counts.
"""

from __future__ import annotations

import argparse
import json
import os
import urllib.error
import urllib.request
from typing import Any

KEY_VARIABLE = "HOMOLOGATE_API_KEY"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--server", default="http://127.0.0.1:5100", metavar="URL", help="the server that counted")
    parser.add_argument("--settings", metavar="FILE", help="settings file (default: as every command)")
    parser.epilog = f"A server that asks for a key is shown ${KEY_VARIABLE}."


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Read the counts, sign the report, store it."""
    from homologate.settings import load_settings
    from homologate.steps.context import Context
    from homologate.steps.evidence import file_report

    counted = _counted(args.server.rstrip("/"))
    context = Context.open(load_settings(args.settings))
    facts = _facts(counted)
    digest = counted["challenger"]["digest"]
    from homologate.evidence import render

    with context.tracker.step("shadow", params={"answers": facts["answers"], "server": args.server}) as run:
        run.tags({"homologate.digest": digest})
        file_report(context, run, digest, facts, render(facts))
    told = {"run_id": run.id, "digest": digest, "version": counted["challenger"]["version"], **facts}
    return {name: value for name, value in told.items() if name != "disagreements"}


def show(facts: dict[str, Any]) -> str:
    """The verdict, and what to ask for next."""
    return "\n".join(
        [
            facts["verdict"],
            f"run {facts['run_id']}, about {facts['digest']}",
            "",
            f"next: homologate request {facts['model']} {facts['version']} --to Production --reason …",
        ]
    )


def _facts(counted: dict[str, Any]) -> dict[str, Any]:
    """The report: what docs/evidence.md says of kind `shadow`."""
    champion, challenger, share = counted["champion"], counted["challenger"], counted["agreement"]
    verdict = (
        f"Beside version {champion['version']}, version {challenger['version']} gave the same verdict on "
        f"{share['value']:.1%} of {counted['answers']} texts ({share['low']:.1%} to {share['high']:.1%})"
    )
    if counted["failed"]:
        verdict += f", and failed on {counted['failed']}"
    return {
        "schema": 1,
        "kind": "shadow",
        "model": challenger["name"],
        "subject": {"digest": challenger["digest"]},
        "verdict": f"{verdict}.",
        "champion": {"version": champion["version"], "digest": champion["digest"]},
        **{name: counted[name] for name in ("since", "until", "answers", "failed", "dropped", "mode", "share")},
        **{name: counted[name] for name in ("agreement", "latency_ms", "disagreements")},
    }


def _counted(server: str) -> dict[str, Any]:
    """What the server counted.

    Raises:
        ServiceError: it does not answer, refuses us, or nothing was answered by both.
    """
    from homologate.errors import ServiceError, UsageError

    if not server.startswith(("http://", "https://")):
        raise UsageError(f"no server {server!r}", place="--server", legal="http://… or https://…")
    key = os.environ.get(KEY_VARIABLE)
    request = urllib.request.Request(  # noqa: S310 (scheme checked)
        f"{server}/v1/challenger", headers={"X-API-Key": key} if key else {}
    )
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:  # noqa: S310
            counted: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        told = json.loads(error.read() or b"{}").get("error", {})
        raise ServiceError(
            f"the server answered {error.code}: {told.get('message', error.reason)}",
            place=server,
            next_command=f"set ${KEY_VARIABLE}" if error.code == 401 else told.get("next"),
        ) from error
    except (OSError, ValueError) as error:
        raise ServiceError(f"the server does not answer: {error}", place=server) from error
    if not counted["answers"]:
        raise ServiceError("no text was answered by both versions yet", place=server, next_command="wait for requests")
    return counted
