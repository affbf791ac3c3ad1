"""The process: sockets, TLS, patience with slow clients, and leaving without dropping a request."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from homologate.errors import DataError, ServiceError, UsageError
from serve.server import _log
from serve.server._app import create_app
from serve.server._problem import Problem
from serve.server._service import Service
from serve.server._watch import Watch

__all__ = ["bound_socket", "run"]

KEEP_ALIVE_SECONDS = 75
"""Longer than the sixty seconds after which common load balancers close an idle connection, so they close first."""


def bound_socket(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        ServiceError: the port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise ServiceError(
            f"cannot listen on {host} port {port}: {getattr(error, 'strerror', None) or error}",
            legal="a free port; 0 takes any",
            next_command="homologate serve --port 0",
        ) from error
    return listener


def run(
    service: Service, listener: socket.socket, *, watch: Watch | None = None, tls: tuple[Path, Path] | None = None
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what was begun.

    Args:
        service: what answers.
        listener: a bound socket.
        watch: what meets new versions, where the reference moves.
        tls: certificate chain and private key, in PEM.

    Raises:
        UsageError: the certificate or the key cannot be read.
    """
    config = uvicorn.Config(
        create_app(service),
        http=functools.partial(_PatientProtocol, service=service),  # type: ignore[arg-type]
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(service.limits.drain),
        ssl_certfile=str(tls[0]) if tls else None,
        ssl_keyfile=str(tls[1]) if tls else None,
    )
    try:
        config.load()
    except OSError as error:
        legal = "a PEM certificate chain and its PEM key"
        raise UsageError(f"TLS cannot be set up: {error}", place="--tls-cert, --tls-key", legal=legal) from error
    asyncio.run(_serve(_Server(config, service), listener, watch))


async def _serve(server: _Server, listener: socket.socket, watch: Watch | None) -> None:
    watching = asyncio.create_task(watch.run()) if watch else None
    try:
        await server.serve([listener])
    finally:
        if watching:
            watching.cancel()


class _Server(uvicorn.Server):
    """uvicorn, ending with 0 after a signal: being told to leave is how a server ends well."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        address = sockets[0].getsockname() if sockets else ("", 0)
        scheme = "https" if self._service.tls else "http"
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        _log.event("ready", url=f"{scheme}://{host}:{address[1]}", model=self._service.model.facts())

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._leave, number)
        yield

    def _leave(self, number: int) -> None:
        if self._service.draining and number == signal.SIGINT:
            self.force_exit = True
        self._service.draining = True
        self.should_exit = True
        _log.event("leaving", signal=signal.Signals(number).name)


class _PatientProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with bounds it has not: open connections, and the time a client takes to send its header.

    The time of the body is bounded where it is read (`_body.py`).
    """

    def __init__(self, *args: Any, service: Service, **named: Any) -> None:
        super().__init__(*args, **named)
        self._limits = service.limits
        self._header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections:
            _log.event("connection_refused", level=30, connections=self._limits.connections)
            transport.abort()
            return
        self._expect_header(self._limits.patience)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_timer()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing() and (self.cycle is None or self.cycle.response_complete):
            self._expect_header(KEEP_ALIVE_SECONDS + self._limits.patience)

    def send_400_response(self, msg: str) -> None:
        """The one error shape for what is no HTTP at all."""
        problem = Problem(400, DataError(msg, place="request"), close=True)
        self._stop_timer()
        for event in (
            h11.Response(status_code=400, headers=problem.headers, reason=b"Bad Request"),
            h11.Data(data=problem.body),
            h11.EndOfMessage(),
        ):
            output = self.conn.send(event)
            if output:
                self.transport.write(output)
        self.transport.close()

    def _expect_header(self, seconds: float) -> None:
        self._stop_timer()
        self._header_timer = self.loop.call_later(seconds, self._too_slow)

    def _stop_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _too_slow(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
