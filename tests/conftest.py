"""Real parts that several guarantees need. Each starts once and only when a test asks for it."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browsing import chromium
from loopback.scoring import TEXTS, Server, servers

from homologate.attest import (
    REPORT_KINDS,
    REQUIRED_KINDS,
    SBOM_FILE,
    PublicKey,
    SigningKey,
    canonical,
    digest_of,
    load_trusted_keys,
    make_signing_key,
    manifest_of,
    manifest_predicate,
    report_predicate,
    sbom_of,
    sign_statement,
    statement_path,
    training_predicate,
)
from homologate.local import Services, program
from homologate.model_directory import build
from homologate.settings import CostSettings, LabelSettings, TrainingSettings
from homologate.tracking import Place, Provenance, Tracker

if TYPE_CHECKING:
    import pandas as pd
    from playwright.sync_api import Browser

    from homologate.classifier import TrainingFacts

# A suite started in the background inherits a deaf Ctrl-C, and so would the processes that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
# What a developer's shell holds must not reach a test.
for variable in [name for name in os.environ if name.startswith(("MLFLOW_", "HOMOLOGATE_"))]:
    del os.environ[variable]
os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"
# `mlflow run --env-manager local` and the servers find this environment's programs first.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a file of tests."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="module", autouse=True)
def mlflow_knows_no_address() -> Iterator[None]:
    """MLflow keeps an address in the process and in its environment; the next file must not inherit it."""
    yield
    if "mlflow" in sys.modules:
        import mlflow

        mlflow.set_tracking_uri(None)
        mlflow.set_registry_uri(None)
    for variable in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        os.environ.pop(variable, None)


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real stock MLflow server on SQLite, artifacts behind the server."""
    home = tmp_path_factory.mktemp("mlflow-server")
    services = Services(home)

    def command(port: int) -> list[str]:
        store = ["--backend-store-uri", f"sqlite:///{home}/mlflow.db", "--artifacts-destination", f"{home}/artifacts"]
        return [program("mlflow"), "server", *store, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]

    yield services.start("mlflow", command, about="tests", port=5300, ready="/health", say=print).url
    services.stop()


@pytest.fixture
def tracker(mlflow_server: str, tmp_path: Path, request: pytest.FixtureRequest) -> Tracker:
    """A tracker on the real server, in an experiment and a home of the test's own."""
    return Tracker(Place(mlflow_server, "server"), experiment=request.node.name, home=tmp_path / "home")


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """SQLAlchemy address of a real PostgreSQL on a free loopback port, without a database name."""
    found = [shutil.which("initdb"), *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True))]
    initdb = next((path for path in found if path), None)
    if initdb is None:
        missing = "PostgreSQL is not installed: apt-get install postgresql"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    programs = Path(initdb).resolve().parent
    # PostgreSQL refuses to run as root; pytest's own folders are closed to anybody else.
    account: dict[str, Any] = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="homologate-postgresql-"))
    if account:
        shutil.chown(folder, **account)

    def run(name: str, *words: str) -> None:
        done = subprocess.run(
            [programs / name, "-D", folder / "data", *words], **account, cwd=folder, capture_output=True, text=True
        )
        if done.returncode:
            pytest.fail(f"{name} failed: {done.stdout}{done.stderr}")

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    run("initdb", "-U", "postgres", "-A", "trust", "--no-sync")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield f"postgresql+psycopg2://postgres@127.0.0.1:{port}"
    finally:
        run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLAlchemy address of an empty database, on SQLite and on PostgreSQL in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'registry.db'}"
    from sqlalchemy import create_engine, text

    server = request.getfixturevalue("postgresql_server")
    name = f"t{uuid.uuid4().hex}"
    engine = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return f"{server}/{name}"


