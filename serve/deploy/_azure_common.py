"""What every plan for Azure ML needs, in the child's environment: to speak, wait, make assets once, explain."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

COLOURS = ("blue", "green")
FAILED = ("failed", "canceled")
POLL_SECONDS = 2.0


class Stopped(Exception):
    """What ends a plan, told to the parent."""

    def __init__(self, kind: str, message: str, after: str) -> None:
        self.kind, self.message, self.after = kind, message, after
        super().__init__(message)


def assets(client: Any, plan: dict[str, Any]) -> dict[str, str]:
    """Environment and model of the plan, made where they are missing; as a deployment names them."""
    from azure.ai.ml import load_environment
    from azure.ai.ml.entities import Model

    file = Path(plan["definitions"]) / "online" / "environment.yml"
    conda = load_environment(file).conda_file
    conda = {**conda, "dependencies": [*conda["dependencies"], {"pip": plan["requirements"]}]}
    environment = load_environment(
        file, params_override=[{"version": plan["environment_version"], "conda_file": conda}]
    )
    say(f"environment {environment.name}:{environment.version}")
    once(client.environments, environment)
    if plan["model"].get("path"):
        model = Model(name=plan["model"]["name"], version=plan["model"]["version"], path=plan["model"]["path"])
        say(f"model {model.name}:{model.version}, uploading {Path(model.path).name}")
        once(client.models, model)
    return {
        "model": f"azureml:{plan['model']['name']}:{plan['model']['version']}",
        "environment": f"azureml:{environment.name}:{environment.version}",
    }


def definition(plan: dict[str, Any], name: str) -> Path:
    """A file of the plan's kind (`online`, `kubernetes`, `batch`) among the definitions."""
    return Path(plan["definitions"]) / str(plan["kind"]) / name


def fill(deployment: Any, plan: dict[str, Any], made: dict[str, str]) -> None:
    """A deployment of the definitions, made the plan's."""
    from azure.ai.ml.entities import CodeConfiguration

    deployment.model, deployment.environment = made["model"], made["environment"]
    deployment.code_configuration = CodeConfiguration(code=plan["code"], scoring_script=plan["script"])
    deployment.environment_variables = plan["variables"]
    deployment.tags = {"homologate.digest": plan["digest"], "homologate.version": plan["version"]}


def whole(begin: Any, remove: Any, plan: dict[str, Any], colour: str) -> None:
    """Make a deployment, or remove what was made of it."""
    say(f"making deployment {colour}; Azure takes minutes for this")
    try:
        ended(begin(), plan, f"the deployment {colour}")
    except BaseException:
        say(f"removing what was made of {colour}")
        remove().result()
        raise


def once(operations: Any, asset: Any) -> None:
    """Make an asset that is never changed, unless it is there."""
    from azure.core.exceptions import ResourceNotFoundError

    try:
        operations.get(asset.name, version=asset.version)
    except ResourceNotFoundError:
        operations.create_or_update(asset)


def found(operations: Any, name: str) -> Any:
    """The resource of that name, or None where there is none."""
    from azure.core.exceptions import ResourceNotFoundError

    try:
        return operations.get(name)
    except ResourceNotFoundError:
        return None


def endpoint(operations: Any, load: Callable[..., Any], plan: dict[str, Any]) -> Any:
    """The endpoint of the plan as Azure has it; made of its definition where there is none, or a failed one.

    Raises:
        Stopped: it is being changed, or stuck.
    """
    name, known = plan["endpoint"], found(operations, plan["endpoint"])
    if known is not None and state(known) == "succeeded":
        return known
    if known is not None and state(known) not in FAILED:
        kind = "batch" if plan["kind"] == "batch" else "online"
        raise Stopped(
            "ServiceError",
            f"the endpoint {name!r} is {state(known)}: somebody is changing it, or it is stuck",
            f"az ml {kind}-endpoint show --name {name}  # and run the command again once it has ended",
        )
    say(f"making endpoint {name}")
    wanted = load(definition(plan, "endpoint.yml"), params_override=[{"name": name}])
    ended(operations.begin_create_or_update(wanted), plan, f"the endpoint {name}")
    return found(operations, name)


def ended(poller: Any, plan: dict[str, Any], what: str) -> None:
    """Wait for a long operation, aloud and not for ever."""
    begun = told = time.monotonic()
    while not poller.done():
        poller.wait(POLL_SECONDS)
        if time.monotonic() - told > 20:
            told = time.monotonic()
            say(f"still making {what} ({told - begun:.0f} s)")
        if time.monotonic() - begun > plan["patience"]:
            raise Stopped(
                "ServiceError",
                f"{what} was not ready after {plan['patience']:.0f} s",
                "look at it in Azure ML studio; running the command again removes it and starts anew",
            )
    poller.result()


def usable(deployment: Any, plan: dict[str, Any]) -> bool:
    """Whether a deployment is whole and holds the plan's bytes."""
    return bool(digest(deployment) == plan["digest"] and state(deployment) == "succeeded")


def about(deployment: Any) -> str:
    """A deployment's state and bytes, for people."""
    return f"{state(deployment)} with {digest(deployment) or 'unknown bytes'}"


def digest(deployment: Any) -> str | None:
    """The digest a deployment was made with."""
    return (deployment.tags or {}).get("homologate.digest") if deployment is not None else None


def state(resource: Any) -> str:
    """How far Azure is with it, in lower case: `succeeded`, `failed`, `creating`."""
    state = resource.provisioning_state
    return str(getattr(state, "value", state)).lower()  # the SDK gives an enumeration or a word


def explained(error: Exception) -> dict[str, str]:
    """Azure's failures, with what is missing and where to get it."""
    status = getattr(error, "status_code", None) or getattr(getattr(error, "response", None), "status_code", None)
    kind = type(error).__name__
    told = " ".join(str(error).split())[:300]
    for known, (name, after) in _WAYS.items():
        if known in (status, kind) or (isinstance(known, str) and known in told):
            return {"kind": name, "message": told, "next": after}
    return {"kind": "ServiceError", "message": f"{kind}: {told}", "next": "run the command again; it goes on from here"}


_LOG_IN = ("TrackingError", "az login  # on a machine with a managed identity: az login --identity")
_QUOTA = ("ServiceError", "ask for quota, or name another size (deployment.yml in azure/) or region")
_ROLE = "az role assignment create --role 'AzureML Data Scientist' --assignee IDENTITY --scope WORKSPACE"
_WAYS: dict[int | str, tuple[str, str]] = {
    401: ("TrackingError", "az login  # in the tenant of the workspace"),
    "ClientAuthenticationError": _LOG_IN,
    "CredentialUnavailableError": _LOG_IN,
    "OutOfCapacity": _QUOTA,
    "OutOfQuota": _QUOTA,
    "QuotaExceeded": _QUOTA,
    "SkuNotAvailable": _QUOTA,
    403: ("TrackingError", _ROLE),
    404: ("TrackingError", "az ml workspace list  # is the workspace there under this name?"),
    409: ("ServiceError", "the name is taken or being changed; run the command again, or name another --endpoint"),
    429: ("ServiceError", "Azure asks for patience; run the command again in a minute"),
}


def say(line: str) -> None:
    """Tell people what happens."""
    tell({"say": line})


def tell(line: dict[str, Any]) -> None:
    """Tell the parent."""
    print(json.dumps(line, default=str), flush=True)
