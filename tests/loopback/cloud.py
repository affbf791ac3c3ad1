"""The Azure that a deployment talks to, on loopback and under Azure's own names: sign-in, resource manager, scoring.

    client (real azure-identity, real azure-ai-ml)
        ──► proxy ──► login.microsoftonline.com, management.azure.com, *.inference.ml.azure.com   this file
                 └──► loopback.blob.core.windows.net                                              real Azurite

It keeps resources as they were put, answers as the resource manager does, and fails where a test says so. What it
proves is what is asked of Azure and in which order; how Azure behaves it cannot prove.
"""

from __future__ import annotations

import copy
import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import trustme
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .azurite import ACCOUNT, Azurite, azurite, free_port
from .proxy import proxy
from .tls import serving
from .workspace import GROUP, NAME, SCOPE, SUBSCRIPTION

TENANT = "00000000-0000-0000-0000-0000000000aa"
LOCATION = "westeurope"
MANAGEMENT, LOGIN, SCORING = "management.azure.com", "login.microsoftonline.com", ".inference.ml.azure.com"
SITES = ".azurewebsites.net"

Judge = Callable[[str, dict[str, Any]], tuple[int, Any]]
"""`(deployment, body) -> (status, answer)`: what a deployment answers to a scoring request."""


@dataclass
class Cloud:
    """One running stand-in.

    Attributes:
        environment: what a shell after `az login` holds to reach it.
        resources: what was put, by path below the workspace.
        asked: `(method, path below the workspace, body)` in order; reads are not kept.
        judge: how deployments answer.
        site: what `GET /health` of a web app answers, by host name: status and body.
        fail: by path below the workspace: a status to answer a write with, or `"later"` for one that is accepted and
            then fails, or `"never"` for one that never ends; another word is the code it then fails with.
        assertions: federated tokens that were exchanged for access tokens.
    """

    environment: dict[str, str]
    blobs: Azurite
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    judge: Judge = lambda deployment, body: (200, {"predictions": []})
    site: Callable[[str], tuple[int, Any]] = lambda host: (404, "no such site")
    fail: dict[str, int | str] = field(default_factory=dict)
    assertions: list[str] = field(default_factory=list)
    secret: str = field(default_factory=lambda: secrets.token_hex(32))

    def token(self) -> str:
        """An access token."""
        now = int(time.time())
        claims = {"aud": f"https://{MANAGEMENT}", "iat": now, "exp": now + 3600, "oid": "someone", "tid": TENANT}
        return jwt.encode(claims, self.secret, algorithm="HS256")

    def traffic(self, endpoint: str) -> dict[str, int]:
        """Share by deployment."""
        shares: dict[str, int] = self.resources[f"onlineEndpoints/{endpoint}"]["properties"].get("traffic") or {}
        return {name: share for name, share in shares.items() if share}

    def writes(self) -> list[str]:
        """`METHOD path` of everything that was changed, in order."""
        return [f"{method} {path}" for method, path, _ in self.asked]


@contextmanager
def cloud(home: Path) -> Iterator[Cloud]:
    """Start sign-in, resource manager, scoring and storage under `home`."""
    certificates, port = trustme.CA(), free_port()
    with azurite(home / "azurite", certificates) as blobs:
        names = {MANAGEMENT: port, LOGIN: port, SCORING: port, SITES: port, ".blob.core.windows.net": blobs.port}
        with proxy(names) as through:
            environment = {
                "HTTPS_PROXY": through,
                "NO_PROXY": "127.0.0.1,localhost",
                "REQUESTS_CA_BUNDLE": str(blobs.authority),
                "SSL_CERT_FILE": str(blobs.authority),
            }
            state = Cloud(environment, blobs)
            _log_in(state, home / "bin")
            blobs.make_container("datastore")
            with serving(_app(state), port, certificates, MANAGEMENT, LOGIN, f"*.{LOCATION}{SCORING}", f"*{SITES}"):
                yield state


