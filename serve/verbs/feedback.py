"""Say what turned out to be true about predictions; list it; see how the version really does.

    homologate feedback labels.csv --by test-bench       columns: prediction_id, label[, kind, component, note]
    homologate feedback                                  real performance beside what the evaluation promised
    homologate feedback --list                           remarks that wait for a review
    homologate feedback --accept ID --by maria           (or --reject ID) decide, as somebody else than who said so

`kind` is `label` (the truth came later, whatever the verdict was; the default of a file) or `correction` (somebody
disagrees with one verdict). A file is recorded whole or not at all. Nothing of it trains a model before another person
accepted it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from homologate.collection import Remark
    from homologate.settings import Settings

COLUMNS = ("prediction_id", "label", "kind", "component", "note")
PASSED_OVER = {"text"}
"""What `homologate queue --csv` writes for the reader's eyes."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", nargs="?", type=Path, help="a CSV of remarks")
    parser.add_argument("--by", metavar="NAME", help="who says so, or who decides")
    parser.add_argument("--list", action="store_true", help="list what waits for a review")
    parser.add_argument("--accept", metavar="ID", help="accept one remark")
    parser.add_argument("--reject", metavar="ID", help="reject one remark")
    parser.add_argument("--accept-all", action="store_true", help="accept everything that waits and is not your own")
    parser.add_argument("--version", metavar="N", help="version to measure (default: the one in Production)")
    parser.add_argument("--settings", metavar="FILE", help="settings file (default: as every command)")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Record, decide, list or measure."""
    from homologate.settings import load_settings
    from serve.feedback import decide, give

    settings = load_settings(args.settings)
    if args.file:
        given = give(settings, _read(args.file), by=args.by)
        return {"recorded": len(given), "feedback_ids": given, "by": args.by}
    if args.accept or args.reject:
        return decide(settings, args.accept or args.reject, accepted=bool(args.accept), by=args.by)
    if args.list or args.accept_all:
        waiting = [remark for remark in _remarks(settings) if remark.review is None]
        if args.accept_all:
            own = [remark for remark in waiting if remark.by != args.by]
            return {"decided": [decide(settings, remark.id, accepted=True, by=args.by) for remark in own]}
        return {"waiting": [_told(remark) for remark in waiting]}
    return measured(settings, args.version)


def show(facts: dict[str, Any]) -> str:
    """What was done, and what to do next."""
    if "recorded" in facts:
        return f"{facts['recorded']} remarks recorded\n\nnext, as somebody else: homologate feedback --list"
    if "decided" in facts:
        return f"{len(facts['decided'])} remarks accepted\n\nnext: homologate retrain --help"
    if "review" in facts:
        return f"{facts['feedback_id']} {facts['review']} by {facts['reviewer']}"
    if "waiting" in facts:
        lines = [
            f"{one['id']}  {one['prediction_id']}  {one['kind']} {one['label']} by {one['by']}"
            for one in facts["waiting"]
        ]
        return "\n".join(
            [*(lines or ["Nothing waits for a review."]), "", "next: homologate feedback --accept ID --by …"]
        )
    lines = [facts["verdict"]]
    for name, metric in facts["metrics"].items():
        promised = metric["promised"]
        told = f"; promised {_interval(promised)}" if promised else ""
        lines.append(f"  {name:<16} {_interval(metric)}{told}: {metric['verdict']}")
    counts = facts["corrections"]
    lines.append(f"  corrections: {counts['open']} wait, {counts['accepted']} accepted, {counts['rejected']} rejected")
    return "\n".join([*lines, "", "next: homologate feedback --list"])


def _read(file: Path) -> list[Remark]:
    """The remarks of a CSV.

    Raises:
        DataError: it cannot be read, or a line of it is not a remark.
    """
    import csv

    from homologate.collection import Remark
    from homologate.errors import DataError

    try:
        with file.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            names = reader.fieldnames or ()
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot read the feedback: {error}", place=str(file), legal="CSV in UTF-8") from error
    if not {"prediction_id", "label"} <= set(names) <= {*COLUMNS, *PASSED_OVER}:
        raise DataError(f"columns {', '.join(names) or 'none'}", place=str(file), legal=f"{', '.join(COLUMNS)}")
    for line, row in enumerate(rows, start=2):
        if not row["prediction_id"] or not row["label"] or None in row.values():
            raise DataError(f"a remark without prediction_id or label: {row!r:.100}", place=f"{file}, line {line}")
    return [Remark(**{"kind": "label", **{name: row[name] for name in COLUMNS if row.get(name)}}) for row in rows]


def _remarks(settings: Settings) -> list[Any]:
    from homologate.collection import feedback, recent_of

    return feedback(recent_of(settings), settings.model)


def measured(settings: Settings, version: str | None) -> dict[str, Any]:
    """Real performance of a version; None means the one in Production."""
    from homologate.collection import Reading, recent_of
    from serve.feedback import performance, promise_of, version_in_production

    remarks = _remarks(settings)
    number = version or version_in_production(settings)
    reading = Reading(recent_of(settings), settings.model, number)
    ours = [remark for remark in remarks if remark.version == number]
    facts = performance(reading, ours, promise_of(settings, number))
    return {"model": settings.model, "version": number, **facts, "faults": dict(reading.faults)}


def _told(remark: Any) -> dict[str, Any]:
    names = ("id", "prediction_id", "version", "kind", "label", "by", "component", "note")
    return {name: getattr(remark, name) for name in names} | {"time": remark.time.isoformat()}


def _interval(found: dict[str, Any]) -> str:
    if found["value"] is None:
        return "cannot be told"
    return f"{found['value']:.1%}" + ("" if found["low"] is None else f" ({found['low']:.1%} to {found['high']:.1%})")
