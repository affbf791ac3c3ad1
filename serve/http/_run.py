"""The process: sockets, TLS, patience with slow clients, and leaving without dropping a request."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import uvicorn
import uvloop
from starlette.types import ASGIApp

from homologate.errors import ServiceError, UsageError
from serve.http import _log
from serve.http._exchange import Doors
from serve.http._limits import Limits
from serve.http._protocol import KEEP_ALIVE_SECONDS, PatientProtocol

__all__ = ["bound_socket", "run"]


def bound_socket(host: str, port: int, *, command: str = "homologate serve") -> socket.socket:
    """A listening socket.

    Args:
        host: an address of this machine.
        port: 0 takes any.
        command: what the error tells to try.

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
            next_command=f"{command} --port 0",
        ) from error
    return listener


def run(
    app: ASGIApp,
    listener: socket.socket,
    *,
    limits: Limits,
    ready: Callable[[str], None],
    doors: Doors | None = None,
    leaving: Callable[[], None] = lambda: None,
    beside: Sequence[Callable[[], Awaitable[None]]] = (),
    tls: tuple[Path, Path] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what was begun.

    Args:
        app: what answers.
        listener: a bound socket.
        limits: connections, patience with a header, seconds to drain.
        doors: what answers some paths without ASGI.
        ready: called once with the address, when requests are taken.
        leaving: called when told to leave.
        beside: what runs meanwhile on the same loop.
        tls: certificate chain and private key, in PEM.

    Raises:
        UsageError: the certificate or the key cannot be read.
    """
    config = uvicorn.Config(
        app,
        http=functools.partial(PatientProtocol, limits=limits, doors=doors),  # type: ignore[arg-type]
        ws="none",
        loop="uvloop",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(limits.drain),
        ssl_certfile=str(tls[0]) if tls else None,
        ssl_keyfile=str(tls[1]) if tls else None,
    )
    try:
        config.load()
    except OSError as error:
        legal = "a PEM certificate chain and its PEM key"
        raise UsageError(f"TLS cannot be set up: {error}", place="--tls-cert, --tls-key", legal=legal) from error
    uvloop.run(_serve(_Server(config, ready, leaving), listener, beside))


async def _serve(server: _Server, listener: socket.socket, beside: Sequence[Callable[[], Awaitable[None]]]) -> None:
    running = [asyncio.ensure_future(one()) for one in beside]
    try:
        await server.serve([listener])
    finally:
        for task in running:
            task.cancel()


class _Server(uvicorn.Server):
    """uvicorn, ending with 0 after a signal: being told to leave is how a server ends well."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[str], None], leaving: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready, self._leaving = ready, leaving

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        address = sockets[0].getsockname() if sockets else ("", 0)
        scheme = "https" if self.config.is_ssl else "http"
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        self._ready(f"{scheme}://{host}:{address[1]}")

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._leave, number)
        yield

    def _leave(self, number: int) -> None:
        if self.should_exit and number == signal.SIGINT:
            self.force_exit = True
        self._leaving()
        self.should_exit = True
        _log.event("leaving", signal=signal.Signals(number).name)
