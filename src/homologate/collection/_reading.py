"""Read predictions back: inputs joined with outputs, each once, whatever state the files are in."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from homologate.collection._layout import FORGOTTEN, INPUTS, OUTPUTS, Place, hour_of, prefix
from homologate.collection._prediction import Prediction, prediction_of
from homologate.collection._store import Store

__all__ = ["FAULTS", "Reading", "events", "places"]

FAULTS = {
    "half_line": "the end of a file was cut off, as a crash leaves it",
    "unreadable": "a line is not JSON of this shape",
    "foreign_file": "a file does not lie where the layout puts files",
    "duplicate": "the same prediction stands in the store more than once",
    "input_alone": "an input has no output",
    "output_alone": "an output has no input",
    "clock": "a record's time is not in the hour of its file",
}
"""What a reading may meet; each is counted and none stops it."""

_HOUR = timedelta(hours=1)
_Event = dict[str, Any]
_Key = tuple[str, str]


class Reading:
    """The predictions of a window, roughly in the order of time. Iterate once, then look at `faults`.

    Memory holds what still waits for its other half and the ids seen, never the texts of what was handed out.

    Args:
        store: where the lines are.
        model: the registered model's name.
        version: one version; None reads all.
        since: an aware moment; predictions at or after it.
        until: an aware moment; predictions before it.
    """

    def __init__(
        self,
        store: Store,
        model: str,
        version: str | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> None:
        self.store, self.model, self.version, self.since, self.until = store, model, version, since, until
        self.faults: Counter[str] = Counter()
        """How often each of `FAULTS` was met."""

    def __iter__(self) -> Iterator[Prediction]:
        """Each prediction once.

        Raises:
            StorageError: the store cannot be read.
        """
        inputs: dict[_Key, _Event] = {}
        outputs: dict[_Key, _Event] = {}
        forgotten = self._forgotten()
        done: set[_Key] = set()
        for place in self._places():
            waiting, others = (inputs, outputs) if place.collection == INPUTS else (outputs, inputs)
            for event in self._events(place):
                if event["correlationid"] in forgotten:
                    continue
                key = place.version, event["correlationid"]  # a shadow answers under the id of the champion's answer
                if key in done or key in waiting:
                    self.faults["duplicate"] += waiting is outputs  # one record has two lines and counts once
                    continue
                if key not in others:
                    waiting[key] = event
                    continue
                done.add(key)
                other = others.pop(key)
                yield from self._rows(place, *((event, other) if waiting is inputs else (other, event)))
        self.faults["input_alone"] += sum(self._inside(event["time"]) for event in inputs.values())
        self.faults["output_alone"] += sum(self._inside(event["time"]) for event in outputs.values())
        self.faults = +self.faults

    def _places(self) -> list[Place]:
        """The files of the window and an hour beside it, by hour, inputs first: halves may fall into two hours."""
        first = hour_of(self.since - _HOUR) if self.since else ""
        last = hour_of(self.until + _HOUR) if self.until else "9999"
        found = [
            place
            for place in places(self.store, self.model, self.version, faults=self.faults)
            if place.collection in {INPUTS, OUTPUTS} and first <= place.hour <= last
        ]
        return sorted(found, key=lambda place: (place.hour, place.file, place.collection))

    def _events(self, place: Place) -> Iterator[_Event]:
        hour = f"{place.hour[:10].replace('/', '-')}T{place.hour[11:]}"
        for event in events(self.store.read(place.name), self.faults):
            self.faults["clock"] += not event["stamp"].startswith(hour)
            yield event

    def _rows(self, place: Place, one: _Event, other: _Event) -> Iterator[Prediction]:
        """The predictions of one pair of lines; several rows are numbered as the server numbers them."""
        time = other["time"]
        if not self._inside(time):
            return
        rows = list(zip(one["data"], other["data"], strict=False))
        if len(one["data"]) != len(other["data"]):
            self.faults["unreadable"] += 1
            return
        for index, (inputs, outputs) in enumerate(rows):
            identity = one["correlationid"] if len(rows) == 1 else f"{one['correlationid']}.{index}"
            try:
                yield prediction_of(identity, time, place.model, place.version, inputs, outputs)
            except (KeyError, TypeError, ValueError):
                self.faults["unreadable"] += 1

    def _inside(self, time: datetime) -> bool:
        return (self.since is None or self.since <= time) and (self.until is None or time < self.until)

    def _forgotten(self) -> set[str]:
        faults: Counter[str] = Counter()
        return {
            event["correlationid"]
            for place in places(self.store, self.model, self.version, FORGOTTEN)
            for event in events(self.store.read(place.name), faults)
        }


def places(
    store: Store,
    model: str | None = None,
    version: str | None = None,
    collection: str | None = None,
    *,
    faults: Counter[str] | None = None,
) -> Iterator[Place]:
    """The files of a model, a version, a collection; of all where None. Files of another layout are counted."""
    named = [model, version, collection]
    top = named[: named.index(None)] if None in named else named
    for name in store.names(prefix(*(part for part in top if part is not None))):
        try:
            place = Place(name)
        except ValueError:
            if faults is not None:
                faults["foreign_file"] += 1
            continue
        if version in {None, place.version} and collection in {None, place.collection}:
            yield place


def events(data: bytes, faults: Counter[str]) -> Iterator[_Event]:
    """The lines of a file that are records: `correlationid`, `data`, `time` (aware) and `stamp` (as written).

    A line that is none is counted in `faults` and passed over; so is the end of a file that a crash cut off.
    """
    *lines, end = data.split(b"\n")
    for line in lines:
        if line and (event := _event(line)) is not None:
            yield event
        elif line:
            faults["unreadable"] += 1
    if end and (event := _event(end)) is not None:
        yield event
    elif end:
        faults["half_line"] += 1


def _event(line: bytes) -> _Event | None:
    try:
        raw = json.loads(line)
        stamp, rows = raw["time"], raw["data"]
        time = datetime.fromisoformat(stamp)
        if time.tzinfo is None or not isinstance(raw["correlationid"], str) or not isinstance(rows, list):
            return None
        return {"correlationid": raw["correlationid"], "data": rows, "time": time, "stamp": stamp}
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
