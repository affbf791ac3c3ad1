"""Every door of one tiny model: its directory, an edge package, a bare Python, Node, Spark; and texts hard to read."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from loopback.kept import kept
from waiting import until

from homologate.attest import (
    SigningKey,
    canonical,
    digest_of,
    make_signing_key,
    manifest_of,
    manifest_predicate,
    sign_statement,
)
from homologate.local import program
from homologate.model_directory import build
from homologate.versions import Approval
from serve.edge import Made, make_package

ROOT = Path(__file__).resolve().parents[2]
NODE = ROOT / "serve" / "edge" / "node"
GOLDEN = [
    "The lamp from lot 7 cracked below the limit at 61 units.",
    "The hose from lot 12 held above the limit at 120 units. Tested twice.",
]
NASTY = [
    "NUL \0 inside",
    "[CLS] hose [SEP] [PAD] [MASK] [UNK]",
    "[CLS][CLS]",
    "[cls]",
    "##hose hose ##s",
    "한국어 브레이크 호스",
    "हिन्दी ब्रेक नली",
    "№ 5 lamp",
    "İstanbul İ lamp ı",
    "zero\u200bwidth\u200d\u2060join",
    "\u202eעברית عربي\u202c ٱلْعَرَبِيَّة",
    "👩‍👩‍👧‍👦 👍🏽 🇩🇪",
    "e\u0301 lone \u0301 mark \u0327\u0301",
    "\ufeffBOM \u00ad soft",
    "ß ẞ ΟΔΟΣ Σ ς",
    "x" * 300,
    "a" * 99 + " " + "a" * 101,
    "ﬁ ｆｕｌｌ ½ ² µm ±3°",
    "tab\tnew\nline\r\nreturn\rend",
    "\x7f \x85 \x1b \x01",
    "\u2028 \u2029 \u3000 \xa0",
    "日本語 ブレーキ 𠀀𠀁 丽",
    "𝔘𝔫𝔦 𝕏",
    "\ue000 \ufffd \uffff \U0010ffff",
    "Ω Å K ǅ ǆ",
    "ไทย ภาษา མཚན",
    "“quotes” ‘x’ – — … ¿¡",
    "\u08ca \u1ac0 ᙭ ᜴ \U000111c9 \U0001171e",
    "don't rock'n'roll",
    '"quoted", and, commas',
]
"""What has tripped tokenisers, CSV readers and JSON writers."""


NO_NETWORK = """
import sys

def deny(event, args):
    if event in ("socket.connect", "socket.getaddrinfo") and "127.0.0.1" not in str(args):
        raise OSError(f"no network here: {event} {args}")

sys.addaudithook(deny)
"""
"""What a bare Python runs first: anything but loopback is an error."""


def hard_texts(count: int) -> list[str]:
    """Short texts: components, nasty pieces, and characters of every plane of Unicode. Each can be judged."""
    chance = random.Random(7)
    planes = [(1, 0x2FF), (0x300, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x1FFFF), (0x20000, 0x3FFFF), (32, 126)]
    parts = ("lamp", "hose", "belt", "mirror", "brake")
    texts = [f"lamp {piece}" for piece in NASTY]
    while len(texts) < count:
        begin = (
            f"The {chance.choice(parts)} from lot {chance.randint(1, 99)} cracked at {chance.randint(60, 140)} units."
        )
        kind = len(texts) % 3
        if kind == 0:
            texts.append(begin + " Tested twice." * chance.randint(0, 6))
        elif kind == 1:
            texts.append(" ".join([begin, *chance.choices(NASTY, k=chance.randint(1, 3))])[:240])
        else:
            texts.append("hose " + "".join(chr(chance.randint(*chance.choice(planes))) for _ in range(20)))
    return texts


@pytest.fixture(scope="session")
def texts() -> list[str]:
    """10,000 of them."""
    return hard_texts(10_000)


@pytest.fixture(scope="session")
def directory(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model as a whole MLflow model directory."""
    out = tmp_path_factory.mktemp("doors") / "model"
    return build(tiny_model, out, reference={}, texts=GOLDEN, run_id="0" * 32, metadata={})


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    """Whoever packs."""
    return make_signing_key(tmp_path_factory.mktemp("packager"))


@pytest.fixture(scope="session")
def pack(key: SigningKey, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Made]:
    """Packs a directory as if the ledger had put it into Production."""

    def make(directory: Path, version: str = "7", **named: Any) -> Made:
        approval = Approval(
            model="component-classifier",
            version=version,
            stage="Production",
            digest=digest_of(directory),
            since="2026-03-01T12:00:00Z",
            by="ann",
            how="transition",
            request="12",
            demonstration=False,
            expires_at=None,
        )
        out = tmp_path_factory.mktemp("edge") / "out"
        return make_package(directory, approval, out, named.pop("key", key), **named)

    return make


@pytest.fixture(scope="session")
def edge(pack: Callable[..., Made], directory: Path) -> Made:
    """The tiny model's edge package."""
    return pack(directory)


