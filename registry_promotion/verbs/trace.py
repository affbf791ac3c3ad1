"""Follow a version, or one prediction, back to its run, commit, data, reports, rules, people, times and deployments.

homologate trace 7                               a version of the model the settings name
homologate trace component-classifier 7
homologate trace sha256:5f0c…                    whatever has these bytes
homologate trace 0198f3c2-…                      the prediction with this id, as its answer named it
homologate trace 7 --to trace.html               one signed page (or trace.json), for whoever asks
homologate trace --verify trace.html             check such a file: needs the trusted public keys, no server
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from registry_promotion.story import clock_told
from registry_promotion.verbs._shared import gate_of, settings_arguments

SUFFIXES = (".html", ".json")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    settings_arguments(parser)
    parser.add_argument("what", nargs="*", help="VERSION, MODEL VERSION, a digest, or a prediction's id")
    parser.add_argument("--to", metavar="FILE", help="write one signed file: .html for people, .json for programs")
    parser.add_argument("--verify", metavar="FILE", help="check a file that --to wrote, instead")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Trace or verify."""
    from homologate.errors import UsageError

    if bool(args.what) == bool(args.verify):
        raise UsageError("name what to trace, or --verify FILE", next_command="homologate trace --help")
    if args.verify:
        return {"verified": args.verify, **_verified(args)}
    if args.to and Path(args.to).suffix not in SUFFIXES:
        raise UsageError(f"no trace is written to {args.to!r}", place="--to", legal=", ".join(SUFFIXES))
    facts = _traced(args)
    if args.to:
        _written(args, facts)
        facts = {**facts, "file": args.to}
    return facts


def show(facts: dict[str, Any]) -> str:
    """The chain, from the prediction or the version back."""
    lines = [facts["verdict"], ""]
    if facts.get("verified"):
        return f"{facts['verified']} is as it was signed.\n\n{facts['verdict']}"
    if one := facts["prediction"]:
        stood = one["in_production"]
        answer = f"{one['label']}, probability {one['probability']:.3f} against {one['threshold']:.3f}"
        lines += [
            f"prediction  {one['id']}: {answer}",
            f"            {one['time']}; in Production then: {'version ' + stood['version'] if stood else 'nothing'}",
        ]
    source, data = facts["commit"] or {}, facts["data"] or {}
    dirty = ", with uncommitted changes" if source.get("dirty") else ""
    lines += [
        f"bytes       {facts['subject']['digest']}",
        f"commit      {source.get('commit') or 'none'}{dirty}" if source else "commit      not attested",
        f"data        {data.get('fingerprint', 'not attested')}",
    ]
    lines += [
        f"run         {run['run_id']}  {run['step'] or run['role']}, by {run['by'] or 'nobody known'}, "
        f"{clock_told(run['started_at'] or 'at a time nobody knows')}"
        for run in facts["runs"]
    ]
    lines += [f"NOT MET     {one['id']}: {one['sentence']}" for one in _failing(facts["verification"])]
    lines += [
        f"report      {one['kind']}, {clock_told(one['measured_at'])}: {one['verdict']}" for one in facts["reports"]
    ]
    for asked in facts["requests"]:
        held = sum(rule["status"] in ("met", "does_not_apply") for rule in asked["rules"])
        lines.append(
            f"request     {asked['request']} to {asked['stage']}, by {asked['by']}, {clock_told(asked['at'])}: "
            f"{held} of {len(asked['rules'])} rules held under {asked['policy']['name']}"
        )
        lines += [
            f"            {one['by']} {one['answer']}, {clock_told(one['at'])}: {one['comment']}"
            for one in asked["answers"]
        ]
    lines += [
        f"deployed    {one['stage']}, {clock_told(one['since'])} to {clock_told(one['until'] or 'now')}, "
        f"by {one['by']} ({one['how'].replace('_', ' ')})"
        for one in facts["deployments"]
    ]
    if facts.get("file"):
        lines += ["", f"Signed in {facts['file']}. Anyone checks it with: homologate trace --verify {facts['file']}"]
    else:
        lines += ["", "Next: --to trace.html writes this as one signed page, --json prints every rule and file."]
    return "\n".join(lines)


def _failing(verification: dict[str, Any]) -> list[dict[str, Any]]:
    return [check for check in verification.get("checks", ()) if check["status"] != "met"]


def _traced(args: argparse.Namespace) -> dict[str, Any]:
    from homologate.errors import ModelError, UsageError
    from homologate.verbs._shared import settings_of

    words, model, gate = args.what, settings_of(args).model, gate_of(args)
    if len(words) > 2:
        raise UsageError(f"{len(words)} words", legal="VERSION, MODEL VERSION, a digest, or a prediction's id")
    if len(words) == 2:
        return _of(gate, *words)
    (word,) = words
    if word.isdigit():
        return _of(gate, model, word)
    if not word.startswith("sha256:"):
        return _of_prediction(args, gate, model, word)
    versions = gate.get(f"digests/{word}")["versions"]
    if not versions:
        raise ModelError(f"no version has the bytes {word}", place="the registry and its ledger")
    return _of(gate, versions[-1]["model"], versions[-1]["version"])


def _of(gate: Any, model: str, version: str) -> dict[str, Any]:
    from registry_promotion.client import quoted

    return dict(gate.get(f"models/{quoted(model)}/versions/{quoted(version)}/trace"))


def _of_prediction(args: argparse.Namespace, gate: Any, model: str, identity: str) -> dict[str, Any]:
    from homologate.collection import find, spool_of, store_of
    from homologate.verbs._shared import settings_of
    from registry_promotion.client import quoted
    from registry_promotion.trace import with_prediction

    settings = settings_of(args)
    one = find(store_of(settings), spool_of(settings), model, identity)
    facts = _of(gate, one.model, one.version)
    then = gate.get(f"models/{quoted(one.model)}/history", at=one.time.isoformat())["stages"]["Production"]
    return with_prediction(facts, one, then)


def _written(args: argparse.Namespace, facts: dict[str, Any]) -> None:
    from homologate.attest import load_signing_key
    from homologate.errors import StorageError
    from homologate.verbs._shared import settings_of
    from registry_promotion.trace import sealed

    content = sealed(facts, load_signing_key(settings_of(args).home), page=Path(args.to).suffix == ".html")
    try:
        Path(args.to).write_bytes(content)
    except OSError as error:
        raise StorageError(f"cannot write the trace: {error.strerror}", place=args.to) from error


def _verified(args: argparse.Namespace) -> dict[str, Any]:
    from homologate.attest import load_trusted_keys
    from homologate.errors import StorageError
    from homologate.verbs._shared import settings_of
    from registry_promotion.trace import opened

    try:
        content = Path(args.verify).read_bytes()
    except OSError as error:
        raise StorageError(f"cannot read the trace: {error.strerror}", place=args.verify) from error
    return opened(content, load_trusted_keys(settings_of(args).home))
