"""Azure ML as the place of runs: the address, the login and the workspace, checked before MLflow's plugin meets them.

The plugin (azureml-mlflow) asks `DefaultAzureCredential`, which may open a browser; on a build agent that is a hang.
Here one credential that needs no person is found first, in the order managed identity, workload identity, `az login`,
and the plugin is held to it. Each failure names what is missing. Nobody else may know Azure's addresses.
"""

from __future__ import annotations

import base64
import json
import os
import re
import time
from typing import Any

from homologate.errors import TrackingError, UsageError

__all__ = ["check_workspace"]

ADDRESS = re.compile(
    r"azureml://(?P<host>[^/]+)/mlflow/v[12]\.0(?P<scope>/subscriptions/[^/]+/resourceGroups/[^/]+"
    r"/providers/Microsoft\.MachineLearningServices/workspaces/(?P<workspace>[^/?]+))"
)
LEGAL_ADDRESS = (
    "azureml://<region>.api.azureml.ms/mlflow/v2.0/subscriptions/<id>/resourceGroups/<group>/providers/"
    "Microsoft.MachineLearningServices/workspaces/<name>"
)
RESOURCE = "https://management.azure.com/.default"
TOKEN_VARIABLE, RUN_VARIABLE = "MLFLOW_TRACKING_TOKEN", "MLFLOW_RUN_ID"
"""Set by Azure ML itself inside a job: the plugin then uses the job's own token."""
CHOICE_VARIABLE = "AZURE_TOKEN_CREDENTIALS"
SHORTEST_LEASE = 95
"""Seconds: a job's token that ends sooner makes the plugin ask for another before its first call (azureml-mlflow)."""
PATIENCE_SECONDS = 20.0
ROLE = "AzureML Data Scientist"


def check_workspace(uri: str) -> None:
    """Return where the workspace at `uri` answers us; hold the plugin to the credential that worked.

    Raises:
        TrackingError: nobody is logged in, the token is refused, or the workspace is not there; the text names the
            login, role or address that is missing.
        UsageError: the address is not one of a workspace.
    """
    found = ADDRESS.match(uri)
    if found is None:
        raise UsageError(
            f"{uri!r} is not the address of an Azure ML workspace",
            place="$MLFLOW_TRACKING_URI",
            legal=LEGAL_ADDRESS,
            next_command="az ml workspace show --name NAME --resource-group GROUP --query mlflow_tracking_uri",
        )
    token = _job_token() or _login()
    _ask(found["host"], found["scope"], found["workspace"], token)


def _job_token() -> str | None:
    """The token Azure ML gave this job, or None outside a job."""
    token = os.environ.get(TOKEN_VARIABLE)
    if not token or not os.environ.get(RUN_VARIABLE):
        return None
    left = _claims(token).get("exp", 0) - time.time()
    if left < SHORTEST_LEASE:
        told = f"ended {-left:.0f} s ago" if left < 0 else f"ends {left:.0f} s from now"
        raise TrackingError(
            f"the token of this job {told}",
            place=f"${TOKEN_VARIABLE}",
            legal=f"a token good for at least {SHORTEST_LEASE} s",
            next_command="submit the job again; Azure ML gives it a new token",
        )
    return token


def _claims(token: str) -> dict[str, Any]:
    try:
        body = token.split(".")[1]
        told = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError):
        told = None
    if not isinstance(told, dict):
        raise TrackingError(
            "the token of this job is not a token of Entra ID (three parts, the second JSON)",
            place=f"${TOKEN_VARIABLE}",
            next_command=f"unset {TOKEN_VARIABLE}, or submit the job again",
        )
    return told


def _login() -> str:
    """A token from the first credential that needs no person; the plugin is held to the same one."""
    from azure.core.exceptions import ClientAuthenticationError
    from azure.identity import CredentialUnavailableError, DefaultAzureCredential

    chosen = os.environ.get(CHOICE_VARIABLE)
    tried: list[str] = []
    for name in [chosen] if chosen else _candidates():
        os.environ[CHOICE_VARIABLE] = name
        try:
            with DefaultAzureCredential(exclude_interactive_browser_credential=True) as credential:
                return credential.get_token(RESOURCE).token
        except (ClientAuthenticationError, CredentialUnavailableError, ValueError) as error:
            tried.append(f"{name}: {_first_line(error)}")
            if not chosen:
                del os.environ[CHOICE_VARIABLE]
    raise TrackingError(
        "nobody is logged in to Azure here: " + "; ".join(tried),
        place="the credentials of this process",
        legal="a job of Azure ML, a workload identity (AZURE_FEDERATED_TOKEN_FILE), or `az login`",
        next_command="az login  # on a machine with a managed identity: az login --identity",
    )


def _candidates() -> list[str]:
    """Credentials without a person, in order. The plugin leaves managed identities to `az login --identity`."""
    federated = "AZURE_FEDERATED_TOKEN_FILE" in os.environ
    return (["WorkloadIdentityCredential"] if federated else []) + ["AzureCliCredential"]


def _ask(host: str, scope: str, workspace: str, token: str) -> None:
    import requests

    address = f"https://{host}/mlflow/v2.0{scope}/api/2.0/mlflow/experiments/search"
    try:
        answer = requests.post(
            address, json={"max_results": 1}, headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE_SECONDS
        )
    except requests.RequestException as error:
        raise TrackingError(
            f"the workspace {workspace!r} does not answer at {host}: {type(error).__name__}",
            place="$MLFLOW_TRACKING_URI",
            next_command="look at the address, the network and, for a private workspace, its private endpoint",
        ) from error
    if answer.status_code < 300 or answer.status_code == 429:
        return
    problem, way = _EXPLAINED.get(answer.status_code, (f"answered {answer.status_code}", "run the command again later"))
    raise TrackingError(
        f"the workspace {workspace!r} {problem}: {_told(answer)}", place="$MLFLOW_TRACKING_URI", next_command=way
    )


_EXPLAINED = {
    401: ("does not believe the token", "az login  # in the tenant of the workspace: az login --tenant TENANT"),
    403: (
        "refuses this identity",
        f"az role assignment create --assignee IDENTITY --role '{ROLE}' --scope WORKSPACE-ID",
    ),
    404: ("is not there (deleted, moved or misspelt)", "az ml workspace list --query '[].mlflow_tracking_uri'"),
}


def _told(answer: Any) -> str:
    try:
        return str(answer.json()["error"]["message"])[:200]
    except (ValueError, KeyError, TypeError):
        return str(answer.reason)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1 if lines[0].startswith("DefaultAzureCredential") else 0][:160] if lines else type(error).__name__
