"""MLflow's REST calls that reading needs: versions of a model, and the files of a proxied artifact folder."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

from homologate.accounts import LOG_IN, login_of_environment
from homologate.errors import RefusedError, StorageError, TrackingError

__all__ = ["Rest", "no_gate"]

PATIENCE_SECONDS = 15.0


class Rest:
    """An MLflow server at `uri`, asked as the user `MLFLOW_TRACKING_USERNAME` or `_TOKEN` names."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def versions(self, name: str) -> list[dict[str, Any]]:
        """Every version of the model `name`, in MLflow's own JSON; empty where there is no such model.

        Raises:
            TrackingError: the server does not answer, refuses us, or is no MLflow server.
        """
        found: list[dict[str, Any]] = []
        page = ""
        while True:
            asked = {"filter": f"name = '{name}'", "max_results": "1000", **({"page_token": page} if page else {})}
            answer = self._json("/api/2.0/mlflow/model-versions/search", asked)
            found += answer.get("model_versions", [])
            page = answer.get("next_page_token", "")
            if not page:
                return self._with_aliases(name, found)

    def _with_aliases(self, name: str, versions: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """MLflow's search leaves aliases out; they stand on the model."""
        if not versions:
            return []
        model = self._json("/api/2.0/mlflow/registered-models/get", {"name": name})["registered_model"]
        for version in versions:
            number = str(version["version"])
            version["aliases"] = [a["alias"] for a in model.get("aliases", ()) if str(a["version"]) == number]
        return versions

    def artifact_uri(self, run_id: str) -> str:
        """Where the artifacts of a run are.

        Raises:
            TrackingError: there is no such run, or the server does not answer.
        """
        return str(self._json("/api/2.0/mlflow/runs/get", {"run_id": run_id})["run"]["info"]["artifact_uri"])

    def placements(self, name: str) -> dict[str, Any]:
        """What the gate inside this server says stands in each guarded stage of the model `name`.

        Raises:
            RefusedError: this server runs no gate.
            TrackingError: it does not answer, or refuses us.
        """
        try:
            answer = self._json(f"/homologate/api/models/{urllib.parse.quote(name, safe='')}/current", {})
        except TrackingError as error:
            if getattr(error.__cause__, "code", None) == HTTPStatus.NOT_FOUND:
                raise no_gate(self.uri) from error
            raise
        return dict(answer["stages"])

    def download(self, uri: str, into: Path) -> None:
        """Copy every file under an `mlflow-artifacts:` URI of this server into `into`.

        Raises:
            StorageError: a file is missing, cut short, or the disk will not take it.
            TrackingError: the server does not answer.
        """
        root = urllib.parse.urlsplit(uri).path.strip("/")
        try:
            files = list(self._files(root))
            for name in files:
                target = into / name
                # The server names the files: a name that leaves the folder is an attack, not a file.
                if not target.resolve().is_relative_to(into.resolve()):
                    raise StorageError(f"the server named a file outside the folder: {name!r}", place=uri)
                target.parent.mkdir(parents=True, exist_ok=True)
                self._copy(f"{root}/{name}", target)
        except OSError as error:
            raise StorageError(f"cannot fetch the model: {error.strerror or error}", place=str(into)) from error
        if not files:
            raise StorageError("there is no file under this address", place=uri)

    def _files(self, root: str, folder: str = "") -> Iterator[str]:
        path = f"{root}/{folder}".strip("/")
        for entry in self._json("/api/2.0/mlflow-artifacts/artifacts", {"path": path}).get("files", ()):
            name = f"{folder}/{entry['path']}".strip("/")
            if entry.get("is_dir"):
                yield from self._files(root, name)
            else:
                yield name

    def _copy(self, path: str, target: Path) -> None:
        with self._open(f"/api/2.0/mlflow-artifacts/artifacts/{urllib.parse.quote(path)}") as answer:
            wanted = answer.headers.get("Content-Length")
            with target.open("xb") as sink:
                shutil.copyfileobj(answer, sink, 1 << 20)
                if wanted is not None and sink.tell() != int(wanted):
                    raise StorageError(f"{path!r} was cut short at {sink.tell()} of {wanted} bytes", place=self.uri)

    def _json(self, path: str, asked: dict[str, str]) -> Any:
        with self._open(f"{path}?{urllib.parse.urlencode(asked)}") as answer:
            try:
                return json.load(answer)
            except ValueError as error:
                raise TrackingError("what answers is no MLflow server", place=self.uri + path) from error

    @contextlib.contextmanager
    def _open(self, path: str) -> Iterator[HTTPResponse]:
        request = urllib.request.Request(self.uri + path, headers=_login())  # noqa: S310 (http(s) by `open_registry`)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
                yield answer
        except urllib.error.HTTPError as error:
            raise TrackingError(
                f"the registry answered {error.code}: {_told(error)}",
                place=self.uri + path.partition("?")[0],
                next_command=LOG_IN if error.code in {401, 403} else "look at the server's log",
            ) from error
        except (urllib.error.URLError, TimeoutError, ConnectionError, HTTPException) as error:
            raise TrackingError(
                f"the registry does not answer ({getattr(error, 'reason', error)})",
                place=self.uri,
                next_command="homologate up  # or mend the server that $MLFLOW_TRACKING_URI names",
            ) from error


def no_gate(uri: str) -> RefusedError:
    """The refusal where nobody can say what was approved."""
    return RefusedError(
        "no gate stands at this registry, so nobody can say which versions were approved",
        place=uri,
        legal="an MLflow server started with `mlflow server --app-name homologate`",
        next_command="homologate up",
    )


def _login() -> dict[str, str]:
    """The variables MLflow's own client reads."""
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        return {"Authorization": f"Bearer {token}"}
    login = login_of_environment()
    return login.header if login else {}


def _told(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["message"])[:300]
    except (ValueError, KeyError, TypeError, OSError):
        return str(error.reason)
