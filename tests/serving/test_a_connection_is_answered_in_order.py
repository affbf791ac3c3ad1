"""However a question comes down the wire, whole or in crumbs, alone or behind others, it is answered in its turn."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable, Sequence
from http.client import HTTPMessage, parse_headers
from io import BufferedReader
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import pytest
import requests

TEXT = "The lamp from lot 7 cracked below the limit at 61 units."
QUESTION = json.dumps({"text": TEXT}).encode()


def head(path: str = "/v1/score", *lines: str, method: str = "POST", version: str = "1.1") -> bytes:
    told = [f"{method} {path} HTTP/{version}", "Host: 127.0.0.1", "Content-Type: application/json", *lines]
    return "".join(f"{line}\r\n" for line in [*told, ""]).encode()


def question(path: str = "/v1/score", *lines: str, body: bytes = QUESTION, version: str = "1.1") -> bytes:
    return head(path, f"Content-Length: {len(body)}", *lines, version=version) + body


class Answer(NamedTuple):
    status: int
    headers: HTTPMessage
    body: bytes


def answers(server: Any, *pieces: bytes, count: int = 1) -> list[Answer]:
    """What comes back, in order; each piece is a packet of its own."""
    with socket.create_connection(("127.0.0.1", urlsplit(server.url).port), timeout=20) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            wire.sendall(piece)
        with wire.makefile("rb") as stream:
            return [read(stream) for _ in range(count)]


def read(stream: BufferedReader) -> Answer:
    status, headers = int(stream.readline().split()[1]), parse_headers(stream)
    return Answer(status, headers, stream.read(int(headers["Content-Length"])))


def crumbs(whole: bytes, size: int) -> list[bytes]:
    return [whole[at : at + size] for at in range(0, len(whole), size)]


CHUNKED = head("/v1/score", "Transfer-Encoding: chunked") + b"".join(
    b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [*crumbs(QUESTION, 7), b""]
)


@pytest.mark.parametrize(
    "pieces",
    [
        [question()],
        crumbs(question(), 1),
        [head("/v1/score", f"Content-Length: {len(QUESTION)}"), QUESTION],
        [CHUNKED],
        crumbs(CHUNKED, 3),
        [question("/v1/score?from=line-3")],
        [question("/v1/%73core")],
        [question("http://127.0.0.1/v1/score")],
    ],
    ids=["whole", "byte by byte", "body apart", "chunked", "chunks in crumbs", "query", "percent", "absolute"],
)
def test_a_question_is_answered_however_it_arrives(server: Any, pieces: Sequence[bytes]) -> None:
    expected = server.score(TEXT).json()
    (answer,) = answers(server, *pieces)
    told = json.loads(answer.body)
    assert answer.status == 200
    assert (told["label"], told["probabilities"]) == (expected["label"], expected["probabilities"])
    assert answer.headers["X-Request-Id"] == told["prediction_id"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_questions_sent_without_waiting_are_answered_in_turn(server: Any) -> None:
    texts = [f"The hose from lot {n} burst." for n in range(6)]
    asked = [question(body=json.dumps({"text": text}).encode()) for text in texts]
    page = head("/version", method="GET")
    bad = question(body=b"[]")
    found = answers(server, b"".join([*asked[:3], page, bad, *asked[3:], page]), count=9)
    assert [answer.status for answer in found] == [200, 200, 200, 200, 400, 200, 200, 200, 200]
    scored = [json.loads(answer.body) for answer in found if b"probabilities" in answer.body]
    for text, told in zip(texts, scored, strict=True):
        assert told["probabilities"] == server.score(text).json()["probabilities"]
    assert b"homologate" in found[3].body
    assert b"homologate" in found[8].body
    assert len({told["prediction_id"] for told in scored}) == len(texts)


def test_a_client_that_asks_first_is_told_to_go_on(server: Any) -> None:
    with socket.create_connection(("127.0.0.1", urlsplit(server.url).port), timeout=20) as wire:
        wire.sendall(head("/v1/score", f"Content-Length: {len(QUESTION)}", "Expect: 100-continue"))
        assert wire.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.sendall(QUESTION)
        assert wire.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("asked", [question(version="1.0"), question("/v1/score", "Connection: close")])
def test_a_connection_that_is_to_end_ends_with_its_answer(server: Any, asked: bytes) -> None:
    with socket.create_connection(("127.0.0.1", urlsplit(server.url).port), timeout=20) as wire:
        wire.sendall(asked)
        received = b"".join(iter(lambda: wire.recv(1 << 16), b""))
    header, _, body = received.partition(b"\r\n\r\n")
    assert b"\r\nconnection: close" in header
    assert json.loads(body)["prediction_id"]


def test_a_model_may_be_named_in_any_script(serve: Callable[..., Any], model_directory: Path, tmp_path: Path) -> None:
    name = "Größe 部品 50%"
    server = serve(shutil.copytree(model_directory, tmp_path / name))
    for response in (server.score(TEXT), requests.get(f"{server.url}/health", timeout=10)):
        assert response.status_code == 200
        assert response.json()["model"]["name"] == name
        assert response.headers["X-Model-Name"] == quote(name, " ")
