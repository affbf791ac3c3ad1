"""What was predicted in production: stored in the layout of Azure ML's model data collector, read back, forgotten.

    FolderStore(path)                     a store (`Store` says what another must do)
    Reading(store, model, version, …)     iterate the predictions of a window; `reading.faults` counts what was broken

No torch, transformers, mlflow or pandas may be imported here.
"""

from homologate.collection._layout import FEEDBACK, FORGOTTEN, INPUTS, OUTPUTS, Place, hour_of, prefix
from homologate.collection._prediction import Prediction, Share
from homologate.collection._reading import FAULTS, Reading, events, places
from homologate.collection._store import FolderStore, Store

__all__ = [
    "FAULTS",
    "FEEDBACK",
    "FORGOTTEN",
    "INPUTS",
    "OUTPUTS",
    "FolderStore",
    "Place",
    "Prediction",
    "Reading",
    "Share",
    "Store",
    "events",
    "hour_of",
    "places",
    "prefix",
]
