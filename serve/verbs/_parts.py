"""From the words of `homologate serve` to the parts of a server."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI

    from homologate.settings import Settings
    from serve.collector import Kept
    from serve.http import Hosts, Issuer
    from serve.server import Access, Challenger, Limits, Metrics, Service, Watch

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def access(args: argparse.Namespace) -> Access:
    """The door, which may stand open on loopback only."""
    from homologate.errors import UsageError
    from serve.server import Access, KeyFile

    keys = KeyFile(args.api_keys) if args.api_keys else None
    access = Access(keys, issuer(args))
    if access.open and args.host not in LOOPBACK and not args.anybody:
        raise UsageError(
            f"{args.host} is reached from other machines, and nothing says who may ask",
            place="--host",
            legal="--api-keys FILE, --oidc-issuer URL, or --anybody",
            next_command="homologate key NAME --file keys.txt && homologate serve --api-keys keys.txt --host …",
        )
    return access


def issuer(args: argparse.Namespace) -> Issuer | None:
    """Whose bearer tokens are believed; None where none are."""
    from homologate.errors import UsageError
    from serve.http import Issuer

    if bool(args.oidc_issuer) != bool(args.oidc_audience):
        raise UsageError("an issuer and an audience go together", place="--oidc-issuer, --oidc-audience")
    return Issuer(args.oidc_issuer, args.oidc_audience) if args.oidc_issuer else None


def words(listed: str) -> list[str]:
    """The type of an argument that is a list of names, parted by commas."""
    return [word.strip().lower() for word in listed.split(",") if word.strip()]


def positive(word: str) -> float:
    """The type of an argument that is a number above 0."""
    value = float(word)
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{word} is not a number above 0")
    return value


def collector(settings: Settings, metrics: Metrics) -> Kept | None:
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


def pages(settings: Settings) -> list[Callable[[FastAPI, Service], None]]:
    """What belongs to keeping predictions: feedback on them."""
    if not settings.collection.enabled:
        return []
    from serve.feedback import add_feedback
    from serve.queue import add_queue

    return [
        lambda app, service: add_feedback(app, service, settings),
        lambda app, _: add_queue(app, settings),
    ]


def limits(args: argparse.Namespace, settings: Settings) -> Limits:
    from serve.server import Limits

    return Limits(
        body_bytes=args.max_body,
        texts=args.max_texts,
        characters=args.max_characters or settings.data.max_text_characters,
        waiting=args.max_waiting,
        deadline=args.deadline,
        explain=args.explain_within,
        patience=args.patience,
        connections=args.max_connections,
        drain=args.drain,
        rate=args.rate,
        burst=args.burst,
    )


def hosts(args: argparse.Namespace, *, open: bool) -> Hosts:
    """On loopback without a credential, a web page could ask through a name of its own that points here: not so."""
    from serve import http

    return http.Hosts(args.allowed_hosts or (http.LOOPBACK if open and args.host in LOOPBACK else None))


def tls(args: argparse.Namespace) -> tuple[Path, Path] | None:
    from homologate.errors import UsageError

    if bool(args.tls_cert) != bool(args.tls_key):
        raise UsageError("a certificate and a key go together", place="--tls-cert, --tls-key")
    return (args.tls_cert, args.tls_key) if args.tls_cert else None


def use_only(cores: list[int] | None) -> list[int]:
    """Confine the process to the cores named; those it was given where none are."""
    from homologate.errors import UsageError

    given = os.sched_getaffinity(0)
    if cores is None:
        return sorted(given)
    if missing := sorted(set(cores) - given):
        raise UsageError(f"core {missing[0]} is not this process's", place="--cores", legal=sorted(given))
    os.sched_setaffinity(0, cores)
    return cores


def challenger(args: argparse.Namespace, settings: Settings, service: Service) -> tuple[Challenger | None, list[Watch]]:
    """The place beside the champion, if one is asked for, and the watch that fills it."""
    from homologate.errors import UsageError
    from homologate.versions import parse_reference
    from homologate.versions._reference import STAGES
    from serve.server import CanaryLimits, Challenger, Source, Watch

    if args.challenger and args.canary:
        raise UsageError("one version can stand beside it", place="--challenger, --canary", legal="one of the two")
    words = args.challenger or args.canary
    if not words:
        return None, []
    if words.capitalize() in STAGES:
        words = f"models:/{settings.model}/{words}"
    reference = parse_reference(words, place="--canary" if args.canary else "--challenger")
    # A decision is for one stage: where Production is required of the champion, Staging is of the one beside it.
    require = {"production": "staging"}.get(args.require, args.require)
    source = Source(reference, Path(settings.home), precision=args.precision, require=require)
    beside = Challenger(
        service.pool,
        service.metrics,
        mode="canary" if args.canary else "shadow",
        share=args.canary_share if args.canary else args.shadow_share,
        by=args.canary_by,
        limits=CanaryLimits(args.canary_failing, args.canary_slower, args.canary_disagreement),
        collector=service.collector,
    )
    if source.registry is not None and reference.moves:
        return beside, [Watch(beside, service.metrics, source.registry, reference, source.load, args.poll)]
    beside.replace_model(source.open())
    return beside, []
