"""Whatever a client sends: the right status, the one error shape, the server alive and its memory flat."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

TEXT = "The lamp from lot 7 cracked below the limit at 61 units."


def assert_error(response: requests.Response, status: int, *said: str) -> None:
    """The one error shape: type, message, place, legal, next; and what it must say."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    told = response.json()
    assert set(told) == {"error"}
    assert set(told["error"]) == {"type", "message", "place", "legal", "next"}
    for words in said:
        assert words in response.text, response.text


BODIES: dict[str, tuple[Any, int, str]] = {
    "nothing": (b"", 400, "not JSON"),
    "no JSON": (b"{text:", 400, "not JSON"),
    "invalid UTF-8": (b'{"inputs": ["\xff\xfe"]}', 400, "not JSON"),
    "half a surrogate pair": (b'{"inputs": ["\\ud83d"]}', 400, ""),
    "a nested bomb": (b'{"inputs":' + b"[" * 30_000, 400, "recursion"),
    "a nested bomb in balance": (b'{"inputs":' + b"[" * 15_000 + b"]" * 15_000 + b"}", 400, "recursion"),
    "NaN": (b'{"inputs": [NaN]}', 400, "not JSON"),
    "a list at the top": ([TEXT], 400, "JSON array"),
    "no form": ({"texts": [TEXT]}, 400, "exactly one of inputs"),
    "two forms": ({"inputs": [TEXT], "instances": [TEXT]}, 400, "inputs and instances"),
    "no text": ({"inputs": []}, 400, "no text"),
    "null": ({"inputs": [None]}, 400, "NoneType"),
    "a number": ({"inputs": [3]}, 400, "it is int"),
    "a list in a list": ({"inputs": [["a", "b"]]}, 400, "it is list"),
    "an empty text": ({"inputs": [TEXT, ""]}, 400, "text 1"),
    "white space": ({"inputs": [" \t\n"]}, 400, "empty"),
    "only invisible characters": ({"inputs": ["\u200b\u200b"]}, 400, ""),
    "another column": ({"dataframe_split": {"columns": ["words"], "data": [[TEXT]]}}, 400, "no column 'text'"),
    "a ragged table": ({"dataframe_split": {"columns": ["text", "b"], "data": [[TEXT]]}}, 400, "row 0"),
    "records that are none": ({"dataframe_records": [TEXT]}, 400, "dataframe_records"),
    "a record without text": ({"dataframe_records": [{"text": TEXT}, {"b": 1}]}, 400, "record 1"),
    "an unknown parameter": ({"inputs": [TEXT], "params": {"explian": True}}, 400, "explain, precision"),
    "a family that is no name": ({"inputs": [{"text": TEXT, "component": 3}]}, 400, "text 0, column component"),
    "a family too long": ({"inputs": [TEXT], "params": {"component": "h" * 201}}, 400, "at most 200 characters"),
    "families of other texts": ({"inputs": {"text": [TEXT], "component": ["a", "b"]}}, 400, "2 values of 'component'"),
    "a parameter of another type": ({"inputs": [TEXT], "params": {"explain": "yes"}}, 400, "true, false"),
    "another precision": ({"inputs": [TEXT], "params": {"precision": "int8"}}, 400, "operator"),
    "too many texts": ({"inputs": ["lamp"] * 201}, 413, "at most 200 (--max-texts)"),
    "a text too long": ({"inputs": [TEXT, "long " * 5_000]}, 413, "at most 20000 characters"),
    "a body too long": ({"inputs": [TEXT * 2_000]}, 413, "at most 65536 bytes (--max-body)"),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_bad_body_is_refused_by_name(server: Any, name: str) -> None:
    body, status, said = BODIES[name]
    assert_error(server.invoke(body), status, said)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "field text"),
        ({"text": 3}, "field text"),
        ({"text": None}, "field text"),
        ({"text": [TEXT]}, "field text"),
        ({"text": TEXT, "explain": 1}, "field explain"),
        ({"text": TEXT, "explian": True}, "field explian"),
        ([TEXT], "field body"),
    ],
)
def test_a_wrong_type_names_its_field(server: Any, asked: Any, said: str) -> None:
    response = requests.post(f"{server.url}/v1/score", json=asked, timeout=10)
    assert_error(response, 400, said, '\\"explain\\": true, false or')


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Content-Type": "application/xml"}, "application/json, text/csv"),
        ({"Content-Type": ""}, "media type"),
        ({"Content-Type": "application/json; charset=latin-1"}, "charset=utf-8"),
        ({"Content-Encoding": "gzip"}, "identity"),
        ({"Content-Encoding": "br"}, "identity"),
    ],
)
def test_what_this_server_does_not_read_is_415(server: Any, headers: dict[str, str], said: str) -> None:
    body = gzip.compress(json.dumps({"inputs": [TEXT]}).encode())
    assert_error(server.invoke(body, **headers), 415, said)


