"""An Azure ML workspace on loopback: Azure's addresses, tokens, refusals and throttling before a real MLflow server.

    client (real azureml-mlflow) ──TLS, token──► this ──► real `mlflow server`
                                 └──TLS, SAS───► real Azurite

It answers as Azure ML does where MLflow 3 asks for what Azure ML lacks (404, as HTML), holds Azure's limits, and counts
what it was asked. What is assumed of Azure and not known is said in docs/azure.md.
"""

from __future__ import annotations

import json
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jwt
import requests
import trustme
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from homologate.local import Services, program

from .azurite import Azurite, azurite, free_port
from .tls import serving

SUBSCRIPTION, GROUP, NAME = "00000000-0000-0000-0000-00000000c0de", "loopback", "components"
SCOPE = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
    f"/providers/Microsoft.MachineLearningServices/workspaces/{NAME}"
)
AUDIENCE = "https://management.azure.com"
CONTAINER = "artifacts"
# azureml-mlflow downloads only from addresses that look like Azure's; a path may look like that on loopback.
LOOKS_LIKE_AZURE = "ws.blob.core.windows.net"
MOST_PARAMS, MOST_METRICS = 200, 1000
ABSENT = ("logged-models", "registered-models/alias", "runs/outputs", "traces", "prompts")


@dataclass
class Workspace:
    """One running stand-in.

    Attributes:
        url: `https://127.0.0.1:<port>`.
        authority: certificate that clients must trust.
        asked: how often each kind of request was answered, by `METHOD path` and by status.
        throttle_every: each n-th tracking request is answered 429 first; 0 never.
        fail: status to answer every tracking request with, or 0.
        unaddressed: the artifact with this name gets an address the client does not take for Azure's.
    """

    url: str
    authority: Path
    blobs: Azurite
    mlflow: str
    secret: str = field(default_factory=lambda: secrets.token_hex(32))
    asked: Counter[str] = field(default_factory=Counter)
    throttle_every: int = 0
    fail: int = 0
    unaddressed: str = ""
    _turn: int = 0

    @property
    def tracking_uri(self) -> str:
        """What `MLFLOW_TRACKING_URI` holds."""
        return f"azureml://{self.url.removeprefix('https://')}/mlflow/v2.0{SCOPE}"

    @cached_property
    def container(self) -> Any:
        """Where artifacts are; a client is dear to make, so there is one."""
        from azure.storage.blob import ContainerClient

        return ContainerClient.from_connection_string(
            self.blobs.connection_string, CONTAINER, connection_verify=str(self.authority)
        )

    def token(self, *, seconds: float = 3600, audience: str = AUDIENCE, secret: str | None = None) -> str:
        """An access token as Entra ID would give; `seconds` until it expires."""
        now = time.time()
        claims = {"aud": audience, "iat": int(now), "nbf": int(now), "exp": int(now + seconds), "oid": "someone"}
        return jwt.encode(claims, secret or self.secret, algorithm="HS256")

    def environment(self, bin_folder: Path) -> dict[str, str]:
        """What a shell on a build agent holds after `az login`: no secret, an `az` that gives tokens."""
        logged_in(bin_folder, self.token())
        return {
            "MLFLOW_TRACKING_URI": self.tracking_uri,
            "REQUESTS_CA_BUNDLE": str(self.authority),
            "SSL_CERT_FILE": str(self.authority),
            "AZUREML_CURRENT_CLOUD": "AzureCloud",
            "PATH": f"{bin_folder}:/usr/bin:/bin",
        }


def logged_in(bin_folder: Path, token: str) -> None:
    """Put an `az` that was logged in, and gives this token, into a folder for PATH."""
    bin_folder.mkdir(parents=True, exist_ok=True)
    az = bin_folder / "az"
    az.write_text(_AZ.format(token=token), encoding="utf-8")
    az.chmod(0o700)


_AZ = """#!/bin/sh
[ "$1 $2" = "account get-access-token" ] || {{ echo "az: '$*' is not known here" >&2; exit 2; }}
cat <<'END'
{{"accessToken": "{token}", "expiresOn": "2099-01-01 00:00:00.000000", "expires_on": 4070908800, "tokenType": "Bearer"}}
END
"""


@contextmanager
def workspace(home: Path) -> Iterator[Workspace]:
    """Start the whole chain under `home`."""
    certificates = trustme.CA()
    port = free_port()
    url = f"https://127.0.0.1:{port}"
    services = Services(home / "mlflow")
    root = f"azureml://127.0.0.1:{port}/mlflow/v2.0{SCOPE}/experiments"

    def command(mlflow_port: int) -> list[str]:
        store = ["--backend-store-uri", f"sqlite:///{home}/mlflow.db", "--default-artifact-root", root]
        listen = ["--no-serve-artifacts", "--host", "127.0.0.1", "--port", str(mlflow_port), "--workers", "1"]
        return [program("mlflow"), "server", *store, *listen]

    with azurite(home / "azurite", certificates) as blobs:
        server = services.start("mlflow", command, about="workspace", port=5600, ready="/health", say=print)
        state = Workspace(url, blobs.authority, blobs, server.url)
        try:
            blobs.make_container(CONTAINER)
            with serving(_app(state), port, certificates, "127.0.0.1"):
                yield state
        finally:
            state.container.close()
            services.stop()