@dataclass
class Bundle:
    """A small model directory and the signed evidence about it."""

    model: Path
    digest: str
    evidence: dict[str, bytes]
    key: SigningKey
    trusted: dict[str, PublicKey]

    def sign(self, kind: str, predicate: dict[str, Any], *, subject: str | None = None) -> None:
        """Put a signed statement of one kind in the place of the one there is."""
        envelope = sign_statement(kind, subject or self.digest, predicate, self.key)
        self.evidence[statement_path(kind)] = canonical(envelope)

    def write_evidence(self, folder: Path) -> str:
        """Write the evidence as files below a folder, as a client logs them; return the folder."""
        for path, content in self.evidence.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        return str(folder)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """A model directory of a few hundred bytes with a complete bundle of evidence, signed by a key of the test."""
    return make_bundle(tmp_path)


@pytest.fixture(scope="session")
def bundles() -> Callable[[Path, str], Bundle]:
    """Makes a small bundle under a folder, as often as a test wants one; the second argument tells its bytes apart."""
    return make_bundle


def make_bundle(home: Path, tokenizer: str = "1.0", directory: Path | None = None) -> Bundle:
    """A model directory under `home`, or a copy of a real one, and complete evidence about it."""
    model = home / "model"
    if directory:
        shutil.copytree(directory, model)
    else:
        (model / "code" / "homologate_scorer").mkdir(parents=True)
        (model / "model.onnx").write_bytes(bytes(range(256)))
        (model / "model.int8.onnx").write_bytes(bytes(range(64)))
        (model / "tokenizer.json").write_text(json.dumps({"version": tokenizer}))
        (model / "requirements.txt").write_text("numpy==2.2.6\nonnxruntime==1.32.0\n")
        (model / "code" / "homologate_scorer" / "__init__.py").write_text("")
    (model / SBOM_FILE).write_text(sbom_of(model, name="parts", version="run-1"))
    return bundle_about(model, home)


def bundle_about(model: Path, home: Path) -> Bundle:
    """Complete evidence about a model directory, signed by a key that `home` trusts."""
    digest, fingerprint = digest_of(model), f"sha256:{'d' * 64}"
    key = make_signing_key(home)
    made = Bundle(model, digest, {}, key, load_trusted_keys(home))
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    for kind in sorted({*REPORT_KINDS} & {*REQUIRED_KINDS}):
        facts = {"schema": 1, "kind": kind, "subject": {"digest": digest}, "verdict": f"the {kind} is fine"}
        reports = {f"{kind}/{kind}.json": json.dumps(facts).encode(), f"{kind}/{kind}.html": f"<p>{kind}".encode()}
        made.evidence.update(reports)
        more = {"fingerprint": fingerprint, "rows": 300, "source": "synthetic"} if kind == "data" else {}
        made.sign(
            kind,
            report_predicate(verdict=facts["verdict"], run_id="run-1", measured_at=noon, reports=reports, **more),
        )
    made_from = Provenance("a" * 40, False, f"sha256:{'b' * 64}", "3.11.7", "Linux", "host", 2)
    made.sign(
        "training",
        training_predicate(
            run_id="run-1",
            made_from=made_from,
            data_fingerprint=fingerprint,
            data_run_id="run-0",
            parameters={"epochs": 2, "learning_rate": 1e-4},
            seeds={"training": 20},
            started_at=noon,
            finished_at=noon + timedelta(minutes=4),
        ),
    )
    made.sign("manifest", manifest_predicate(manifest_of(model)))
    return made


PARTS = ("lamp", "hose", "belt", "mirror", "brake", "tyre", "horn", "seat")


class Recording:
    """A tracked run that remembers, for tests that are not about tracking."""

    def __init__(self) -> None:
        self.given: dict[str, Any] = {}
        self.curves: dict[str, list[tuple[int, float]]] = {}
        self.figures: dict[str, Any] = {}
        self.folders: dict[str, Path] = {}
        self.documents: dict[str, Any] = {}

    def params(self, values: Mapping[str, Any]) -> None:
        assert not self.given.keys() & values.keys(), "MLflow refuses a parameter given twice"
        self.given |= values

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        for name, value in values.items():
            self.curves.setdefault(name, []).append((step, value))

    def figure(self, figure: Any, path: str) -> None:
        self.figures[path] = figure

    def folder(self, local: str | os.PathLike[str], path: str) -> None:
        self.folders[path] = Path(local)

    def json(self, facts: Mapping[str, Any], path: str) -> None:
        self.documents[path] = json.loads(json.dumps(facts))


