"""Rank what was predicted and not yet labelled."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from heapq import nlargest
from typing import Any

from homologate.closeness import against_even
from homologate.collection import Feedback, Prediction, Reading, feedback, recent_of
from homologate.reference import load_profile, words
from homologate.settings import Settings
from serve.feedback import directory_of

__all__ = ["Item", "queue", "queue_of", "queue_without_profile"]

NEWEST = 100_000
"""Distinct texts that are ranked: the server answers this too, and its memory must not grow with the store."""


@dataclass(frozen=True, slots=True)
class Item:
    """One text to label.

    Attributes:
        uncertain: 1 at the threshold, 0 where the model is sure (twice the distance of the share of evidence).
        novel: share of its words the version never saw.
        disagrees: the version that answers in the shadow says otherwise.
        useful: what the queue is sorted by: `uncertain + novel`, and 1 more where two versions disagree.
    """

    prediction_id: str
    time: datetime
    version: str
    text: str
    label: str
    probability: float
    component: str
    uncertain: float
    novel: float
    disagrees: bool
    useful: float

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self) | {"time": self.time.isoformat()}


def queue(
    predictions: Iterable[Prediction], remarks: Iterable[Feedback], known: Collection[str] | None, *, most: int = 50
) -> list[Item]:
    """The most useful texts to label, best first.

    Texts that have feedback (on whichever of their predictions), that were kept as a hash, or that stand in the queue
    already are left out, and those before the newest `NEWEST`.

    Args:
        predictions: of one model; shadows are compared with the answer they stand beside.
        remarks: feedback on it.
        known: words that are not new to the version (`Vocabulary.known`); None where nobody knows, and none counts as
            new.
        most: how many.
    """
    said = {remark.prediction_id for remark in remarks}
    answered: OrderedDict[str, Prediction] = OrderedDict()
    shadows: OrderedDict[str, str] = OrderedDict()
    told: set[str] = set()
    for prediction in predictions:
        if prediction.role == "shadow":
            shadows[prediction.id] = prediction.label
        elif prediction.id in said:
            told.add(prediction.text_sha256 or prediction.text or "")
        elif prediction.text is not None:
            answered.setdefault(prediction.text_sha256 or prediction.text, prediction)
        for newest in (answered, shadows):
            if len(newest) > NEWEST:
                newest.popitem(last=False)
    asked = (one for text, one in answered.items() if text not in told)
    return nlargest(most, (_item(one, shadows.get(one.id), known) for one in asked), key=_order)


def queue_of(settings: Settings, *, most: int = 50) -> list[Item]:
    """The queue of the version in Production.

    Raises:
        ModelError: there is none, or it carries no reference profile of this schema.
        StorageError, TrackingError: the store or the registry does not answer.
    """
    known = load_profile(directory_of(settings, "Production")).vocabulary.known
    store = recent_of(settings)
    remarks = feedback(store, settings.model)
    return queue(Reading(store, settings.model), remarks, known, most=most)


def queue_without_profile(settings: Settings, *, most: int = 50) -> list[Item]:
    """The queue where the version's profile is out of reach: no word counts as new. Raises StorageError."""
    store = recent_of(settings)
    return queue(Reading(store, settings.model), feedback(store, settings.model), None, most=most)


def _item(prediction: Prediction, shadow: str | None, known: Collection[str] | None) -> Item:
    found = set(words(prediction.text or ""))
    novel = sum(word not in known for word in found) / len(found) if found and known is not None else 0.0
    uncertain = 1 - abs(2 * against_even(prediction.probability, prediction.threshold) - 1)
    disagrees = shadow is not None and shadow != prediction.label
    return Item(
        prediction.id,
        prediction.time,
        prediction.version,
        prediction.text or "",
        prediction.label,
        prediction.probability,
        prediction.component,
        round(uncertain, 6),
        round(novel, 6),
        disagrees,
        round(uncertain + novel + disagrees, 6),
    )


def _order(item: Item) -> tuple[float, datetime, str]:
    return item.useful, item.time, item.prediction_id
