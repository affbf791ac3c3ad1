"""The process of one server."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

from serve import http
from serve.server._app import create_app
from serve.server._service import Service
from serve.server._watch import Watch

__all__ = ["run"]


def run(
    service: Service, listener: socket.socket, *, watches: Sequence[Watch] = (), tls: tuple[Path, Path] | None = None
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what was begun. Raises as `serve.http.run`.

    Args:
        service: what answers.
        listener: a bound socket.
        watches: what meets new versions, where a reference moves.
        tls: certificate chain and private key, in PEM.
    """

    def leaving() -> None:
        service.draining = True

    app = create_app(service)
    http.run(
        app,
        listener,
        limits=service.limits,
        ready=lambda url: http.event("ready", url=url, model=service.model.facts()),
        doors=app,
        leaving=leaving,
        beside=[watch.run for watch in watches],
        tls=tls,
    )
