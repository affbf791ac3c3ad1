"""What was predicted in production: stored in the layout of Azure ML's model data collector, read back, forgotten.

    store_of(settings), spool_of(settings)    where this project keeps them; `open_store(address)` for another place
    recent_of(settings)                       the store with what is not shipped yet before it, to read from
    ship(spool, store)                        move what is ready, each accepted line exactly once
    Reading(store, model, version, …)         iterate a window; `reading.faults` counts what is broken
    forget(store, spool, model, id, by=…)     remove a prediction and leave a tombstone
    expire(store, days)                       delete what is older
    find(store, spool, model, id)             one prediction; `find_all` many
    record_feedback(…), record_review(…)      what people and test benches said; `feedback(store, model)` reads it

No torch, transformers, mlflow or pandas may be imported here.
"""

from homologate.collection._feedback import KINDS, Feedback, Remark, feedback, record_feedback, record_review
from homologate.collection._find import find, find_all
from homologate.collection._forget import REMAINS, expire, forget
from homologate.collection._layout import FEEDBACK, FORGOTTEN, INPUTS, OUTPUTS, Place, hour_of, prefix
from homologate.collection._places import open_store, spool_of, store_of
from homologate.collection._prediction import Prediction, Share
from homologate.collection._reading import FAULTS, Reading, events, places
from homologate.collection._recent import Recent, recent_of
from homologate.collection._ship import ship
from homologate.collection._store import FolderStore, Store

__all__ = [
    "FAULTS",
    "FEEDBACK",
    "FORGOTTEN",
    "INPUTS",
    "KINDS",
    "OUTPUTS",
    "REMAINS",
    "Feedback",
    "FolderStore",
    "Place",
    "Prediction",
    "Reading",
    "Recent",
    "Remark",
    "Share",
    "Store",
    "events",
    "expire",
    "feedback",
    "find",
    "find_all",
    "forget",
    "hour_of",
    "open_store",
    "places",
    "prefix",
    "recent_of",
    "record_feedback",
    "record_review",
    "ship",
    "spool_of",
    "store_of",
]
