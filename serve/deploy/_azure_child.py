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

sys.path.insert(0, str(Path(__file__).resolve().parent))  # isolated: only what lies beside this file is of ours
import _azure_batch as batch  # type: ignore[import-not-found]
import _azure_common as common  # type: ignore[import-not-found]

TOLERANCE = 1e-3
"""How far an endpoint's probability may be from the probe's; another CPU rounds differently."""


def main() -> int:
    """Carry out the plan on stdin."""
    plan = json.load(sys.stdin)
    try:
        act = (batch.ACTIONS if plan["kind"] == "batch" else ACTIONS)[plan["action"]]
        common.tell({"done": act(_client(plan), plan)})
    except common.Stopped as stopped:
        common.tell({"error": {"kind": stopped.kind, "message": stopped.message, "next": stopped.after}})
    except Exception as error:
        common.tell({"error": common.explained(error)})
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
    from azure.ai.ml import load_online_endpoint

    endpoint = common.endpoint(client.online_endpoints, load_online_endpoint, plan)
    live = _live(endpoint)
    there = {one.name: one for one in client.online_deployments.list(endpoint.name)}
    if live and common.digest(there.get(live)) == plan["digest"] and endpoint.traffic.get(live) == 100:
        common.say(f"{live} answers with these bytes already")
        return _facts(client, endpoint.name, live, reused=True)
    colour = next(name for name in common.COLOURS if name != live)
    if colour in there and not common.usable(there[colour], plan):
        common.say(f"removing {colour}: it is {common.about(there[colour])}")
        _give(client, endpoint, {live: 100} if live else {}, {})
        client.online_deployments.begin_delete(name=colour, endpoint_name=endpoint.name).result()
        del there[colour]
    if colour not in there:
        _make(client, plan, endpoint.name, colour)
    try:
        _probe(client, plan, endpoint.name, colour)
        _shift(client, plan, endpoint, live, colour)
    except BaseException:
        common.say(f"taking {colour} back; {f'all traffic stays with {live}' if live else 'nothing answers'}")
        _give(client, endpoint, {live: 100} if live else {}, {})
        client.online_deployments.begin_delete(name=colour, endpoint_name=endpoint.name).result()
        raise
    return _facts(client, endpoint.name, colour, before=live)


def rollback(client: Any, plan: dict[str, Any]) -> dict[str, Any]:
    """Give all traffic back to the other colour, after it answered its probe."""
    endpoint = common.found(client.online_endpoints, plan["endpoint"])
    live = _live(endpoint) if endpoint else None
    other = next((name for name in common.COLOURS if name != live), None)
    there = {one.name: one for one in client.online_deployments.list(plan["endpoint"])} if endpoint else {}
    if endpoint is None or other is None or other not in there or common.state(there[other]) != "succeeded":
        raise common.Stopped(
            "RefusedError",
            f"the endpoint {plan['endpoint']!r} has no other deployment to go back to",
            "homologate deploy azure  # deploys the version the ledger has in Production",
        )
    answer = _asked(client, plan, endpoint.name, other)
    if "predictions" not in answer:
        raise common.Stopped("RefusedError", f"{other} does not answer its probe", "homologate deploy azure")
    _give(client, endpoint, {other: 100}, {})
    return _facts(client, endpoint.name, other, before=live)


def show(client: Any, plan: dict[str, Any]) -> dict[str, Any]:
    """What answers behind the endpoint."""
    endpoint = common.found(client.online_endpoints, plan["endpoint"])
    if endpoint is None:
        raise common.Stopped("DataError", f"no endpoint {plan['endpoint']!r}", "homologate deploy azure")
    return _facts(client, endpoint.name, _live(endpoint))


def check(client: Any, plan: dict[str, Any]) -> dict[str, Any]:
    """Whether the plan's bytes alone answer, asked at the door callers use."""
    facts = show(client, plan)
    if facts["digest"] != plan["digest"] or facts["traffic"] != {facts["deployment"]: 100}:
        raise common.Stopped(
            "RefusedError",
            f"version {facts['version']} answers ({facts['digest']}, traffic {facts['traffic']}), "
            f"the ledger has version {plan['version']} ({plan['digest']})",
            "homologate deploy azure  # deploys the version the ledger has in Production",
        )
    _probe(client, plan, plan["endpoint"], None)
    return {**facts, "checked": True}


ACTIONS: dict[str, Callable[[Any, dict[str, Any]], dict[str, Any]]] = {
    "check": check,
    "deploy": deploy,
    "rollback": rollback,
    "show": show,
}


def _make(client: Any, plan: dict[str, Any], endpoint: str, colour: str) -> None:
    from azure.ai.ml import load_online_deployment

    made = common.assets(client, plan)
    file = common.definition(plan, "deployment.yml")
    deployment = load_online_deployment(file, params_override=[{"name": colour, "endpoint_name": endpoint}])
    common.fill(deployment, plan, made)
    common.whole(
        lambda: client.online_deployments.begin_create_or_update(deployment),
        lambda: client.online_deployments.begin_delete(name=colour, endpoint_name=endpoint),
        plan,
        colour,
    )


def _shift(client: Any, plan: dict[str, Any], endpoint: Any, live: str | None, colour: str) -> None:
    if live is None and plan["shares"]:
        _give(client, endpoint, {colour: 100}, {})
    if live is None:
        return
    if plan["mirror"] and plan["kind"] != "kubernetes":  # Azure ML mirrors on managed endpoints alone
        common.say(f"mirroring {plan['mirror']} % of the traffic of {live} to {colour}")
        _give(client, endpoint, {live: 100}, {colour: plan["mirror"]})
        time.sleep(plan["settle"])
        _probe(client, plan, endpoint.name, colour)
    for share in plan["shares"]:
        common.say(f"{colour} answers {share} %")
        _give(client, endpoint, {live: 100 - share, colour: share} if share < 100 else {colour: 100}, {})
        time.sleep(plan["settle"])
        _probe(client, plan, endpoint.name, colour)


def _give(client: Any, endpoint: Any, traffic: dict[str, int], mirror: dict[str, int]) -> None:
    endpoint.traffic, endpoint.mirror_traffic = traffic, mirror
    client.online_endpoints.begin_create_or_update(endpoint).result()


def _probe(client: Any, plan: dict[str, Any], endpoint: str, colour: str | None) -> None:
    """Ask a colour, or who answers callers, what the judged bytes answered; any other answer ends the plan."""
    answer = _asked(client, plan, endpoint, colour)
    told = [(one["label"], float(one["probability"])) for one in answer.get("predictions", ())]
    expected = [(one["label"], float(one["probability"])) for one in plan["probe"]["answers"]]
    same = len(told) == len(expected) and all(
        a[0] == b[0] and abs(a[1] - b[1]) <= TOLERANCE for a, b in zip(told, expected, strict=True)
    )
    if not same:
        raise common.Stopped(
            "RefusedError",
            f"{colour or 'the endpoint'} answered the golden probe with {str(told)[:200]}, "
            f"the judged bytes say {str(expected)[:200]}",
            "homologate deploy azure --show  # what answers now",
        )


def _asked(client: Any, plan: dict[str, Any], endpoint: str, colour: str | None) -> dict[str, Any]:
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


if __name__ == "__main__":
    sys.exit(main())
