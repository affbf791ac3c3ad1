"""However a location is spelled, it is compared as the place it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_promotion.server._locations import Sealed, inside, place_of, shown

DESTINATION = "_MLFLOW_SERVER_ARTIFACT_DESTINATION"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The artifact root of a server."""
    monkeypatch.setenv(DESTINATION, str(tmp_path))
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_ROOT", "mlflow-artifacts:/")
    return tmp_path


@pytest.mark.parametrize(
    "spelling",
    [
        "mlflow-artifacts:/1/run/artifacts/model",
        "mlflow-artifacts:///1/run/artifacts/model/",
        "mlflow-artifacts://127.0.0.1:5000/1/run/artifacts/model",
        "http://127.0.0.1:5000/api/2.0/mlflow-artifacts/artifacts/1/run/artifacts/model",
        "{root}/1/run/artifacts/model",
        "file://{root}/1/run/./artifacts//model",
        "{root}/1/run/x/../artifacts/model",
        "{root}/1/RUN/artifacts/Model",
    ],
)
def test_every_spelling_of_a_place_is_one_place(root: Path, spelling: str) -> None:
    assert place_of(spelling.format(root=root)) == place_of(f"{root}/1/run/artifacts/model")


def test_a_symbolic_link_is_the_place_it_points_at(root: Path) -> None:
    (root / "real").mkdir()
    (root / "link").symlink_to(root / "real")
    assert place_of(f"{root}/link/model") == place_of(f"{root}/real/model")


@pytest.mark.parametrize(
    ("store", "same"),
    [
        ("s3://bucket/a/b", "s3://bucket//a/./b/"),
        ("wasbs://c@account.blob.core.windows.net/a/b", "wasbs://c@account.blob.core.windows.net/x/../a/b"),
    ],
)
def test_places_in_object_stores_are_normalised_too(store: str, same: str) -> None:
    assert place_of(store) == place_of(same)
    assert place_of(store) != place_of(store.replace("/a/b", "/a/c"))


@given(st.lists(st.sampled_from(["model", "MODEL", "%6dodel", "%256dodel", ".", "", "model.onnx"]), max_size=4))
def test_no_encoding_hides_a_place_below_a_sealed_one(tail: list[str]) -> None:
    sealed = Sealed([place_of("/srv/artifacts/1/run/artifacts/model")])
    assert sealed.touched_by("/".join(["/srv/artifacts/1/run/artifacts/%6d%6fdel", *tail]))


@given(st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True).filter(lambda name: not name.startswith("model")))
def test_neighbours_of_a_sealed_place_are_free(name: str) -> None:
    sealed = Sealed([place_of("/srv/artifacts/1/run/artifacts/model")])
    assert sealed.touched_by(f"/srv/artifacts/1/run/artifacts/{name}") is None
    assert sealed.touched_by(f"/srv/artifacts/1/run/artifacts/model-{name}") is None
    assert sealed.touched_by("/srv/artifacts/1/run"), "deleting a folder above would take it away"


def test_a_place_is_shown_without_where_the_server_keeps_it(root: Path) -> None:
    assert shown(place_of(f"{root}/1/run")) == "artifacts:/1/run"
    assert str(root) not in shown(place_of("/etc/passwd"))
    assert not inside(place_of("/etc"), place_of(str(root)))
