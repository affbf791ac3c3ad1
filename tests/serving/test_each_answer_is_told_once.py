"""A collector is told of every answered request exactly once, with what the client was told, and of nothing else."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from serve.http import Connection
from serve.server import Access, Answered, Limits, Metrics, Pace, Pool, Recorder, Service, create_app, open_model

TEXT = "The lamp from lot 7 cracked below the limit at 61 units."


class Told:
    """A collector that remembers."""

    def __init__(self) -> None:
        self.records: list[Answered] = []
        self.life: list[str] = []

    def start(self) -> None:
        self.life.append("start")

    def collect(self, answered: Answered) -> None:
        self.records.append(answered)

    async def stop(self) -> None:
        self.life.append("stop")


def test_each_answered_request_is_told_once_and_a_refused_one_never(model_directory: Path) -> None:
    told = Told()
    pool = Pool([0], waiting=4)
    model = open_model(model_directory, name="m", version="7", reference="m")
    metrics = Metrics(pool)
    service = Service(model, pool, Limits(), Access(), Pace(None, 1), metrics, Recorder(metrics), collector=told)

    async def talk() -> list[tuple[int, Any]]:
        app = create_app(service)
        async with app.app.router.lifespan_context(app.app):
            return [
                await post(app, "/v1/score", {"text": TEXT, "explain": True}),
                await post(app, "/invocations", {"inputs": [TEXT, "The hose held."]}),
                await post(app, "/v1/score", {"text": ""}),
                await post(app, "/invocations", {"inputs": []}),
            ]

    first, second, *refused = asyncio.run(talk())
    assert [status for status, _ in (first, second, *refused)] == [200, 200, 400, 400]
    assert told.life == ["start", "stop"]
    one, two = told.records
    assert [one.prediction_id, two.prediction_id] == [first[1]["prediction_id"], second[1]["prediction_id"]]
    assert (one.texts, two.texts) == ((TEXT,), (TEXT, "The hose held."))
    assert (one.model, one.role, one.caller) == (model, "champion", None)
    assert one.answers[0].label == first[1]["label"]
    assert [word.text for word in one.answers[0].words] == [word["text"] for word in first[1]["words"]]
    assert [answer.probability for answer in two.answers] == [row["probability"] for row in second[1]["predictions"]]
    assert one.at <= two.at
    assert 0 < one.seconds < 30


class Question:
    """One request as a connection hands it to the doors, without a socket."""

    client = "127.0.0.1"

    def __init__(self, path: str, body: bytes) -> None:
        self.path, self._body, self.connection = path, body, Connection()
        self.header = [(b"host", b"localhost"), (b"content-type", b"application/json")]

    async def receive(self) -> Any:
        raise AssertionError("the body is here")

    def take_whole(self) -> bytes:
        return self._body


async def post(app: Any, path: str, body: Any) -> tuple[int, Any]:
    reply = await app.answer(Question(path, json.dumps(body).encode()))
    return reply.status, json.loads(reply.body)
