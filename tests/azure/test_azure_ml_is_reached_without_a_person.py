"""Every command finds the workspace and its login first, never asks a person, and says what is missing."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from loopback.workspace import SCOPE, Workspace

from homologate.errors import TrackingError, UsageError
from homologate.tracking import Place


@pytest.fixture
def place(azure_ml: Workspace, logged_in: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Place:
    """The workspace, as this process would reach it after `az login`."""
    for name, value in logged_in.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AZURE_TOKEN_CREDENTIALS", raising=False)
    return Place(azure_ml.tracking_uri, "azureml")


def fake_az(logged_in: dict[str, str], script: str) -> None:
    (Path(logged_in["PATH"].split(":")[0]) / "az").write_text(f"#!/bin/sh\n{script}\n")


def test_a_shell_after_az_login_reaches_the_workspace_and_the_plugin_is_held_to_that_login(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    place.check()
    assert os.environ["AZURE_TOKEN_CREDENTIALS"] == "AzureCliCredential"
    monkeypatch.delenv("AZURE_TOKEN_CREDENTIALS")


def test_nobody_logged_in_is_told_with_the_logins_that_would_do(place: Place, logged_in: dict[str, str]) -> None:
    fake_az(logged_in, 'echo "ERROR: Please run az login to setup account." >&2; exit 1')
    with pytest.raises(TrackingError, match="nobody is logged in to Azure here") as caught:
        place.check()
    assert "AzureCliCredential: " in caught.value.problem
    assert "az login" in (caught.value.next_command or "")
    assert "workload identity" in (caught.value.legal or "")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"seconds": -60}, "TokenExpired"),
        ({"audience": "https://storage.azure.com"}, "Audience"),
        ({"secret": "x" * 32}, "Signature"),
    ],
    ids=["expired", "of another audience", "signed by another key"],
)  # fmt: skip
def test_a_token_the_workspace_does_not_believe_is_told_with_the_reason(
    place: Place, azure_ml: Workspace, logged_in: dict[str, str], change: dict[str, object], reason: str
) -> None:
    token = azure_ml.token(**change)  # type: ignore[arg-type]
    az = Path(logged_in["PATH"].split(":")[0]) / "az"
    az.write_text(az.read_text().replace(az.read_text().split('"accessToken": "')[1].split('"')[0], token))
    with pytest.raises(TrackingError, match="does not believe the token") as caught:
        place.check()
    assert reason in caught.value.problem
    assert "--tenant" in (caught.value.next_command or "")


@pytest.mark.parametrize(
    ("status", "says", "way"),
    [
        (403, "refuses this identity", "az role assignment create"),
        (404, "is not there (deleted, moved or misspelt)", "az ml workspace list"),
        (500, "answered 500", "again later"),
    ],
)
def test_what_the_workspace_refuses_names_the_role_or_address_that_is_missing(
    place: Place, azure_ml: Workspace, status: int, says: str, way: str
) -> None:
    azure_ml.fail = status
    try:
        with pytest.raises(TrackingError) as caught:
            place.check()
    finally:
        azure_ml.fail = 0
    assert says in caught.value.problem
    assert way in (caught.value.next_command or "")


def test_a_throttled_workspace_is_there(place: Place, azure_ml: Workspace) -> None:
    azure_ml.fail = 429
    try:
        place.check()
    finally:
        azure_ml.fail = 0


def test_a_job_uses_its_own_token_unless_it_ends_too_soon(
    place: Place, azure_ml: Workspace, logged_in: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_az(logged_in, "exit 1")
    monkeypatch.setenv("MLFLOW_RUN_ID", "a-run")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", azure_ml.token())
    place.check()
    for token, says in (
        (azure_ml.token(seconds=60), "ends"),
        (azure_ml.token(seconds=-60), "ended"),
        ("not-a-token", "is not a token of Entra ID"),
    ):
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token)
        with pytest.raises(TrackingError, match=f"the token of this job {says}") as caught:
            place.check()
        assert "submit the job again" in (caught.value.next_command or "")
        assert token not in str(caught.value)


def test_an_address_that_is_no_workspace_is_told_with_the_form_it_must_have() -> None:
    with pytest.raises(UsageError, match="is not the address of an Azure ML workspace") as caught:
        Place("azureml://westeurope.api.azureml.ms/mlflow/v1.0/registries/r", "azureml").check()
    assert "/workspaces/<name>" in (caught.value.legal or "")


def test_a_workspace_that_does_not_answer_is_told_with_its_host(
    place: Place, azure_ml: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(TrackingError, match=f"does not answer at {host}"):
            Place(f"azureml://{host}/mlflow/v2.0{SCOPE}", "azureml").check()
