"""Run a command as one of the accounts this machine holds the password of, on this machine's MLflow server.

    homologate as demo-author -- mlflow run . -e main --env-manager local
    homologate as demo-approver-1 -- homologate approve 12 --comment "read the slices"
    homologate as endpoint -- mlflow models serve -m models:/component-classifier/Production --env-manager local

The command finds MLFLOW_TRACKING_URI, MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD in its environment, and
takes this command's place: its output and its exit code are its own.
"""

from __future__ import annotations

import argparse
from typing import Any

from homologate.verbs._shared import add_settings, settings_of


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_settings(parser)
    parser.add_argument("account", help="one of the accounts `homologate where` lists")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="after `--`: the program and its arguments")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Become the command; only a fault returns."""
    import os
    import shutil
    from pathlib import Path

    from homologate.accounts import Accounts
    from homologate.errors import ServiceError, UsageError
    from homologate.local import Services
    from homologate.mlflow_server import SERVER

    words = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not words:
        raise UsageError("no command is given", legal="homologate as ACCOUNT -- COMMAND", place="the command line")
    home = Path(settings_of(args).home)
    accounts, server = Accounts.known(home), Services(home).running().get(SERVER)
    if accounts is None or server is None:
        raise ServiceError(
            "no MLflow server with accounts of this machine is running here",
            place=str(home.absolute()),
            next_command="homologate up",
        )
    found = shutil.which(words[0])
    if found is None:
        raise UsageError(f"no program {words[0]!r}", place="$PATH")
    login = accounts.login(args.account)
    os.environ.update({"MLFLOW_TRACKING_URI": server.url, **login.environment})
    os.execv(found, words)  # noqa: S606 (what the user asked for, as the user)


def show(facts: dict[str, Any]) -> str:
    """Nothing: the command spoke for itself."""
    return ""
