"""Everything on one machine: the endpoint beside the MLflow server, and where a person or a program finds them.

No mlflow, torch or pandas may be imported here: `homologate where` must answer at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from homologate.accounts import ENDPOINT as ENDPOINT_ACCOUNT
from homologate.accounts import LOG_IN, Accounts, Login, login_of_environment
from homologate.errors import ServiceError
from homologate.local import HOST, Service, Services, program
from homologate.mlflow_server import SERVER
from homologate.settings import Settings
from homologate.summary import recall
from homologate.summary import told as told_summary
from homologate.technicians import KEY, PAGES, start_pages

__all__ = ["start_endpoint", "told", "whereabouts"]

ENDPOINT, PORT = "endpoint", 5001


def start_endpoint(settings: Settings, *, say: Callable[[str], None]) -> Service | None:
    """Serve the version in Production with stock `mlflow models serve`; None where no version is in Production.

    It reads the version as the account `endpoint`, or as the one the environment names where this machine holds none.
    A demonstration also gets the technicians' pages.

    Raises:
        ServiceError: no MLflow server runs here, it does not know the account, or the endpoint would not start.
    """
    home = Path(settings.home).absolute()
    services = Services(home)
    server = services.running().get(SERVER)
    if server is None:
        raise ServiceError(
            "the MLflow server of this home is not running", place=str(home), next_command="homologate up"
        )
    accounts = Accounts.known(home)
    login = accounts.login(ENDPOINT_ACCOUNT) if accounts else login_of_environment()
    version = _in_production(server, settings.model, login)
    if version is None:
        say(f"no version of {settings.model} is in Production yet; the endpoint starts when one is")
        return None
    model = f"models:/{settings.model}/{version}"

    def command(port: int) -> list[str]:
        where = ["--env-manager", "local", "--host", HOST, "--port", str(port)]
        return [program("mlflow"), "models", "serve", "--model-uri", model, *where]

    environment = {"MLFLOW_TRACKING_URI": server.url, "PATH": _path(), **(login.environment if login else {})}
    started = services.start(ENDPOINT, command, about=model, port=PORT, ready="/ping", environment=environment, say=say)
    if accounts is not None and accounts.demonstration:
        start_pages(settings, model, environment, say=say)
    return started


def whereabouts(settings: Settings) -> dict[str, Any]:
    """Every address of this home, as facts. No password is among them.

    Returns:
        `tracking_uri` (None where no server runs and none is named), `model`, `artifact_root`, `home`, `endpoint`,
        `gate` (the reviewers' pages), `pages` (the technicians'), `technician_key` (the file that holds the key to
        them; None where no pages run), `demonstration`, `login` (None, or how to log in: `accounts`, the
        `accounts_file` that holds their passwords, the `variables` MLflow reads, `run_as`), `services` (what runs), and
        `last` (what the last lifecycle made, or None).
    """
    import os

    home = Path(settings.home).absolute()
    running = Services(home).running()
    server, endpoint, pages = running.get(SERVER), running.get(ENDPOINT), running.get(PAGES)
    accounts = Accounts.known(home)
    return {
        "tracking_uri": os.environ.get("MLFLOW_TRACKING_URI") or (server.url if server else None),
        "model": settings.model,
        "artifact_root": str(home / "artifacts"),
        "home": str(home),
        "endpoint": f"{endpoint.url}/invocations" if endpoint else None,
        "gate": f"{server.url}/homologate/" if server else None,
        "pages": f"{pages.url}/" if pages else None,
        "technician_key": str(home / KEY) if pages else None,
        "demonstration": bool(accounts and accounts.demonstration),
        "login": _how_to_log_in(accounts) if accounts else None,
        "services": {name: service._asdict() for name, service in running.items()},
        "last": _reachable(recall(settings), server),
    }


def _reachable(last: dict[str, Any] | None, server: Service | None) -> dict[str, Any] | None:
    """The last lifecycle with its reports' addresses at the server that runs now: a restart may choose another port."""
    if last is None or server is None:
        return last
    moved = {kind: re.sub(r"^https?://[^/]+(?=/#/)", server.url, link) for kind, link in last["reports"].items()}
    return {**last, "reports": moved}