def test_a_gzip_bomb_is_never_unpacked(server: Any) -> None:
    bomb = gzip.compress(b"a" * 50_000_000)
    before = server.memory()
    for _ in range(5):
        assert_error(server.invoke(bomb, **{"Content-Encoding": "gzip"}), 415, "identity")
    assert server.memory() < before + 10


def test_ten_megabytes_are_answered_with_the_limit_and_not_kept(server: Any) -> None:
    body = b'{"inputs": ["' + b"a" * 10_000_000 + b'"]}'
    before = server.memory()
    for _ in range(5):
        assert_error(server.invoke(body), 413, "at most 65536 bytes (--max-body)")
    assert server.memory() < before + 10


def test_a_hundred_thousand_records_are_answered_with_the_limit(server: Any) -> None:
    assert_error(server.invoke({"dataframe_records": [{"text": "a"}] * 100_000}), 413, "--max-body")


def test_an_unknown_path_and_a_wrong_method_have_the_same_shape(server: Any) -> None:
    assert_error(requests.get(f"{server.url}/v2/score", timeout=10), 404, "/v1/score")
    assert_error(requests.get(f"{server.url}/v1/score", timeout=10), 405, "GET")
    assert_error(requests.options(f"{server.url}/v1/score", timeout=10), 405, "OPTIONS")


def test_what_is_no_http_has_the_same_shape(server: Any) -> None:
    with connection(server) as wire:
        wire.sendall(b"\x16\x03\x01 this is TLS or worse\r\n\r\n")
        answer = wire.recv(65536)
        assert answer.startswith(b"HTTP/1.1 400")
        assert b'"type": "DataError"' in answer + wire.recv(65536)


def test_a_header_that_trickles_is_cut_off(server: Any) -> None:
    with connection(server) as wire:
        begun = time.monotonic()
        closed = False
        while not closed and time.monotonic() - begun < 10:
            try:
                wire.sendall(b"x")
                wire.settimeout(0.2)
                closed = wire.recv(1) == b""
            except TimeoutError:
                continue
            except OSError:
                closed = True
        assert closed
        assert time.monotonic() - begun < 6


def test_a_header_without_end_is_431_and_not_kept(server: Any) -> None:
    before = server.memory()
    for _ in range(20):
        with connection(server) as wire:
            wire.sendall(b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nX: ")
            answer = b""
            try:
                for _ in range(200):
                    wire.sendall(b"a" * 10_000)
                answer = wire.recv(65536)
            except OSError:  # closed while we were still sending: whether its words got through is the network's
                continue
            assert answer == b"" or answer.startswith(b"HTTP/1.1 431")
    assert server.memory() < before + 10
    assert server.score().status_code == 200


def test_a_body_that_trickles_is_answered_408(server: Any) -> None:
    with connection(server) as wire:
        wire.sendall(b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n")
        wire.sendall(b"Content-Length: 100\r\n\r\n{")
        answer = wire.recv(65536)
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"connection: close" in answer.lower()


def test_cut_connections_leave_nothing_behind(server: Any) -> None:
    before = server.memory()
    for _ in range(50):
        wire = connection(server)
        wire.sendall(b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n" + b"a" * 30_000)
        wire.close()
    assert server.score().status_code == 200
    assert server.memory() < before + 10


@pytest.mark.parametrize(
    "text",
    [
        "nul\x00inside",
        "🚗" * 50,
        "e\u0301" * 40,
        "\u202edesrever",
        "İı ﬁ ſ",
        "名前 ブレーキ",
        "a" * 5000,
        "\ufeffbom",
        "[CLS] [SEP]",
    ],
)
def test_a_nasty_text_is_judged(server: Any, text: str) -> None:
    response = server.score(text, explain=True)
    assert response.status_code == 200, response.text
    answer = response.json()
    assert sum(answer["probabilities"].values()) == pytest.approx(1)
    assert all(text[word["start"] : word["end"]] == word["text"] for word in answer["words"])


def test_memory_is_flat_under_a_thousand_bad_requests(server: Any) -> None:
    bad: list[Callable[[], requests.Response]] = [
        lambda: server.invoke({"inputs": [TEXT * 900]}),
        lambda: server.invoke(b'{"inputs":' + b"[" * 30_000),
        lambda: server.invoke({"inputs": ["\u200b"] * 100}),
    ]
    for _ in range(60):
        [send() for send in bad]
    before = server.memory()
    for _ in range(330):
        assert {send().status_code for send in bad} <= {400, 413}
    assert server.memory() < before + 10  # of the 17 MB that came
    assert server.score().status_code == 200


def connection(server: Any) -> socket.socket:
    parts = urlsplit(server.url)
    assert parts.port is not None
    return socket.create_connection(("127.0.0.1", parts.port), timeout=10)
