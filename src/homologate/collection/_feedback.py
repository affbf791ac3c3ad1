"""What people and test benches said about predictions: corrections, delayed labels, and reviews of both.

Every remark is one line of the collection `feedback`, joined by the prediction id; nothing is ever changed, a review is
a line of its own. The same remark given twice has the same id and counts once.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from homologate.collection._layout import FEEDBACK
from homologate.collection._prediction import Prediction
from homologate.collection._reading import events, places
from homologate.collection._ship import tombstones
from homologate.collection._store import Store
from homologate.errors import DataError, RefusedError
from homologate.scorer.collector import Judge, event, folder, spool_line, stamp, write_segment

__all__ = ["KINDS", "Feedback", "Remark", "feedback", "record_feedback", "record_review"]

KINDS = ("correction", "label")
"""A technician disagrees with one verdict; or the truth about a component came later, whatever the verdict was."""

_NOTE = 2000


@dataclass(frozen=True, slots=True)
class Remark:
    """What somebody says about one prediction.

    `label` is what is true, in the model's own words; `kind` is one of `KINDS`.
    """

    prediction_id: str
    label: str
    kind: str = "correction"
    component: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Feedback:
    """A remark as it was kept, with the last word about it.

    `review` is None while nobody has decided; `accepted` and `rejected` are the decisions of `reviewer`, who is
    never `by`.
    """

    id: str
    prediction_id: str
    time: datetime
    version: str
    kind: str
    label: str
    by: str
    component: str
    note: str
    review: Literal["accepted", "rejected"] | None = None
    reviewer: str | None = None


def record_feedback(
    spool: Path, remarks: Sequence[Remark], predictions: Mapping[str, Prediction], *, by: str
) -> list[str]:
    """Keep remarks, all or none; when this returns they are on the disk.

    Args:
        spool: where they wait to be shipped.
        remarks: each about a prediction of `predictions`.
        predictions: by id, as `find_all` gives them.
        by: who says so.

    Returns:
        The id of each remark.

    Raises:
        DataError: a label is not one of the model's, a kind is not one of `KINDS`, or a note is too long.
        OSError: the spool takes nothing.
    """
    ids, lines, now = [], [], time.time()
    for remark in remarks:
        _check(remark, predictions[remark.prediction_id])
        told = predictions[remark.prediction_id]
        identity = _digest(remark.prediction_id, remark.kind, remark.label, by)
        data = {
            "feedback_id": identity,
            "prediction_id": remark.prediction_id,
            "kind": remark.kind,
            "label": remark.label,
            "by": by,
            "component": remark.component,
            "note": remark.note,
        }
        ids.append(identity)
        lines.append(_line(told, now, data))
    if lines:
        write_segment(spool, f"feedback-{_digest(*ids)}", lines)
    return ids


def record_review(spool: Path, remark: Feedback, prediction: Prediction, *, accepted: bool, by: str) -> None:
    """Keep the decision about a remark.

    Raises:
        RefusedError: `by` gave the remark: another person must decide.
        OSError: the spool takes nothing.
    """
    if by == remark.by:
        raise RefusedError(
            f"{by} gave this feedback and cannot review it",
            place=f"feedback {remark.id}",
            legal="another person",
        )
    data = {
        "feedback_id": _digest(remark.id, by, str(accepted)),
        "prediction_id": remark.prediction_id,
        "kind": "review",
        "review_of": remark.id,
        "accepted": accepted,
        "by": by,
    }
    write_segment(spool, f"review-{data['feedback_id']}", [_line(prediction, time.time(), data)])


def feedback(store: Store, model: str, version: str | None = None) -> list[Feedback]:
    """Every remark about a model's predictions, oldest first, with its last review; each once, none that was forgotten.

    Raises:
        StorageError: the store cannot be read.
    """
    remarks: dict[str, Feedback] = {}
    reviews: list[tuple[datetime, Mapping[str, Any]]] = []
    gone: dict[str, set[str]] = {}
    for place in places(store, model, version, FEEDBACK):
        if place.version not in gone:
            gone[place.version] = tombstones(store, model, place.version)
        for found in events(store.read(place.name), Counter()):
            (row,) = found["data"]
            if found["correlationid"] in gone[place.version]:
                continue
            if row["kind"] == "review":
                reviews.append((found["time"], row))
            elif row["feedback_id"] not in remarks or found["time"] < remarks[row["feedback_id"]].time:
                remarks[row["feedback_id"]] = _feedback(row, found["time"], place.version)
    for _, row in sorted(reviews, key=lambda pair: pair[0]):
        remark = remarks.get(row["review_of"])
        if remark is not None and row["by"] != remark.by:
            decision: Literal["accepted", "rejected"] = "accepted" if row["accepted"] else "rejected"
            remarks[remark.id] = replace(remark, review=decision, reviewer=row["by"])
    return sorted(remarks.values(), key=lambda remark: (remark.time, remark.id))


def _feedback(row: Mapping[str, Any], when: datetime, version: str) -> Feedback:
    return Feedback(
        row["feedback_id"],
        row["prediction_id"],
        when.astimezone(UTC),
        version,
        row["kind"],
        row["label"],
        row["by"],
        row["component"],
        row["note"],
    )


def _check(remark: Remark, prediction: Prediction) -> None:
    place = f"feedback on prediction {remark.prediction_id}"
    if remark.label not in prediction.labels:
        raise DataError(f"no label {remark.label!r}", place=place, legal=prediction.labels)
    if remark.kind not in KINDS:
        raise DataError(f"no kind of feedback {remark.kind!r}", place=place, legal=KINDS)
    if len(remark.note) > _NOTE:
        raise DataError(f"a note of {len(remark.note)} characters", place=place, legal=f"at most {_NOTE}")


def _line(prediction: Prediction, now: float, data: Mapping[str, Any]) -> bytes:
    judge = Judge(prediction.model, prediction.version, prediction.digest, prediction.labels, "feedback")
    line = event(prediction.id, judge, FEEDBACK, stamp(now), data)
    return spool_line([(folder(prediction.model, prediction.version, FEEDBACK, now), line)])


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
