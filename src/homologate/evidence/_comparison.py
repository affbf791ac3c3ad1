"""Beside the version in Production, item by item: better, worse, or not to be told; and where.

The facts carry both models' answers to the same test items, so whoever decides can make the paired test again and need
not believe this one. Where nothing was compared they say why: there is no champion, or nobody can tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from homologate.evidence._paired import Items, compare_items
from homologate.evidence._slices import columns
from homologate.evidence._verdicts import caution
from homologate.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Rival", "comparison"]

SCHEMA = 1
SURE = 0.05
"""Mid-p value under which the two are called different."""

_LONGEST = 600


@dataclass(frozen=True)
class Rival:
    """The version in Production, as far as it could be had.

    Attributes:
        version: its number.
        digest: of its bytes, as recomputed where they could be read.
        items: its answers to the test items, or None where nobody can tell.
        fault: why there are none.
        rescored: which of the two had to be scored anew on these items, and why; empty where neither had to.
        left_out: items that were left out because one of the two had learnt from them.
    """

    version: str
    digest: str
    items: Items | None = None
    fault: str = ""
    rescored: str = ""
    left_out: int = 0


def comparison(
    candidate: Items, rival: Rival | None, rows: pd.DataFrame, settings: Settings, *, digest: str
) -> dict[str, Any]:
    """Compare a version with the champion.

    Args:
        candidate: this version's answers.
        rival: the champion and its answers to the same items; None where nothing is in Production.
        rows: the canonical rows of the items, in any order.
        settings: label words and the model's name.
        digest: `sha256:<hex>` of this version; the subject of the facts.

    Returns:
        Facts of kind `comparison` (docs/evidence.md, "What the facts contain"). `status` is `compared`, `no_champion`
        or `cannot_tell`; the last two have a `reason` and no numbers.

    Raises:
        DataError: the two were not judged on the same items with the same labels.
    """
    labels = settings.data.labels
    facts: dict[str, Any] = {
        "schema": SCHEMA,
        "kind": "comparison",
        "subject": {"digest": digest},
        "verdict": "",
        "cautions": [],
        "model": settings.model,
        "labels": {"negative": labels.negative, "positive": labels.positive},
        "status": "compared",
        "reason": None,
        "champion": {"version": rival.version, "digest": rival.digest} if rival else None,
    }
    if rival is None:
        reason = f"no version of {settings.model} is in Production"
        told = f"No champion: {reason}, so there is nothing to compare with."
        return {**facts, "status": "no_champion", "reason": reason, "verdict": told}
    if rival.items is None:
        told = f"Cannot tell whether it is as good as version {rival.version}: {rival.fault}."
        cautions = [caution("champion", "stop", told)]
        return {**facts, "status": "cannot_tell", "reason": rival.fault, "verdict": told, "cautions": cautions}
    known = rows.set_index("id").loc[candidate.ids.tolist()].reset_index()
    slices: Mapping[str, Any] = columns(known)
    ours = Items(
        candidate.ids, candidate.groups, candidate.positive, candidate.probability, candidate.threshold, slices
    )
    found = compare_items(ours, rival.items)
    facts |= {
        "test": _described(known, rival),
        "thresholds": {"candidate": candidate.threshold, "champion": rival.items.threshold},
        **{name: found[name] for name in ("mcnemar", "difference", "slices")},
        "flips": {way: _flips(ids, ours, rival.items, known) for way, ids in found["flips"].items()},
        "items": _columns(ours, rival.items, known),
    }
    facts["verdict"] = _verdict(facts)
    facts["cautions"] = _cautions(facts)
    return facts


def _described(rows: pd.DataFrame, rival: Rival) -> dict[str, Any]:
    from homologate.dataset import fingerprint

    dates = sorted(date for date in rows["date"] if date)
    return {
        "rows": len(rows),
        "fingerprint": fingerprint(rows.sort_values(["date", "id"], kind="stable").reset_index(drop=True)),
        "first_date": dates[0] if dates else None,
        "last_date": dates[-1] if dates else None,
        "rescored": rival.rescored or None,
        "left_out": rival.left_out,
    }


def _flips(ids: list[str], ours: Items, theirs: Items, rows: pd.DataFrame) -> list[dict[str, Any]]:
    now = dict(zip(ours.ids.tolist(), ours.probability.tolist(), strict=True))
    before = dict(zip(theirs.ids.tolist(), theirs.probability.tolist(), strict=True))
    texts = rows.set_index("id")
    return [
        {
            "id": name,
            "label": str(texts.at[name, "label"]),
            "component": str(texts.at[name, "component"]),
            "before": round(before[name], 4),
            "now": round(now[name], 4),
            "text": str(texts.at[name, "text"])[:_LONGEST],
        }
        for name in ids
    ]


def _columns(ours: Items, theirs: Items, rows: pd.DataFrame) -> dict[str, list[Any]]:
    order = {name: place for place, name in enumerate(theirs.ids.tolist())}
    before = theirs.probability[[order[name] for name in ours.ids.tolist()]]
    return {
        "id": ours.ids.tolist(),
        "group": ours.groups.tolist(),
        "label": rows["label"].tolist(),
        "component": rows["component"].tolist(),
        "candidate": np.round(ours.probability, 7).tolist(),
        "champion": np.round(before, 7).tolist(),
    }


def _verdict(facts: Mapping[str, Any]) -> str:
    test, change = facts["mcnemar"], facts["difference"]["accuracy"]
    if test["mid_p"] >= SURE:
        sure = "which chance explains as well"
    else:
        sure = "more than chance gives" if test["gained"] > test["lost"] else "and chance does not explain the loss"
    champion = f"version {facts['champion']['version']}"
    return (
        f"Of the same {facts['test']['rows']:,} items it judges {test['gained']} rightly that {champion} does not, and "
        f"{test['lost']} wrongly that {champion} judges rightly; accuracy {_signed(change['value'])}, {sure}."
    )


def _cautions(facts: Mapping[str, Any]) -> list[dict[str, str]]:
    found, test = [], facts["mcnemar"]
    if test["worse"] < SURE:
        found.append(caution("worse", "stop", f"Item by item it is worse (McNemar mid-p {test['mid_p']:.3g})."))
    names = {"recall": "share of bad parts caught", "average_precision": "average precision"}
    for metric, name in names.items():
        change = facts["difference"][metric]
        if change["high"] is not None and change["high"] < 0:
            found.append(caution(f"less.{metric}", "stop", f"The {name} fell: {_span(change)}."))
    for name, rows in facts["slices"].items():
        for row in rows:
            if row["change"]["high"] is not None and row["change"]["high"] < 0:
                text = f"By {name}, accuracy fell for “{row['name']}”: {_span(row['change'])} on {row['rows']} texts."
                found.append(caution(f"slice.{name}", "mind", text))
    if facts["test"]["rescored"]:
        found.append(caution("rescored", "note", f"{facts['test']['rescored']}."))
    if facts["test"]["left_out"]:
        text = f"{facts['test']['left_out']} items were left out, because one of the two versions learnt from them."
        found.append(caution("left_out", "note", text))
    return found


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _span(change: Mapping[str, float]) -> str:
    return f"{_signed(change['value'])} ({_signed(change['low'])} to {_signed(change['high'])})"
