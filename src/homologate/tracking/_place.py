"""Where runs are written, and whether anything answers there."""

from __future__ import annotations

import os
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import NamedTuple

from homologate.errors import TrackingError, UsageError

__all__ = ["Place", "tracking_uri"]

TRACKING_VARIABLE = "MLFLOW_TRACKING_URI"
PATIENCE_SECONDS = 5.0


class Place(NamedTuple):
    """A tracking address and what kind of thing stands there."""

    uri: str
    kind: str
    """`server` (http, https), `database` (sqlite, postgresql, …) or `azureml`."""

    def check(self) -> None:
        """Return at once where runs can be written; else say what is wrong.

        A dead server costs seconds here instead of the minutes of MLflow's own retries.

        Raises:
            TrackingError: nothing answers, or what answers is not a healthy MLflow server.
            UsageError: the scheme is not one MLflow 3 can write to.
        """
        if self.kind == "server":
            self._check_server()
        elif self.kind == "azureml":
            from homologate.tracking._azure import check_workspace

            check_workspace(self.uri)
        elif self.uri.startswith("sqlite:"):
            self._check_sqlite()

    def _check_server(self) -> None:
        health = self.uri.rstrip("/") + "/health"
        try:
            with urllib.request.urlopen(health, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310 (http by `kind`)
                answer.read(16)
        except urllib.error.HTTPError as error:
            raise TrackingError(
                f"{health} answered {error.code} {error.reason}",
                place=f"${TRACKING_VARIABLE}",
                legal="the address of an MLflow server, without a path of its pages",
                next_command="homologate up",
            ) from error
        except OSError as error:  # URLError, time-outs and refused connections are all OSErrors
            reason = getattr(error, "reason", error)
            raise TrackingError(
                f"no MLflow server answers at {self.uri} ({reason})",
                place=f"${TRACKING_VARIABLE}",
                next_command="homologate up  # starts one on this machine",
            ) from error

    def _check_sqlite(self) -> None:
        path = Path(self.uri.split("///", 1)[-1])
        folder = path.absolute().parent
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            raise TrackingError(
                f"the folder of the run database cannot be written: {folder}",
                place=f"${TRACKING_VARIABLE} = {self.uri}",
                next_command=f"mkdir -p {folder}",
            )


def tracking_uri(default: str | None = None) -> Place:
    """The place `MLFLOW_TRACKING_URI` names, else `default`.

    Raises:
        TrackingError: neither names one.
        UsageError: the scheme is not one MLflow 3 can write to.
    """
    uri = os.environ.get(TRACKING_VARIABLE) or default
    if not uri:
        raise TrackingError(
            "no MLflow server is running here and none is named",
            place=f"${TRACKING_VARIABLE} is not set",
            next_command="homologate up  # starts one on this machine",
        )
    scheme = urllib.parse.urlsplit(uri).scheme.split("+")[0]
    if scheme in {"http", "https"}:
        return Place(uri, "server")
    if scheme in {"sqlite", "postgresql", "mysql", "mssql"}:
        return Place(uri, "database")
    if scheme == "azureml":
        return Place(uri, "azureml")
    raise UsageError(
        f"runs cannot be written to {uri!r}",
        place=f"${TRACKING_VARIABLE}",
        legal="http(s)://…, sqlite:///file.db, postgresql://…, azureml://… (MLflow 3 writes to no plain folder)",
        next_command="homologate up  # starts a server on this machine and sets this for you",
    )
