"""The people of an MLflow server with a login: MLflow's own users and what they may touch, over its REST API.

    people = People("http://127.0.0.1:5000", Login("admin", "…"))
    people.add("ann", password); people.allow("ann", "edit")

Only the standard library is used.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from homologate.accounts import Login
from homologate.errors import RefusedError, TrackingError, UsageError

__all__ = ["MAY", "People"]

MAY = {"read": "READ", "edit": "EDIT", "manage": "MANAGE"}
"""What a person may do with every experiment and registered model. What they make themselves they always manage."""

_RESOURCES = ("experiment", "registered_model")
PATIENCE_SECONDS = 30.0


class People:
    """The users of one server, as its admin sees them.

    Args:
        uri: the server's address.
        login: an admin's.
    """

    def __init__(self, uri: str, login: Login) -> None:
        self._uri, self._login = uri.rstrip("/"), login

    def all(self) -> list[dict[str, Any]]:
        """Every account: `name` and `admin`.

        Raises:
            RefusedError: the login is unknown, or not an admin's.
            TrackingError: the server does not answer, or has no login.
        """
        found = self._ask("GET", "2.0/mlflow/users/list")["users"]
        return [{"name": one["username"], "admin": bool(one["is_admin"])} for one in found]

    def add(self, name: str, password: str) -> None:
        """Make an account.

        Raises:
            UsageError: the name is taken or MLflow does not take it. Others as `all`.
        """
        self._ask("POST", "2.0/mlflow/users/create", username=name, password=password)

    def allow(self, name: str, may: str) -> None:
        """Let an account `read`, `edit` or `manage` every experiment and model; reading is what everybody may.

        Raises:
            UsageError: no such account. Others as `all`.
        """
        for kind in _RESOURCES if may != "read" else ():
            grant = {"resource_type": kind, "resource_id": "*", "permission": MAY[may]}
            self._ask("POST", "3.0/mlflow/users/permissions/grant", username=name, **grant)

    def set_password(self, name: str, password: str) -> None:
        """Give an account another password. Raises as `allow`."""
        self._ask("PATCH", "2.0/mlflow/users/update-password", username=name, password=password)

    def remove(self, name: str) -> None:
        """Delete an account; what it did stays in the ledger under its name. Raises as `allow`."""
        self._ask("DELETE", "2.0/mlflow/users/delete", username=name)

    def _ask(self, method: str, path: str, **fields: str) -> Any:
        headers = {"Content-Type": "application/json", **self._login.header}
        body = json.dumps(fields).encode() if fields else None
        request = urllib.request.Request(f"{self._uri}/api/{path}", body, headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310 (http by the caller)
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            if error.code in (401, 403):
                raise RefusedError(
                    f"{self._login.name!r} may not do this: {error.reason}",
                    place=self._uri,
                    legal="an MLflow admin's account and password",
                    next_command="set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD to an admin's",
                ) from error
            told = _told(error)
            if error.code == 404 and not told:
                raise TrackingError("this MLflow server has no login, so it has no people", place=self._uri) from error
            raise UsageError(told or f"the server answered {error.code}", place=self._uri) from error
        except OSError as error:
            raise TrackingError(
                f"no MLflow server answers ({getattr(error, 'reason', error)})",
                place=self._uri,
                next_command="homologate up",
            ) from error


def _told(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["message"])
    except (ValueError, KeyError, TypeError):
        return ""
