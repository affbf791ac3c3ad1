"""Serve a model over HTTP: MLflow's scoring protocol (`/invocations`) and typed answers (`/v1/score`).

    homologate serve                                         the version in Production
    homologate serve models:/component-classifier/Staging    another stage, or a version number, or @alias
    homologate serve ./model                                 a model directory

    curl -s localhost:5100/v1/score -H 'content-type: application/json' \\
         -d '{"text": "rear brake hose may leak", "explain": true}'

It is ready when the named version is loaded, its bytes are those that were registered, and it has answered its own
input example. A version promoted later takes over without a dropped request. It listens on loopback; to listen
elsewhere, say who may ask (--api-keys, --oidc-issuer) or that anybody may (--anybody). SIGTERM ends it with 0 once
the requests in progress are answered. Logs are JSON lines on stderr and never hold a text.
"""

from __future__ import annotations

import argparse
import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI

    from homologate.settings import Settings
    from serve.collector import Kept
    from serve.server import Access, Limits, Metrics, Service

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    model = parser.add_argument_group("what answers")
    model.add_argument("model", nargs="?", help="a reference as above (default: the settings' model in Production)")
    model.add_argument("--settings", metavar="FILE", help="settings file (default: as every command)")
    model.add_argument("--precision", choices=("fp32", "int8"), help="default: the model's own")
    model.add_argument("--digest", metavar="sha256:…", help="refuse a directory whose bytes are not these")
    model.add_argument(
        "--require",
        choices=("digest", "evidence"),
        default="digest",
        help="of a version: its registered bytes (default), or also complete evidence signed by trusted keys",
    )
    model.add_argument("--poll", type=_seconds, default=15.0, metavar="S", help="seconds between looks at the registry")

    place = parser.add_argument_group("where")
    place.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback)")
    place.add_argument("--port", type=int, default=5100, help="0 takes any free port (default: 5100)")
    place.add_argument("--cores", type=_cores, metavar="LIST", help="cores to use, as 0,1 or 0-3 (default: all given)")
    place.add_argument("--tls-cert", type=Path, metavar="PEM", help="certificate chain")
    place.add_argument("--tls-key", type=Path, metavar="PEM", help="private key of the certificate")

    door = parser.add_argument_group("who may ask")
    door.add_argument(
        "--api-keys", type=Path, metavar="FILE", help="callers and hashes of their keys (`homologate key`)"
    )
    door.add_argument("--oidc-issuer", metavar="URL", help="believe bearer tokens of this issuer")
    door.add_argument("--oidc-audience", metavar="NAME", help="what its tokens must be for")
    door.add_argument("--anybody", action="store_true", help="let anybody ask, on any address")
    door.add_argument("--allowed-hosts", type=_words, metavar="LIST", help="names a request may call this server by")
    door.add_argument("--rate", type=_seconds, metavar="N", help="requests a second and caller (default: no limit)")
    door.add_argument("--burst", type=int, default=50, metavar="N", help="requests a caller may make at once")

    bounds = parser.add_argument_group("limits")
    bounds.add_argument("--max-body", type=int, default=1 << 20, metavar="BYTES", help="of one request")
    bounds.add_argument("--max-texts", type=int, default=1000, metavar="N", help="of one request")
    bounds.add_argument("--max-characters", type=int, metavar="N", help="of one text (default: as the settings)")
    bounds.add_argument("--max-waiting", type=int, default=64, metavar="N", help="questions that may wait for a thread")
    bounds.add_argument("--max-connections", type=int, default=256, metavar="N", help="open at once")
    bounds.add_argument("--deadline", type=_seconds, default=10.0, metavar="S", help="for one request")
    bounds.add_argument("--patience", type=_seconds, default=10.0, metavar="S", help="for a client to send its request")
    bounds.add_argument("--drain", type=_seconds, default=30.0, metavar="S", help="for requests in progress at the end")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Load, probe, serve until told to leave."""
    cores = _use_only(args.cores)  # before numpy counts them

    from homologate.settings import load_settings
    from homologate.versions import parse_reference
    from serve.server import Metrics, Pace, Pool, Service, Source, Watch, bound_socket
    from serve.server import run as serve
    from serve.server._log import set_up

    settings = load_settings(args.settings)
    access = _access(args)
    tls = _tls(args)
    reference = parse_reference(args.model or f"models:/{settings.model}/Production", place="MODEL")
    source = Source(
        reference,
        Path(settings.home),
        precision=args.precision,
        digest=args.digest,
        require=args.require,
    )
    limits = _limits(args, settings)
    pool = Pool(cores, limits.waiting)
    metrics = Metrics(pool)
    with contextlib.closing(bound_socket(args.host, args.port)) as listener:
        service = Service(
            source.open(),
            pool,
            limits,
            access,
            Pace(limits.rate, limits.burst),
            metrics,
            collector=_collector(settings, metrics),
            pages=_pages(settings),
            hosts=_hosts(args, access),
            tls=tls is not None,
        )
        watch = None
        if source.registry is not None and reference.moves:
            watch = Watch(service, source.registry, reference, source.load, args.poll)
        set_up()
        serve(service, listener, watch=watch, tls=tls)
    return {"served": service.model.facts(), "left": "every request that was begun was answered"}


def show(facts: dict[str, Any]) -> str:
    """What served, at the end."""
    return f"{facts['served']['name']} version {facts['served']['version']}: {facts['left']}"


def _access(args: argparse.Namespace) -> Access:
    """The door, which may stand open on loopback only."""
    from homologate.errors import UsageError
    from serve.server import Access, Issuer, KeyFile

    if bool(args.oidc_issuer) != bool(args.oidc_audience):
        raise UsageError("an issuer and an audience go together", place="--oidc-issuer, --oidc-audience")
    keys = KeyFile(args.api_keys) if args.api_keys else None
    access = Access(keys, Issuer(args.oidc_issuer, args.oidc_audience) if args.oidc_issuer else None)
    if access.open and args.host not in LOOPBACK and not args.anybody:
        raise UsageError(
            f"{args.host} is reached from other machines, and nothing says who may ask",
            place="--host",
            legal="--api-keys FILE, --oidc-issuer URL, or --anybody",
            next_command="homologate key NAME --file keys.txt && homologate serve --api-keys keys.txt --host …",
        )
    return access


def _collector(settings: Settings, metrics: Metrics) -> Kept | None:
    """What keeps the predictions, where the settings say so."""
    if not settings.collection.enabled:
        return None
    from homologate.collection import spool_of, store_of
    from homologate.scorer.collector import Collector, Privacy, Spool
    from serve.collector import Kept, Shipping

    kept = settings.collection
    spool = Spool(spool_of(settings), most_bytes=kept.spool_megabytes << 20)
    shipping = Shipping(spool.folder, str(store_of(settings)), kept.retention_days)
    return Kept(Collector(spool, Privacy(kept.privacy)), shipping, metrics.registry)


def _pages(settings: Settings) -> list[Callable[[FastAPI, Service], None]]:
    """What belongs to keeping predictions: feedback on them."""
    if not settings.collection.enabled:
        return []
    from serve.feedback import add_feedback

    return [lambda app, service: add_feedback(app, service, settings)]


def _limits(args: argparse.Namespace, settings: Settings) -> Limits:
    from serve.server import Limits

    return Limits(
        body_bytes=args.max_body,
        texts=args.max_texts,
        characters=args.max_characters or settings.data.max_text_characters,
        waiting=args.max_waiting,
        deadline=args.deadline,
        patience=args.patience,
        connections=args.max_connections,
        drain=args.drain,
        rate=args.rate,
        burst=args.burst,
    )


def _hosts(args: argparse.Namespace, access: Access) -> frozenset[str] | None:
    """On loopback without a credential, a web page could ask through a name of its own that points here: not so."""
    if args.allowed_hosts:
        return frozenset(args.allowed_hosts)
    return frozenset({"127.0.0.1", "localhost", "[::1]"}) if access.open and args.host in LOOPBACK else None


def _tls(args: argparse.Namespace) -> tuple[Path, Path] | None:
    from homologate.errors import UsageError

    if bool(args.tls_cert) != bool(args.tls_key):
        raise UsageError("a certificate and a key go together", place="--tls-cert, --tls-key")
    return (args.tls_cert, args.tls_key) if args.tls_cert else None


def _use_only(cores: list[int] | None) -> list[int]:
    """Confine the process to the cores named; those it was given where none are."""
    from homologate.errors import UsageError

    given = os.sched_getaffinity(0)
    if cores is None:
        return sorted(given)
    if missing := sorted(set(cores) - given):
        raise UsageError(f"core {missing[0]} is not this process's", place="--cores", legal=sorted(given))
    os.sched_setaffinity(0, cores)
    return cores


def _cores(words: str) -> list[int]:
    found: set[int] = set()
    for word in words.split(","):
        first, _, last = word.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    if not found:
        raise argparse.ArgumentTypeError(f"no core in {words!r}")
    return sorted(found)


def _words(words: str) -> list[str]:
    return [word.strip().lower() for word in words.split(",") if word.strip()]


def _seconds(word: str) -> float:
    value = float(word)
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{word} is not a number above 0")
    return value
