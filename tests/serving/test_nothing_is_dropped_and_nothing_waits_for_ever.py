"""Load: a bounded queue, deadlines, work that stops when its client leaves, and an end that answers what was begun."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

TEXT = "The lamp from lot 7 cracked below the limit at 61 units."


@pytest.fixture(scope="module")
def busy(serve: Callable[..., Any], slow_directory: Path) -> Any:
    """One slow thread, two places to wait, two seconds of patience."""
    return serve(slow_directory, "--cores", "0", "--max-waiting", "2", "--deadline", "2")


def test_a_full_queue_is_429_and_says_when_to_come_back(busy: Any) -> None:
    with ThreadPoolExecutor(12) as crowd:
        responses = list(crowd.map(lambda _: busy.score(TEXT), range(12)))
    statuses = sorted(response.status_code for response in responses)
    assert set(statuses) == {200, 429}
    assert statuses.count(200) >= 3
    refused = next(response for response in responses if response.status_code == 429)
    assert int(refused.headers["Retry-After"]) >= 1
    assert "at most 2 waiting for 1 threads" in refused.json()["error"]["legal"]
    assert busy.score(TEXT).status_code == 200


def test_an_answer_that_is_not_ready_in_time_is_504_and_its_work_stops(busy: Any) -> None:
    response = busy.invoke({"inputs": [TEXT] * 800})
    assert response.status_code == 504
    assert "2 s (--deadline)" in response.json()["error"]["message"]
    begun = time.monotonic()
    assert busy.score(TEXT).status_code == 200
    assert time.monotonic() - begun < 20  # one slice of sixteen at the most stood in the way


def test_a_question_no_thread_was_free_for_is_503(serve: Callable[..., Any], slow_directory: Path) -> None:
    server = serve(slow_directory, "--cores", "0", "--deadline", "0.2")
    with ThreadPoolExecutor(8) as crowd:
        responses = list(crowd.map(lambda _: server.score(TEXT), range(8)))
    late = [response for response in responses if response.status_code == 503]
    assert late
    assert all(int(response.headers["Retry-After"]) >= 1 for response in late)
    assert server.stop() == 0


@pytest.mark.parametrize(
    "before", [b"", b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n"], ids=["alone", "after a page"]
)
def test_work_stops_when_the_client_leaves(busy: Any, before: bytes) -> None:
    body = b'{"inputs": [' + b", ".join([b'"%s"' % TEXT.encode()] * 160) + b'], "params": {"explain": true}}'
    left = busy.metric("homologate_clients_left_total")
    with socket.create_connection(("127.0.0.1", urlsplit(busy.url).port), timeout=5) as wire:
        head = b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        wire.sendall(before + head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        time.sleep(0.3)
    deadline = time.monotonic() + 15
    while busy.metric("homologate_outstanding") > 0 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert busy.metric("homologate_outstanding") == 0
    assert busy.metric("homologate_clients_left_total") == left + 1
    judged = busy.metric("homologate_verdicts_total")
    time.sleep(0.5)
    assert busy.metric("homologate_verdicts_total") == judged


def test_a_late_explanation_costs_no_verdict(serve: Callable[..., Any], slow_directory: Path) -> None:
    told = serve(slow_directory, "--explain-within", "0.02").score(TEXT * 8, explain="occlusion")
    assert (told.status_code, told.json()["explained_by"]) == (200, "shares")
    assert told.json()["words"]


def test_a_slow_explanation_stops_when_the_client_leaves(busy: Any) -> None:
    left = busy.metric("homologate_clients_left_total")
    body = b'{"text": "%s", "explain": "occlusion"}' % (TEXT * 8).encode()
    with socket.create_connection(("127.0.0.1", urlsplit(busy.url).port), timeout=5) as wire:
        head = b"POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        wire.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        time.sleep(0.1)
    deadline = time.monotonic() + 15
    while busy.metric("homologate_outstanding") > 0 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert busy.metric("homologate_outstanding") == 0
    assert busy.metric("homologate_clients_left_total") == left + 1


def test_sigterm_answers_what_was_begun_and_ends_with_0(serve: Callable[..., Any], slow_directory: Path) -> None:
    server = serve(slow_directory)
    with ThreadPoolExecutor(6) as crowd:
        asked = [crowd.submit(server.score, TEXT) for _ in range(6)]
        deadline = time.monotonic() + 10
        while server.metric("homologate_outstanding") < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert server.stop() == 0
        assert [future.result().status_code for future in asked] == [200] * 6
    assert server.events("leaving")[0]["signal"] == "SIGTERM"
    with pytest.raises(requests.ConnectionError):
        server.score(TEXT)


def test_more_connections_than_allowed_are_closed_at_once(serve: Callable[..., Any], model_directory: Path) -> None:
    server = serve(model_directory, "--max-connections", "5")
    address = ("127.0.0.1", urlsplit(server.url).port)
    held = [socket.create_connection(address, timeout=5) for _ in range(5)]
    time.sleep(0.2)
    with socket.create_connection(address, timeout=5) as one_too_many, contextlib.suppress(ConnectionResetError):
        assert one_too_many.recv(1) == b""
    for wire in held:
        wire.close()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            assert server.score(TEXT).status_code == 200
            break
        except requests.ConnectionError:
            time.sleep(0.05)
    else:
        raise AssertionError("the server did not recover")
    assert server.stop() == 0
