"""A moving name: resolved to a number and a digest, met again when it moves, and never believed without its bytes."""

from __future__ import annotations

import contextlib
import resource
import socket
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from loopback.registry import House
from waiting import until

from homologate.attest import digest_of
from homologate.errors import ModelError, RefusedError, StorageError, TrackingError
from homologate.versions import DIGEST_TAG, Reference, obtain, open_registry, parse_reference

TEXT = "The lamp from lot 7 cracked below the limit at 61 units."


@pytest.fixture
def house(mlflow_server: str) -> House:
    return House(mlflow_server, f"m-{uuid.uuid4().hex[:8]}")


def follow(serve: Callable[..., Any], house: House, *words: str) -> Any:
    return serve(
        f"models:/{house.name}/Production", "--poll", "0.2", *words, environment={"MLFLOW_TRACKING_URI": house.uri}
    )


def test_hot_reload_drops_no_request_and_every_answer_names_its_version(
    serve: Callable[..., Any], house: House, model_directory: Path, other_directory: Path
) -> None:
    first = house.register(model_directory, stage="Production")
    server = follow(serve, house)
    digests = {first: digest_of(model_directory)}
    seen: list[tuple[int, str, str]] = []
    stop = threading.Event()

    def ask() -> None:
        with requests.Session() as session:
            while not stop.is_set():
                response = session.post(f"{server.url}/v1/score", json={"text": TEXT}, timeout=30)
                model = response.json()["model"]
                assert response.headers["X-Model-Digest"] == model["digest"]
                assert response.headers["X-Model-Version"] == model["version"]
                seen.append((response.status_code, model["version"], model["digest"]))

    crowd = [threading.Thread(target=ask) for _ in range(4)]
    [thread.start() for thread in crowd]
    second = house.register(other_directory, stage="Production")
    digests[second] = digest_of(other_directory)
    try:
        assert server.await_event("model_replaced")["now"] == second
        # Two promotions in one breath: the server ends at the last.
        third = house.register(other_directory)
        house.move(third, "Production")
        house.move(first, "Production")
        while server.health().json()["model"]["version"] != first:
            stop.wait(0.05)
    finally:
        stop.set()
        [thread.join() for thread in crowd]
    digests[third] = digest_of(other_directory)
    assert {status for status, _, _ in seen} == {200}
    assert {first, second} <= {version for _, version, _ in seen}
    assert all(digests[version] == digest for _, version, digest in seen)
    assert server.stop() == 0


def test_changed_bytes_never_answer_and_the_old_version_goes_on(
    serve: Callable[..., Any], house: House, model_directory: Path, other_directory: Path
) -> None:
    first = house.register(model_directory, stage="Production")
    server = follow(serve, house)
    house.register(other_directory, digest=digest_of(model_directory).replace("a", "b"), stage="Production")
    assert "its bytes are" in server.await_event("model_refused")["because"]
    health = server.health().json()
    assert (health["status"], health["model"]["version"]) == ("ready", first)
    assert "were changed" in health["refused"]["because"]
    assert server.score(TEXT).json()["model"]["version"] == first
    assert server.stop() == 0


def test_a_registry_that_goes_down_changes_nothing_but_what_is_said(
    serve: Callable[..., Any], mlflow_server: str, house: House, model_directory: Path
) -> None:
    first = house.register(model_directory, stage="Production")
    server = follow(serve, house)
    house.client.delete_model_version(house.name, first)  # as good as gone: the name means nothing now
    assert server.await_event("registry_fault")["still_serving"] == first
    health = server.health()
    assert health.status_code == 200
    assert health.json()["registry"]["reachable"] is False
    assert server.score(TEXT).status_code == 200
    assert server.metric("homologate_registry_up") == 0
    assert len(server.events("registry_fault")) == 1
    house.register(model_directory, stage="Production")
    server.await_event("model_replaced")
    assert server.health().json()["registry"] == {"reachable": True, "fault": None}
    assert server.stop() == 0


