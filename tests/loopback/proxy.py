"""An HTTPS proxy that leads Azure's own host names to loopback, so that clients are told nothing but `HTTPS_PROXY`."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def proxy(ways: Mapping[str, int]) -> Iterator[str]:
    """A proxy for `CONNECT host:443`.

    Args:
        ways: loopback port by host name, or by a suffix that begins with a dot; any other host is refused.

    Yields:
        The proxy's address.
    """
    started, loop = threading.Event(), asyncio.new_event_loop()
    found: list[int] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, target, _ = request.split(" ", 2)
        host = target.partition(":")[0]
        port = next((port for name, port in ways.items() if host == name or host.endswith(name)), None)
        if method != "CONNECT" or port is None:
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            writer.close()
            return
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))

    async def serve() -> None:
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        found.append(server.sockets[0].getsockname()[1])
        started.set()
        async with server:
            with contextlib.suppress(asyncio.CancelledError):
                await server.serve_forever()

    def run() -> None:
        asyncio.set_event_loop(loop)
        task.append(loop.create_task(serve()))
        loop.run_until_complete(task[0])
        for left in asyncio.all_tasks(loop):
            left.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    task: list[asyncio.Task[None]] = []
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    started.wait(10)
    try:
        yield f"http://127.0.0.1:{found[0]}"
    finally:
        loop.call_soon_threadsafe(task[0].cancel)
        thread.join(10)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()
