"""The runtime of an edge package.

    python edge.pyz probe    --trusted KEYS                     verify this package, answer its golden probe
    python edge.pyz score    --trusted KEYS < in.jsonl          a line in, a verdict a line out; nothing is kept
    python edge.pyz start    --trusted KEYS --home HOME         answer on HTTP, follow installations
    python edge.pyz install  --trusted KEYS --home HOME FILE    take another package where it passes its probe
    python edge.pyz rollback --trusted KEYS --home HOME         back to the package before this one
    python edge.pyz forward  --home HOME [--to STORE]           send what waits, once
    python edge.pyz status   --home HOME                        what is installed and what waits

KEYS is a folder of public keys that came to this device another way than the package. $HOMOLOGATE_FORWARD names the
store predictions go to: an Azure Blob container with its SAS, any server that takes PUT, or a folder.
Exit codes: 2 usage, 5 disk or store, 6 a package that cannot answer, 7 a package that is not what was signed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

from homologate_collector import FORMS, Privacy, path_part

from ._faults import Fault, UsageFault
from ._forward import VARIABLE, Forwarder, forward, store_of
from ._home import Home
from ._package import open_package, own_home, probe
from ._spool import Spool
from ._supervisor import supervise

__all__ = ["main"]

PORT = 5200


def main(words: list[str] | None = None) -> int:
    """Run one command; the exit code."""
    args = _parser().parse_args(words)
    try:
        return int(args.run(args) or 0)
    except Fault as fault:
        print(f"error: {fault}", file=sys.stderr)
        return fault.exit_code
    except KeyboardInterrupt:
        return 130


def _probe(args: argparse.Namespace) -> None:
    package = open_package(own_home(), args.trusted)
    probe(package)
    facts = package.facts
    print(f"{facts['model']} version {facts['version']} ({facts['precision']}) answers as its packager's machine did")


def _score(args: argparse.Namespace) -> None:
    from homologate_scorer import InputFault

    scorer = probe(open_package(own_home(), args.trusted))
    for line in sys.stdin:
        if line.strip():
            try:
                answer = scorer.answer(json.loads(line)["text"])
                names = ("label", "probability", "threshold", "truncated")
                told: dict[str, Any] = {name: getattr(answer, name) for name in names}
            except InputFault as fault:
                told = {"error": fault.problem}
            except (ValueError, TypeError, KeyError) as error:
                told = {"error": f"not a question: {error!s:.100}"}
            sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")


def _start(args: argparse.Namespace) -> int:
    words = ["--host", args.host, "--port", str(args.port), "--privacy", args.privacy, "--device", args.device]
    return supervise(Home(args.home, args.trusted), args.seed, [*words, "--every", str(args.every)], _say)


def _serve(args: argparse.Namespace) -> None:
    """What `start` starts: this package alone, until SIGTERM."""
    from ._http import Service

    package = open_package(own_home(), args.trusted)
    scorer = probe(package)
    address = os.environ.get(VARIABLE)
    store = store_of(address) if address else None
    spool = Spool(args.home / "spool.sqlite", args.device)
    service = Service((args.host, args.port), package, scorer, spool, Privacy(args.privacy))
    forwarder = Forwarder(spool, store, args.every, _say) if store else None
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=service.shutdown).start())
    _say("ready", url=f"http://{args.host}:{service.server_port}", **service.model_facts())
    print("ready", flush=True)
    service.serve_forever(poll_interval=0.1)
    service.server_close()  # waits for the questions in progress
    if forwarder:
        forwarder.stop()
    spool.close()


def _install(args: argparse.Namespace) -> None:
    package = Home(args.home, args.trusted).install(args.file, older=args.older)
    print(f"{package.facts['model']} version {package.facts['version']} is installed; `rollback` takes it back")


def _rollback(args: argparse.Namespace) -> None:
    print(f"package {Home(args.home, args.trusted).roll_back('taken back by hand')[:12]}… answers again")


def _forward(args: argparse.Namespace) -> None:
    address = args.to or os.environ.get(VARIABLE)
    if not address:
        raise UsageFault("no store is named", place=f"--to or ${VARIABLE}", legal="https://…, or a folder")
    count = forward(Spool(args.home / "spool.sqlite", args.device), store_of(address))
    print(f"{count} predictions forwarded")


def _status(args: argparse.Namespace) -> None:
    spool = args.home / "spool.sqlite"
    waiting = Spool(spool, args.device).waiting() if spool.exists() else 0
    state = Home(args.home, args.trusted).state
    told = {"current": state.current, "previous": state.previous, "refused": state.refused, "waiting": waiting}
    print(json.dumps(told, indent=2))


def _health(args: argparse.Namespace) -> int:
    """For a container's health check."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{args.port}/health", timeout=5) as answer:
            return int(answer.status != 200)
    except OSError:
        return 1


def _say(event: str, **facts: Any) -> None:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    print(json.dumps({"time": stamp, "event": event, **facts}, ensure_ascii=False), file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="edge.pyz", description=__doc__, formatter_class=plain)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(run: Any, name: str, *, home: bool = True) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=(run.__doc__ or "").partition("\n")[0] or None)
        made.set_defaults(run=run)
        made.add_argument("--trusted", type=Path, default=Path("trusted"), metavar="KEYS", help="default: ./trusted")
        if home:
            made.add_argument("--home", type=Path, default=Path("/var/lib/homologate"), help="default: %(default)s")
            made.add_argument("--device", type=path_part, default=platform.node() or "device")
        return made

    command(_probe, "probe", home=False)
    command(_score, "score", home=False)
    for run, name in ((_start, "start"), (_serve, "serve")):
        made = command(run, name)
        made.add_argument("--host", default="127.0.0.1")
        made.add_argument("--port", type=int, default=PORT, help="0 takes a free one; default: %(default)s")
        made.add_argument("--privacy", choices=FORMS, default="redacted", help="what of a text is kept")
        made.add_argument("--every", type=float, default=30.0, metavar="SECONDS", help="how often to forward")
        if name == "start":
            made.add_argument("--seed", type=Path, metavar="FOLDER", help="the package that came with the image")
    made = command(_install, "install")
    made.add_argument("file", type=Path, help="a .edge.tar file, or a folder with package/ and package.intoto.json")
    made.add_argument("--older", action="store_true", help="take a lower version than the one installed")
    command(_rollback, "rollback")
    command(_forward, "forward").add_argument("--to", metavar="STORE", help=f"default: ${VARIABLE}")
    command(_status, "status")
    command(_health, "health", home=False).add_argument("--port", type=int, default=PORT)
    return parser