class Line:
    """A wire to a server that can be cut: every connection to `url` is passed on while it is whole."""

    def __init__(self, to: str) -> None:
        self._to = ("127.0.0.1", urlsplit(to).port or 80)
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        self.mend()

    def mend(self) -> None:
        if self._door.fileno() < 0:
            self._door = socket.create_server(("127.0.0.1", urlsplit(self.url).port or 0))
        threading.Thread(target=self._pass_on, args=(self._door,), daemon=True).start()

    def cut(self) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()

    def _pass_on(self, door: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = door.accept()
                far = socket.create_connection(self._to)
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pour, args=(one, other), daemon=True).start()

    @staticmethod
    def _pour(one: socket.socket, other: socket.socket) -> None:
        with one, contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)


def test_a_registry_out_of_reach_is_told_and_met_again(
    serve: Callable[..., Any], house: House, model_directory: Path, other_directory: Path
) -> None:
    first = house.register(model_directory, stage="Production")
    line = Line(house.uri)
    words = (f"models:/{house.name}/Production", "--poll", "0.2")
    server = serve(*words, environment={"MLFLOW_TRACKING_URI": line.url})
    line.cut()
    assert "does not answer" in server.await_event("registry_fault")["fault"]
    health = server.health().json()
    assert (health["status"], health["registry"]["reachable"]) == ("ready", False)
    assert server.score(TEXT).json()["model"]["version"] == first
    second = house.register(other_directory, stage="Production")
    line.mend()
    server.await_event("registry_back")
    assert server.await_event("model_replaced")["now"] == second
    assert server.stop() == 0
    line.cut()


def test_a_full_disk_keeps_the_old_version_and_is_tried_again(
    serve: Callable[..., Any], house: House, model_directory: Path, other_directory: Path
) -> None:
    first = house.register(model_directory, stage="Production")
    server = follow(serve, house)
    # No file of this process may grow beyond a kilobyte: neither the model's nor its log.
    whole = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1000, whole[1]))
    second = house.register(other_directory, stage="Production")
    until(lambda: "refused" in server.health().json(), 20, "refusal")
    health = server.health().json()
    assert (health["status"], health["model"]["version"], health["refused"]["version"]) == ("ready", first, second)
    assert "cannot fetch the model: File too large" in health["refused"]["because"]
    assert {server.score(TEXT).json()["model"]["version"] for _ in range(20)} == {first}
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, whole)
    until(lambda: server.health().json()["model"]["version"] == second, 20, "second version")
    assert server.stop() == 0


def test_the_version_in_staging_stands_beside_production_and_leaves_with_it(
    serve: Callable[..., Any], house: House, model_directory: Path, other_directory: Path
) -> None:
    first = house.register(model_directory, stage="Production")
    staging = ("--challenger", f"models:/{house.name}/Staging", "--shadow-share", "1")
    server = follow(serve, house, *staging)
    assert server.health().json()["challenger"]["model"] is None
    second = house.register(other_directory, stage="Staging")
    assert server.await_event("challenger")["version"] == second
    server.score(TEXT)
    until(lambda: server.health().json()["challenger"]["answers"] == 1, 10, "an answer of both")
    house.move(second, "Production")
    until(lambda: server.health().json()["model"]["version"] == second, 20, "second version")
    assert server.await_event("challenger_gone")["was"] == second
    assert server.health().json()["challenger"]["model"] is None
    assert server.score(TEXT).json()["model"]["version"] == second != first
    assert server.stop() == 0


def test_a_server_never_becomes_ready_on_changed_bytes(
    serve: Callable[..., Any], house: House, model_directory: Path
) -> None:
    house.register(model_directory, digest=f"sha256:{'0' * 64}", stage="Production")
    server = serve(f"models:/{house.name}/Production", ready=False, environment={"MLFLOW_TRACKING_URI": house.uri})
    assert server.process.wait(timeout=30) == RefusedError.exit_code
    assert "they were changed" in server.log.read_text()


