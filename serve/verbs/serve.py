"""Serve a model over HTTP: MLflow's scoring protocol (`/invocations`) and typed answers (`/v1/score`).

    homologate serve                                         the version in Production
    homologate serve models:/component-classifier/Staging    another stage, or a version number, or @alias
    homologate serve ./model                                 a model directory
    homologate serve --challenger Staging                    and let Staging answer a tenth, unseen
    homologate serve --canary Staging --canary-share 0.05    and let Staging answer one in twenty, while it does well

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
from pathlib import Path
from typing import Any

from serve.verbs import _parts as parts


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    model = parser.add_argument_group("what answers")
    model.add_argument("model", nargs="?", help="a reference as above (default: the settings' model in Production)")
    model.add_argument("--settings", metavar="FILE", help="settings file (default: as every command)")
    model.add_argument("--precision", choices=("fp32", "int8"), help="default: the model's own")
    model.add_argument("--digest", metavar="sha256:…", help="refuse a directory whose bytes are not these")
    model.add_argument(
        "--require",
        choices=("digest", "evidence", "staging", "production"),
        default="digest",
        help="of a version: its registered bytes (default), also complete evidence signed by trusted keys, or also the "
        "gate's decision that it may stand in that stage",
    )
    model.add_argument(
        "--poll", type=parts.positive, default=15.0, metavar="S", help="seconds between looks at the registry"
    )

    beside = parser.add_argument_group("a version beside it")
    beside.add_argument("--challenger", metavar="REF", help="answers a sample too, unseen: a stage or a reference")
    beside.add_argument("--shadow-share", type=_share, default=0.1, metavar="S", help="the sample (default: 0.1)")
    beside.add_argument("--canary", metavar="REF", help="answers a share of the requests: a stage or a reference")
    beside.add_argument("--canary-share", type=_share, default=0.05, metavar="S", help="that share (default: 0.05)")
    beside.add_argument(
        "--canary-by",
        choices=("prediction", "caller"),
        default="prediction",
        help="what decides: each prediction by itself (default), or the caller, who then always meets the same version",
    )
    beside.add_argument("--canary-failing", type=_share, default=0.02, metavar="S", help="texts it may fail on")
    beside.add_argument(
        "--canary-slower", type=parts.positive, default=2.0, metavar="N", help="times the champion's p95"
    )
    beside.add_argument("--canary-disagreement", type=_share, default=0.2, metavar="S", help="texts judged differently")

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
    door.add_argument(
        "--allowed-hosts", type=parts.words, metavar="LIST", help="names a request may call this server by"
    )
    door.add_argument(
        "--rate", type=parts.positive, metavar="N", help="requests a second and caller (default: no limit)"
    )
    door.add_argument("--burst", type=int, default=50, metavar="N", help="requests a caller may make at once")

    bounds = parser.add_argument_group("limits")
    bounds.add_argument("--max-body", type=int, default=1 << 20, metavar="BYTES", help="of one request")
    bounds.add_argument("--max-texts", type=int, default=1000, metavar="N", help="of one request")
    bounds.add_argument("--max-characters", type=int, metavar="N", help="of one text (default: as the settings)")
    bounds.add_argument("--max-waiting", type=int, default=64, metavar="N", help="questions that may wait for a thread")
    bounds.add_argument("--max-connections", type=int, default=256, metavar="N", help="open at once")
    bounds.add_argument("--deadline", type=parts.positive, default=10.0, metavar="S", help="for one request")
    bounds.add_argument(
        "--explain-within",
        type=parts.positive,
        default=5.0,
        metavar="S",
        help="for the slow explanation; beyond, the answer goes with the words of its own graph (default: 5)",
    )
    bounds.add_argument(
        "--patience", type=parts.positive, default=10.0, metavar="S", help="for a client to send its request"
    )
    bounds.add_argument(
        "--drain", type=parts.positive, default=30.0, metavar="S", help="for requests in progress at the end"
    )


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Load, probe, serve until told to leave."""
    cores = parts.use_only(args.cores)  # before numpy counts them

    from homologate.settings import load_settings
    from homologate.versions import parse_reference
    from serve.http._log import set_up, tell
    from serve.server import Metrics, Pace, Pool, Recorder, Service, Source, Watch, bound_socket
    from serve.server import run as serve
    from serve.server._telemetry import open_telemetry

    settings = load_settings(args.settings)
    access = parts.access(args)
    tls = parts.tls(args)
    reference = parse_reference(args.model or f"models:/{settings.model}/Production", place="MODEL")
    source = Source(
        reference,
        Path(settings.home),
        precision=args.precision,
        digest=args.digest,
        require=args.require,
    )
    limits = parts.limits(args, settings)
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
            Recorder(metrics),
            collector=parts.collector(settings, metrics),
            pages=parts.pages(settings),
            hosts=parts.hosts(args, open=access.open),
            tls=tls is not None,
        )
        set_up()
        telemetry = open_telemetry(pool)
        if telemetry is not None:
            service.recorder.listeners.append(telemetry)
            tell(telemetry.event)
        watches = []
        if source.registry is not None and reference.moves:
            watches.append(Watch(service, metrics, source.registry, reference, source.load, args.poll))
        service.challenger, beside = parts.challenger(args, settings, service)
        try:
            serve(service, listener, watches=[*watches, *beside], tls=tls)
        finally:
            if telemetry is not None:
                telemetry.close()
    return {"served": service.model.facts(), "left": "every request that was begun was answered"}


def show(facts: dict[str, Any]) -> str:
    """What served, at the end."""
    return f"{facts['served']['name']} version {facts['served']['version']}: {facts['left']}"


def _cores(words: str) -> list[int]:
    found: set[int] = set()
    for word in words.split(","):
        first, _, last = word.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    if not found:
        raise argparse.ArgumentTypeError(f"no core in {words!r}")
    return sorted(found)


def _share(word: str) -> float:
    value = float(word)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{word} is not a share above 0, at most 1")
    return value
