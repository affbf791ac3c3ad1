"""The technicians' web app: a description in, the verdict out, and a way to disagree. A process of its own.

It holds no model and no power: it asks a scoring server over HTTP, as the person who sits before it, and whatever that
server refuses this app cannot do. What it remembers is in memory, bounded, and ends with the visit.

    ScoringServer     the server that judges: ours, stock `mlflow models serve`, an Azure ML endpoint
    Door, Sessions    who asks: by a key, by a platform's token, or nobody
    Desk              where feedback and the queue are
    create_app        the pages

Pages are made here and work without a script. No onnxruntime, torch, mlflow or pandas may be imported:
tests/web/test_the_web_app_holds_no_power.py holds that.
"""

from serve.web._app import Site, create_app
from serve.web._desk import Desk, OwnDesk, ServerDesk
from serve.web._door import Door
from serve.web._identity import AZURE_ENDPOINTS, Identity
from serve.web._server import About, ScoringServer
from serve.web._sessions import Session, Sessions
from serve.web._verdict import Fault, Verdict, Word

__all__ = [
    "AZURE_ENDPOINTS",
    "About",
    "Desk",
    "Door",
    "Fault",
    "Identity",
    "OwnDesk",
    "ScoringServer",
    "ServerDesk",
    "Session",
    "Sessions",
    "Site",
    "Verdict",
    "Word",
    "create_app",
]
