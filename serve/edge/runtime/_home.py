"""What a device has installed: the package that answers, the one before it, and those that were found wanting.

    <home>/state.json              current, previous, seed, refused: replaced whole or not at all
    <home>/packages/<digest>/      package/ and package.intoto.json, verified before the name appears
    <home>/spool.sqlite            predictions that wait (`_spool.py`)

A device may lose power at any instant: a package appears under its name by one rename, and the state moves by one.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from ._faults import BrokenFault, RefusedFault, StorageFault, UsageFault
from ._package import ENVELOPE, FOLDER, Package, open_package

__all__ = ["Home", "State"]

PROBE_SECONDS = 120.0


@dataclass(frozen=True)
class State:
    """Which packages, by digest; `seed` is the last one that came with the image; `refused` says why."""

    current: str | None = None
    previous: str | None = None
    seed: str | None = None
    refused: dict[str, str] = field(default_factory=dict)


class Home:
    """The folder of one device.

    Args:
        folder: where packages and predictions are kept; made where it is missing.
        trusted: the folder of public keys whose packages may be installed.
    """

    def __init__(self, folder: Path, trusted: Path) -> None:
        self.folder, self.trusted = folder.absolute(), trusted.absolute()
        try:
            (self.folder / "packages").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageFault(f"cannot make the home: {error.strerror}", place=str(folder)) from error

    @property
    def state(self) -> State:
        """What is installed now."""
        file = self.folder / "state.json"
        return State(**json.loads(file.read_text(encoding="utf-8"))) if file.exists() else State()

    def place(self, digest: str) -> Path:
        """Where a package is."""
        return self.folder / "packages" / digest

    def install(self, source: Path, *, older: bool = False, seed: bool = False) -> Package:
        """Verify a package, let it answer its golden probe, and make it current; the one before it stays at hand.

        Args:
            source: a `.edge.tar` file, or a folder that holds `package/` and `package.intoto.json`.
            older: whether a lower version of the same model may replace a higher one.
            seed: whether it came with the image.

        Raises:
            BrokenFault: the probe failed; what answered before still does.
            RefusedFault: it is not signed by a trusted key, was changed, or is older.
            StorageFault: the disk will not take it.
        """
        with self._locked(), self._unpacked(source) as arriving:
            package = open_package(arriving, self.trusted)
            before = self.state
            if not older and before.current and before.current != package.digest:
                self._check_newer(package, before.current)
            place = self.place(package.digest)
            if not self._whole(place):
                shutil.rmtree(place, ignore_errors=True)
                _sync(arriving)
                arriving.rename(place)
            package = replace(package, home=place)
            try:
                self._probe(package)
            except BrokenFault as fault:
                refused = {**before.refused, package.digest: fault.problem}
                self._keep(replace(before, refused=refused, seed=package.digest if seed else before.seed))
                raise
            self._keep(_moved(before, package.digest, seed=seed))
            self._forget_others()
            return package

    def roll_back(self, why: str) -> str:
        """Make the previous package current again and note why the other is not; the digest that is current.

        Raises:
            BrokenFault: there is none before it.
        """
        with self._locked():
            before = self.state
            if before.previous is None or before.current is None:
                raise BrokenFault(f"{why}; there is no package to go back to", place=str(self.folder))
            refused = {**before.refused, before.current: why}
            refused.pop(before.previous, None)
            self._keep(State(before.previous, None, before.seed, refused))
            return before.previous

    def _whole(self, place: Path) -> bool:
        try:
            open_package(place, self.trusted)
        except (RefusedFault, BrokenFault):
            return False
        return True

    def _probe(self, package: Package) -> None:
        """In a process of its own, with the package's own runtime: a crash there is an answer too."""
        words = ["probe", "--trusted", str(self.trusted)]
        try:
            done = subprocess.run(  # noqa: S603 (a verified package's own program)
                [sys.executable, "-I", str(package.program), *words],
                capture_output=True,
                text=True,
                timeout=PROBE_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise BrokenFault(f"the golden probe took over {PROBE_SECONDS:.0f} s", place=str(package.home)) from error
        if done.returncode:
            told = (done.stderr.strip() or f"exit code {done.returncode}").removeprefix("error: ")
            raise BrokenFault(told, place=str(package.home), next_command="make the package again")

    def _check_newer(self, package: Package, current: str) -> None:
        now = json.loads((self.place(current) / FOLDER / "edge.json").read_text(encoding="utf-8"))
        if now["model"] == package.facts["model"] and int(package.facts["version"]) < int(now["version"]):
            raise RefusedFault(
                f"version {package.facts['version']} is older than version {now['version']}, which is installed",
                next_command="`rollback` goes back one package; `install --older` takes any",
            )

    @contextlib.contextmanager
    def _unpacked(self, source: Path) -> Iterator[Path]:
        """The package in a folder of ours, on the disk where it will stay."""
        for stale in (self.folder / "packages").glob(".new-*"):
            shutil.rmtree(stale, ignore_errors=True)
        try:
            with tempfile.TemporaryDirectory(dir=self.folder / "packages", prefix=".new-") as scratch:
                arriving = Path(scratch) / "arriving"
                if source.is_dir():
                    shutil.copytree(source / FOLDER, arriving / FOLDER, symlinks=True)
                    shutil.copyfile(source / ENVELOPE, arriving / ENVELOPE)
                elif source.is_file():
                    with tarfile.open(source) as archive:
                        archive.extractall(arriving, filter="data")
                else:
                    raise UsageFault(f"no package {str(source)!r}", legal="a .edge.tar file, or a folder of one")
                yield arriving
        except tarfile.TarError as error:
            raise RefusedFault(f"not a package: {error}", place=str(source)) from error
        except OSError as error:
            raise StorageFault(f"cannot install: {error.strerror or error}", place=str(self.folder)) from error

    def _forget_others(self) -> None:
        now = self.state
        for folder in (self.folder / "packages").iterdir():
            if folder.name not in (now.current, now.previous) and not folder.name.startswith("."):
                shutil.rmtree(folder, ignore_errors=True)

    def _keep(self, state: State) -> None:
        scratch = self.folder / "state.json.new"
        with scratch.open("w", encoding="utf-8") as sink:
            json.dump(asdict(state), sink, indent=2)
            sink.flush()
            os.fsync(sink.fileno())
        scratch.replace(self.folder / "state.json")

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _moved(before: State, digest: str, *, seed: bool) -> State:
    previous = before.current if before.current != digest else before.previous
    refused = {name: why for name, why in before.refused.items() if name != digest}
    return State(digest, previous, digest if seed else before.seed, refused)


def _sync(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb") as written:
                os.fsync(written.fileno())
