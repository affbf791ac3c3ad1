"""What every step is given: the settings, the door to MLflow, a voice, and the key that signs."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homologate.local import Services
from homologate.settings import Settings
from homologate.tracking import Tracker, tracking_uri
from homologate.tracking._provenance import code_digest

if TYPE_CHECKING:
    import pandas as pd

    from homologate.attest import SigningKey

__all__ = ["Clock", "Context", "Outcome", "key_of"]


@dataclass(frozen=True)
class Outcome:
    """What a step leaves behind.

    Attributes:
        run_id: the run whose artifacts are the result.
        reused: whether an earlier run was taken because nothing it depends on has changed.
        facts: the few facts its reader asks for first, JSON-serialisable.
        seconds: how long it took.
    """

    run_id: str
    facts: Mapping[str, Any]
    reused: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class Context:
    """One command's surroundings."""

    settings: Settings
    tracker: Tracker
    say: Callable[[str], None]

    @classmethod
    def open(cls, settings: Settings) -> Context:
        """Connect to the server `MLFLOW_TRACKING_URI` names, else to the one `homologate up` started.

        Raises:
            TrackingError: nothing answers.
        """
        home = Path(settings.home)
        server = Services(home).running().get("mlflow")
        place = tracking_uri(server.url if server else None)
        return cls(settings, Tracker(place, experiment=settings.experiment, home=home), _to_stderr)

    @property
    def home(self) -> Path:
        """Folder for caches, keys and work that may be resumed."""
        return self.tracker.home

    @cached_property
    def signer(self) -> SigningKey:
        """The key that signs evidence: the one that is named, else one made and trusted here at first use."""
        from homologate.attest import load_signing_key, make_signing_key
        from homologate.attest.keys import SIGNING_KEY_VARIABLE, trusted_folder

        if not os.environ.get(SIGNING_KEY_VARIABLE) and not any(trusted_folder(self.home).glob("*")):
            self.say("making the key that signs evidence")
            return make_signing_key(self.home)
        return load_signing_key(self.home)

    def rows(self, data_run: str) -> pd.DataFrame:
        """The split rows a prepare run stored."""
        import pandas as pd

        return pd.read_parquet(self.tracker.fetch(data_run, "data/rows.parquet"))

    def source_of(self, data_run: str) -> str:
        """What the rows of a prepare run were read from, as the dataset inputs of later runs name it."""
        return str(self.tracker.run(data_run).data.params["data.source"])


def key_of(step: str, *rooms: str, **decides: Any) -> str:
    """Fingerprint of everything that decides a step's result: its code, its parameters, its inputs.

    Args:
        step: name of the step.
        rooms: files and folders of this package whose code the result depends on.
        decides: parameters and input keys, JSON-serialisable.
    """
    told = json.dumps(decides, sort_keys=True, default=str)
    return hashlib.sha256(f"{step}\n{code_digest('settings.py', *rooms)}\n{told}".encode()).hexdigest()


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    @property
    def seconds(self) -> float:
        """Elapsed seconds."""
        return time.monotonic() - self._begun


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
