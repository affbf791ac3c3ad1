"""The gate, as one who asks: by HTTP where it stands inside the server, else by the command that opens its ledger.

Nothing of the gate is imported: these rooms meet in the registry.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

from homologate import errors
from homologate.accounts import LOG_IN, login_of_environment
from homologate.errors import HomologateError, RefusedError, TrackingError

__all__ = ["Gate"]

PATIENCE_SECONDS = 600.0
"""A request fetches and hashes the whole model."""


class Gate:
    """The gate at an MLflow server's address, asked as the account `MLFLOW_TRACKING_USERNAME` names.

    Where no gate can stand inside (Azure ML, a bare database), as whom the ledger's own database knows.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/")

    def request(self, model: str, version: str, stage: str, reason: str) -> dict[str, Any]:
        """File a request; `request`, `decision` and `address` as the gate answers them.

        Raises:
            HomologateError: the error of ours that the gate answered with.
            TrackingError: there is no gate, or it does not answer.
        """
        if not self._inside:
            return _by_command(model, version, "--to", stage, "--reason", reason)
        fields = {"model": model, "version": version, "stage": stage, "reason": reason}
        answer: dict[str, Any] = self._ask("requests", json.dumps(fields).encode())
        return answer

    def state(self, request: str) -> str:
        """What became of a request. Raises as `request`."""
        asked = self._ask(f"requests/{request}", None) if self._inside else _by_command("--show", request)
        return str(asked["request"]["state"])

    @property
    def _inside(self) -> bool:
        return self.uri.startswith(("http://", "https://"))

    def _ask(self, path: str, body: bytes | None) -> Any:
        login = login_of_environment()
        headers = {**(login.header if login else {}), **({"Content-Type": "application/json"} if body else {})}
        url = f"{self.uri}/homologate/api/{path}"
        asked = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310 (http by the tracker)
        try:
            with urllib.request.urlopen(asked, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise _told(error, self.uri) from error
        except (OSError, ValueError) as error:
            raise TrackingError(
                f"the gate does not answer ({error})", place=url, next_command="homologate up"
            ) from error


def _by_command(*words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "homologate", "request", *words, "--json"]
    done = subprocess.run(  # noqa: S603 (our own command, our own interpreter)
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise TrackingError("the gate's command ended without an answer", place="homologate request") from error
    if "error" in answer:
        told = answer["error"]
        kind = getattr(errors, str(told["type"]), HomologateError)
        raise kind(told["message"], place=told["place"], legal=told["legal"], next_command=told["next"])
    return answer


def _told(error: urllib.error.HTTPError, uri: str) -> HomologateError:
    if error.code in {401, 403} and not login_of_environment():
        return RefusedError("the gate does not know who asks", place=uri, next_command=LOG_IN)
    try:
        told = json.load(error)["error"]
        kind = getattr(errors, str(told["type"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return TrackingError(
            f"no gate answers there ({error.code})",
            place=uri,
            legal="an MLflow server started with `mlflow server --app-name homologate`",
            next_command="homologate up",
        )
    found: HomologateError = kind(told["message"], place=told["place"], legal=told["legal"], next_command=told["next"])
    return found
