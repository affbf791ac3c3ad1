"""Batch endpoints, in the child's environment: blue and green by the endpoint's default, on a cluster made if missing.

A batch deployment answers nobody until a job is sent, so it is not asked a probe: its own script verifies the bytes and
answers their example before it opens the first file, and fails the job where either does not hold.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import _azure_common as common  # type: ignore[import-not-found]


def deploy(client: Any, plan: dict[str, Any]) -> dict[str, Any]:
    """Make the plan's model the endpoint's default deployment."""
    from azure.ai.ml import load_batch_deployment, load_batch_endpoint

    _cluster(client, plan)
    endpoint = common.endpoint(client.batch_endpoints, load_batch_endpoint, plan)
    there = {one.name: one for one in client.batch_deployments.list(endpoint.name)}
    live = _live(endpoint)
    if live and common.digest(there.get(live)) == plan["digest"]:
        common.say(f"{live} judges with these bytes already")
        return _facts(client, plan, reused=True)
    colour = next(name for name in common.COLOURS if name != live)
    if colour in there and not common.usable(there[colour], plan):
        common.say(f"removing {colour}: it is {common.about(there[colour])}")
        client.batch_deployments.begin_delete(name=colour, endpoint_name=endpoint.name).result()
        del there[colour]
    if colour not in there:
        made = common.assets(client, plan)
        file = common.definition(plan, "deployment.yml")
        deployment = load_batch_deployment(file, params_override=[{"name": colour, "endpoint_name": endpoint.name}])
        common.fill(deployment, plan, made)
        common.whole(
            lambda: client.batch_deployments.begin_create_or_update(deployment),
            lambda: client.batch_deployments.begin_delete(name=colour, endpoint_name=endpoint.name),
            plan,
            colour,
        )
    _point(client, endpoint, colour)
    return _facts(client, plan, before=live)


def rollback(client: Any, plan: dict[str, Any]) -> dict[str, Any]:
    """Make the other deployment the default again."""
    endpoint = common.found(client.batch_endpoints, plan["endpoint"])
    live = _live(endpoint) if endpoint else None
    other = next((name for name in common.COLOURS if name != live), None)
    there = {one.name: one for one in client.batch_deployments.list(plan["endpoint"])} if endpoint else {}
    if other is None or other not in there or common.state(there[other]) != "succeeded":
        raise common.Stopped(
            "RefusedError",
            f"the endpoint {plan['endpoint']!r} has no other deployment to go back to",
            "homologate deploy azure --kind batch  # deploys the version the ledger has in Production",
        )
    _point(client, endpoint, other)
    return _facts(client, plan, before=live)


def show(client: Any, plan: dict[str, Any]) -> dict[str, Any]:
    """What judges behind the endpoint."""
    if common.found(client.batch_endpoints, plan["endpoint"]) is None:
        raise common.Stopped("DataError", f"no endpoint {plan['endpoint']!r}", "homologate deploy azure --kind batch")
    return _facts(client, plan)


def check(client: Any, plan: dict[str, Any]) -> dict[str, Any]:
    """Whether jobs are judged with the plan's bytes."""
    facts = show(client, plan)
    if facts["digest"] != plan["digest"]:
        raise common.Stopped(
            "RefusedError",
            f"version {facts['version']} judges ({facts['digest']}), "
            f"the ledger has version {plan['version']} ({plan['digest']})",
            "homologate deploy azure --kind batch  # deploys the version the ledger has in Production",
        )
    return {**facts, "checked": True}


ACTIONS: dict[str, Callable[[Any, dict[str, Any]], dict[str, Any]]] = {
    "check": check,
    "deploy": deploy,
    "rollback": rollback,
    "show": show,
}


def _cluster(client: Any, plan: dict[str, Any]) -> None:
    """The cluster of azure/jobs/compute.yml, made where there is none or a failed one.

    Raises as Azure does: quota, size, region.
    """
    from azure.ai.ml import load_compute

    wanted = load_compute(Path(plan["definitions"]) / "jobs" / "compute.yml")
    known = common.found(client.compute, wanted.name)
    if known is None or common.state(known) in common.FAILED:
        common.say(f"making cluster {wanted.name}: {wanted.size}, {wanted.min_instances} to {wanted.max_instances}")
        common.ended(client.compute.begin_create_or_update(wanted), plan, f"the cluster {wanted.name}")


def _live(endpoint: Any) -> str | None:
    defaults = endpoint.defaults
    name = defaults.get("deployment_name") if isinstance(defaults, dict) else getattr(defaults, "deployment_name", None)
    return str(name) if name else None


def _point(client: Any, endpoint: Any, colour: str) -> None:
    common.say(f"jobs go to {colour}")
    endpoint.defaults = {"deployment_name": colour}
    client.batch_endpoints.begin_create_or_update(endpoint).result()


def _facts(client: Any, plan: dict[str, Any], **more: Any) -> dict[str, Any]:
    endpoint = client.batch_endpoints.get(plan["endpoint"])
    live = _live(endpoint)
    there = {one.name: one for one in client.batch_deployments.list(endpoint.name)}
    tags = (there[live].tags or {}) if live in there else {}
    return {
        "endpoint": endpoint.name,
        "scoring_uri": endpoint.scoring_uri,
        "deployment": live,
        "traffic": {live: 100} if live else {},
        "version": tags.get("homologate.version"),
        "digest": tags.get("homologate.digest"),
        **more,
    }
