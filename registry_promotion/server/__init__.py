"""The gate inside the MLflow server: `mlflow server --app-name homologate`.

    app                                     composes MLflow's app, its login, the guards, our API and our pages
    _registry · _tracking · _artifacts      guards: MLflow's own stores, whose writes ask first
    _routes · routes.txt                    the second look: every route that writes is known by name
    _keeper                                 what is governed, what is judged and sealed
    _sources · _locations                   where bytes may come from, and where they truly lie
    _identity · _refusals                   who asks, and the answer in MLflow's error shape
    api · pages                             requests, approvals and history, for programs and for people

Decisions are not made here (`registry_promotion.gate`), and versions are not moved here (`registry_promotion.mover`).
"""

from __future__ import annotations

from typing import Any

__all__ = ["create_app"]


def create_app(app: Any = None) -> Any:
    """The server app, for `mlflow server --app-name homologate` under uvicorn or gunicorn.

    Args:
        app: the Flask app to guard; default is MLflow's own.

    Returns:
        An ASGI app under uvicorn, else the WSGI app.

    Raises:
        ServiceError: this MLflow, database or login is one the gate cannot hold.
        UsageError: the settings or a policy are wrong.
    """
    from registry_promotion.server.app import compose

    return compose(app)
