"""MLflow runs: open them, close them whatever happens, log to them, find them again.

This is the only room that writes runs and the only one that knows what differs between an MLflow server, a bare
database and Azure ML. It imports mlflow only inside its functions, so a command that only asks where things are
stays quick. It never calls `log_model`: Azure ML answers it with 404 (docs/decisions/0002-never-log-model.md).
"""

from homologate.tracking._place import Place, tracking_uri
from homologate.tracking._provenance import Provenance, provenance
from homologate.tracking._run import StepRun
from homologate.tracking._standing import runs_with, standing_run, under
from homologate.tracking._tracker import STEP_TAG, Tracker

__all__ = [
    "STEP_TAG",
    "Place",
    "Provenance",
    "StepRun",
    "Tracker",
    "provenance",
    "runs_with",
    "standing_run",
    "tracking_uri",
    "under",
]
