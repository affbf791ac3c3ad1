"""Put a version in Production where no gate judges: a plain transition that says so.

On a server that runs the gate (`registry_promotion`) this does nothing: there only a request, its decision and other
people's sign-offs move a stage.
"""

from __future__ import annotations

import urllib.error
import urllib.request
import warnings
from typing import Any

from homologate.steps.context import Context, Outcome
from homologate.tracking._faults import translated

__all__ = ["GATE_PATH", "is_gated", "release"]

GATE_PATH = "/homologate/api/health"
STAGE, ALIAS = "Production", "champion"
UNJUDGED = "put in Production by a plain transition; NO GATE JUDGED IT"


def release(context: Context, registered: Outcome) -> dict[str, Any]:
    """Move a registered version to Production on a server without a gate.

    Returns:
        `gated` (bool), `stage` (what the version is in now) and `stage_note` (the same as a sentence).

    Raises:
        TrackingError: the registry refuses.
    """
    name, version = registered.facts["model"], registered.facts["version"]
    if is_gated(context):
        return {
            "gated": True,
            "stage": "None",
            "stage_note": "registered; the gate decides whether it reaches Staging and Production",
        }
    client = context.tracker.client
    with (
        translated(f"put {name} version {version} in {STAGE}", uri=context.tracker.place.uri),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", FutureWarning)  # stages are deprecated; the alias is moved in step with them
        if client.get_model_version(name, version).current_stage != STAGE:
            client.transition_model_version_stage(name, version, STAGE, archive_existing_versions=True)
        client.set_registered_model_alias(name, ALIAS, version)
        client.set_model_version_tag(name, version, "homologate.judged", "false")
    return {"gated": False, "stage": STAGE, "stage_note": UNJUDGED}


def is_gated(context: Context) -> bool:
    """Whether the tracking server runs the gate."""
    place = context.tracker.place
    if place.kind != "server":
        return False
    try:
        with urllib.request.urlopen(place.uri.rstrip("/") + GATE_PATH, timeout=10) as answer:  # noqa: S310 (http)
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        return error.code in {401, 403}  # the gate is there and asks who we are
    except OSError:
        return False
