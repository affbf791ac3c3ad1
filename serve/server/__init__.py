"""The real-time server: MLflow's scoring protocol and `/v1/score` over the scorer.

    Source      opens the model a reference names; a changed byte is refused
    Service     the model, the threads that answer, the door, the counts
    run         serves until told to leave

Nothing that measures, trains or promotes may enter here, and neither torch, transformers, mlflow nor pandas may be
imported: tests/serving/test_the_server_stays_small.py holds that.
"""

from serve.http import Issuer, Limits, Problem, bound_socket, read_body
from serve.server._access import Access, Pace
from serve.server._answered import Answered, Collector
from serve.server._app import create_app
from serve.server._challenger import CanaryLimits, Challenger
from serve.server._keys import KeyFile, add_key
from serve.server._metrics import Metrics
from serve.server._model import ServedModel, open_model
from serve.server._pool import Pool
from serve.server._recorder import Recorder
from serve.server._run import run
from serve.server._service import Service
from serve.server._source import REQUIREMENTS, Source
from serve.server._watch import Watch

__all__ = [
    "REQUIREMENTS",
    "Access",
    "Answered",
    "CanaryLimits",
    "Challenger",
    "Collector",
    "Issuer",
    "KeyFile",
    "Limits",
    "Metrics",
    "Pace",
    "Pool",
    "Problem",
    "Recorder",
    "ServedModel",
    "Service",
    "Source",
    "Watch",
    "add_key",
    "bound_socket",
    "create_app",
    "open_model",
    "read_body",
    "run",
]