@pytest.fixture(scope="session")
def bare_python(edge: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has what an edge package asks for and not this project."""
    home = tmp_path_factory.mktemp("bare") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    wanted = edge.folder / "package" / "requirements.txt"
    install = [
        program("uv"),
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--python",
        home / "bin" / "python",
        "-r",
        wanted,
    ]
    subprocess.run(install, check=True)
    site = next((home / "lib").glob("python3*/site-packages"))
    (site / "sitecustomize.py").write_text(NO_NETWORK)
    return home / "bin" / "python"


@pytest.fixture(scope="session")
def node_home() -> Path:
    """The Node scorer with what its lock names, kept between runs."""
    for needed in ("node", "npm"):
        if shutil.which(needed) is None:
            missing = f"{needed} is not installed: apt-get install nodejs npm"
            pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    digest = hashlib.sha256()
    for file in sorted(NODE.iterdir()):
        digest.update(file.read_bytes() if file.is_file() else b"")

    def install(home: Path) -> None:
        for file in NODE.iterdir():
            if file.is_file():
                shutil.copyfile(file, home / file.name)
        # The package fetches GPU libraries after installation; the CPU library is in it already.
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=home, check=True)

    return kept(f"node-{digest.hexdigest()[:16]}", install)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Spark with two executors, each a process of its own."""
    if shutil.which("java") is None:
        missing = "Java is not installed: apt-get install openjdk-17-jre-headless"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    from pyspark.sql import SparkSession

    scratch = tmp_path_factory.mktemp("spark")
    # A Spark of its own has the work folders of executors in its home; a session must not write into site-packages.
    os.environ["SPARK_WORKER_DIR"] = str(scratch / "work")
    session = (
        SparkSession.builder.master("local-cluster[2,1,768]")
        .appName("doors")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.memory", "768m")
        .config("spark.executor.memory", "640m")
        .config("spark.pyspark.python", sys.executable)
        .config("spark.local.dir", str(scratch / "local"))
        .config("spark.sql.warehouse.dir", str(scratch / "warehouse"))
        .config("spark.sql.shuffle.partitions", "2")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@dataclass
class Device:
    """One machine with an edge package: its home, who it trusts, and what runs there."""

    python: Path
    made: Made
    home: Path
    port: int
    forward: str = ""
    process: subprocess.Popen[bytes] | None = None

    def command(self, name: str, *words: object) -> list[str]:
        """A command of the runtime that came with the first package."""
        places = ["--trusted", str(self.made.folder / "trusted"), "--home", str(self.home)]
        return [str(self.python), "-I", str(self.made.folder / "package/edge.pyz"), name, *places, *map(str, words)]

    def run(self, name: str, *words: object) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        return subprocess.run(self.command(name, *words), capture_output=True, text=True)

    def start(self) -> None:
        """`start`, as the image does it; returns when it answers."""
        words = ["--seed", self.made.folder, "--port", self.port, "--every", "0.1", "--privacy", "full"]
        self.home.mkdir(exist_ok=True)
        with (self.home / "log").open("ab") as log:
            environment = {**os.environ, "HOMOLOGATE_FORWARD": self.forward}
            self.process = subprocess.Popen(
                self.command("start", *words), stdout=log, stderr=log, env=environment, start_new_session=True
            )
        until(self.health, 60.0, "device that answers")

    def health(self) -> dict[str, Any]:
        """GET /health; empty where nothing answers."""
        try:
            return dict(requests.get(f"http://127.0.0.1:{self.port}/health", timeout=5).json())
        except requests.RequestException:
            return {}

    def ask(self, body: Any) -> requests.Response:
        """POST /v1/score."""
        return requests.post(f"http://127.0.0.1:{self.port}/v1/score", json=body, timeout=20)

    def state(self) -> dict[str, Any]:
        """What `status` prints."""
        done = self.run("status")
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    def events(self, name: str) -> list[dict[str, Any]]:
        """The lines of the log with that event."""
        found = [json.loads(line) for line in (self.home / "log").read_text().splitlines() if line.startswith("{")]
        return [line for line in found if line["event"] == name]

    def kill(self) -> None:
        """The power goes: everything dies at once."""
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(60)


@pytest.fixture
def device(edge: Made, bare_python: Path, tmp_path: Path) -> Iterator[Device]:
    """A device with the tiny model's package; whatever runs there is stopped at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = Device(bare_python, edge, tmp_path / "home", port)
    yield made
    made.kill()


@pytest.fixture(scope="session")
def signed_again(key: SigningKey) -> Callable[[Made], None]:
    """Signs a package whose files a test has changed, as a careless packager would."""

    def sign(made: Made) -> None:
        package = made.folder / "package"
        predicate = manifest_predicate(manifest_of(package))
        envelope = sign_statement("manifest", digest_of(package), predicate, key)
        (made.folder / "package.intoto.json").write_bytes(canonical(envelope))

    return sign
