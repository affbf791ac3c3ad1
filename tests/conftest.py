"""Real parts that several guarantees need. Each starts once and only when a test asks for it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from homologate.attest import (
    SBOM_FILE,
    PublicKey,
    SigningKey,
    canonical,
    digest_of,
    load_trusted_keys,
    make_signing_key,
    manifest_of,
    manifest_predicate,
    report_predicate,
    sbom_of,
    sign_statement,
    statement_path,
    training_predicate,
)
from homologate.local import Services, program
from homologate.tracking import Place, Provenance, Tracker

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


@dataclass
class Bundle:
    """A small model directory and the signed evidence about it."""

    model: Path
    digest: str
    evidence: dict[str, bytes]
    key: SigningKey
    trusted: dict[str, PublicKey]

    def sign(self, kind: str, predicate: dict[str, Any], *, subject: str | None = None) -> None:
        """Put a signed statement of one kind in the place of the one there is."""
        envelope = sign_statement(kind, subject or self.digest, predicate, self.key)
        self.evidence[statement_path(kind)] = canonical(envelope)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """A model directory of a few hundred bytes with a complete bundle of evidence, signed by a key of the test."""
    return make_bundle(tmp_path)


def make_bundle(home: Path) -> Bundle:
    """A model directory under `home` and complete evidence about it."""
    model = home / "model"
    (model / "code" / "homologate_scorer").mkdir(parents=True)
    (model / "model.onnx").write_bytes(bytes(range(256)))
    (model / "model.int8.onnx").write_bytes(bytes(range(64)))
    (model / "tokenizer.json").write_text('{"version": "1.0"}')
    (model / "requirements.txt").write_text("numpy==2.2.6\nonnxruntime==1.32.0\n")
    (model / "code" / "homologate_scorer" / "__init__.py").write_text("")
    (model / SBOM_FILE).write_text(sbom_of(model, name="parts", version="run-1"))
    digest, fingerprint = digest_of(model), f"sha256:{'d' * 64}"
    key = make_signing_key(home)
    made = Bundle(model, digest, {}, key, load_trusted_keys(home))
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    for kind in ("data", "evaluation", "explanation", "parity"):
        facts = {"schema": 1, "kind": kind, "subject": {"digest": digest}, "verdict": f"the {kind} is fine"}
        reports = {f"{kind}/{kind}.json": json.dumps(facts).encode(), f"{kind}/{kind}.html": f"<p>{kind}".encode()}
        made.evidence.update(reports)
        more = {"fingerprint": fingerprint, "rows": 300, "source": "synthetic"} if kind == "data" else {}
        made.sign(
            kind,
            report_predicate(verdict=facts["verdict"], run_id="run-1", measured_at=noon, reports=reports, **more),
        )
    made_from = Provenance("a" * 40, False, f"sha256:{'b' * 64}", "3.11.7", "Linux", "host", 2)
    made.sign(
        "training",
        training_predicate(
            run_id="run-1",
            made_from=made_from,
            data_fingerprint=fingerprint,
            data_run_id="run-0",
            parameters={"epochs": 2, "learning_rate": 1e-4},
            seeds={"training": 20},
            started_at=noon,
            finished_at=noon + timedelta(minutes=4),
        ),
    )
    made.sign("manifest", manifest_predicate(manifest_of(model)))
    return made
