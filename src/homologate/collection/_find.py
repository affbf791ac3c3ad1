"""Find one prediction by its id: the newest files first, because that is what people ask about."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path

from homologate.collection._layout import FORGOTTEN, INPUTS, OUTPUTS
from homologate.collection._prediction import Prediction
from homologate.collection._reading import Reading, places
from homologate.collection._recent import Recent
from homologate.collection._store import HeldStore, Store
from homologate.errors import DataError

__all__ = ["find", "find_all"]

LOOK_AGAIN = 0.5
"""Seconds; the collector writes what waits many times in that."""


def find(store: Store, spool: Path, model: str, identity: str) -> Prediction:
    """The prediction of that id; where a shadow answered beside it, the answer somebody got.

    Args:
        store: where shipped lines are.
        spool: this machine's spool, for what was answered a moment ago.
        model: the model's name.
        identity: the prediction id.

    Raises:
        DataError: there is none.
        StorageError: the store cannot be read.
    """
    return find_all(store, spool, model, [identity])[identity]


def find_all(store: Store, spool: Path, model: str, identities: Iterable[str]) -> dict[str, Prediction]:
    """The predictions of many ids, by id. One pass over the store, newest hour first, ended when all are found.

    An answer leaves before its record is on the disk: where an id is not there, one more look is taken after
    `LOOK_AGAIN` seconds.

    Raises:
        DataError: at least one is unknown; names the first.
        StorageError: the store cannot be read.
    """
    wanted = set(identities)
    found: dict[str, Prediction] = {}

    def take(files: dict[str, bytes]) -> None:
        for prediction in Reading(HeldStore(files), model):
            if prediction.id in wanted - found.keys() and prediction.role != "shadow":
                found[prediction.id] = prediction

    settled: set[str] = set()  # read from the store, where a file does not change: looked at once

    def look(store: Recent) -> None:
        forgotten = [place for place in places(store, model) if place.collection == FORGOTTEN]
        gone = {place.name: store.read(place.name) for place in forgotten}
        outputs = [place for place in places(store, model) if place.collection == OUTPUTS]
        for place in sorted(outputs, key=lambda place: place.hour, reverse=True):
            if wanted <= found.keys():
                break
            if place.name in settled:
                continue
            data = store.read(place.name)
            if place.name not in store.spooled:
                settled.add(place.name)
            if any(json.dumps(key).encode() in data for key in wanted - found.keys()):
                inputs = place.name.replace(f"/{OUTPUTS}/", f"/{INPUTS}/", 1)
                take({**gone, place.name: data, inputs: store.read(inputs)})

    look(Recent(store, spool))
    if not wanted <= found.keys():
        time.sleep(LOOK_AGAIN)
        look(Recent(store, spool))
    if missing := sorted(wanted - found.keys()):
        raise DataError(
            f"no prediction {missing[0]!r}" + (f" and {len(missing) - 1} others" if len(missing) > 1 else ""),
            place=f"{store}, model {model!r}, and {spool}",
            legal="the prediction_id of an answer; of several texts, <prediction_id>.<row>",
        )
    return found