def _log_in(state: Cloud, folder: Path) -> None:
    """An `az` that was logged in, first on PATH."""
    folder.mkdir(parents=True)
    answer = {"accessToken": state.token(), "expiresOn": "2099-01-01 00:00:00.000000", "expires_on": 4070908800}
    az = folder / "az"
    az.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps({**answer, 'tokenType': 'Bearer'})}\nEND\n")
    az.chmod(0o700)
    state.environment["PATH"] = f"{folder}:/usr/bin:/bin"


def _app(state: Cloud) -> Starlette:
    async def any_host(request: Request) -> Response:
        host = request.headers["host"].partition(":")[0]
        body = await request.body()
        told = json.loads(body) if body and "json" in request.headers.get("content-type", "") else body.decode()
        if host == LOGIN:
            return _sign_in(state, request, told)
        if host.endswith(SITES) and request.url.path == "/health":
            status, answer = state.site(host)
            return JSONResponse(answer, status)
        if not _believed(state, request):
            return JSONResponse({"error": {"code": "AuthenticationFailed", "message": "no token of ours"}}, 401)
        if host.endswith(SCORING):
            status, answer = state.judge(request.headers.get("azureml-model-deployment", ""), told)
            return JSONResponse(answer, status)
        return _manage(state, request, told)

    return Starlette(
        routes=[Route("/{path:path}", any_host, methods=["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"])]
    )


def _believed(state: Cloud, request: Request) -> bool:
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    try:
        jwt.decode(given, state.secret, algorithms=["HS256"], options={"verify_aud": False})
    except jwt.InvalidTokenError:
        return False
    return True


def _sign_in(state: Cloud, request: Request, body: Any) -> Response:
    """Entra ID, as far as a workload identity needs it: its addresses, and a token for a federated one."""
    from urllib.parse import parse_qs

    path = request.url.path
    if path.endswith("/discovery/instance"):
        issuer = f"https://{LOGIN}/{TENANT}/v2.0/.well-known/openid-configuration"
        return JSONResponse({"tenant_discovery_endpoint": issuer, "metadata": []})
    if path.endswith("openid-configuration"):
        root = f"https://{LOGIN}/{TENANT}"
        ends = {
            "token_endpoint": f"{root}/oauth2/v2.0/token",
            "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
        }
        return JSONResponse({**ends, "issuer": f"{root}/v2.0"})
    asked = parse_qs(body)
    if "client_assertion" not in asked:
        return JSONResponse({"error": "invalid_client", "error_description": "no assertion"}, 401)
    state.assertions.append(asked["client_assertion"][0])
    return JSONResponse({"token_type": "Bearer", "expires_in": 3600, "access_token": state.token()})


def _manage(state: Cloud, request: Request, body: Any) -> Response:
    path = request.url.path
    if path.lower() == SCOPE.lower():
        return JSONResponse(_workspace())
    if not path.lower().startswith(SCOPE.lower() + "/"):
        return _missing(path)
    below = path[len(SCOPE) + 1 :].strip("/")
    if below.startswith("operations/"):
        return _operation(state, below.removeprefix("operations/"))
    if request.method == "POST":
        return _act(state, below, body)
    if request.method == "GET":
        return _read(state, below)
    state.asked.append((request.method, below, body))
    how = state.fail.get(below)
    if isinstance(how, int):
        return JSONResponse(
            {"error": {"code": _CODES.get(how, "ServerError"), "message": f"told to fail: {below}"}}, how
        )
    if request.method == "DELETE":
        state.resources.pop(below, None)
        for name in [name for name in state.resources if name.startswith(below + "/")]:
            del state.resources[name]
        return Response(status_code=200)
    return _put(state, below, body, how)


_CODES = {400: "BadRequest", 403: "AuthorizationFailed", 404: "NotFound", 409: "Conflict", 429: "TooManyRequests"}


