"""Numbers and texts as a person reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from markupsafe import Markup, escape

__all__ = ["FILTERS"]

UNTOLD = "cannot tell"

_STRENGTHS = 5
_SHARES = {
    "accuracy", "precision", "recall", "f1", "miss_rate", "false_stop_rate", "stopped_rate", "agreement",
}  # fmt: skip
_NAMES = {
    "accuracy": "Accuracy",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "miss_rate": "Bad parts passed",
    "false_stop_rate": "Good parts stopped",
    "stopped_rate": "Share stopped",
    "average_precision": "Average precision",
    "roc_auc": "ROC-AUC",
    "expected_calibration_error": "Calibration error",
    "brier": "Brier score",
    "cost": "Cost per text",
}


def percent(value: float | None, digits: int = 0) -> str:
    """0.912 → 91%; a share that is nearly but not quite all or nothing keeps a digit."""
    if value is None:
        return UNTOLD
    if digits == 0 and value not in (0.0, 1.0) and (value < 0.01 or value > 0.99):
        digits = 1
    return f"{100 * value:.{digits}f}%"


def number(value: float | None, digits: int = 3) -> str:
    """0.81234 → 0.812."""
    return UNTOLD if value is None else f"{value:.{digits}f}".replace("-", "−")


def signed(value: float | None, digits: int = 3) -> str:
    """0.05 → +0.050; what would round to nothing keeps its first digit."""
    if value is None:
        return UNTOLD
    if value and abs(value) < 0.5 * 10**-digits:
        return f"{value:+.1g}".replace("-", "−")
    return f"{value:+.{digits}f}".replace("-", "−")


def span(interval: Mapping[str, Any], how: str = "number", digits: int | None = None) -> str:
    """The bounds of an interval: `0.75 to 0.87`."""
    low, high = interval["low"], interval["high"]
    if low is None or high is None:
        return "no interval"
    if how == "percent":
        return f"{percent(low, digits or 0)} to {percent(high, digits or 0)}"
    show = signed if how == "signed" else number
    return f"{show(low, digits or 3)} to {show(high, digits or 3)}"


def p_value(value: float) -> str:
    """0.0312 → 0.031; what is smaller than a thousandth says only that."""
    return "< 0.001" if value < 0.001 else f"{value:.2g}" if value < 0.1 else f"{value:.2f}"


def worst_first(cautions: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """Cautions of several reports in one order: stop, mind, note."""
    return sorted(cautions, key=lambda one: ("stop", "mind", "note").index(one["level"]))


def beyond_chance(sliced: Mapping[str, Any]) -> str:
    """Which rates of a slicing differ by more than chance gives, in words."""
    found = [
        f"{metric_name(rate).lower()} differ by {percent(gap['value'])}, by chance up to {percent(gap['chance'])}"
        for rate, gap in sliced["gap"].items()
        if rate in ("miss_rate", "false_stop_rate") and gap["value"] is not None and gap["value"] > gap["chance"]
    ]
    return "; ".join(found) or "no more difference than chance gives"


def metric_name(name: str) -> str:
    """`roc_auc` → ROC-AUC."""
    return _NAMES.get(name, name.replace("_", " ").capitalize())


def metric_kind(name: str) -> str:
    """How to show a metric: as `percent` or as `number`."""
    return "percent" if name in _SHARES else "number"


def digest(value: str) -> Markup:
    """A digest, its first twelve digits standing out, the rest there to compare."""
    scheme, _, rest = value.partition(":")
    return Markup('<span class="digest">{}:<b>{}</b><wbr>{}</span>').format(scheme, rest[:12], rest[12:])


def highlighted(example: Mapping[str, Any]) -> Markup:
    """The text of an example, its words marked by their share, its true cause underlined."""
    text, words = example["text"], example["words"]
    most = max((abs(share) for _, _, share in words), default=0.0) or 1.0
    cause = example.get("cause") or (-1, -1)
    edges = sorted({0, len(text), *(e for word in words for e in word[:2]), *(e for e in cause if 0 <= e <= len(text))})
    marks = {start: (end, share) for start, end, share in words}
    found, inside = [], None
    for start, end in pairwise(edges):
        if start in marks:
            inside = marks[start]
        piece: Markup = escape(text[start:end])
        if inside and start < inside[0]:
            strength = min(_STRENGTHS, int(abs(inside[1]) / most * _STRENGTHS + 0.2))
            if strength:
                side = "for" if inside[1] > 0 else "against"
                piece = Markup('<mark class="{} s{}">{}</mark>').format(side, strength, piece)
        if cause[0] <= start and end <= cause[1]:
            piece = Markup('<u class="cause">{}</u>').format(piece)
        found.append(piece)
    return Markup("").join(found) + (" …" if example["shortened"] else "")


def strongest(example: Mapping[str, Any], count: int = 3) -> str:
    """The strongest words of an example in words, for who cannot see the marks: `“cracked” +2.10, “under” −0.40`."""
    words = sorted(example["words"], key=lambda word: -abs(word[2]))[:count]
    return ", ".join(f"“{example['text'][start:end]}” {signed(share, 2)}" for start, end, share in words)


FILTERS = {
    "beyond_chance": beyond_chance,
    "digest": digest,
    "highlighted": highlighted,
    "metric_kind": metric_kind,
    "metric_name": metric_name,
    "number": number,
    "p_value": p_value,
    "percent": percent,
    "signed": signed,
    "span": span,
    "strongest": strongest,
    "worst_first": worst_first,
}
