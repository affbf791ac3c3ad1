"""A governed version's bytes come from this server's artifact root and from the run that is said to have made them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="module")
def version(gated: Any, make_version: Callable[..., str]) -> str:
    """One version, whose run the attacks abuse."""
    return make_version(gated)


@pytest.mark.parametrize(
    "source",
    [
        "/etc",
        "file:///etc",
        "s3://bucket/model",
        "https://example.org/model",
        "http://127.0.0.1:1/api/2.0/mlflow-artifacts/artifacts/../../etc",
        "mlflow-artifacts:/../../etc",
        "mlflow-artifacts:/x/%2e%2e/%2e%2e/etc",
        "mlflow-artifacts://elsewhere.example/1/x",
        "wasbs://c@account.blob.core.windows.net/model",
        "dbfs:/model",
        "ftp://example.org/model",
        "models:/brakes/Production",
        "models:/brakes@champion",
    ],
)
def test_a_source_elsewhere_is_refused(gated: Any, version: str, source: str) -> None:
    known = gated.client("ann").get_model_version("brakes", version)
    body = {"name": "brakes", "source": source, "run_id": known.run_id}
    answer = gated.ask("dan", "POST", "/api/2.0/mlflow/model-versions/create", body)
    assert answer.status in (400, 403), answer.text
    assert answer.json["error_code"] in ("PERMISSION_DENIED", "INVALID_PARAMETER_VALUE")


def test_a_logged_model_of_mlflow_3_is_no_source(gated: Any, version: str) -> None:
    dan = gated.client("dan")
    run = dan.create_run(dan.get_experiment_by_name("tests").experiment_id)
    logged = dan.create_logged_model(run.info.experiment_id, name="model", source_run_id=run.info.run_id)
    for source in (f"models:/{logged.model_id}", logged.artifact_location):
        with pytest.raises(Exception, match="is not among the artifacts of run"):
            dan.create_model_version("brakes", source, run_id=run.info.run_id)
    known = gated.client("ann").get_model_version("brakes", version)
    with pytest.raises(Exception, match=r"PERMISSION_DENIED|INVALID_PARAMETER"):
        dan.create_model_version("brakes", f"models:/{logged.model_id}", run_id=known.run_id)


def test_a_version_must_name_its_run(gated: Any, version: str) -> None:
    known = gated.client("ann").get_model_version("brakes", version)
    with pytest.raises(Exception, match="names no run"):
        gated.client("dan").create_model_version("brakes", known.source)


def test_bytes_cannot_borrow_the_author_of_another_run(gated: Any, version: str) -> None:
    dan = gated.client("dan")
    known = dan.get_model_version("brakes", version)
    run = dan.create_run(dan.get_experiment_by_name("tests").experiment_id)
    dan.log_text(run.info.run_id, "evil", "model/model.onnx")
    with pytest.raises(Exception, match="is not among the artifacts of run"):
        dan.create_model_version("brakes", f"{run.info.artifact_uri}/model", run_id=known.run_id)


def test_a_source_inside_its_own_run_is_accepted_in_every_form(gated: Any, version: str) -> None:
    dan = gated.client("dan")
    run = dan.create_run(dan.get_experiment_by_name("tests").experiment_id)
    dan.log_text(run.info.run_id, "fine", "model/model.onnx")
    for source in (f"{run.info.artifact_uri}/model", f"runs:/{run.info.run_id}/model"):
        made = dan.create_model_version("brakes", source, run_id=run.info.run_id, await_creation_for=0)
        assert made.tags["gate.registered_by"] == "dan"


def test_a_model_the_settings_do_not_name_may_come_from_anywhere(gated: Any, make_version: Callable[..., str]) -> None:
    dan = gated.client("dan")
    dan.create_registered_model("visitors")
    assert dan.create_model_version("visitors", "s3://bucket/model", await_creation_for=0).version
