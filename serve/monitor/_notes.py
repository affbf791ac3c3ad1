"""Everything odd about the records of a window, and about the store around them, in sentences."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from homologate.collection import FAULTS, Reading, hour_of, places
from serve.monitor._observed import Observed

__all__ = ["EARLIEST", "notes_of"]

_HOUR = timedelta(hours=1)
EARLIEST = "2020/01/01/00"
"""No version is older: a record of an hour before this is of a clock that was not set (1970, 1980, 2000)."""


def notes_of(
    reading: Reading, observed: Observed, *, fewest: int, versions: Iterable[str] | None, now: datetime
) -> list[tuple[str, str]]:
    """What a reader should mind.

    Args:
        reading: of the window, iterated.
        observed: what it gave.
        fewest: records below which a repeated text is no news.
        versions: the versions the registry knows; None where the model is not registered.
        now: hours after this have not come.

    Returns:
        `(what, sentence)`, `what` a stable word.
    """
    store, model = reading.store, reading.model
    notes = [(name, f"{count} times: {FAULTS[name]}") for name, count in sorted(reading.faults.items())]
    if observed.foreign:
        told = f"{observed.foreign} predictions name another digest under this version; they are not counted"
        notes.append(("foreign_bytes", told))
    if observed.hidden:
        notes.append(("hashed", f"of {observed.hidden} predictions only the hash of the text was kept"))
    top = observed.most_repeated
    if top and observed.records >= fewest and top[0] > observed.records / 2:
        notes.append(("identical", f"{top[0]} of {observed.records} predictions are of one text; it counts once"))
    kept = list(places(store, model))
    ahead = {place.hour for place in kept if place.hour > hour_of(now + _HOUR)}
    if ahead:
        notes.append(("future", f"records lie in {len(ahead)} hours that have not come: a clock is ahead"))
    unset = {place.hour for place in kept if place.hour < EARLIEST}
    if unset:
        notes.append(("unset", f"records lie in {len(unset)} hours before 2020: a clock was not set"))
    unknown = {place.version for place in kept} - {*versions} if versions is not None else set()
    notes += [
        ("unknown_version", f"the store holds predictions of version {version}, which the registry does not know")
        for version in sorted(unknown)
    ]
    return notes
