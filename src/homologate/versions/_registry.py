"""Which version a reference means right now, by plain REST where the store is a server, else by a child process."""

from __future__ import annotations

import json
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from homologate import errors
from homologate.errors import HomologateError, ModelError, RefusedError, TrackingError
from homologate.versions import _mlflow_child
from homologate.versions._reference import Reference
from homologate.versions._rest import Rest, no_gate

__all__ = ["ModelVersion", "Registry", "open_registry"]

CHILD_SECONDS = 600.0
"""The most a child process may take; a download over a slow line is the long case."""


class ModelVersion(NamedTuple):
    """One registered version, as the registry describes it; `tags` are its tags, `source` where its bytes are."""

    name: str
    number: str
    stage: str
    source: str
    tags: Mapping[str, str]
    aliases: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} version {self.number}"


class Registry(ABC):
    """A place that knows versions. Both methods block: call them off an event loop."""

    uri: str

    def resolve(self, reference: Reference) -> ModelVersion:
        """The one version `reference` means now.

        Raises:
            ModelError: there is none, or a stage holds more than one.
            TrackingError: the registry does not answer.
        """
        versions = self._versions(reference.name)
        if reference.kind == "version":
            found = [v for v in versions if v.number == reference.which]
        elif reference.kind == "stage":
            found = [v for v in versions if v.stage == reference.which]
        else:
            found = [v for v in versions if reference.which in v.aliases]
        if len(found) != 1:
            told = [f"{v.number} ({v.stage})" for v in sorted(versions, key=lambda v: int(v.number))[-20:]]
            numbers = ", ".join(v.number for v in found)
            raise ModelError(
                f"{reference} names {f'versions {numbers} at once' if found else 'no version'}",
                place=self.uri,
                legal=told or f"nothing yet: the registry holds no model {reference.name!r}",
                next_command="homologate history  # what was put where, and when",
            )
        return found[0]

    @abstractmethod
    def _versions(self, name: str) -> list[ModelVersion]:
        """Every version of a model, with stage, tags and aliases."""

    @abstractmethod
    def download(self, uri: str, into: Path) -> None:
        """Copy what a version's source or a `runs:/` URI names into the existing, empty directory `into`.

        Raises:
            StorageError: the bytes cannot be had.
            TrackingError: the registry does not answer.
        """

    @abstractmethod
    def placements(self, name: str) -> Mapping[str, Any]:
        """What the ledger of the registry's gate says stands in each guarded stage: `{stage: facts or None}`.

        Raises:
            RefusedError: there is no gate at this address, so nobody can say what was approved.
            TrackingError: the registry does not answer.
        """


class _Server(Registry):
    """An http(s) MLflow server, by plain REST; stores it does not proxy go through the child."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._rest = Rest(uri)
        self._child = _Child(uri)

    def _versions(self, name: str) -> list[ModelVersion]:
        return [_version(raw) for raw in self._rest.versions(name)]

    def download(self, uri: str, into: Path) -> None:
        if uri.startswith("runs:/"):
            run, _, path = uri.removeprefix("runs:").strip("/").partition("/")
            uri = f"{self._rest.artifact_uri(run)}/{path}"
        if uri.startswith("mlflow-artifacts:"):
            self._rest.download(uri, into)
        else:
            self._child.download(uri, into)

    def placements(self, name: str) -> Mapping[str, Any]:
        try:
            return self._rest.placements(name)
        except RefusedError as refused:
            return _placements_by_command(name, refused)


class _Child(Registry):
    """Any store MLflow knows (database, Azure ML), asked by a process that imports MLflow and ends."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def _versions(self, name: str) -> list[ModelVersion]:
        return [_version(raw) for raw in self._ask("versions", name)]

    def download(self, uri: str, into: Path) -> None:
        self._ask("download", uri, str(into))

    def placements(self, name: str) -> Mapping[str, Any]:
        return _placements_by_command(name, no_gate(self.uri))

    def _ask(self, *words: str) -> Any:
        command = [sys.executable, "-m", _mlflow_child.__name__, self.uri, *words]
        try:
            done = subprocess.run(  # noqa: S603 (our own module, our own interpreter)
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=CHILD_SECONDS, check=False
            )
            answer = json.loads(done.stdout)
        except (subprocess.TimeoutExpired, ValueError) as error:
            raise TrackingError(f"cannot {words[0]} {words[1]!r}: {type(error).__name__}", place=self.uri) from error
        if "error" in answer:
            told = answer["error"]
            kind = getattr(errors, told["type"], HomologateError)
            raise kind(told["message"], place=told["place"], legal=told["legal"], next_command=told["next"])
        return answer["found"]


def open_registry(uri: str) -> Registry:
    """The registry at an MLflow tracking URI. Nothing is asked of it yet."""
    return _Server(uri.rstrip("/")) if uri.startswith(("http://", "https://")) else _Child(uri)


def _placements_by_command(name: str, otherwise: RefusedError) -> Mapping[str, Any]:
    """What a ledger of its own says (`promotion.ledger`), asked of the command that reads it: this room knows none.

    Raises:
        RefusedError: `otherwise`, where no ledger answers.
    """
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")  # a move of this very second counts
    command = [sys.executable, "-m", "homologate", "history", name, "--at", now, "--json"]
    done = subprocess.run(  # noqa: S603 (our own command, our own interpreter)
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=CHILD_SECONDS, check=False
    )
    if done.returncode:
        raise otherwise
    stages: dict[str, Any] = json.loads(done.stdout)["stages"]
    return stages


def _version(raw: Mapping[str, Any]) -> ModelVersion:
    """A version from MLflow's own JSON, the form REST answers and the child prints."""
    return ModelVersion(
        name=raw["name"],
        number=str(raw["version"]),
        stage=raw.get("current_stage") or "None",
        source=raw.get("source") or "",
        tags={tag["key"]: tag.get("value", "") for tag in raw.get("tags", ())},
        aliases=tuple(raw.get("aliases", ())),
    )
