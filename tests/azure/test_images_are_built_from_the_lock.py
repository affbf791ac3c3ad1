"""The images' own steps, run in a bare environment: only the lock, nobody's rights, and a server that answers."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest
import yaml
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
    assert not re.search(r"^(ADD|RUN .*(curl|wget|sudo|apt-get))", text, re.MULTILINE)
    for line in re.findall(r"^RUN .*install.*--requirement.*$", text, re.MULTILINE):
        assert "--require-hashes" in line or "torch.txt" in line
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for path in source.split():
            assert (ROOT / path).exists(), path
            assert path.split("/")[0] in (ROOT / ".dockerignore").read_text()


def test_the_serving_image_answers_when_its_steps_are_run(tiny_model: Path, tmp_path: Path) -> None:
    root, opt = tmp_path / "src", tmp_path / "opt"
    root.mkdir()
    text = (ROOT / "docker" / "serving.Dockerfile").read_text()
    _, stage, _ = text.split("\nFROM ")
    environment = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}
    environment |= {name: os.environ[name] for name in os.environ if name.startswith(("PIP_", "UV_", "SSL_"))}
    for line in stage.splitlines():
        if line.startswith("COPY "):
            *sources, target = line.split()[1:]
            for source in sources:
                place = root / target / (Path(source).name if target in {"requirements/", "./"} else "")
                place.parent.mkdir(parents=True, exist_ok=True)
                copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copyfile
                copy(ROOT / source, place)
        elif line.startswith("RUN "):
            command = line.removeprefix("RUN ").replace("/opt/homologate", str(opt))
            done = subprocess.run(["bash", "-c", command], cwd=root, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, f"{command}: {done.stderr[-1500:]}"
    model = build(tiny_model, tmp_path / "model", reference={}, texts=["a lamp"], run_id="0" * 32, metadata={})
    port = free_port()
    words = [str(opt / "bin" / "homologate"), "serve", str(model), "--port", str(port)]
    process = subprocess.Popen(words, cwd=tmp_path, env={"PATH": "/usr/bin:/bin"}, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                with urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
                    assert json.load(answer)["status"] == "ready"
                    break
            except OSError:
                time.sleep(0.1)
        else:
            pytest.fail("the server did not become ready")
    finally:
        process.terminate()
        process.wait(20)
    absent = subprocess.run([str(opt / "bin" / "python"), "-c", "import torch"], capture_output=True)
    assert absent.returncode != 0


def test_the_github_workflows_fit_their_schema_and_hold_no_secret() -> None:
    for file in sorted((ROOT / ".github" / "workflows").glob("*.yml")):
        words = [str(Path(sys.executable).parent / "check-jsonschema"), "--builtin-schema", "vendor.github-workflows"]
        done = subprocess.run([*words, str(file)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        text = file.read_text()
        assert "secrets." not in text
        assert yaml.safe_load(text)["permissions"]["contents"] == "read"
        assert "id-token: write" in text