def _put(state: Cloud, below: str, body: Any, how: int | str | None) -> Response:
    known = below in state.resources
    resource = copy.deepcopy(body)
    resource.update(id=f"{SCOPE}/{below}", name=below.rpartition("/")[2], location=LOCATION)
    properties = resource.setdefault("properties", {})
    properties["provisioningState"] = {None: "Succeeded", "never": "Creating"}.get(how, "Failed")
    # What the service fills in where nobody says anything, and the SDK counts on.
    if below.startswith("models/"):
        properties["flavors"] = properties.get("flavors") or {}
    if "/deployments/" in below:
        properties["scaleSettings"] = properties.get("scaleSettings") or {"scaleType": "Default"}
    if "Endpoints/" in below and below.count("/") == 1:
        endpoint = below.rpartition("/")[2]
        properties["scoringUri"] = f"https://{endpoint}.{LOCATION}{SCORING}/score"
        resource["identity"] = {"type": "SystemAssigned", "principalId": "p", "tenantId": TENANT}
    state.resources[below] = resource
    if how is None:
        return JSONResponse(resource, 200 if known else 201)
    operation = f"https://{MANAGEMENT}{SCOPE}/operations/{below}"
    accepted = {**resource, "properties": {**properties, "provisioningState": "Creating"}}
    return JSONResponse(accepted, 201, {"Azure-AsyncOperation": operation, "Retry-After": "0"})


def _operation(state: Cloud, below: str) -> Response:
    if state.fail.get(below) == "never":
        return JSONResponse({"status": "InProgress"})
    how = state.fail.get(below)
    code = how if isinstance(how, str) and how != "later" else "OutOfCapacity"
    told = {"code": code, "message": "There is no quota for this size in this region."}
    return JSONResponse({"status": "Failed", "error": told})


def _read(state: Cloud, below: str) -> Response:
    if below == "datastores":
        return JSONResponse({"value": [_datastore()]})
    if below == "datastores/workspaceblobstore":
        return JSONResponse(_datastore())
    if below in state.resources:
        return JSONResponse(state.resources[below])
    children = [one for name, one in state.resources.items() if name.rpartition("/")[0] == below]
    if children or below.endswith(("/versions", "/deployments")):
        return JSONResponse({"value": children})
    return _missing(below)


def _act(state: Cloud, below: str, body: Any) -> Response:
    """What the resource manager does on POST: leave to upload, secrets of a datastore, a token for scoring."""
    if below.endswith("/startPendingUpload"):
        folder = below.split("/")[1]
        leave = state.blobs.container_sas("datastore", ACCOUNT_URL)
        reference = {
            "blobUri": f"{ACCOUNT_URL}/datastore/{folder}",
            "storageAccountArmId": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}",
            "credential": {"credentialType": "SAS", "sasUri": leave},
        }
        return JSONResponse({"pendingUploadId": "1", "blobReferenceForConsumption": reference})
    if below.endswith("/listSecrets"):
        sas = state.blobs.container_sas("datastore", ACCOUNT_URL).partition("?")[2]
        return JSONResponse({"secretsType": "Sas", "sasToken": sas})  # pragma: allowlist secret
    if below.endswith("/token"):
        return JSONResponse({"accessToken": state.token(), "tokenType": "Bearer", "expiryTimeUtc": 0})
    state.asked.append(("POST", below, body))
    return JSONResponse({})


ACCOUNT_URL = f"https://{ACCOUNT}.blob.core.windows.net"


def _datastore() -> dict[str, Any]:
    about = {
        "datastoreType": "AzureBlob",
        "accountName": ACCOUNT,
        "containerName": "datastore",
        "endpoint": "core.windows.net",
        "protocol": "https",
        "isDefault": True,
        "credentials": {"credentialsType": "Sas"},
    }
    return {"id": f"{SCOPE}/datastores/workspaceblobstore", "name": "workspaceblobstore", "properties": about}


def _workspace() -> dict[str, Any]:
    about = {
        "friendlyName": NAME,
        "workspaceId": "w",
        "discoveryUrl": f"https://{LOCATION}.api.azureml.ms/discovery",
        "mlFlowTrackingUri": f"azureml://{LOCATION}.api.azureml.ms/mlflow/v1.0{SCOPE}",
        "provisioningState": "Succeeded",
        "storageAccount": f"/subscriptions/{SUBSCRIPTION}/x/storageAccounts/{ACCOUNT}",
    }
    return {"id": SCOPE, "name": NAME, "location": LOCATION, "kind": "Default", "properties": about, "tags": {}}


def _missing(path: str) -> Response:
    return JSONResponse({"error": {"code": "ResourceNotFound", "message": f"no {path}"}}, 404)
