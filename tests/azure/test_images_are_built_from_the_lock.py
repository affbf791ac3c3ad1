"""The images' own steps, run in a bare environment: only the lock, nobody's rights, and a server that answers."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from loopback.azurite import free_port

from homologate.model_directory import build

ROOT = Path(__file__).resolve().parents[2]
IMAGES = sorted((ROOT / "docker").glob("*.Dockerfile"))


@pytest.mark.parametrize("file", IMAGES, ids=lambda file: file.stem)
def test_an_image_runs_without_rights_says_what_it_is_and_brings_only_what_it_needs(file: Path) -> None:
    text = file.read_text()
    final = text.rpartition("\nFROM ")[2]
    assert re.search(r"^USER 10001$", final, re.MULTILINE)
    assert "HEALTHCHECK" in final
    assert "org.opencontainers.image.revision" in final
    assert 'org.cyclonedx.sbom="/opt/homologate/sbom.cdx.json"' in final
    assert not re.search(r"^(ADD|RUN .*(curl|wget|sudo|apt-get))", text, re.MULTILINE)
    for line in re.findall(r"^RUN .*install.*--requirement.*$", text, re.MULTILINE):
        assert "--require-hashes" in line or "torch.txt" in line
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for path in source.split():
            if path == "homologate.yam[l]":
                continue  # a project's own, where it has one
            assert (ROOT / path).exists(), path
            assert path.split("/")[0] in (ROOT / ".dockerignore").read_text()


def test_the_serving_image_answers_when_its_steps_are_run(tiny_model: Path, tmp_path: Path) -> None:
    opt = built("serving", tmp_path)
    model = build(tiny_model, tmp_path / "model", reference={}, texts=["a lamp"], run_id="0" * 32, metadata={})
    with running(opt, tmp_path, "serve", str(model)) as url, urlopen(f"{url}/health", timeout=2) as answer:
        assert json.load(answer)["status"] == "ready"
    assert not imports(opt, "torch")


def test_the_web_image_answers_when_its_steps_are_run_and_holds_no_model(tmp_path: Path) -> None:
    opt = built("web", tmp_path)
    with running(opt, tmp_path, "web", "--server", "http://127.0.0.1:9") as url:
        with urlopen(f"{url}/health", timeout=5) as answer:
            assert json.load(answer) == {"status": "ready", "server": "away"}
        with pytest.raises(HTTPError) as raised:
            urlopen(url, timeout=5)
        assert raised.value.code == 503
        assert b"The scoring server is away" in raised.value.read()
    assert not any(imports(opt, name) for name in ("torch", "onnxruntime", "mlflow", "pandas"))
    # What it does for an Azure ML endpoint: feedback and queue in process, shipping in a process beside it.
    shipped = [str(opt / "bin" / "homologate"), "ship", "--spool", str(tmp_path / "s"), "--store", str(tmp_path / "c")]
    assert subprocess.run(shipped, env={"PATH": "/usr/bin:/bin"}, capture_output=True).returncode == 0
    assert imports(opt, "serve.feedback, serve.queue, serve.collector, azure.identity, azure.storage.blob")


def built(image: str, tmp_path: Path) -> Path:
    """What the first stage of an image makes, made here by its own steps."""
    root, opt = tmp_path / "src", tmp_path / "opt"
    root.mkdir()
    text = (ROOT / "docker" / f"{image}.Dockerfile").read_text()
    _, stage, _ = text.split("\nFROM ")
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "COMMIT": "c0ffee",
    }
    environment |= {name: os.environ[name] for name in os.environ if name.startswith(("PIP_", "UV_", "SSL_"))}
    for line in stage.splitlines():
        if line.startswith("COPY "):
            *sources, target = line.split()[1:]
            for source in sources:
                if not (ROOT / source).exists() and "[" in source:
                    continue  # as docker does with a pattern that fits nothing
                place = root / target / (Path(source).name if target in {"requirements/", "docker/", "./"} else "")
                place.parent.mkdir(parents=True, exist_ok=True)
                copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copyfile
                copy(ROOT / source, place)
        elif line.startswith("RUN "):
            command = line.removeprefix("RUN ").replace("/opt/homologate", str(opt))
            done = subprocess.run(["bash", "-c", command], cwd=root, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, f"{command}: {done.stderr[-1500:]}"
    _is_a_bill_of_all(opt / "sbom.cdx.json", opt)
    return opt


@contextmanager
def running(opt: Path, folder: Path, *words: str) -> Iterator[str]:
    """A command of what was made, with nothing around it; its address once it answers."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [str(opt / "bin" / "homologate"), *words, "--port", str(port)]
    process = subprocess.Popen(command, cwd=folder, env={"PATH": "/usr/bin:/bin"}, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urlopen(f"{url}/health", timeout=5).close()
                break
            except OSError:
                assert time.monotonic() < deadline, "it did not become ready"
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        assert process.wait(20) == 0


def imports(opt: Path, names: str) -> bool:
    """Whether what was made can import these."""
    return subprocess.run([str(opt / "bin" / "python"), "-c", f"import {names}"], capture_output=True).returncode == 0


def _is_a_bill_of_all(file: Path, opt: Path) -> None:
    """CycloneDX by its own schema, and every distribution of the image in it."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = file.read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    named = {part["name"] for part in json.loads(text)["components"]}
    installed = {folder.name.partition("-")[0].replace("_", "-").lower() for folder in opt.glob("lib/*/*/*.dist-info")}
    assert "homologate" in named
    assert {re.sub(r"[-_.]+", "-", name) for name in installed} == named
