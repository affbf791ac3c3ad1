"""Every route that may change something is known by name, or the server does not start.

The guards sit below the routes, in the stores; this is the second look. It answers one question at start: does the
installed MLflow have a door that nobody has thought about?
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from homologate.errors import RefusedError, ServiceError
from registry_promotion.server._refusals import as_mlflow

__all__ = ["classified", "close_routes"]

_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_GRAPHQL_MUTATIONS = {"mlflowSearchDatasets", "mlflowSearchRuns", "testMutation"}
"""Two searches and an echo: MLflow's GraphQL changes nothing today."""


@cache
def classified() -> dict[str, str]:
    """What is known about each route: `{function name: section of routes.txt}`."""
    known: dict[str, str] = {}
    section = ""
    for line in files(__package__).joinpath("routes.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif not line.startswith("#"):
            known |= dict.fromkeys(line.split(), section)
    return known


def close_routes(app: Any) -> None:
    """Refuse the routes of `[refused]` on `app` (the Flask app, before anything else is added), after checking all.

    Raises:
        ServiceError: MLflow has a route we have not classified, lacks one we count on, or GraphQL learned to write.
    """
    from mlflow.server.graphql.graphql_schema_extensions import schema

    present = set(_flask_writes(app)) | set(_native_writes())
    if strange := present - classified().keys():
        raise _unknown("routes", strange)
    if strange := set(schema.graphql_schema.mutation_type.fields) - _GRAPHQL_MUTATIONS:
        raise _unknown("GraphQL mutations", strange)
    guarded = {name for name, section in classified().items() if section in {"registry", "artifacts", "refused"}}
    if missing := guarded - present:
        raise ServiceError(
            f"this MLflow lacks routes the gate counts on: {', '.join(sorted(missing))}",
            place="mlflow.server",
            next_command="use the MLflow version of the lock",
        )
    for name, section in classified().items():
        if section == "refused":
            app.view_functions[name] = _refused


def _flask_writes(app: Any) -> Iterator[str]:
    for rule in app.url_map.iter_rules():
        if rule.methods - _SAFE_METHODS:
            yield rule.endpoint


def _native_writes() -> Iterator[str]:
    """`module.function` of every native FastAPI route that is not a read."""
    from mlflow.server.fastapi_app import create_fastapi_app

    def walk(routes: Iterable[Any]) -> Iterator[str]:
        for route in routes:
            if (router := getattr(route, "original_router", None)) is not None:
                yield from walk(router.routes)
            elif (endpoint := getattr(route, "endpoint", None)) is not None and route.methods - _SAFE_METHODS:
                yield f"{endpoint.__module__.removeprefix('mlflow.server.')}.{endpoint.__name__}"

    return walk(create_fastapi_app().routes)


def _unknown(what: str, names: Iterable[str]) -> ServiceError:
    return ServiceError(
        f"this MLflow has {what} the gate does not know, which might change what is in Production: "
        + ", ".join(sorted(names)),
        place="mlflow.server",
        next_command="use the MLflow version of the lock, or classify them in registry_promotion/server/routes.txt",
    )


def _refused(**_: Any) -> Any:
    from mlflow.server.handlers import catch_mlflow_exception

    def refuse() -> None:
        raise as_mlflow(
            RefusedError(
                "this server gives out no addresses to upload to: they would outlive the judgement of a version",
                next_command="upload through the server (`mlflow.log_artifact`), which works as ever",
            )
        )

    return catch_mlflow_exception(refuse)()
