"""The accounts of the MLflow server: who there is, a new one, another password, one less.

    homologate people                           who there is
    homologate people add ann --may edit        a new account; its random password is shown this once
    homologate people password ann              another random password
    homologate people remove ann                what ann did stays in the ledger under that name

Everybody may read, and so review and approve where a policy does not name its approvers; who makes versions needs
`--may edit`. Acts as MLflow's admin: with the password this machine holds, else as MLFLOW_TRACKING_USERNAME says.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from homologate.verbs._shared import add_settings, settings_of

if TYPE_CHECKING:
    from homologate.people import People
    from homologate.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_settings(parser)
    parser.add_argument("what", nargs="?", default="list", choices=["list", "add", "password", "remove"])
    parser.add_argument("name", nargs="?", help="the account; a ledger is read for years, so use people's real names")
    parser.add_argument(
        "--may", default="read", choices=["read", "edit", "manage"], help="add: with every experiment and model"
    )


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Do what was asked."""
    from homologate.errors import UsageError

    if (args.what == "list") != (args.name is None):
        raise UsageError(
            f"`people {args.what}` takes {'no name' if args.what == 'list' else 'a name'}",
            next_command="homologate people --help",
        )
    people = _people(settings_of(args))
    facts: dict[str, Any] = {"what": args.what, "name": args.name}
    if args.what == "list":
        return {"what": "list", "people": people.all()}
    if args.what == "remove":
        people.remove(args.name)
        return facts
    import secrets

    password = secrets.token_urlsafe(18)
    if args.what == "add":
        people.add(args.name, password)
        people.allow(args.name, args.may)
        return {**facts, "may": args.may, "password": password}
    people.set_password(args.name, password)
    return {**facts, "password": password}


def show(facts: dict[str, Any]) -> str:
    """Who there is, or what was done and the password, once."""
    if facts["what"] == "list":
        return "\n".join(f"{one['name']}{'  (admin)' if one['admin'] else ''}" for one in facts["people"])
    if facts["what"] == "remove":
        return f"{facts['name']} is no account any more"
    return (
        f"{facts['name']}  {facts['password']}\n\n"
        "The password is shown this once and kept nowhere. They change it in the MLflow UI, and use it as\n"
        f"  export MLFLOW_TRACKING_USERNAME={facts['name']} MLFLOW_TRACKING_PASSWORD=…"
    )


def _people(settings: Settings) -> People:
    from pathlib import Path

    from homologate.accounts import ADMIN, Accounts, login_of_environment
    from homologate.errors import UsageError
    from homologate.local import Services
    from homologate.mlflow_server import SERVER
    from homologate.people import People
    from homologate.tracking import tracking_uri

    home = Path(settings.home)
    accounts, local = Accounts.known(home), Services(home).running().get(SERVER)
    place = tracking_uri(local.url if local else None)
    login = login_of_environment()
    if login is None and accounts and local and place.uri == local.url:
        login = accounts.login(ADMIN)
    if login is None:
        raise UsageError(
            "no admin's login is given",
            place="$MLFLOW_TRACKING_USERNAME, $MLFLOW_TRACKING_PASSWORD",
            legal="an MLflow admin's account and password",
        )
    return People(place.uri, login)