def _how_to_log_in(accounts: Accounts) -> dict[str, Any]:
    return {
        "accounts": list(accounts.passwords),
        "accounts_file": str(accounts.file),
        "variables": list(Login("", "").environment),
        "run_as": "homologate as ACCOUNT -- COMMAND",
    }


def told(facts: dict[str, Any]) -> str:
    """The addresses as a short page that ends with the next command."""
    endpoint, login = facts["endpoint"], facts["login"]
    lines = [told_summary(facts["last"], closing=False), ""] if facts["last"] else []
    lines += [
        f"MLflow UI   {facts['tracking_uri'] or 'not running'}",
        f"the gate    {facts['gate'] or 'not running'}",
        f"endpoint    {endpoint or 'not running'}"
        + (f"  ({facts['services'][ENDPOINT]['about']})" if endpoint else ""),
        *([f"technicians {facts['pages']}  (key: {facts['technician_key']})"] if facts["pages"] else []),
        f"who is in   homologate history {facts['model']}",
        f"artifacts   {facts['artifact_root']}",
    ]
    if login:
        lines += [
            f"accounts    {', '.join(login['accounts'])}; passwords in {login['accounts_file']}",
            f"            act as one of them: {login['run_as']}",
        ]
    lines.append("")
    if not facts["tracking_uri"]:
        lines.append("next: homologate up")
    elif not facts["last"]:
        lines.append("next: make run" if facts["demonstration"] else "next: homologate people add NAME --may edit")
    elif not endpoint:
        lines.append("next: homologate up  # once a version is in Production")
    else:
        question = '{"inputs": ["The hose burst at 4.1 MPa; the minimum is 6.2 MPa."], "params": {"explain": true}}'
        curl = f"  curl -s {endpoint} -H 'content-type: application/json' -d '{question}'"
        if facts["pages"]:
            lines += [f"next: open {facts['pages']} with that key and describe a component, or ask the endpoint", curl]
        else:
            lines += ["next: ask it", curl, "or give technicians a page", *PAGES_FOR_PEOPLE]
    if facts["demonstration"]:
        lines += ["", *FOR_REAL_USE]
    return "\n".join(lines)


PAGES_FOR_PEOPLE = (
    "  homologate key NAME && homologate as endpoint -- homologate serve --api-keys keys.txt",
    "  homologate web",
)
FOR_REAL_USE = (
    "THIS IS A DEMONSTRATION: its policies are lenient, and this machine holds everybody's password. Nothing here is",
    'approved for use. For real people and the strict policies start in another home: docs/gate.md, "Real people".',
)


def _in_production(server: Service, model: str, login: Login | None) -> str | None:
    """The number of the version in Production, asked over REST so that no command waits for mlflow's import."""
    import json
    import urllib.error
    import urllib.request

    body = json.dumps({"name": model, "stages": ["Production"]}).encode()
    address = f"{server.url}/api/2.0/mlflow/registered-models/get-latest-versions"
    headers = {"content-type": "application/json", **(login.header if login else {})}
    request = urllib.request.Request(address, body, headers)  # noqa: S310 (loopback)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 (loopback)
            versions = json.load(answer).get("model_versions", [])
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise ServiceError(
            f"the MLflow server answered {error.code} {error.reason}{f' to {login.name!r}' if login else ''}",
            place=address,
            next_command=LOG_IN if error.code in (401, 403) else "look at the server's log",
        ) from error
    return str(versions[0]["version"]) if versions else None


def _path() -> str:
    """PATH with this environment's programs first: `mlflow models serve` looks up uvicorn there."""
    import os
    import sys

    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
