"""The gate's REST API from Python: what the command line speaks, as the account that `MLFLOW_TRACKING_USERNAME` names.

    gate = GateClient.open(settings)
    gate.post("requests", model="brakes", version="7", stage="Production", reason="…")

Only the standard library is used, so `homologate approve` answers at once.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homologate import errors
from homologate.accounts import LOG_IN, Login, login_of_environment
from homologate.errors import HomologateError, RefusedError, TrackingError

if TYPE_CHECKING:
    from homologate.settings import Settings

__all__ = ["GateClient", "quoted"]

PATIENCE_SECONDS = 600.0
"""A decision fetches and hashes the whole model; it may take its time over a slow store."""


class GateClient:
    """One server's gate.

    Args:
        uri: the MLflow server's address, without a path.
        login: account and password, or None for a server without a login.
    """

    def __init__(self, uri: str, login: Login | None = None) -> None:
        self.uri = uri.rstrip("/")
        self._headers = login.header if login else {}

    @classmethod
    def open(cls, settings: Settings) -> GateClient:
        """The gate of the server that `MLFLOW_TRACKING_URI` names, else of the one `homologate up` started.

        Raises:
            TrackingError: neither names an MLflow server.
        """
        from homologate.local import Services
        from homologate.tracking import tracking_uri

        local = Services(Path(settings.home)).running().get("mlflow")
        place = tracking_uri(local.url if local else None)
        if place.kind != "server":
            raise TrackingError(
                f"the gate is part of an MLflow server, and {place.uri!r} is none",
                place="$MLFLOW_TRACKING_URI",
                legal="http(s)://…, served by `mlflow server --app-name homologate`",
                next_command="homologate up",
            )
        return cls(place.uri, login_of_environment())

    def get(self, path: str, **query: str | None) -> Any:
        """The JSON at `path` of the API, such as `requests` or `models/NAME/history`.

        Raises:
            HomologateError: the error of ours that the server answered with.
            TrackingError: it does not answer, does not know us, or runs no gate.
        """
        return json.loads(self.raw(path, **query))

    def raw(self, path: str, **query: str | None) -> bytes:
        """The bytes at `path`; as `get`."""
        asked = {key: value for key, value in query.items() if value is not None}
        return self._ask(path + (f"?{urllib.parse.urlencode(asked)}" if asked else ""), None)

    def post(self, path: str, **fields: str) -> Any:
        """The JSON answered to `fields`; as `get`."""
        return json.loads(self._ask(path, json.dumps(fields).encode()))

    def _ask(self, path: str, body: bytes | None) -> bytes:
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        address = f"{self.uri}/homologate/api/{path}"
        asked = urllib.request.Request(address, data=body, headers=headers)  # noqa: S310 (http by `open`)
        try:
            with urllib.request.urlopen(asked, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            raise self._told(error) from error
        except OSError as error:
            raise TrackingError(
                f"no MLflow server answers at {self.uri} ({getattr(error, 'reason', error)})",
                place="$MLFLOW_TRACKING_URI",
                next_command="homologate up",
            ) from error

    def _told(self, error: urllib.error.HTTPError) -> HomologateError:
        """The error the server meant, as the same class with the same words."""
        if error.code == 401:
            return RefusedError(
                "the server does not know this account or password",
                place="$MLFLOW_TRACKING_USERNAME, $MLFLOW_TRACKING_PASSWORD",
                next_command=LOG_IN,
            )
        try:
            told = json.loads(error.read())["error"]
        except (ValueError, KeyError, TypeError):
            if error.code == 404:
                return TrackingError(
                    f"the MLflow server at {self.uri} runs no gate",
                    next_command="start it with `mlflow server --app-name homologate`",
                )
            return TrackingError(f"the server answered {error.code} {error.reason}", place=self.uri)
        kind = getattr(errors, str(told.get("type")), HomologateError)
        return kind(told["message"], place=told["place"], legal=told["legal"], next_command=told["next"])


def quoted(name: str) -> str:
    """A name as one part of a path."""
    return urllib.parse.quote(name, safe="")
