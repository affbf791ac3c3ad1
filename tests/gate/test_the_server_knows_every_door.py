"""A server with a door nobody has classified does not start, and the errors say what to do."""

from __future__ import annotations

from typing import Any

import pytest

from homologate.errors import ServiceError, UsageError
from registry_promotion.server import _artifacts, _registry, _routes
from registry_promotion.server.app import _database


@pytest.fixture
def app() -> Any:
    """A Flask app with MLflow's own routes, apart from the one MLflow keeps."""
    from flask import Flask
    from mlflow.server import app as mlflow_app

    made = Flask("copy")
    for rule in mlflow_app.url_map.iter_rules():
        if rule.endpoint != "static":
            made.add_url_rule(str(rule), rule.endpoint, mlflow_app.view_functions[rule.endpoint], methods=rule.methods)
    return made


def test_every_route_of_this_mlflow_is_classified(app: Any) -> None:
    _routes.close_routes(app)


def test_a_new_route_that_writes_stops_the_server(app: Any) -> None:
    app.add_url_rule("/api/4.0/mlflow/model-versions/promote", "_promote", lambda: "done", methods=["POST"])
    with pytest.raises(ServiceError, match="_promote") as caught:
        _routes.close_routes(app)
    assert "routes.txt" in str(caught.value)


def test_a_route_the_gate_counts_on_that_is_gone_stops_the_server(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {**_routes.classified(), "_gone": "registry"}
    monkeypatch.setattr(_routes, "classified", lambda: known)
    with pytest.raises(ServiceError, match="lacks routes the gate counts on: _gone"):
        _routes.close_routes(app)


def test_a_native_route_nobody_classified_stops_the_server(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {name: kind for name, kind in _routes.classified().items() if name != "artifact_router.upload_artifact"}
    monkeypatch.setattr(_routes, "classified", lambda: known)
    with pytest.raises(ServiceError, match=r"artifact_router\.upload_artifact"):
        _routes.close_routes(app)


def test_a_mutation_that_graphql_learns_stops_the_server(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_routes, "_GRAPHQL_MUTATIONS", {"testMutation"})
    with pytest.raises(ServiceError, match="GraphQL mutations"):
        _routes.close_routes(app)


def test_a_new_method_of_the_registry_store_stops_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    _registry._classified(SqlAlchemyStore)
    monkeypatch.setattr(SqlAlchemyStore, "promote_model_version", lambda self: None, raising=False)
    with pytest.raises(ServiceError, match="promote_model_version"):
        _registry._classified(SqlAlchemyStore)


def test_a_new_way_to_write_artifacts_stops_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

    def overwrite_artifact(self: Any) -> None:
        """A method of some later MLflow."""

    overwrite_artifact.__qualname__ = "ArtifactRepository.overwrite_artifact"
    monkeypatch.setattr(ArtifactRepository, "overwrite_artifact", overwrite_artifact, raising=False)
    with pytest.raises(ServiceError, match="overwrite_artifact"):
        _artifacts.guard_artifact_repositories(lambda _: None)


@pytest.mark.parametrize("database", ["./mlruns", "file:///tmp/mlruns", ""])
def test_a_registry_without_a_database_is_refused(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", database)
    with pytest.raises(ServiceError, match="sqlite:///"):
        _database()


def test_workspaces_are_refused_because_two_models_may_share_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ENABLE_WORKSPACES", "true")
    with pytest.raises(ServiceError, match="workspaces"):
        _database()


def test_a_stage_nobody_knows_is_named_with_the_legal_ones() -> None:
    from registry_promotion.lifecycle import stage_named

    assert stage_named(" production ") == "Production"
    with pytest.raises(UsageError, match="Staging, Production"):
        stage_named("Prod")
