"""Drives Azure ML's SDK in an environment of its own (requirements/azure-ml.txt); nothing of this project is there.

A plan comes as JSON on stdin; on stdout go JSON lines: `{"say": …}` as things happen, and at the end one `{"done": …}`
or `{"error": {"kind", "message", "next"}}`. Blue and green: the colour that carries no traffic is made anew, asked the
golden probe, mirrored, and then given shares of the traffic; at the first wrong or failed answer the traffic goes back
and the colour is removed. Everything is read from Azure first, so a second run goes on where the first one ended.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

COLOURS = ("blue", "green")
TOLERANCE = 1e-3
"""How far an endpoint's probability may be from the probe's; another CPU rounds differently."""
POLL_SECONDS = 2.0


class Stopped(Exception):
    """What ends a plan, told to the parent."""

    def __init__(self, kind: str, message: str, after: str) -> None:
        self.kind, self.message, self.after = kind, message, after
        super().__init__(message)


def main() -> int:
    """Carry out the plan on stdin."""
    plan = json.load(sys.stdin)
    try:
        _tell({"done": ACTIONS[plan["action"]](_client(plan), plan)})
    except Stopped as stopped:
        _tell({"error": {"kind": stopped.kind, "message": stopped.message, "next": stopped.after}})
    except Exception as error:
        _tell({"error": _explained(error)})
    return 0


def _client(plan: dict[str, Any]) -> Any:
    """The workspace, with a credential that needs no person: managed identity, workload identity, `az login`."""
    import logging

    from azure.ai.ml import MLClient
    from azure.identity import (
        AzureCliCredential,
        ChainedTokenCredential,
        ManagedIdentityCredential,
        WorkloadIdentityCredential,
    )

    logging.disable(logging.WARNING)
    chain: list[Any] = []
    if plan["managed_identity"]:
        chain.append(ManagedIdentityCredential())
    if plan["workload_identity"]:
        chain.append(WorkloadIdentityCredential())
    chain.append(AzureCliCredential())
    client = MLClient(
        ChainedTokenCredential(*chain),
        plan["subscription"],
        plan["resource_group"],
        plan["workspace"],
        enable_telemetry=False,
        show_progress=False,
    )
    client.workspaces.get(plan["workspace"])
    return client


def deploy(client: Any, plan: dict[str, Any]) -> dict[str, Any]:
    """Put the plan's model behind the endpoint."""
    endpoint = _endpoint(client, plan)
    live = _live(endpoint)
    there = {one.name: one for one in client.online_deployments.list(endpoint.name)}
    if live and _digest(there.get(live)) == plan["digest"] and endpoint.traffic.get(live) == 100:
        _say(f"{live} answers with these bytes already")
        return _facts(client, endpoint.name, live, reused=True)
    colour = next(name for name in COLOURS if name != live)
    if colour in there and (_digest(there[colour]) != plan["digest"] or _state(there[colour]) != "succeeded"):
        _say(f"removing {colour}: it is {_state(there[colour])} with {_digest(there[colour]) or 'unknown bytes'}")
        _give(client, endpoint, {live: 100} if live else {}, {})
        client.online_deployments.begin_delete(name=colour, endpoint_name=endpoint.name).result()
        del there[colour]
    if colour not in there:
        _make(client, plan, endpoint.name, colour)
    try:
        _probe(client, plan, endpoint.name, colour)
        _shift(client, plan, endpoint, live, colour)
    except BaseException:
        _say(f"taking {colour} back; {f'all traffic stays with {live}' if live else 'nothing answers'}")
        _give(client, endpoint, {live: 100} if live else {}, {})
        client.online_deployments.begin_delete(name=colour, endpoint_name=endpoint.name).result()
        raise
    return _facts(client, endpoint.name, colour, before=live)


def rollback(client: Any, plan: dict[str, Any]) -> dict[str, Any]:
    """Give all traffic back to the other colour, after it answered its probe."""
    endpoint = _found(client, plan["endpoint"])
    live = _live(endpoint) if endpoint else None
    other = next((name for name in COLOURS if name != live), None)
    there = {one.name: one for one in client.online_deployments.list(plan["endpoint"])} if endpoint else {}
    if endpoint is None or other is None or other not in there or _state(there[other]) != "succeeded":
        raise Stopped(
            "RefusedError",
            f"the endpoint {plan['endpoint']!r} has no other deployment to go back to",
            "homologate deploy azure  # deploys the version the ledger has in Production",
        )
    answer = _asked(client, plan, endpoint.name, other)
    if "predictions" not in answer:
        raise Stopped("RefusedError", f"{other} does not answer its probe", "homologate deploy azure")
    _give(client, endpoint, {other: 100}, {})
    return _facts(client, endpoint.name, other, before=live)


