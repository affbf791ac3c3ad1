"""Compose the server: MLflow's app, the guards below it, our API and pages beside it, MLflow's login around it all.

The order matters and is the whole of this file: look at the routes before anything is added to them, guard the stores
before any is opened, make the registry agree with the ledger before the first request, then let MLflow wrap its login
around everything, ours included.
"""

from __future__ import annotations

import gc
import logging
import os
from typing import Any

from homologate.errors import ServiceError
from homologate.settings import Settings, load_settings
from registry_promotion.opening import governed
from registry_promotion.server._artifacts import guard_artifact_repositories
from registry_promotion.server._gate import Later, open_gate
from registry_promotion.server._keeper import Keeper
from registry_promotion.server._registry import guard_registry
from registry_promotion.server._routes import close_routes
from registry_promotion.server._tracking import guard_tracking
from registry_promotion.turnstile import Turnstile

__all__ = ["compose"]

_log = logging.getLogger("homologate.gate")


def compose(app: Any = None) -> Any:
    """The gated server (see `registry_promotion.server.create_app`)."""
    from mlflow.server import app as mlflow_app

    app = app or mlflow_app
    settings = load_settings()
    database = _database()
    close_routes(app)
    with Turnstile(database, "start"):  # the workers of one server would make the same tables and accounts at once
        keeper = Keeper(open_gate(settings, database), governed(settings), Turnstile(database))
        guard_registry(keeper)
        guard_tracking(keeper)
        guard_artifact_repositories(keeper.check_write)
        _mount(app, keeper, settings)
        keeper.reconcile(_registry_store())
        _hire_postman(keeper, settings, database)
        _log.warning("the gate guards %s; login: %s", ", ".join(keeper.models), settings.promotion.login)
        composed = _with_login(app, settings)
    # What was imported stays as long as the server does: the collector need not walk through it again at every turn.
    gc.collect()
    gc.freeze()
    return composed


def _hire_postman(keeper: Keeper, settings: Settings, database: str) -> None:
    """Tell people of what the ledger records, where the settings name somebody to tell."""
    from registry_promotion.channels import channels_of
    from registry_promotion.outbox import Outbox
    from registry_promotion.postman import Postman

    if channels := channels_of(settings.promotion.notify):
        turnstile = Turnstile(database, "notices")
        address = settings.promotion.address or ""
        Postman(keeper.gate.ledger, Outbox(database), channels, turnstile, address=address).start()


def _with_login(app: Any, settings: Settings) -> Any:
    """MLflow's own basic-auth around the guarded app, or the bare app where the settings say so."""
    if settings.promotion.login == "basic-auth":
        from mlflow.server.auth import create_app

        return create_app(app)
    from mlflow.environment_variables import _MLFLOW_SGI_NAME

    if _MLFLOW_SGI_NAME.get() == "uvicorn":
        from mlflow.server.fastapi_app import create_fastapi_app

        return create_fastapi_app(app)
    return app


def _database() -> str:
    """The database that holds the registry, and so the ledger.

    Raises:
        ServiceError: no database, or one whose tables are not all in one place.
    """
    from mlflow.environment_variables import MLFLOW_ENABLE_WORKSPACES
    from mlflow.server.constants import BACKEND_STORE_URI_ENV_VAR, REGISTRY_STORE_URI_ENV_VAR

    if MLFLOW_ENABLE_WORKSPACES.get():
        raise ServiceError(
            "the gate names a model by its name alone, and workspaces let two models share one",
            place="MLFLOW_ENABLE_WORKSPACES",
            legal="one server a workspace, without --enable-workspaces",
        )
    database = os.environ.get(REGISTRY_STORE_URI_ENV_VAR) or os.environ.get(BACKEND_STORE_URI_ENV_VAR)
    if not database or "://" not in database or database.startswith("file:"):
        raise ServiceError(
            f"the gate keeps its ledger in the registry's database, and {database!r} is none",
            place="--backend-store-uri",
            legal="sqlite:///FILE, postgresql://…",
            next_command="mlflow server --app-name homologate --backend-store-uri sqlite:///mlflow.db",
        )
    return database


def _registry_store() -> Any:
    from mlflow.server.handlers import _get_model_registry_store, _get_tracking_store

    _get_tracking_store()
    return _get_model_registry_store()


def _mount(app: Any, keeper: Keeper, settings: Settings) -> None:
    from registry_promotion.desk import Desk
    from registry_promotion.server.api import api
    from registry_promotion.server.pages import pages

    def address() -> str:
        from flask import has_request_context, request

        root = settings.promotion.address or (request.host_url if has_request_context() else "")
        return root.rstrip("/")

    desk = Desk(keeper, settings, Later(_registry_store), address)
    app.register_blueprint(api(desk))
    app.register_blueprint(pages(desk))
