"""Score every row of a file: CSV (.csv, .csv.gz), JSON lines (.jsonl, .jsonl.gz) or Parquet (.parquet), in and out.

    homologate score in.csv out.csv                                             the version in Production
    homologate score in.parquet out.jsonl --model models:/component-classifier/3
    homologate score in.csv out.csv --model ./model --explain

Columns are kept and `label`, `probability` (of the positive label), `threshold`, `model_version` and `digest`
appended (`predicted_label` and so on where the input has that name). Rows that cannot be judged go to
`<out>.rejects.jsonl` with the reason. With --collect the predictions are kept as a server keeps its own
(`homologate ship` stores them). With --log-run the job is an MLflow run with its counts. Memory does not grow with
the file; a job that was stopped or killed goes on where it was when the same command is given again.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homologate.verbs._shared import add_settings, maybe, settings_of

if TYPE_CHECKING:
    from homologate.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("input", type=Path, help="the file to score")
    parser.add_argument("output", type=Path, help="the file to make; it must not exist")
    parser.add_argument(
        "--model",
        metavar="REFERENCE",
        help="a model directory, runs:/<run id>/model, models:/<name>/<version or stage> or models:/<name>@<alias> "
        "(default: the settings' model in Production)",
    )
    parser.add_argument(
        "--text-column", type=maybe(str), metavar="NAME", help="which column holds the text (default: as the settings)"
    )
    parser.add_argument(
        "--precision",
        type=maybe(str),
        choices=(None, "fp32", "int8"),
        metavar="{fp32,int8}",
        help="default: the model's own",
    )
    parser.add_argument("--explain", action="store_true", help="append the words that decided, as `words`")
    parser.add_argument("--threads", type=int, metavar="N", help="texts judged at once (default: one a core)")
    parser.add_argument("--collect", action="store_true", help="keep the predictions; appends `prediction_id`")
    parser.add_argument(
        "--log-run",
        nargs="?",
        const="yes",
        default="",
        choices=("", "yes", "no"),
        help="log the job as an MLflow run that says what judged how many rows",
    )
    parser.add_argument("--restart", action="store_true", help="throw away what an unfinished job left")
    add_settings(parser)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Score the file and return the counts."""
    settings = settings_of(args)
    if args.log_run != "yes":
        return _scored(args, settings)
    from homologate.verbs._shared import context_of

    tracker = context_of(settings).tracker
    asked = {name: str(getattr(args, name) or "") for name in ("input", "output", "text_column", "precision")}
    with tracker.step("score", params=asked) as logged:
        facts = _scored(args, settings)
        judge = {"model": facts["model"], "version": facts["version"], "digest": facts["digest"]}
        logged.tags({f"homologate.{name}": value for name, value in judge.items()})
        counts = {f"label_{label}": count for label, count in facts["labels"].items()}
        logged.metrics({"rows": facts["rows"], "rejected": facts["rejected"], **counts})
        # The counts alone: neither texts nor rejected rows leave the place the caller chose for them.
        logged.json(facts, "score/score.json")
    return {**facts, "run_id": logged.id}


def _scored(args: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    from homologate.batch import Keep, Model, score_file
    from homologate.collection import spool_of
    from homologate.scorer.collector import Privacy
    from homologate.versions import locate, parse_reference

    reference = parse_reference(args.model or f"models:/{settings.model}/Production")
    found = locate(reference, Path(settings.home))
    privacy, family = Privacy(settings.collection.privacy), settings.data.columns.component
    keep = Keep(spool_of(settings), found.name, privacy, family) if args.collect else None
    facts = score_file(
        args.input,
        args.output,
        Model(found.directory, found.version, found.digest),
        text_column=args.text_column or settings.data.columns.text,
        encoding=settings.data.encoding,
        precision=args.precision,
        explain=args.explain,
        threads=args.threads,
        max_characters=settings.data.max_text_characters,
        restart=args.restart,
        keep=keep,
    )
    return {"model": found.name, "version": found.version, "digest": found.digest, **facts}


def show(facts: dict[str, Any]) -> str:
    """How many rows, which labels, and where the others are."""
    labels = ", ".join(f"{count} {label}" for label, count in facts["labels"].items()) or "none"
    judge = f"{facts['model']} version {facts['version']} ({facts['digest'][:19]}…)"
    lines = [
        f"{facts['rows']} rows scored by {judge}: {labels}",
        f"  {facts['out']}",
    ]
    if facts["resumed_at"]:
        lines.append(f"  went on after row {facts['resumed_at']}, where the job was stopped")
    if "run_id" in facts:
        lines.append(f"  logged as run {facts['run_id']}")
    if facts["rejected"]:
        lines += [
            f"{facts['rejected']} rows set aside, each with its reason",
            f"  {facts['rejects']}",
            "",
            f"next: mend those rows and score them: homologate score MENDED.csv …   (reasons: {facts['rejects']})",
        ]
    return "\n".join(lines)
