"""`GET /v1/queue?most=20`: what to label next, for callers who may give feedback."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse

from homologate.errors import DataError
from homologate.settings import Settings
from serve.feedback import may_give
from serve.queue._queue import queue_of

__all__ = ["add_queue"]

MOST = 500


def add_queue(app: FastAPI, settings: Settings) -> None:
    """Add the route to a server's application."""

    @app.get("/v1/queue")
    async def queue(request: Request) -> JSONResponse:
        """The most useful texts to label, best first, each with its reasons."""
        may_give(settings, request.state.caller)
        asked = request.query_params.get("most", "20")
        if not asked.isdecimal() or not 1 <= int(asked) <= MOST:
            raise DataError(f"most = {asked!r:.40}", place="query, most", legal=f"1 to {MOST}")
        items = await asyncio.to_thread(queue_of, settings, most=int(asked))
        return JSONResponse({"items": [item.facts() for item in items]})
