"""What to label next: texts the version is unsure of, has never seen the like of, or is contradicted on.

homologate queue                        the twenty most useful texts
homologate queue --most 200 --csv labels.csv     as a file: fill in `label`, then `homologate feedback labels.csv`
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--most", type=int, default=20, metavar="N", help="how many (default: 20)")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write them with an empty column `label`")
    parser.add_argument("--settings", metavar="FILE", help="settings file (default: as every command)")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Rank."""
    from homologate.settings import load_settings
    from serve.queue import queue_of

    settings = load_settings(args.settings)
    items = [item.facts() for item in queue_of(settings, most=args.most)]
    if args.csv:
        _write(args.csv, items)
    return {"items": items, "csv": str(args.csv) if args.csv else None}


def show(facts: dict[str, Any]) -> str:
    """The texts with their reasons."""
    if facts["csv"]:
        done = f"{len(facts['items'])} texts written to {facts['csv']}; fill in `label`"
        return f"{done}\n\nnext: homologate feedback {facts['csv']} --by NAME"
    lines = [
        f"{item['useful']:.2f}  {item['prediction_id']}  {item['label']} ({item['probability']:.2f})"
        f"{'  versions disagree' if item['disagrees'] else ''}  {item['novel']:.0%} new words\n"
        f"      {item['text'][:100]}"
        for item in facts["items"]
    ]
    return "\n".join([*(lines or ["Nothing to label."]), "", "next: homologate queue --csv labels.csv"])


def _write(file: Path, items: list[dict[str, Any]]) -> None:
    import csv

    from homologate.errors import StorageError

    try:
        with file.open("x", encoding="utf-8", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(["prediction_id", "label", "text"])
            writer.writerows([item["prediction_id"], "", item["text"]] for item in items)
    except OSError as error:
        raise StorageError(
            f"cannot write: {error.strerror}", place=str(file), legal="a file that does not exist"
        ) from error
