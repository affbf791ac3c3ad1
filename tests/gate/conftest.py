"""A gated MLflow server, its people, and versions to fight over."""

from __future__ import annotations

import base64
import contextlib
import http.client
import itertools
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from homologate.local import Services, program

MODEL = "brakes"
PEOPLE = ("ann", "bob", "cleo", "dan")
"""ann makes versions; bob and cleo review; dan may edit everything and would like to cheat."""
PASSWORD = "correct horse battery"  # pragma: allowlist secret

AUTH = """[mlflow]
default_permission = MANAGE
database_uri = sqlite:///{home}/auth.db
admin_username = admin
admin_password = {password}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
auth_cache_ttl_seconds = 300
"""

POLICY = """
schema: 1
name: tests-{lower}
stage: {stage}
says: {says}
rules:
  - id: clean-commit
    topic: provenance
    reads: training.source.dirty
    compare: is
    limit: false
    unit: flag
    says: The code is a clean commit.
    fix: commit and train again
sign_off:
  approvals: {approvals}
  valid_days: 30
"""


class Answer(NamedTuple):
    status: int
    text: str
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Gated:
    """One running server."""

    url: str
    home: Path
    services: Services
    people: dict[str, str] = field(default_factory=dict)

    def ask(
        self,
        user: str | None,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One raw request, the path sent exactly as given."""
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json"} if data is not None else {}
        if user:
            sent["Authorization"] = self.sign_in(user)
        line = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        try:
            line.request(method, path, body=data, headers={**sent, **(headers or {})})
            answer = line.getresponse()
            return Answer(answer.status, answer.read().decode("utf-8", "replace"), dict(answer.getheaders()))
        finally:
            line.close()

    @staticmethod
    def sign_in(user: str) -> str:
        """What the Authorization header of `user` says."""
        return "Basic " + base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()

    def client(self, user: str) -> Any:
        """MLflow's own client, as `user`."""
        from mlflow import MlflowClient

        uri = self.url.replace("://", f"://{user}:{PASSWORD.replace(' ', '%20')}@")
        return MlflowClient(tracking_uri=uri, registry_uri=uri)  # a command typed in this process may have set another

    def post(self, user: str, path: str, **fields: str) -> Answer:
        """A write to our own API."""
        return self.ask(user, "POST", f"/homologate/api/{path}", fields)

    def stage(self, version: str, model: str = MODEL) -> str:
        """The stage the registry has a version in."""
        return str(self.client("admin").get_model_version(model, version).current_stage)

    def in_stage(self, stage: str, model: str = MODEL) -> list[str]:
        """The versions the registry has in a stage."""
        found = self.client("admin").search_model_versions(f"name = '{model}'")
        return [str(v.version) for v in found if v.current_stage == stage]

    def alias(self, alias: str, model: str = MODEL) -> str | None:
        """The version an alias points at."""
        pointing = self.client("admin").get_registered_model(model).aliases
        return str(pointing[alias]) if alias in pointing else None

    def requested(self, version: str, stage: str = "Production", by: str = "ann", model: str = MODEL) -> str:
        """The id of a new request."""
        answer = self.post(by, "requests", model=model, version=version, stage=stage, reason="for the tests")
        assert answer.status == 201, answer.text
        return str(answer.json["request"]["id"])

    def approved(self, version: str, stage: str = "Production", model: str = MODEL) -> str:
        """The id of a request that bob and cleo approved."""
        request = self.requested(version, stage, model=model)
        for person in ("bob", "cleo"):
            answer = self.post(person, f"requests/{request}/approve", comment="read it all")
            assert answer.status == 200, answer.text
        return request

    def promoted(self, version: str, stage: str = "Production", model: str = MODEL) -> str:
        """The id of a request after its version was moved by it."""
        request = self.approved(version, stage, model)
        answer = self.post("ann", f"requests/{request}/promote")
        assert answer.status == 200, answer.text
        return request


def start(
    home: Path,
    *,
    models: str = MODEL,
    login: str = "basic-auth",
    backend: str = "",
    workers: int = 1,
    extra: tuple[str, ...] = (),
    says: str = "What the tests of the server demand of a version.",
    notify: dict[str, Any] | None = None,
    environment: dict[str, str] | None = None,
) -> Gated:
    """A gated server on `home`, which may hold the stores of an earlier one."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "auth.ini").write_text(AUTH.format(home=home, password=PASSWORD))
    (home / "policies").mkdir(exist_ok=True)
    for stage, needed in (("Staging", 1), ("Production", 2)):
        text = POLICY.format(lower=stage.lower(), stage=stage, approvals=needed, says=says)
        (home / "policies" / f"{stage.lower()}.yaml").write_text(text)
    settings = home / "homologate.yaml"
    settings.write_text(
        json.dumps(
            {
                "home": str(home),
                "promotion": {
                    "models": [models],
                    "policies": str(home / "policies"),
                    "admins": ["admin"],
                    "login": login,
                    "notify": notify or {},
                },
            }
        )
    )
    services = Services(home / "services")
    stores = [
        "--backend-store-uri",
        backend or f"sqlite:///{home}/mlflow.db",
        "--artifacts-destination",
        f"{home}/artifacts",
    ]

    def command(port: int) -> list[str]:
        listen = ["--host", "127.0.0.1", "--port", str(port), "--workers", str(workers)]
        return [program("mlflow"), "server", "--app-name", "homologate", *stores, *listen, *extra]

    served = services.start(
        "gated",
        command,
        about="tests",
        port=5420,
        ready="/health",
        environment={
            "MLFLOW_AUTH_CONFIG_PATH": str(home / "auth.ini"),
            "MLFLOW_FLASK_SERVER_SECRET_KEY": "a secret of the tests",  # pragma: allowlist secret
            "HOMOLOGATE_SETTINGS": str(settings),
            "HOMOLOGATE_TRUSTED_KEYS": "",
            **(environment or {}),
        },
        say=print,
    )
    gated = Gated(served.url, home, services)
    for person in PEOPLE if login != "none" else ():
        gated.ask("admin", "POST", "/api/2.0/mlflow/users/create", {"username": person, "password": PASSWORD})
    return gated


@pytest.fixture(scope="session")
def start_gated() -> Iterator[Callable[..., Gated]]:
    """Starts further servers; every one is stopped at the end."""
    started: list[Gated] = []

    def begin(home: Path, **named: Any) -> Gated:
        started.append(start(home, **named))
        return started[-1]

    yield begin
    for one in started:
        one.services.stop()


@pytest.fixture(scope="session")
def gated(tmp_path_factory: pytest.TempPathFactory, start_gated: Callable[..., Gated]) -> Gated:
    """The server most tests share. A test makes versions of its own and leaves Production as it likes."""
    return start_gated(tmp_path_factory.mktemp("gated"), models=f"{MODEL}*")


@pytest.fixture(scope="session")
def make_version(bundles: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Registers a complete, signed version as ann and returns its number; every call makes other bytes."""
    number = itertools.count(1)

    def make(
        gated: Gated,
        model: str = MODEL,
        by: str = "ann",
        evidence: Callable[[Any], None] | None = None,
        rows: Any = None,
        directory: Path | None = None,
    ) -> str:
        from mlflow.exceptions import MlflowException

        scratch = tmp_path_factory.mktemp("version")
        made = bundles(scratch, f"bytes {next(number)} of {model}", directory)
        if evidence:
            evidence(made)
        trusted = gated.home / "keys" / "trusted"
        trusted.mkdir(parents=True, exist_ok=True)
        for key in (scratch / "keys" / "trusted").glob("*.pem"):
            shutil.copy(key, trusted)
        client = gated.client(by)
        # A slow server makes MLflow's client send its request again: the first may have made it.
        with contextlib.suppress(MlflowException):
            client.create_experiment("tests")
        experiment = client.get_experiment_by_name("tests").experiment_id
        run = client.create_run(experiment)
        client.log_artifacts(run.info.run_id, str(made.model), "model")
        inputs = {"homologate.input.export_run": run.info.run_id}
        if rows is not None:
            data = client.create_run(experiment)
            rows.to_parquet(scratch / "rows.parquet")
            client.log_artifact(data.info.run_id, str(scratch / "rows.parquet"), "data")
            inputs["homologate.input.data_run"] = data.info.run_id
        register = client.create_run(experiment, tags=inputs)
        client.log_artifacts(register.info.run_id, made.write_evidence(scratch / "evidence"), "evidence")
        with contextlib.suppress(MlflowException):  # it exists already
            client.create_registered_model(model)
        tags = {"homologate.digest": made.digest, "homologate.evidence_run": register.info.run_id}
        source = f"{run.info.artifact_uri}/model"
        version = client.create_model_version(model, source, run_id=run.info.run_id, tags=tags, await_creation_for=0)
        return str(version.version)

    return make


@pytest.fixture
def version(gated: Gated, make_version: Callable[..., str]) -> str:
    """A new version of the shared server's model."""
    return make_version(gated)
