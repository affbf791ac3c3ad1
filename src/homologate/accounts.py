"""The accounts of the MLflow server on this machine, made before its first start and kept where only their owner reads.

    <home>/accounts.json    mode 0600: {"demonstration": true, "accounts": {"admin": "…", "demo-author": "…"}}

A home is a demonstration's or it is not, from its first start on: a demonstration knows three more accounts, an author
and two approvers, whose passwords this machine holds so that `make run` can act as each. Passwords of real people are
made by `homologate people add`, shown once, and kept nowhere but in MLflow's own hashes.

Nothing but the standard library may be imported here.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from homologate.errors import StorageError, UsageError

__all__ = [
    "ADMIN",
    "APPROVERS",
    "AUTHOR",
    "ENDPOINT",
    "LOG_IN",
    "Accounts",
    "Login",
    "kept_private",
    "login_of_environment",
    "write_private",
]

ADMIN = "admin"
"""MLflow's own administrator: makes accounts, exports the ledger. It is nobody's everyday account."""
ENDPOINT = "endpoint"
"""What serves reads versions as this account."""
AUTHOR = "demo-author"
APPROVERS = ("demo-approver-1", "demo-approver-2")

LOG_IN = "homologate as ACCOUNT -- COMMAND  # or set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
"""What to do where a server asks who we are."""

FILE = "accounts.json"


class Login(NamedTuple):
    """An account and its password. Its representation shows the account only."""

    name: str
    password: str

    def __repr__(self) -> str:
        return f"Login({self.name})"

    @property
    def header(self) -> dict[str, str]:
        """What a request says."""
        return {"Authorization": "Basic " + base64.b64encode(f"{self.name}:{self.password}".encode()).decode()}

    @property
    def environment(self) -> dict[str, str]:
        """The variables MLflow's client, and ours, read."""
        return {"MLFLOW_TRACKING_USERNAME": self.name, "MLFLOW_TRACKING_PASSWORD": self.password}


@dataclass(frozen=True)
class Accounts:
    """The accounts this machine can act as.

    Attributes:
        file: where they are kept.
        demonstration: whether this home is a demonstration's.
        passwords: by account.
    """

    file: Path
    demonstration: bool
    passwords: Mapping[str, str]

    @classmethod
    def known(cls, home: Path) -> Accounts | None:
        """The accounts of a home; None where its server was never started, or their file was taken away.

        Raises:
            StorageError: the file cannot be read.
        """
        file = home.absolute() / FILE
        try:
            raw = json.loads(file.read_text(encoding="utf-8"))
            return cls(file, bool(raw["demonstration"]), dict(raw["accounts"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StorageError(
                f"the accounts of this machine cannot be read: {error}",
                place=str(file),
                next_command="put the file back from a backup, or start afresh in another home",
            ) from error

    @classmethod
    def made(cls, home: Path, *, demonstration: bool) -> Accounts:
        """New accounts with random passwords, on disk before anything knows them; those of who was faster, if any was.

        Raises:
            StorageError: the home folder cannot be written.
        """
        names = (ADMIN, ENDPOINT, *((AUTHOR, *APPROVERS) if demonstration else ()))
        passwords = {name: secrets.token_urlsafe(18) for name in names}
        file = home.absolute() / FILE
        kept_private(file, json.dumps({"demonstration": demonstration, "accounts": passwords}, indent=2))
        known = cls.known(home)
        assert known is not None  # noqa: S101 (written above)
        return known

    def login(self, name: str) -> Login:
        """One account with its password.

        Raises:
            UsageError: this machine holds no password of that account.
        """
        if name not in self.passwords:
            raise UsageError(
                f"this machine holds no password of {name!r}",
                place=str(self.file),
                legal=self.passwords,
                next_command="set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD yourself",
            )
        return Login(name, self.passwords[name])


def login_of_environment() -> Login | None:
    """The account `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD` name, or None."""
    name = os.environ.get("MLFLOW_TRACKING_USERNAME")
    return Login(name, os.environ.get("MLFLOW_TRACKING_PASSWORD", "")) if name else None


def kept_private(path: Path, text: str) -> str:
    """The content of a private file: `text` where this call makes it, else what another made first. Raises as below."""
    scratch = _scratch(path, text)
    try:
        with contextlib.suppress(FileExistsError):
            os.link(scratch, path)
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot keep {path.name}: {error.strerror}", place=str(path)) from error
    finally:
        scratch.unlink()


def write_private(path: Path, text: str) -> None:
    """Write a file whole or not at all, readable by its owner only from its first instant.

    Raises:
        StorageError: the folder cannot be written.
    """
    scratch = _scratch(path, text)
    try:
        scratch.replace(path)
    except OSError as error:
        scratch.unlink()
        raise StorageError(f"cannot write {path.name}: {error.strerror}", place=str(path)) from error


def _scratch(path: Path, text: str) -> Path:
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as sink:
            sink.write(text)
            sink.flush()
            os.fsync(sink.fileno())
    except OSError as error:
        raise StorageError(f"cannot write {path.name}: {error.strerror}", place=str(path)) from error
    return scratch
