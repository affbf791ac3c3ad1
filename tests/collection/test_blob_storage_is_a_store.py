"""Azure Blob Storage is a store like a folder: whole files, written once, and dead or refused in words that lead on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from homologate.collection import Reading, forget, open_store, ship
from homologate.collection._blob import CONNECTION_STRING, BlobStore
from homologate.errors import StorageError, UsageError
from homologate.scorer.collector import Collector, Privacy, Spool
from tests.collection.conftest import record

from ..loopback.azurite import Azurite, azurite

ADDRESS = "wasbs://collected@loopback.blob.core.windows.net/plant/a"


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    with azurite(tmp_path_factory.mktemp("azurite"), trustme.CA()) as running:
        yield running


@pytest.fixture
def store(blobs: Azurite, monkeypatch: pytest.MonkeyPatch) -> BlobStore:
    """A new, empty container on real Azurite."""
    from azure.storage.blob import BlobServiceClient

    monkeypatch.setenv(CONNECTION_STRING, blobs.connection_string)
    monkeypatch.setenv("SSL_CERT_FILE", str(blobs.authority))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(blobs.authority))
    service = BlobServiceClient.from_connection_string(blobs.connection_string)
    if any(container.name == "collected" for container in service.list_containers()):
        for blob in service.get_container_client("collected").list_blob_names():
            service.get_blob_client("collected", blob).delete_blob()
    else:
        service.create_container("collected")
    found = open_store(ADDRESS)
    assert isinstance(found, BlobStore)
    return found


def test_predictions_reach_the_container_once_and_come_back(store: BlobStore, tmp_path: Path) -> None:
    collector = Collector(Spool(tmp_path / "spool"), Privacy("full"))
    for number in range(50):
        collector.offer(record(f"p{number}", f"text {number}"))
    collector.close()
    (segment,) = (tmp_path / "spool").glob("*.ready")
    copy = segment.read_bytes()
    assert ship(tmp_path / "spool", store)["records"] == 100
    segment.write_bytes(copy)  # as a shipper leaves it that died before its last step
    assert ship(tmp_path / "spool", store) == {"segments": 1, "records": 0, "known": 100, "forgotten": 0, "broken": 0}
    assert all(name.startswith("brakes/3/model_") for name in store.names())
    reading = Reading(store, "brakes", "3")
    assert sorted(one.text or "" for one in reading) == sorted(f"text {number}" for number in range(50))
    assert not reading.faults
    assert forget(store, tmp_path / "spool", "brakes", "p7", by="dpo")["removed"] == 2
    assert len(list(Reading(store, "brakes"))) == 49
    assert all(b'text 7"' not in store.read(name) for name in store.names())


def test_a_name_is_written_once(store: BlobStore) -> None:
    assert store.put("a/b.jsonl", b"first\n")
    assert not store.put("a/b.jsonl", b"second\n")
    assert store.read("a/b.jsonl") == b"first\n"
    store.replace("a/b.jsonl", b"third\n")
    assert store.read("a/b.jsonl") == b"third\n"
    store.delete("a/b.jsonl")
    store.delete("a/b.jsonl")
    assert list(store.names()) == []


def test_a_dead_store_a_missing_container_and_a_wrong_key_are_named(
    store: BlobStore, blobs: Azurite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StorageError, match="the store will not") as raised:
        open_store(ADDRESS.replace("collected@", "nothing@")).put("a/b.jsonl", b"x")
    assert "a container that exists" in str(raised.value)
    wrong = blobs.connection_string.replace(blobs.key[:8], "AAAAAAAA")
    monkeypatch.setenv(CONNECTION_STRING, wrong)
    with pytest.raises(StorageError, match="the store will not") as raised:
        open_store(ADDRESS).put("a/b.jsonl", b"x")
    assert blobs.key[8:] not in str(raised.value)
    collector = Collector(Spool(tmp_path / "spool"), Privacy("full"))
    collector.offer(record("p1"))
    collector.close()
    monkeypatch.setenv(CONNECTION_STRING, blobs.connection_string.replace(blobs.url, "https://127.0.0.1:9"))
    with pytest.raises(StorageError):
        ship(tmp_path / "spool", open_store(ADDRESS))
    assert list((tmp_path / "spool").glob("*.ready")), "what a dead store did not take stays"


def test_an_address_of_another_form_is_refused() -> None:
    with pytest.raises(UsageError, match="no address of a blob container") as raised:
        open_store("s3://bucket/prefix")
    assert "wasbs://" in str(raised.value)
