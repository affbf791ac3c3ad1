"""Servers for the benchmarks, each a process whose start and memory are known: ours, and MLflow's in two flavours."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from homologate.local import program

__all__ = ["PORTS", "Running", "int8_copy", "settings_without_records", "stock", "transformers_flavour"]

PORTS = {"ours": 5481, "stock": 5482, "transformers": 5483, "shadowed": 5484}
PATIENCE = 90.0


class Running:
    """A server process, and how long it took until it answered."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.url = f"http://127.0.0.1:{PORTS[name]}"
        begun = time.perf_counter()
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        # Stock serving starts uvicorn by name.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "HF_HUB_OFFLINE": "1"}
        # A group of its own, to be ended whole, but no session: between sessions Linux shares the cores by halves
        # (autogroup), so that a load that needs a hundredth of them could push the server aside at will.
        self.process = subprocess.Popen(command, process_group=0, env=environment, **quiet)
        while not self._answers():
            if time.perf_counter() - begun > PATIENCE or self.process.poll() is not None:
                raise SystemExit(f"{name} did not start: {' '.join(command)}")
            time.sleep(0.02)
        self.ready_after = time.perf_counter() - begun

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/ping", timeout=1) as answer:  # noqa: S310 (loopback)
                return bool(answer.status == 200)
        except OSError:
            return False

    def sleep(self) -> None:
        """Take no part of the machine until `wake`: the timers of servers nobody asks are a hundredth of it."""
        os.killpg(self.process.pid, signal.SIGSTOP)

    def wake(self) -> None:
        """Go on."""
        os.killpg(self.process.pid, signal.SIGCONT)

    def memory(self) -> float:
        """Megabytes of the whole process group, shared pages counted once (PSS)."""
        group, total = os.getpgid(self.process.pid), 0
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if os.getpgid(int(folder.name)) == group:
                    rollup = (folder / "smaps_rollup").read_text()
                    total += int(next(line for line in rollup.splitlines() if line.startswith("Pss:")).split()[1])
            except OSError:
                continue
        return total / 1024

    def stop(self) -> None:
        """End the whole group."""
        self.wake()
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def stock(model: Path, port: int) -> list[str]:
    """The command of MLflow's own server."""
    words = ["models", "serve", "-m", str(model), "--env-manager", "local", "--host", "127.0.0.1"]
    return [program("mlflow"), *words, "--port", str(port), "--workers", "1"]


def settings_without_records(scratch: Path) -> str:
    """A settings file under which the server keeps no predictions."""
    file = scratch / "homologate.yaml"
    file.write_text("collection: {enabled: false}\n", encoding="utf-8")
    return str(file)


def int8_copy(model: Path, scratch: Path, name: str) -> Path:
    """The same directory, answering at int8 by default: stock requests cannot choose without a parameter."""
    copy = scratch / name
    shutil.copytree(model, copy)
    facts = json.loads((copy / "scorer.json").read_text())
    (copy / "scorer.json").write_text(json.dumps(facts | {"precision": "int8"}))
    return copy


def transformers_flavour(scratch: Path) -> Path:
    """MiniLM as MLflow's transformers flavour has it, in a process of its own: torch must not warm up this one."""
    code = (
        "import sys, warnings; warnings.simplefilter('ignore')\n"
        "import mlflow.transformers\n"
        "from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline\n"
        "from homologate.classifier._encoder import encoder_directory\n"
        "home = str(encoder_directory('minilm'))\n"
        "model = AutoModelForSequenceClassification.from_pretrained(home, num_labels=2)\n"
        "pipe = pipeline('text-classification', model=model, tokenizer=AutoTokenizer.from_pretrained(home))\n"
        "mlflow.transformers.save_model(pipe, sys.argv[1], pip_requirements=['transformers', 'torch'])\n"
    )
    out = scratch / "transformers"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", code, str(out)], capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"the transformers flavour cannot be made:\n{done.stderr[-2000:]}")
    return out
