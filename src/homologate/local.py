"""The services of one machine: an MLflow server and the endpoint, started as daemons and remembered.

State is one JSON file, `<home>/services.json`: for each service its process id, that process's start time (so that a
recycled id is never mistaken for ours), address and log. Servers listen on the loopback interface only.

No mlflow, torch or pandas may be imported here: `homologate where` must answer at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from homologate.errors import ServiceError, StorageError

__all__ = ["HOST", "Service", "Services", "program"]

HOST = "127.0.0.1"
STATE_FILE = "services.json"
START_SECONDS = 180.0
STOP_SECONDS = 20.0
CHANCES = 3
"""How often a start is tried anew where another program took the port between its choice and its use."""

_let_go: list[subprocess.Popen[bytes]] = []
"""Daemons outlive the command that started them; a reference keeps Popen from calling that a mistake."""


class Service(NamedTuple):
    """One running daemon."""

    name: str
    pid: int
    born: str
    """The process's start time in clock ticks since boot, from /proc."""
    url: str
    log: str
    about: str
    """What it serves (a model version, a database): a service is reused only while this stays the same."""

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        return self.born != "" and _born(self.pid) == self.born


class Services:
    """The daemons of one home folder.

    Args:
        home: folder of the state file, the logs and the local stores; made when first written to.
    """

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()

    def running(self) -> dict[str, Service]:
        """The services that run now, by name."""
        try:
            raw = json.loads((self.home / STATE_FILE).read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        known = {name: Service(**fields) for name, fields in raw.items()}
        return {name: service for name, service in known.items() if service.alive}

    def start(
        self,
        name: str,
        command: Callable[[int], Sequence[str]],
        *,
        about: str,
        port: int,
        ready: str,
        environment: Mapping[str, str] | None = None,
        say: Callable[[str], None],
    ) -> Service:
        """Start a daemon and wait until it answers; keep the one that runs if it serves the same thing.

        Args:
            name: what it is called in the state file and in messages.
            command: makes the words to run, given the port.
            about: what it serves; a running service that serves something else is stopped first.
            port: the port wanted; the next free one is taken when it is in use.
            ready: path that answers 200 once it serves.
            environment: variables on top of this process's.
            say: told once a line of progress is due.

        Raises:
            ServiceError: it ended or did not answer in time; the last lines of its log are in the message.
            StorageError: the home folder cannot be written.
        """
        with self._locked():
            running = self.running()
            if name in running and running[name].about == about and _answers(running[name].url + ready):
                return running[name]
            if name in running:
                say(f"restarting {name}: it served {running[name].about}")
                _stop(running[name])
            for chance in range(CHANCES):
                chosen = _free_port(port)
                service, process = self._launch(name, command(chosen), chosen, about, environment or {})
                try:
                    self._await(service, process, ready, say)
                except ServiceError:
                    if chance == CHANCES - 1 or _free_port(chosen) == chosen:
                        raise
                    say(f"another program took port {chosen} meanwhile; starting {name} on the next")
                else:
                    break
            return service

    def _launch(
        self, name: str, words: Sequence[str], port: int, about: str, environment: Mapping[str, str]
    ) -> tuple[Service, subprocess.Popen[bytes]]:
        log = self.home / "logs" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as sink:
            process = subprocess.Popen(  # noqa: S603 (our own words)
                list(words),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        _let_go.append(process)
        service = Service(name, process.pid, _born(process.pid), f"http://{HOST}:{port}", str(log), about)
        self._remember({**self.running(), name: service})
        return service, process

    def stop(self, *names: str) -> list[str]:
        """Stop the named services, or all; return the names that were running."""
        with self._locked():
            running = self.running()
            chosen = [name for name in running if not names or name in names]
            for name in chosen:
                _stop(running[name])
            self._remember({name: service for name, service in running.items() if name not in chosen})
            _let_go[:] = [process for process in _let_go if process.poll() is None]
        return chosen

    def _await(
        self, service: Service, process: subprocess.Popen[bytes], ready: str, say: Callable[[str], None]
    ) -> None:
        begun = told = time.monotonic()
        while not (_answers(service.url + ready) and _listens(service.pid, service.url)):
            if process.poll() is not None or time.monotonic() - begun > START_SECONDS:
                ended = process.poll() is not None
                _stop(service)
                what = (
                    f"ended with exit code {process.returncode}"
                    if ended
                    else f"gave no answer in {START_SECONDS:.0f} s"
                )
                raise ServiceError(
                    f"{service.name} {what}; its log ends:\n{_tail(Path(service.log))}",
                    place=service.log,
                    next_command="homologate up  # once the cause is mended",
                )
            if time.monotonic() - told > 2:
                told = time.monotonic()
                say(f"waiting for {service.name} at {service.url} ({told - begun:.0f} s)")
            time.sleep(0.1)

    def _remember(self, services: Mapping[str, Service]) -> None:
        scratch = self.home / f".{STATE_FILE}.{os.getpid()}"
        scratch.write_text(json.dumps({n: s._asdict() for n, s in services.items()}, indent=2), encoding="utf-8")
        scratch.replace(self.home / STATE_FILE)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the state of this home: two `homologate up` at once start one server, not two."""
        import fcntl

        try:
            self.home.mkdir(parents=True, exist_ok=True)
            lock = (self.home / ".services.lock").open("w")
        except OSError as error:
            raise StorageError(
                f"the home folder cannot be written: {error.strerror}",
                place=str(self.home),
                next_command="set `home:` in homologate.yaml to a folder you may write",
            ) from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def program(name: str) -> str:
    """A console script of this very environment (`mlflow`), whatever PATH says."""
    return str(Path(sys.executable).parent / name)


def _born(pid: int) -> str:
    try:
        # The second field may hold spaces and brackets; what follows the last bracket is regular.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return "" if fields[0] == "Z" else fields[19]
    except (OSError, IndexError):
        return ""


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:  # noqa: S310 (loopback address made here)
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError, ValueError):
        return False


def _listens(group: int, url: str) -> bool:
    """Whether a process of this group listens at `url`: another program may have taken the port meanwhile.

    What answers in its place would be sent passwords.
    """
    port = f":{int(url.rpartition(':')[2]):04X}"
    sockets = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    ours = {f"socket:[{fields[9]}]" for fields in sockets if fields[1].endswith(port) and fields[3] == "0A"}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended while we looked, or is somebody else's
            if os.getpgid(int(process.name)) == group and any(
                os.readlink(file) in ours for file in (process / "fd").iterdir()
            ):
                return True
    return False


def _free_port(wanted: int) -> int:
    for port in (*range(wanted, wanted + 50), 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ServiceError("no free port", place=HOST)


def _stop(service: Service) -> None:
    """Ask the whole process group to end, then make it."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(service.pid, how)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(service.pid, os.WNOHANG)
            if not service.alive:
                return
            time.sleep(0.05)


def _tail(log: Path, lines: int = 12) -> str:
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    return "\n".join("    " + line for line in text.splitlines()[-lines:])
