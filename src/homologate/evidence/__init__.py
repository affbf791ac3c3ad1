"""Evidence: measure the bytes that will be served, and show it so that a person can decide in three minutes.

    evaluate(model_dir, frame, settings, digest=…)   how good the verdicts are, for whom, and how sure that is
    explain(model_dir, frame, settings, digest=…)    what the verdicts rest on, and how far the shown words are true
    gain_in_words(interval)                          how far it is from the baseline, and how sure that is
    comparison(items, rival, rows, settings, …)      beside the version in Production, item by item
    cards(facts…)                                    model card, data card and Responsible-AI page from those facts
    render(facts)                                    one self-contained page of HTML from facts of any kind
    moment(value)                                    a moment as people write it, the same on every page
    highlighted(text, words)                         a text as markup, its words marked by their share
    stylesheet()                                     what those pages look like, for pages that shall look alike
    Resampler, Verdicts, measure, compare            the same intervals and metrics for other rooms that measure

Everything is measured through the scorer on ONNX bytes; no torch, transformers or mlflow run may be imported here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from homologate.evidence._cards import cards
    from homologate.evidence._comparison import Rival, comparison
    from homologate.evidence._evaluate import evaluate, evaluate_scorers
    from homologate.evidence._explain import explain, explain_scorer
    from homologate.evidence._intervals import Resampler
    from homologate.evidence._items import items_of, jsonl
    from homologate.evidence._metrics import Verdicts, compare, measure
    from homologate.evidence._pages import highlighted, moment, render, stylesheet
    from homologate.evidence._paired import Items, compare_items, mcnemar, paired_bootstrap, paired_items, read_items
    from homologate.evidence._scoring import TextScorer
    from homologate.evidence._verdicts import gain_in_words

__all__ = [
    "Items",
    "Resampler",
    "Rival",
    "TextScorer",
    "Verdicts",
    "cards",
    "compare",
    "compare_items",
    "comparison",
    "evaluate",
    "evaluate_scorers",
    "explain",
    "explain_scorer",
    "gain_in_words",
    "highlighted",
    "items_of",
    "jsonl",
    "mcnemar",
    "measure",
    "moment",
    "paired_bootstrap",
    "paired_items",
    "read_items",
    "render",
    "stylesheet",
]

_HOMES = {
    "Items": "_paired",
    "Resampler": "_intervals",
    "Rival": "_comparison",
    "TextScorer": "_scoring",
    "Verdicts": "_metrics",
    "cards": "_cards",
    "compare": "_metrics",
    "compare_items": "_paired",
    "comparison": "_comparison",
    "evaluate": "_evaluate",
    "evaluate_scorers": "_evaluate",
    "explain": "_explain",
    "explain_scorer": "_explain",
    "gain_in_words": "_verdicts",
    "highlighted": "_pages",
    "items_of": "_items",
    "jsonl": "_items",
    "mcnemar": "_paired",
    "measure": "_metrics",
    "moment": "_pages",
    "paired_bootstrap": "_paired",
    "paired_items": "_paired",
    "read_items": "_paired",
    "render": "_pages",
    "stylesheet": "_pages",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
