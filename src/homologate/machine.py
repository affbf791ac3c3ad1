"""Everything on one machine: the MLflow server, the endpoint, and where a person or a program finds them.

No mlflow, torch or pandas may be imported here: `homologate where` must answer at once.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from homologate.errors import ServiceError
from homologate.local import HOST, Service, Services, program
from homologate.settings import Settings
from homologate.summary import recall
from homologate.summary import told as told_summary

__all__ = ["start_endpoint", "start_server", "told", "whereabouts"]

SERVER, ENDPOINT = "mlflow", "endpoint"
SERVER_PORT, ENDPOINT_PORT = 5000, 5001


def start_server(settings: Settings, *, say: Callable[[str], None]) -> Service:
    """Start the MLflow server of this home (SQLite, artifacts behind the server), or find it running.

    Raises:
        ServiceError: it would not start; the end of its log is in the message.
        StorageError: the home folder cannot be written.
    """
    home = Path(settings.home).absolute()
    store = f"sqlite:///{home}/mlflow.db"

    def command(port: int) -> list[str]:
        places = ["--backend-store-uri", store, "--artifacts-destination", str(home / "artifacts")]
        return [program("mlflow"), "server", *places, "--host", HOST, "--port", str(port), "--workers", "1"]

    # Background jobs of MLflow's own (scorers, gateways) need a task queue nobody here asks for.
    environment = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    services = Services(home)
    return services.start(
        SERVER, command, about=store, port=SERVER_PORT, ready="/health", environment=environment, say=say
    )


def start_endpoint(settings: Settings, *, say: Callable[[str], None]) -> Service | None:
    """Serve the version in Production with stock `mlflow models serve`; None where no version is in Production.

    Raises:
        ServiceError: no MLflow server runs here, or the endpoint would not start.
    """
    home = Path(settings.home).absolute()
    services = Services(home)
    server = services.running().get(SERVER)
    if server is None:
        raise ServiceError(
            "the MLflow server of this home is not running", place=str(home), next_command="homologate up"
        )
    version = _in_production(server, settings.model)
    if version is None:
        say(f"no version of {settings.model} is in Production yet; the endpoint starts when one is")
        return None
    model = f"models:/{settings.model}/{version}"

    def command(port: int) -> list[str]:
        where = ["--env-manager", "local", "--host", HOST, "--port", str(port)]
        return [program("mlflow"), "models", "serve", "--model-uri", model, *where]

    environment = {"MLFLOW_TRACKING_URI": server.url, "PATH": _path()}
    return services.start(
        ENDPOINT, command, about=model, port=ENDPOINT_PORT, ready="/ping", environment=environment, say=say
    )


def whereabouts(settings: Settings) -> dict[str, Any]:
    """Every address of this home, as facts.

    Returns:
        `tracking_uri` (None where no server runs and none is named), `model`, `artifact_root`, `home`, `endpoint`,
        `services` (what runs), and `last` (what the last lifecycle made, or None).
    """
    import os

    home = Path(settings.home).absolute()
    running = Services(home).running()
    server, endpoint = running.get(SERVER), running.get(ENDPOINT)
    return {
        "tracking_uri": os.environ.get("MLFLOW_TRACKING_URI") or (server.url if server else None),
        "model": settings.model,
        "artifact_root": str(home / "artifacts"),
        "home": str(home),
        "endpoint": f"{endpoint.url}/invocations" if endpoint else None,
        "services": {name: service._asdict() for name, service in running.items()},
        "last": recall(settings),
    }


def told(facts: dict[str, Any]) -> str:
    """The addresses as a short page that ends with the next command."""
    endpoint = facts["endpoint"]
    lines = [told_summary(facts["last"], closing=False), ""] if facts["last"] else []
    lines += [
        f"MLflow UI   {facts['tracking_uri'] or 'not running'}",
        f"endpoint    {endpoint or 'not running'}"
        + (f"  ({facts['services'][ENDPOINT]['about']})" if endpoint else ""),
        f"artifacts   {facts['artifact_root']}",
        "",
    ]
    if not facts["tracking_uri"]:
        lines.append("next: homologate up")
    elif not facts["last"]:
        lines.append("next: make run")
    elif not endpoint:
        lines.append("next: homologate up  # once a version is in Production")
    else:
        question = '{"inputs": ["The hose burst at 4.1 MPa; the minimum is 6.2 MPa."], "params": {"explain": true}}'
        lines += ["next: ask it", f"  curl -s {endpoint} -H 'content-type: application/json' -d '{question}'"]
    return "\n".join(lines)


def _in_production(server: Service, model: str) -> str | None:
    """The number of the version in Production, asked over REST so that no command waits for mlflow's import."""
    import json
    import urllib.error
    import urllib.request

    body = json.dumps({"name": model, "stages": ["Production"]}).encode()
    address = f"{server.url}/api/2.0/mlflow/registered-models/get-latest-versions"
    request = urllib.request.Request(address, body, {"content-type": "application/json"})  # noqa: S310 (loopback)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 (loopback)
            versions = json.load(answer).get("model_versions", [])
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise ServiceError(f"the MLflow server answered {error.code}", place=address) from error
    return str(versions[0]["version"]) if versions else None


def _path() -> str:
    """PATH with this environment's programs first: `mlflow models serve` looks up uvicorn there."""
    import os
    import sys

    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