def test_evidence_is_required_where_the_operator_says_so(
    serve: Callable[..., Any], house: House, model_directory: Path
) -> None:
    house.register(model_directory, stage="Production")
    words = (f"models:/{house.name}/Production", "--require", "evidence")
    server = serve(*words, ready=False, environment={"MLFLOW_TRACKING_URI": house.uri})
    assert server.process.wait(timeout=30) == RefusedError.exit_code
    assert "names no evidence" in server.log.read_text()


def test_a_version_is_fetched_once_and_its_bytes_are_checked_every_time(
    house: House, model_directory: Path, tmp_path: Path
) -> None:
    house.register(model_directory, stage="Production")
    registry = open_registry(house.uri)
    version = registry.resolve(parse_reference(f"models:/{house.name}/production"))
    kept = obtain(version, registry, tmp_path)
    assert digest_of(kept) == digest_of(model_directory)
    written = (kept / "scorer.json").stat().st_mtime_ns
    assert obtain(version, registry, tmp_path) == kept
    assert (kept / "scorer.json").stat().st_mtime_ns == written
    (kept / "scorer.json").write_text("{}")
    assert digest_of(obtain(version, registry, tmp_path)) == digest_of(model_directory)
    assert [entry.name for entry in (tmp_path / "models").iterdir()] == [kept.name]


def test_every_way_to_name_a_version_finds_it(house: House, model_directory: Path) -> None:
    number = house.register(model_directory, stage="Production")
    house.client.set_registered_model_alias(house.name, "champion", number)
    registry = open_registry(house.uri)
    for words in (
        f"models:/{house.name}/{number}",
        f"models:/{house.name}/Production",
        f"models:/{house.name}@champion",
    ):
        assert registry.resolve(parse_reference(words)).number == number


def test_a_name_that_means_none_or_two_is_an_error_that_lists_what_there_is(
    house: House, model_directory: Path
) -> None:
    first = house.register(model_directory, stage="Production")
    registry = open_registry(house.uri)
    with pytest.raises(ModelError, match="names no version") as raised:
        registry.resolve(Reference("stage", house.name, "Staging"))
    assert f"{first} (Production)" in str(raised.value)
    second = house.register(model_directory)
    house.move(second, "Production", archive=False)
    with pytest.raises(ModelError, match=f"names versions .*{second}.* at once"):
        registry.resolve(Reference("stage", house.name, "Production"))


def test_a_version_without_a_digest_is_refused(house: House, model_directory: Path, tmp_path: Path) -> None:
    number = house.register(model_directory)
    house.client.delete_model_version_tag(house.name, number, DIGEST_TAG)
    registry = open_registry(house.uri)
    with pytest.raises(RefusedError, match="carries no digest"):
        obtain(registry.resolve(Reference("version", house.name, number)), registry, tmp_path)


def test_missing_bytes_and_a_dead_registry_say_so(house: House, model_directory: Path, tmp_path: Path) -> None:
    number = house.register(model_directory)
    registry = open_registry(house.uri)
    version = registry.resolve(Reference("version", house.name, number))
    with pytest.raises(StorageError):
        obtain(version._replace(source=version.source + "-gone"), registry, tmp_path)
    assert not list((tmp_path / "models").iterdir())
    with pytest.raises(TrackingError, match="does not answer"):
        open_registry("http://127.0.0.1:9").resolve(Reference("stage", "m", "Production"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # SQLAlchemy's, about MLflow's own queries
def test_a_database_registry_is_read_by_a_child_process(model_directory: Path, tmp_path: Path) -> None:
    house = House(f"sqlite:///{tmp_path}/registry.db", "parts")
    house.run = house.client.create_run(
        house.client.create_experiment("files", artifact_location=str(tmp_path / "artifacts"))
    ).info
    number = house.register(model_directory, stage="Production")
    registry = open_registry(house.uri)
    version = registry.resolve(parse_reference("models:/parts/Production"))
    assert version.number == number
    assert digest_of(obtain(version, registry, tmp_path / "home")) == digest_of(model_directory)
    with pytest.raises(ModelError, match="names no version"):
        registry.resolve(parse_reference("models:/parts/Staging"))