def show(client: Any, plan: dict[str, Any]) -> dict[str, Any]:
    """What answers behind the endpoint."""
    endpoint = _found(client, plan["endpoint"])
    if endpoint is None:
        raise Stopped("DataError", f"no endpoint {plan['endpoint']!r}", "homologate deploy azure")
    return _facts(client, endpoint.name, _live(endpoint))


ACTIONS: dict[str, Callable[[Any, dict[str, Any]], dict[str, Any]]] = {
    "deploy": deploy,
    "rollback": rollback,
    "show": show,
}


def _endpoint(client: Any, plan: dict[str, Any]) -> Any:
    """The endpoint, made where there is none."""
    from azure.ai.ml import load_online_endpoint

    found = _found(client, plan["endpoint"])
    if found is not None and _state(found) == "succeeded":
        return found
    if found is not None and _state(found) not in {"failed", "canceled"}:
        raise Stopped(
            "ServiceError",
            f"the endpoint {plan['endpoint']!r} is {_state(found)}: somebody is changing it, or it is stuck",
            f"az ml online-endpoint show --name {plan['endpoint']}  # and run the command again once it has ended",
        )
    _say(f"making endpoint {plan['endpoint']}")
    wanted = load_online_endpoint(
        Path(plan["definitions"]) / "endpoint.yml", params_override=[{"name": plan["endpoint"]}]
    )
    _ended(client.online_endpoints.begin_create_or_update(wanted), plan, f"the endpoint {plan['endpoint']}")
    return _found(client, plan["endpoint"])


def _found(client: Any, name: str) -> Any:
    from azure.core.exceptions import ResourceNotFoundError

    try:
        return client.online_endpoints.get(name)
    except ResourceNotFoundError:
        return None


def _make(client: Any, plan: dict[str, Any], endpoint: str, colour: str) -> None:
    from azure.ai.ml import load_environment, load_online_deployment
    from azure.ai.ml.entities import CodeConfiguration, Model

    definitions = Path(plan["definitions"])
    file = definitions / "environment.yml"
    conda = load_environment(file).conda_file
    conda = {**conda, "dependencies": [*conda["dependencies"], {"pip": plan["requirements"]}]}
    environment = load_environment(
        file, params_override=[{"version": plan["environment_version"], "conda_file": conda}]
    )
    _say(f"environment {environment.name}:{environment.version}")
    _once(client.environments, environment)
    if plan["model"].get("path"):
        model = Model(name=plan["model"]["name"], version=plan["model"]["version"], path=plan["model"]["path"])
        _say(f"model {model.name}:{model.version}, uploading {Path(model.path).name}")
        _once(client.models, model)
    deployment = load_online_deployment(
        definitions / "deployment.yml", params_override=[{"name": colour, "endpoint_name": endpoint}]
    )
    deployment.model = f"azureml:{plan['model']['name']}:{plan['model']['version']}"
    deployment.environment = f"azureml:{environment.name}:{environment.version}"
    deployment.code_configuration = CodeConfiguration(code=plan["code"], scoring_script="score.py")
    deployment.environment_variables = plan["variables"]
    deployment.tags = {"homologate.digest": plan["digest"], "homologate.version": plan["version"]}
    _say(f"making deployment {colour}; Azure takes minutes for this")
    try:
        _ended(client.online_deployments.begin_create_or_update(deployment), plan, f"the deployment {colour}")
    except BaseException:
        _say(f"removing what was made of {colour}")
        client.online_deployments.begin_delete(name=colour, endpoint_name=endpoint).result()
        raise


def _once(operations: Any, asset: Any) -> None:
    """Make an asset that is never changed, unless it is there."""
    from azure.core.exceptions import ResourceNotFoundError

    try:
        operations.get(asset.name, version=asset.version)
    except ResourceNotFoundError:
        operations.create_or_update(asset)


def _ended(poller: Any, plan: dict[str, Any], what: str) -> None:
    """Wait for a long operation, aloud and not for ever."""
    begun = told = time.monotonic()
    while not poller.done():
        time.sleep(POLL_SECONDS)
        if time.monotonic() - told > 20:
            told = time.monotonic()
            _say(f"still making {what} ({told - begun:.0f} s)")
        if time.monotonic() - begun > plan["patience"]:
            raise Stopped(
                "ServiceError",
                f"{what} was not ready after {plan['patience']:.0f} s",
                "look at it in Azure ML studio; running the command again removes it and starts anew",
            )
    poller.result()