@pytest.fixture
def recording() -> Recording:
    """A run that remembers what it was told."""
    return Recording()


def component_frame(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    """Rows a tiny encoder can learn: 30 % positive, lengths from 10 to 25 words, split 60/20/20."""
    import pandas as pd

    chance = random.Random(seed)
    made = []
    for row in range(rows):
        bad = chance.random() < 0.3
        verdict, value = ("cracked below", chance.randint(60, 99)) if bad else ("held above", chance.randint(100, 140))
        text = f"The {chance.choice(PARTS)} from lot {chance.randint(1, 99)} {verdict} the limit at {value} units. "
        made.append(
            {
                "id": f"r{row}",
                "text": (text + "Tested twice. " * chance.randint(0, 5)).strip(),
                "label": "non-compliant" if bad else "compliant",
                "split": "train" if row < rows * 0.6 else "valid" if row < rows * 0.8 else "test",
            }
        )
    return pd.DataFrame(made)


@pytest.fixture(scope="session")
def rows() -> pd.DataFrame:
    """Split rows a tiny encoder learns within seconds."""
    return component_frame()


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real BERT of 2 layers and hidden 32, randomly initialised, that knows the words of `rows` and all ASCII."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast
    from transformers.utils import logging

    logging.disable_progress_bar()
    directory = tmp_path_factory.mktemp("tiny-encoder")
    words = sorted({word for text in component_frame()["text"] for word in text.lower().replace(".", " ").split()})
    characters = [chr(code) for code in range(33, 127)]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokens = list(dict.fromkeys([*special, *characters, *words, *(f"##{c}" for c in characters)]))
    vocabulary = {token: place for place, token in enumerate(tokens)}
    raw = Tokenizer(models.WordPiece(vocabulary, unk_token=special[1]))
    raw.normalizer = normalizers.BertNormalizer()
    raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    raw.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    marks = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=raw, model_max_length=64, **marks).save_pretrained(str(directory))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
        config = BertConfig(vocab_size=len(tokens), max_position_embeddings=64, initializer_range=0.3, **shape)
        BertModel(config).save_pretrained(str(directory))
    return directory


@pytest.fixture(scope="session")
def tiny_training(tiny_encoder: Path) -> TrainingSettings:
    """Settings that teach the tiny encoder within seconds, the same on every machine."""
    return TrainingSettings(encoder=str(tiny_encoder), max_tokens=48, epochs=3, learning_rate=1e-3, threads=1)


@pytest.fixture(scope="session")
def trained(
    rows: pd.DataFrame, tiny_training: TrainingSettings, tmp_path_factory: pytest.TempPathFactory
) -> tuple[TrainingFacts, Recording]:
    """The facts of one tiny training, and the run that recorded it."""
    from homologate.classifier import train

    run = Recording()
    workdir = tmp_path_factory.mktemp("tiny-training")
    return train(rows, tiny_training, LabelSettings(), CostSettings(), workdir, run), run


@pytest.fixture(scope="session")
def tiny_model(trained: tuple[TrainingFacts, Recording], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny classifier as ONNX files that a scorer opens."""
    from homologate.classifier import export

    return export(trained[0].directory, tmp_path_factory.mktemp("tiny-model") / "onnx")


@pytest.fixture(scope="session")
def model_directory(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model as a whole MLflow model directory."""
    out = tmp_path_factory.mktemp("served") / "model"
    return build(tiny_model, out, reference={}, texts=TEXTS, run_id="0" * 32, metadata={})


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Starts `homologate serve WORDS…` and waits until it is ready; all are stopped at the end."""
    with servers(lambda: tmp_path_factory.mktemp("server")) as start:
        yield start
