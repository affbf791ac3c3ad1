"""Serve the pages where technicians describe a component, see the verdict and the words that decided it, and disagree.

    homologate web                                                  in front of `homologate serve` on port 5100
    homologate web --server http://127.0.0.1:5001                   in front of stock `mlflow models serve`
    homologate web --host 0.0.0.0 --tls-cert c.pem --tls-key k.pem  for other machines
    homologate web --server https://NAME.REGION.inference.ml.azure.com/score \\
        --token-header x-ms-token-aad-id-token --oidc-issuer URL --oidc-audience APP     behind Azure App Service

It holds no model and no power of its own: it asks the server as the person who sits before it. Where that server wants
keys, each technician signs in with their own (`homologate key NAME`); behind a platform that signs people in, their
token is verified and sent on; a server that asks nobody may be used on loopback, and then nobody can disagree.
An Azure ML endpoint is asked as this process (managed identity, workload identity or `az login`), and predictions,
feedback and queue are kept in the settings' store. SIGTERM ends it with 0. Logs are JSON lines and never hold a text.
"""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serve.verbs import _parts as parts

if TYPE_CHECKING:
    from homologate.settings import Settings
    from serve.web import Desk, ScoringServer


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    asked = parser.add_argument_group("whom it asks")
    asked.add_argument(
        "--server", default="http://127.0.0.1:5100", metavar="URL", help="default: http://127.0.0.1:5100"
    )
    asked.add_argument(
        "--azure", action="store_true", help="it is an Azure ML endpoint (known by itself from …inference.ml.azure.com)"
    )
    asked.add_argument("--plain-http", action="store_true", help="let keys travel unencrypted to another machine")
    asked.add_argument("--settings", metavar="FILE", help="settings file (default: as every command)")

    place = parser.add_argument_group("where")
    place.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback)")
    place.add_argument("--port", type=int, default=5200, help="0 takes any free port (default: 5200)")
    place.add_argument("--tls-cert", type=Path, metavar="PEM", help="certificate chain")
    place.add_argument("--tls-key", type=Path, metavar="PEM", help="private key of the certificate")
    place.add_argument("--https", action="store_true", help="people come by https; a proxy in front ends it")
    place.add_argument("--allowed-hosts", type=parts.words, metavar="LIST", help="names people may call it by")

    door = parser.add_argument_group("who may use it")
    door.add_argument("--token-header", metavar="NAME", help="the header in which a platform sends a person's token")
    door.add_argument("--oidc-issuer", metavar="URL", help="whose tokens those are")
    door.add_argument("--oidc-audience", metavar="NAME", help="what they must be for")
    door.add_argument(
        "--anybody", action="store_true", help="let anybody use a server that asks nobody, on any address"
    )
    door.add_argument(
        "--idle", type=parts.positive, default=7200.0, metavar="S", help="seconds until a visit ends (default: 7200)"
    )


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Serve until told to leave."""
    from homologate.settings import load_settings
    from serve import http
    from serve.web import Door, Sessions, Site, create_app

    settings = load_settings(args.settings)
    tls = parts.tls(args)
    secure = tls is not None or args.https
    issuer = parts.issuer(args)
    local = args.host in parts.LOOPBACK
    server, desk = _asked(args, settings)
    door = Door(
        server,
        Sessions(args.idle),
        token_header=args.token_header,
        issuer=issuer,
        open=local or args.anybody,
        secure=secure,
    )
    hosts = parts.hosts(args, open=issuer is None)
    with contextlib.closing(http.bound_socket(args.host, args.port, command="homologate web")) as listener:
        http.set_up_log()
        if not local and not secure and issuer is None:
            mend = "--tls-cert with --tls-key, or --https behind a proxy that ends TLS"
            http.event("keys_travel_unencrypted", level=30, next=mend)
        http.run(
            create_app(Site(server, desk, door, settings), hosts, tls=secure),
            listener,
            limits=http.Limits(deadline=60.0),
            ready=lambda url: http.event("ready", url=url, server=server.url),
            tls=tls,
        )
    return {"server": server.url, "left": "every page that was begun was answered"}


def show(facts: dict[str, Any]) -> str:
    """How it ended."""
    return f"pages in front of {facts['server']}: {facts['left']}"


def _asked(args: argparse.Namespace, settings: Settings) -> tuple[ScoringServer, Desk]:
    """The scoring server, and where feedback on its answers goes."""
    from urllib.parse import urlsplit

    from homologate.errors import UsageError
    from serve.web import AZURE_ENDPOINTS, Identity, OwnDesk, ScoringServer, ServerDesk

    labels = settings.data.labels.words
    if not args.azure and not str(urlsplit(args.server).hostname or "").endswith(AZURE_ENDPOINTS):
        server = ScoringServer(args.server, labels, plain=args.plain_http)
        return server, ServerDesk(server)
    if args.host not in parts.LOOPBACK and not args.token_header and not args.anybody:
        raise UsageError(
            f"{args.host} is reached from other machines, and this app asks the endpoint as itself",
            place="--host",
            legal="--token-header with --oidc-issuer and --oidc-audience, or --anybody",
        )
    from homologate.collection import spool_of, store_of
    from serve.collector import Shipping

    shipping = Shipping(spool_of(settings), str(store_of(settings)), settings.collection.retention_days)
    return ScoringServer(args.server, labels, Identity(), plain=args.plain_http), OwnDesk(settings, shipping)
