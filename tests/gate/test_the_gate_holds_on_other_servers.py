"""The same gate under gunicorn with several workers on PostgreSQL, and on a server without a login."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

MOVE = "/api/2.0/mlflow/model-versions/transition-stage"


@pytest.fixture(scope="module")
def told() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Address of a real receiver of webhooks, and what it was told."""
    got: list[dict[str, Any]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", got
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def shared(
    postgresql_server: str,
    start_gated: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
    told: tuple[str, list[dict[str, Any]]],
) -> Any:
    """Three gunicorn workers over one PostgreSQL, which tell a webhook of every step."""
    from sqlalchemy import create_engine, text

    name = f"t{uuid.uuid4().hex}"
    engine = create_engine(f"{postgresql_server}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    home = tmp_path_factory.mktemp("shared")
    backend = f"{postgresql_server}/{name}"
    return start_gated(
        home,
        backend=backend,
        workers=3,
        extra=("--gunicorn-opts", "--timeout 120"),
        notify={"webhook": {}},
        environment={"HOMOLOGATE_WEBHOOK_URL": told[0], "HOMOLOGATE_WEBHOOK_SECRET": "of the tests"},
    )


def test_workers_that_share_a_database_leave_exactly_one_in_production(
    shared: Any, make_version: Callable[..., str]
) -> None:
    rivals = [make_version(shared) for _ in range(2)]
    for rival in rivals:
        shared.approved(rival)

    def move(number: int) -> int:
        body = {"name": "brakes", "version": rivals[number % 2], "stage": "Production"}
        return int(shared.ask("ann", "POST", MOVE, body).status)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(move, range(20)))
    assert set(answers) <= {200, 403}
    (winner,) = shared.in_stage("Production")
    assert shared.alias("champion") == winner
    rows = shared.ask("ann", "GET", "/homologate/api/models/brakes/history").json["rows"]
    assert [row["version"] for row in rows if row["kind"] == "transition"] == [winner]


def test_workers_that_share_a_database_tell_each_step_once(
    shared: Any, told: tuple[str, list[dict[str, Any]]], make_version: Callable[..., str]
) -> None:
    version = make_version(shared)
    shared.promoted(version, "Staging")
    deadline = time.monotonic() + 20
    while not any((one["event"], one["version"]) == ("transition", version) for one in told[1]):
        assert time.monotonic() < deadline, told[1]
        time.sleep(0.1)
    time.sleep(2)  # a second postman would have told it again by now
    numbers = [one["ledger"]["seq"] for one in told[1]]
    assert numbers == sorted(set(numbers))


def test_gunicorn_refuses_what_uvicorn_refuses(shared: Any, make_version: Callable[..., str]) -> None:
    number = make_version(shared)
    body = {"name": "brakes", "version": number, "stage": "Production"}
    twice = b'{"stage": "None", "name": "brakes", "version": "%s", "stage": "Production"}' % number.encode()
    tag = {"name": "brakes", "version": number, "key": "gate.state", "value": "approved"}
    alias = {"name": "brakes", "version": number, "alias": "champion"}
    for person in ("ann", "dan", "admin"):
        for route in (MOVE, MOVE.replace("/api/", "/ajax-api/"), MOVE.replace("/mlflow/", "//mlflow/")):
            assert shared.ask(person, "POST", route, body).status >= 300
        assert shared.ask(person, "POST", MOVE, twice).status >= 400
        assert shared.ask(person, "POST", "/api/2.0/mlflow/model-versions/set-tag", tag).status == 403
        assert shared.ask(person, "POST", "/api/2.0/mlflow/registered-models/alias", alias).status == 403
    request = shared.requested(number)
    assert "made this version" in shared.post("ann", f"requests/{request}/approve", comment="mine").text
    assert shared.post("ann", f"requests/{request}/promote").status == 403
    assert shared.stage(number) == "None"
    first = shared.promoted(number)
    shared.promoted(make_version(shared))
    assert shared.post("ann", f"requests/{first}/promote").status == 403, "one request makes one move"


def test_the_flask_routes_of_gunicorn_seal_artifacts_too(shared: Any, make_version: Callable[..., str]) -> None:
    number = make_version(shared)
    shared.requested(number)
    root = urlsplit(shared.client("ann").get_model_version("brakes", number).source).path.strip("/")
    for method in ("PUT", "DELETE"):
        for path in (f"{root}/model.onnx", f"{root}/../model/model.onnx", f"{root}/%256dodel.onnx"):
            answer = shared.ask("admin", method, f"/api/2.0/mlflow-artifacts/artifacts/{path}", b"evil")
            assert answer.status >= 300
    assert (shared.home / "artifacts" / root / "model.onnx").read_bytes() == bytes(range(256))


def test_the_ledger_on_postgresql_is_one_chain(shared: Any) -> None:
    from registry_promotion.verifier import verify

    head = shared.ask("bob", "GET", "/homologate/api/ledger/head").json["head"]
    lines = shared.ask("admin", "GET", "/homologate/api/ledger/export").text.encode().splitlines(keepends=True)
    assert verify(lines, head).ok


def test_a_server_without_a_login_lets_nothing_through_and_says_why(
    start_gated: Callable[..., Any], tmp_path: Path
) -> None:
    open_to_all = start_gated(tmp_path / "open", login="none")
    run = open_to_all.ask(None, "POST", "/api/2.0/mlflow/runs/create", {"experiment_id": "0"}).json["run"]["info"]
    source = f"{run['artifact_uri']}/model"
    open_to_all.ask(None, "POST", "/api/2.0/mlflow/registered-models/create", {"name": "brakes"})
    made = {"name": "brakes", "source": source, "run_id": run["run_id"]}
    assert open_to_all.ask(None, "POST", "/api/2.0/mlflow/model-versions/create", made).status == 200
    answer = open_to_all.ask(None, "POST", MOVE, {"name": "brakes", "version": "1", "stage": "Production"})
    assert answer.status == 403
    assert "logged in" in answer.json["message"]
    asked = {"model": "brakes", "version": "1", "stage": "Production", "reason": "x"}
    answer = open_to_all.ask(None, "POST", "/homologate/api/requests", asked)
    assert answer.status == 403
    assert "promotion.login" in answer.json["message"]
    page = open_to_all.ask(None, "GET", "/homologate/models/brakes")
    assert page.status == 200
    assert "nothing can be approved" in page.text
    assert "<form" not in page.text
