"""A device takes a package only where it is signed and answers its golden probe, and goes back where it must."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from homologate.attest import make_signing_key
from serve.edge import Made

TEXT = "The lamp from lot 7 cracked below the limit at 61 units."


@pytest.fixture(scope="module")
def next_directory(directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same weights with another threshold: another version."""
    out = shutil.copytree(directory, tmp_path_factory.mktemp("next") / "model")
    facts = json.loads((out / "scorer.json").read_text())
    (out / "scorer.json").write_text(json.dumps(facts | {"threshold": 0.987}))
    return out


@pytest.fixture(scope="module")
def newer(pack: Callable[..., Made], next_directory: Path) -> Made:
    """Version 8."""
    return pack(next_directory, "8")


def hexed(made: Made) -> str:
    return made.digest.removeprefix("sha256:")


def spoiled(made: Made, out: Path, signed_again: Callable[[Made], None], change: Callable[[Path], None]) -> Made:
    """A package with something wrong in it that its packager signed all the same."""
    copy = made._replace(folder=shutil.copytree(made.folder, out))
    change(copy.folder / "package")
    signed_again(copy)
    return copy


def probes_wrongly(package: Path) -> None:
    rows = json.loads((package / "probe.json").read_text())
    (package / "probe.json").write_text(json.dumps([row | {"probability": 1 - row["probability"]} for row in rows]))


def dies_when_it_serves(package: Path) -> None:
    program = package / "edge.pyz"
    with zipfile.ZipFile(program) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    broken = files["homologate_edge/_main.py"].replace(
        b'    spool = Spool(args.home / "spool.sqlite", args.device)\n    service',
        b'    raise OSError("no")\n    service',
    )
    assert broken != files["homologate_edge/_main.py"]
    with zipfile.ZipFile(program, "w") as archive:
        for name, data in {**files, "homologate_edge/_main.py": broken}.items():
            archive.writestr(name, data)


def test_an_update_takes_over_and_can_be_taken_back(device: Any, newer: Made, edge: Made) -> None:
    device.start()
    assert device.ask({"text": TEXT}).json()["model"]["version"] == "7"
    done = device.run("install", newer.archive)
    assert done.returncode == 0, done.stderr
    assert "version 8 is installed" in done.stdout
    wait_for(device, "8")
    assert device.ask({"text": TEXT}).json()["threshold"] == 0.987
    state = device.state()
    assert (state["current"], state["previous"]) == (hexed(newer), hexed(edge))
    assert device.run("install", edge.archive).returncode == 7  # older
    assert device.run("rollback").returncode == 0
    wait_for(device, "7")
    assert "taken back by hand" in device.state()["refused"][hexed(newer)]
    assert device.run("rollback").returncode == 6
    # A restart with the same image keeps what was chosen here.
    assert device.stop() == 0
    device.start()
    assert device.health()["model"]["version"] == "7"


def wait_for(device: Any, version: str) -> None:
    deadline = time.monotonic() + 60
    while device.health().get("model", {}).get("version") != version:
        assert time.monotonic() < deadline, (device.home / "log").read_text()
        time.sleep(0.05)


def test_a_probe_that_fails_leaves_the_old_package_answering(
    device: Any, newer: Made, edge: Made, tmp_path: Path, signed_again: Callable[[Made], None]
) -> None:
    device.start()
    wrong = spoiled(newer, tmp_path / "wrong", signed_again, probes_wrongly)
    done = device.run("install", wrong.folder)
    assert done.returncode == 6
    assert "the golden probe" in done.stderr
    state = device.state()
    assert state["current"] == hexed(edge)
    assert any("the golden probe" in why for why in state["refused"].values())
    assert device.ask({"text": TEXT}).json()["model"]["version"] == "7"


def test_a_package_that_does_not_come_up_is_rolled_back(
    device: Any, newer: Made, edge: Made, tmp_path: Path, signed_again: Callable[[Made], None]
) -> None:
    device.start()
    wrong = spoiled(newer, tmp_path / "wrong", signed_again, dies_when_it_serves)
    assert device.run("install", wrong.folder).returncode == 0  # its probe passes
    deadline = time.monotonic() + 60
    while not device.events("rolled back"):
        assert time.monotonic() < deadline, (device.home / "log").read_text()
        time.sleep(0.05)
    wait_for(device, "7")
    state = device.state()
    assert (state["current"], state["previous"]) == (hexed(edge), None)
    assert "did not come up" in " ".join(state["refused"].values())


def test_what_is_not_signed_by_a_trusted_key_or_was_changed_is_never_installed(
    device: Any, pack: Callable[..., Made], newer: Made, edge: Made, next_directory: Path, tmp_path: Path
) -> None:
    assert device.run("install", edge.archive).returncode == 0
    stranger = pack(next_directory, "9", key=make_signing_key(tmp_path / "stranger"))
    done = device.run("install", stranger.archive)
    assert (done.returncode, "does not trust" in done.stderr) == (7, True)
    data = bytearray(newer.archive.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "changed.edge.tar").write_bytes(bytes(data))
    done = device.run("install", tmp_path / "changed.edge.tar")
    assert (done.returncode, "not as signed" in done.stderr) == (7, True)
    (tmp_path / "short.edge.tar").write_bytes(newer.archive.read_bytes()[:-40_000])
    assert device.run("install", tmp_path / "short.edge.tar").returncode in (5, 7)
    with tarfile.open(tmp_path / "evil.edge.tar", "w") as archive:
        archive.add(edge.folder / "Dockerfile", "../../escaped")
    assert device.run("install", tmp_path / "evil.edge.tar").returncode == 7
    assert not list(tmp_path.rglob("escaped"))
    done = device.run("install", tmp_path / "none.edge.tar")
    assert (done.returncode, "no package" in done.stderr) == (2, True)
    state = device.state()
    assert (state["current"], state["previous"], state["refused"]) == (hexed(edge), None, {})
    assert [path.name for path in (device.home / "packages").iterdir()] == [hexed(edge)]


def test_an_installation_killed_at_any_moment_leaves_one_whole_package(device: Any, newer: Made, edge: Made) -> None:
    assert device.run("install", edge.archive).returncode == 0
    begun = time.monotonic()
    assert device.run("install", newer.archive).returncode == 0
    took = time.monotonic() - begun
    assert device.run("rollback").returncode == 0
    chance = random.Random(2)
    for _ in range(8):
        process = subprocess.Popen(device.command("install", newer.archive), stdout=subprocess.DEVNULL)
        time.sleep(chance.random() * took)
        process.kill()
        process.wait()
        current = device.state()["current"]
        assert current in (hexed(edge), hexed(newer))
        home = device.home / "packages" / current
        probe = [
            str(device.python),
            "-I",
            str(home / "package/edge.pyz"),
            "probe",
            "--trusted",
            str(device.made.folder / "trusted"),
        ]
        assert subprocess.run(probe, capture_output=True).returncode == 0
        if current == hexed(newer):
            assert device.run("rollback").returncode == 0
    assert device.run("install", newer.archive).returncode == 0
    assert device.state()["current"] == hexed(newer)
    assert not list((device.home / "packages").glob(".new-*"))
