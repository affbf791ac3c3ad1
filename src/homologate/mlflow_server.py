"""The MLflow server of one machine: the gate inside it, MLflow's basic-auth around it, on the loopback interface.

What it needs lies in the home: `mlflow.db` (runs, registry, ledger), `artifacts/`, `accounts.json`, and in `server/`
MLflow's login (`auth.ini`, `auth.db`), the key that signs its sessions (`secret`) and the settings in force. The gate
is named, never imported: `--app-name homologate` finds it through the entry points of the room that declares it.

No mlflow, torch or pandas may be imported here.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from homologate.accounts import ADMIN, Accounts, kept_private, write_private
from homologate.errors import RefusedError, StorageError, UsageError
from homologate.local import HOST, Service, Services, program
from homologate.people import People
from homologate.settings import Settings

__all__ = ["SERVER", "start_server"]

SERVER = "mlflow"
PORT = 5000
UNFINISHED = "server/first-start-unfinished"
APP = "homologate"
"""The `mlflow.app` entry point that composes the gated server."""

AUTH = """[mlflow]
default_permission = READ
database_uri = sqlite:///{folder}/auth.db
admin_username = {admin}
admin_password = {password}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
auth_cache_ttl_seconds = 300
"""
"""Everybody reads; what a person makes they manage. A password is hashed once in five minutes, not at every call."""


def start_server(settings: Settings, *, demonstration: bool = False, say: Callable[[str], None]) -> Service:
    """Start the gated MLflow server of this home, or find it running.

    Args:
        settings: the project's settings; the server gets those that concern it.
        demonstration: make this home a demonstration's, if this is its first start: three more accounts, and the
            demonstration's policies. A home never changes from one to the other.
        say: told each line of progress, and once the new passwords.

    Raises:
        UsageError: a demonstration was asked of a home that is none, or of a server without a login.
        ServiceError: it would not start; the end of its log is in the message.
        StorageError: the home folder cannot be written.
    """
    home = Path(settings.home).absolute()
    _private_folder(home / "server")
    accounts = _accounts(settings, home, demonstration, say) if settings.promotion.login == "basic-auth" else None
    if demonstration and accounts is None:
        raise UsageError(
            "a demonstration needs accounts, and this server has no login",
            place="homologate.yaml, field promotion.login",
            legal="basic-auth",
        )
    in_force = _settings_of_the_server(settings, home, demonstration=bool(accounts and accounts.demonstration))
    store = f"sqlite:///{home}/mlflow.db"

    def command(port: int) -> list[str]:
        _set_aside_unfinished(home, say)
        places = ["--backend-store-uri", store, "--artifacts-destination", str(home / "artifacts")]
        listen = ["--host", HOST, "--port", str(port), "--workers", "1"]
        return [program("mlflow"), "server", "--app-name", APP, *places, *listen]

    service = Services(home).start(
        SERVER,
        command,
        about=f"{store}, under the settings {hashlib.sha256(in_force.read_bytes()).hexdigest()[:12]}",
        port=PORT,
        ready="/health",
        environment=_environment(home, in_force, accounts),
        say=say,
    )
    (home / UNFINISHED).unlink(missing_ok=True)
    if accounts:
        _introduce(accounts, service.url, say)
    return service


def _accounts(settings: Settings, home: Path, demonstration: bool, say: Callable[[str], None]) -> Accounts | None:
    """The accounts of this home, made where it has none; None where somebody took their file away."""
    accounts = Accounts.known(home)
    if accounts is None and not (home / "server" / "auth.ini").exists():
        accounts = Accounts.made(home, demonstration=demonstration)
        say(f"made the accounts of this server; passwords are shown this once and kept in {accounts.file} (mode 600):")
        for name, password in accounts.passwords.items():
            say(f"  {name:<16} {password}")
    if demonstration and not (accounts and accounts.demonstration):
        raise UsageError(
            "this home is no demonstration's: real people decide what goes to Production here",
            place=str(home),
            next_command=f"homologate main, then homologate request {settings.model} VERSION --to Staging --reason …",
        )
    return accounts


def _private_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise StorageError(
            f"the home folder cannot be written: {error.strerror}",
            place=str(folder),
            next_command="set `home:` in homologate.yaml to a folder you may write",
        ) from error


def _set_aside_unfinished(home: Path, say: Callable[[str], None]) -> None:
    """Move away the tables of a first start that was killed while MLflow made them: it cannot go on from there.

    A mark stands from before the first table until the server first answered. Tables that hold a run or a model are
    somebody's work, whatever the mark says, and stay.
    """
    mark, tables = home / UNFINISHED, home / "mlflow.db"
    if mark.exists() and not _holds_work(tables):
        for file in (tables, home / "mlflow.db-journal", home / "server" / "auth.db"):
            if file.exists():
                file.replace(file.with_name(f"{file.name}.unfinished"))
        say("the first start was interrupted while it made its tables; they are set aside and made anew")
    if not tables.exists():
        mark.touch()


def _holds_work(tables: Path) -> bool:
    import sqlite3

    if not tables.exists():
        return False
    with contextlib.closing(sqlite3.connect(f"file:{tables}?mode=ro", uri=True)) as database:
        for table in ("runs", "registered_models"):
            with contextlib.suppress(sqlite3.Error):
                if database.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone():  # noqa: S608 (our own words)
                    return True
    return False


def _settings_of_the_server(settings: Settings, home: Path, *, demonstration: bool) -> Path:
    """The file of the settings the server runs under: those that concern it, with places that hold from anywhere."""
    promotion = settings.promotion.model_dump(mode="json")
    if demonstration:
        promotion["policies"] = "demo"
    elif promotion["policies"] not in ("shipped", "demo"):
        promotion["policies"] = str(Path(promotion["policies"]).absolute())
    file = home / "server" / "homologate.yaml"
    told = {"home": str(home), "model": settings.model, "promotion": promotion}
    write_private(file, json.dumps(told, indent=2) + "\n")
    return file


def _environment(home: Path, in_force: Path, accounts: Accounts | None) -> dict[str, str]:
    """The variables of the server, and the private files they name, made where they are missing."""
    from homologate.attest import make_signing_key
    from homologate.attest.keys import SIGNING_KEY_VARIABLE, trusted_folder

    if not os.environ.get(SIGNING_KEY_VARIABLE) and not any(trusted_folder(home).glob("*")):
        make_signing_key(home)  # so that the first answers of people are signed, too
    folder = home / "server"
    if accounts:
        kept_private(
            folder / "auth.ini", AUTH.format(folder=folder, admin=ADMIN, password=accounts.login(ADMIN).password)
        )
    return {
        "HOMOLOGATE_SETTINGS": str(in_force),
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": kept_private(folder / "secret", secrets.token_hex(32)),
        # Background jobs of MLflow's own (scorers, gateways) need a task queue nobody here asks for.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


def _introduce(accounts: Accounts, url: str, say: Callable[[str], None]) -> None:
    """Make the accounts known to the server, those that are not yet: it may have been killed between two of them."""
    people = People(url, accounts.login(ADMIN))
    try:
        there = {one["name"] for one in people.all()}
    except RefusedError:
        say(f"the password of {ADMIN!r} is no longer the one in {accounts.file}; its accounts are left as they are")
        return
    for name, password in accounts.passwords.items():
        if name not in there:
            people.add(name, password)
