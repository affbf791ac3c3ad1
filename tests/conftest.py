"""Real parts that several guarantees need. Each starts once and only when a test asks for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from homologate.local import Services, program
from homologate.tracking import Place, Tracker

# What a developer's shell holds must not reach a test.
for variable in [name for name in os.environ if name.startswith(("MLFLOW_", "HOMOLOGATE_"))]:
    del os.environ[variable]
os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"
# `mlflow run --env-manager local` and the servers find this environment's programs first.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real stock MLflow server on SQLite, artifacts behind the server."""
    home = tmp_path_factory.mktemp("mlflow-server")
    services = Services(home)

    def command(port: int) -> list[str]:
        store = ["--backend-store-uri", f"sqlite:///{home}/mlflow.db", "--artifacts-destination", f"{home}/artifacts"]
        return [program("mlflow"), "server", *store, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]

    yield services.start("mlflow", command, about="tests", port=5300, ready="/health", say=print).url
    services.stop()


@pytest.fixture
def tracker(mlflow_server: str, tmp_path: Path, request: pytest.FixtureRequest) -> Tracker:
    """A tracker on the real server, in an experiment and a home of the test's own."""
    return Tracker(Place(mlflow_server, "server"), experiment=request.node.name, home=tmp_path / "home")
