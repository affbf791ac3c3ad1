"""Record remarks and reviews for people the settings allow to make them."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from homologate.collection import (
    Remark,
    feedback,
    find,
    find_all,
    recent_of,
    record_feedback,
    record_review,
    spool_of,
    store_of,
)
from homologate.errors import DataError, RefusedError, StorageError
from homologate.settings import Settings

__all__ = ["decide", "give", "may_give"]


def give(settings: Settings, remarks: Sequence[Remark], *, by: str | None) -> list[str]:
    """Record remarks about predictions, all or none.

    Args:
        settings: where predictions are, and `feedback.givers`.
        remarks: what is said.
        by: who says it; None where the door cannot tell people apart.

    Returns:
        The feedback id of each.

    Raises:
        DataError: a prediction is unknown, or a remark is not what it must be.
        RefusedError: `by` may not.
        StorageError: store or spool will not.
    """
    who = may_give(settings, by)
    store, spool = store_of(settings), spool_of(settings)
    predictions = find_all(store, spool, settings.model, [remark.prediction_id for remark in remarks])
    try:
        return record_feedback(spool, remarks, predictions, by=who)
    except OSError as error:
        raise StorageError(f"the spool will not: {error.strerror or error}", place=str(spool)) from error


def decide(settings: Settings, identity: str, *, accepted: bool, by: str | None) -> dict[str, Any]:
    """Accept or reject one remark.

    Raises:
        DataError: there is no such feedback.
        RefusedError: `by` may not review, or gave it.
        StorageError: store or spool will not.
    """
    who = _allowed(by, settings.feedback.reviewers, "review feedback", "feedback.reviewers")
    store, spool = store_of(settings), spool_of(settings)
    for remark in feedback(recent_of(settings), settings.model):
        if remark.id == identity:
            prediction = find(store, spool, settings.model, remark.prediction_id)
            record_review(spool, remark, prediction, accepted=accepted, by=who)
            return {"feedback_id": identity, "review": "accepted" if accepted else "rejected", "reviewer": who}
    raise DataError(
        f"no feedback {identity!r}",
        place=str(store),
        legal="a feedback_id, as giving it answered",
        next_command="homologate feedback --list",
    )


def may_give(settings: Settings, by: str | None) -> str:
    """Whoever may give feedback may see what to give it on; the name.

    Raises:
        RefusedError: `by` may not.
    """
    return _allowed(by, settings.feedback.givers, "give feedback", "feedback.givers")


def _allowed(who: str | None, patterns: Sequence[str], what: str, setting: str) -> str:
    if who is None:
        raise RefusedError(
            f"nobody can be told apart here, so nobody may {what}",
            place=setting,
            legal="a caller with an API key or a token; on the command line --by NAME",
            next_command="homologate key NAME && homologate serve --api-keys keys.txt",
        )
    if not any(fnmatchcase(who, pattern) for pattern in patterns):
        legal = ", ".join(patterns) or "nobody yet"
        raise RefusedError(f"{who} may not {what}", place=f"settings, {setting}", legal=legal)
    return who