def _app(state: Workspace) -> Starlette:
    artifacts = f"/history/v1.0{SCOPE}/experiments/{{experiment}}/runs/{{run}}/artifacts"

    async def tracking(request: Request) -> Response:
        return await run_in_threadpool(_track, state, request, await request.body())

    async def make(request: Request) -> Response:
        paths = [one["path"] for one in (await request.json())["paths"]]
        run = request.path_params["run"]
        refused = _refused(state, request)
        return refused or JSONResponse(
            {
                "artifacts": {path: _artifact(run, path) for path in paths},
                "artifactContentInformation": {
                    path: {**_artifact(run, path), "contentUri": state.blobs.signed(CONTAINER, _blob(run, path), "cw")}
                    for path in paths
                },
                "errors": {},
            }
        )

    async def content(request: Request) -> Response:
        run, path = request.path_params["run"], unquote(request.query_params["path"])
        refused = _refused(state, request)
        if refused:
            return refused
        if not await run_in_threadpool(state.container.get_blob_client(_blob(run, path)).exists):
            return JSONResponse({"error": {"code": "UserError", "message": f"no artifact {path}"}}, 404)
        address = state.blobs.signed(CONTAINER, _blob(run, path), "r")
        if path == state.unaddressed:
            address = address.replace(LOOKS_LIKE_AZURE, "elsewhere")
        return JSONResponse({**_artifact(run, path), "contentUri": address})

    async def listed(request: Request) -> Response:
        run = request.path_params["run"]
        refused = _refused(state, request)
        found = [] if refused else await run_in_threadpool(_stored, state, run)
        return refused or JSONResponse({"value": [_artifact(run, path) for path in found]})

    return Starlette(
        routes=[
            Route(f"/mlflow/v2.0{SCOPE}/{{rest:path}}", tracking, methods=["GET", "POST", "PATCH", "DELETE", "PUT"]),
            Route(f"{artifacts}/batch/metadata", make, methods=["POST"]),
            Route(f"{artifacts}/contentinfo", content),
            Route(artifacts, listed),
        ]
    )


def _refused(state: Workspace, request: Request) -> Response | None:
    """401 as Azure says it, unless the token is ours, for this audience and in time."""
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    try:
        jwt.decode(given, state.secret, algorithms=["HS256"], audience=AUDIENCE)
    except jwt.InvalidTokenError as error:
        code = "TokenExpired" if isinstance(error, jwt.ExpiredSignatureError) else "InvalidAuthenticationToken"
        told = {"error": {"code": "UserError", "message": f"{code}: {error}", "innerError": {"code": code}}}
        return JSONResponse(
            told, 401, {"WWW-Authenticate": f'Bearer error="invalid_token", error_description="{code}"'}
        )
    return None


def _track(state: Workspace, request: Request, body: bytes) -> Response:
    rest = request.path_params["rest"]
    state.asked[f"{request.method} {rest}"] += 1
    refused = _refused(state, request) or _limited(state, rest, body)
    if refused:
        state.asked[str(refused.status_code)] += 1
        return refused
    answer = requests.request(
        request.method,
        f"{state.mlflow}/{rest}",
        params=request.url.query,
        data=body,
        headers={"content-type": request.headers.get("content-type", "application/json")},
        timeout=60,
    )
    state.asked[str(answer.status_code)] += 1
    # MLflow writes <root>/<experiment>/<run>/artifacts; Azure ML's addresses have `runs` in between.
    content = answer.text
    if f"{SCOPE}/experiments/" in content:
        content = json.dumps(_as_azure(answer.json()))
    return Response(content, answer.status_code, media_type=answer.headers.get("content-type"))


def _limited(state: Workspace, rest: str, body: bytes) -> Response | None:
    state._turn += 1
    if state.fail:
        return JSONResponse({"error": {"code": "ServiceError", "message": "told to fail"}}, state.fail)
    if state.throttle_every and state._turn % state.throttle_every == 0:
        told = {"error": {"code": "TooManyRequests", "message": "Request rate is too high"}}
        return JSONResponse(told, 429, {"Retry-After": "1"})
    if "/api/3.0/" in f"/{rest}" or any(f"mlflow/{name}" in rest for name in ABSENT):
        return HTMLResponse("<html><body><h1>404 Not Found</h1></body></html>", 404)
    if rest.endswith("runs/log-batch"):
        batch = json.loads(body)
        if len(batch.get("metrics", ())) > MOST_METRICS or len(batch.get("params", ())) > MOST_PARAMS:
            told = {"error_code": "BAD_REQUEST", "message": "a batch takes 1000 metrics and 200 parameters"}
            return JSONResponse(told, 400)
    return None


def _as_azure(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _as_azure(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_as_azure(one) for one in value]
    if isinstance(value, str) and f"{SCOPE}/experiments/" in value and "/runs/" not in value:
        head, _, tail = value.partition(f"{SCOPE}/experiments/")
        experiment, _, rest = tail.partition("/")
        return f"{head}{SCOPE}/experiments/{experiment}/runs/{rest}" if rest else value
    return value


def _artifact(run: str, path: str) -> dict[str, str]:
    return {"origin": "ExperimentRun", "container": f"dcid.{run}", "path": path}


def _blob(run: str, path: str) -> str:
    return f"{LOOKS_LIKE_AZURE}/{run}/{path}"


def _stored(state: Workspace, run: str) -> list[str]:
    prefix = _blob(run, "")
    return [name.removeprefix(prefix) for name in state.container.list_blob_names(name_starts_with=prefix)]
