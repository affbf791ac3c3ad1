"""One way for every stand-in to answer over TLS from a thread of the test's own process."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import trustme
import uvicorn
from starlette.applications import Starlette


@contextmanager
def serving(app: Starlette, port: int, certificates: trustme.CA, *names: str) -> Iterator[None]:
    """Serve `app` on loopback under the host `names`, until the block ends."""
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", ws="none")
    config.load()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificates.issue_cert(*names).configure_cert(context)
    config.ssl = context
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield
    server.should_exit = True
    thread.join(20)
