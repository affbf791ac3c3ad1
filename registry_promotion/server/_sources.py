"""Where the bytes of a governed version may come from: inside this server's artifact root, inside its own run.

A source elsewhere could be changed by whoever owns that place, and a run that did not make the bytes would lend them
its author. Both are refused when the version is registered, whatever scheme or spelling the source has.
"""

from __future__ import annotations

from typing import Any

from homologate.errors import RefusedError
from registry_promotion.server import _locations as locations

__all__ = ["check_source"]


def check_source(registry: Any, source: str, run_id: str | None) -> None:
    """Return if `source` resolves to a place inside the artifact root and inside the artifacts of `run_id`.

    Raises:
        RefusedError: no run, an unknown run, or a place outside either.
    """
    if not run_id:
        raise RefusedError(
            f"source {source!r} names no run, so nobody can be told to have made it",
            legal="a source inside the artifacts of the run given as run_id",
            next_command="create_model_version(name, f'{run.info.artifact_uri}/model', run_id=run.info.run_id)",
        )
    resolved = _resolved(registry, source)
    place, roots = locations.place_of(resolved), locations.roots()
    if not any(locations.inside(place, root) for root in roots):
        raise RefusedError(
            f"source {source!r} lies outside this server's artifact root",
            legal="a source below the artifact_uri of the run that made it",
            next_command="log the model to a run of this server and register it from there",
        )
    run_root = locations.place_of(_run_root(run_id))
    if not any(locations.inside(p, run_root) for p in locations.places_of(resolved)) or place == run_root:
        raise RefusedError(
            f"source {source!r} is not among the artifacts of run {run_id}",
            place=locations.shown(place),
            legal=f"a folder inside {locations.shown(run_root)}",
            next_command="register the version from the run that made it",
        )


def _resolved(registry: Any, source: str) -> str:
    """A `models:` or `runs:` source as the location it stands for."""
    from mlflow.exceptions import MlflowException
    from mlflow.store.artifact.runs_artifact_repo import RunsArtifactRepository
    from mlflow.store.artifact.utils.models import _parse_model_uri

    try:
        if source.startswith("models:"):
            named = _parse_model_uri(source)
            if named.model_id is not None:
                from mlflow.server.handlers import _get_tracking_store

                return str(_get_tracking_store().get_logged_model(named.model_id).artifact_location)
            if named.version is None:
                raise RefusedError(
                    f"source {source!r} moves; a version needs bytes that stay", legal="models:/NAME/VERSION"
                )
            return str(registry.get_model_version_download_uri(named.name, named.version))
        if source.startswith("runs:"):
            run_id, path = RunsArtifactRepository.parse_runs_uri(source)
            return f"{_run_root(run_id)}/{path}"
    except MlflowException as error:
        raise RefusedError(f"source {source!r} cannot be resolved: {error.message}") from error
    return source


def _run_root(run_id: str) -> str:
    from mlflow.exceptions import MlflowException
    from mlflow.server.handlers import _get_tracking_store

    try:
        return str(_get_tracking_store().get_run(run_id).info.artifact_uri)
    except MlflowException as error:
        raise RefusedError(f"no run {run_id!r}: {error.message}", place="run_id") from error