def _shift(client: Any, plan: dict[str, Any], endpoint: Any, live: str | None, colour: str) -> None:
    if live is None and plan["shares"]:
        _give(client, endpoint, {colour: 100}, {})
    if live is None:
        return
    if plan["mirror"]:
        _say(f"mirroring {plan['mirror']} % of the traffic of {live} to {colour}")
        _give(client, endpoint, {live: 100}, {colour: plan["mirror"]})
        time.sleep(plan["settle"])
        _probe(client, plan, endpoint.name, colour)
    for share in plan["shares"]:
        _say(f"{colour} answers {share} %")
        _give(client, endpoint, {live: 100 - share, colour: share} if share < 100 else {colour: 100}, {})
        time.sleep(plan["settle"])
        _probe(client, plan, endpoint.name, colour)


def _give(client: Any, endpoint: Any, traffic: dict[str, int], mirror: dict[str, int]) -> None:
    endpoint.traffic, endpoint.mirror_traffic = traffic, mirror
    client.online_endpoints.begin_create_or_update(endpoint).result()


def _probe(client: Any, plan: dict[str, Any], endpoint: str, colour: str) -> None:
    """Ask a colour what the judged bytes answered; any other answer ends the plan."""
    answer = _asked(client, plan, endpoint, colour)
    told = [(one["label"], float(one["probability"])) for one in answer.get("predictions", ())]
    expected = [(one["label"], float(one["probability"])) for one in plan["probe"]["answers"]]
    same = len(told) == len(expected) and all(
        a[0] == b[0] and abs(a[1] - b[1]) <= TOLERANCE for a, b in zip(told, expected, strict=True)
    )
    if not same:
        raise Stopped(
            "RefusedError",
            f"{colour} answered the golden probe with {str(told)[:200]}, the judged bytes say {str(expected)[:200]}",
            "homologate deploy azure --show  # what answers now",
        )


def _asked(client: Any, plan: dict[str, Any], endpoint: str, colour: str) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"inputs": plan["probe"]["texts"]}, file)
        file.flush()
        raw = client.online_endpoints.invoke(endpoint, request_file=file.name, deployment_name=colour)
    answer = json.loads(raw)
    return answer if isinstance(answer, dict) else {}


def _live(endpoint: Any) -> str | None:
    """The colour with the largest share."""
    shares = {name: share for name, share in (endpoint.traffic or {}).items() if share}
    return max(shares, key=lambda name: shares[name]) if shares else None


def _digest(deployment: Any) -> str | None:
    return (deployment.tags or {}).get("homologate.digest") if deployment is not None else None


def _state(resource: Any) -> str:
    state = resource.provisioning_state
    return str(getattr(state, "value", state)).lower()  # the SDK gives an enumeration or a word


def _facts(client: Any, name: str, colour: str | None, **more: Any) -> dict[str, Any]:
    endpoint = client.online_endpoints.get(name)
    there = {one.name: one for one in client.online_deployments.list(name)}
    tags = (there[colour].tags or {}) if colour in there else {}
    return {
        "endpoint": name,
        "scoring_uri": endpoint.scoring_uri,
        "deployment": colour,
        "traffic": {name: share for name, share in (endpoint.traffic or {}).items() if share},
        "version": tags.get("homologate.version"),
        "digest": tags.get("homologate.digest"),
        **more,
    }


def _explained(error: Exception) -> dict[str, str]:
    """Azure's failures, with what is missing and where to get it."""
    status = getattr(error, "status_code", None) or getattr(getattr(error, "response", None), "status_code", None)
    kind = type(error).__name__
    told = " ".join(str(error).split())[:300]
    for known, (name, after) in _WAYS.items():
        if known in (status, kind) or (isinstance(known, str) and known in told):
            return {"kind": name, "message": told, "next": after}
    return {"kind": "ServiceError", "message": f"{kind}: {told}", "next": "run the command again; it goes on from here"}


_LOG_IN = ("TrackingError", "az login  # on a machine with a managed identity: az login --identity")
_QUOTA = ("ServiceError", "ask for quota, or name another size (azure/online/deployment.yml) or region")
_ROLE = "az role assignment create --role 'AzureML Data Scientist' --assignee IDENTITY --scope WORKSPACE"
_WAYS: dict[int | str, tuple[str, str]] = {
    "ClientAuthenticationError": _LOG_IN,
    "CredentialUnavailableError": _LOG_IN,
    "OutOfCapacity": _QUOTA,
    "OutOfQuota": _QUOTA,
    401: ("TrackingError", "az login  # in the tenant of the workspace"),
    403: ("TrackingError", _ROLE),
    404: ("TrackingError", "az ml workspace list  # is the workspace there under this name?"),
    409: ("ServiceError", "the name is taken or being changed; run the command again, or name another --endpoint"),
    429: ("ServiceError", "Azure asks for patience; run the command again in a minute"),
}


def _say(line: str) -> None:
    _tell({"say": line})


def _tell(line: dict[str, Any]) -> None:
    print(json.dumps(line, default=str), flush=True)


if __name__ == "__main__":
    sys.exit(main())
