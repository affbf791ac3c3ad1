"""The judged items themselves, so that another model can be compared on exactly these, pair by pair.

A paired test (McNemar, paired bootstrap) needs right and wrong for each item, not two averages. The evaluation facts
carry the items as columns, `items_of` hands them back as a frame, and the facts are signed, so the items are too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from homologate.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["columns_of", "items_of", "jsonl"]

_ALWAYS = ("id", "group", "label", "component")


def columns_of(frame: pd.DataFrame, probabilities: Mapping[str, NDArray[np.float64]]) -> dict[str, Any]:
    """The `items` of the facts: one list for each column, no text.

    Args:
        frame: n canonical rows.
        probabilities: precision → float64 (n,).
    """
    return {
        "id": frame["id"].tolist(),
        "group": [int(group) for group in frame["group"]],
        "label": frame["label"].tolist(),
        "component": frame["component"].tolist(),
        "probability": {name: [round(float(p), 7) for p in values] for name, values in probabilities.items()},
    }


def items_of(facts: Mapping[str, Any]) -> pd.DataFrame:
    """The items of evaluation facts: columns `id`, `group`, `label`, `component` and `probability_<precision>`.

    Raises:
        DataError: the facts hold no items, or columns of unequal length.
    """
    import pandas as pd

    items = facts.get("items")
    if not isinstance(items, Mapping) or any(name not in items for name in (*_ALWAYS, "probability")):
        raise DataError(
            f"these facts hold no items (kind {facts.get('kind')!r})",
            place="items",
            legal="facts of kind 'evaluation' with items.id, items.group, items.label and items.probability",
            next_command="homologate evaluate",
        )
    columns = {name: items[name] for name in _ALWAYS}
    columns |= {f"probability_{precision}": values for precision, values in items["probability"].items()}
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"items of unequal length: {lengths}", place="items", next_command="homologate evaluate")
    return pd.DataFrame(columns)


def jsonl(facts: Mapping[str, Any]) -> str:
    """The same items with the verdict on each, one JSON object a line, for `evaluation/items.jsonl`."""
    items, served, labels = items_of(facts), facts["served"], facts["labels"]
    stopped = items[f"probability_{served}"] >= facts["threshold"]
    answers = stopped.map({True: labels["positive"], False: labels["negative"]})
    told = items.assign(answer=answers, right=answers == items["label"])
    return str(told.to_json(orient="records", lines=True))
