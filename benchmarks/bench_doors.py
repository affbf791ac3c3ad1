"""The doors that are not this Python, on the shipped encoder: edge and Node answer as the scorer does, text by text.

Every label, and every probability to the bit (edge) or within 1e-6 (Node, another build of ONNX Runtime). Beside it
what a device must hold: the package on its disk, the service in its memory.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory

from real_model import KEPT, real_model, texts

from homologate.attest import digest_of, make_signing_key
from homologate.scorer import Answer, Scorer
from homologate.versions import Approval
from serve.edge import Made, make_package

NODE = Path(__file__).resolve().parents[1] / "serve" / "edge" / "node"
TEXTS = 150
MEGABYTES, MEMORY = 30.0, 200.0
"""Of a package, and of service and supervisor together (PSS)."""


def main() -> int:
    """Ask every door, print one line a budget."""
    directory, asked = real_model(), texts(TEXTS)
    lines: list[tuple[str, str, str, bool]] = []
    with TemporaryDirectory() as scratch:
        home = Path(scratch)
        made = packed(directory, home)
        question = "".join(json.dumps({"text": text}) + "\n" for text in asked)
        edge = [sys.executable, "-I", "package/edge.pyz", "score", "--trusted", "trusted"]
        doors = {"edge, int8": (edge, made.folder, "int8", 0.0)}
        for precision in ("fp32", "int8") if shutil.which("npm") else ():
            node = ["node", "score.mjs", str(directory), "--precision", precision]
            doors[f"Node, {precision}"] = (node, node_home(), precision, 1e-6)
        for name, (command, folder, precision, close) in doors.items():
            done = subprocess.run(command, input=question, cwd=folder, capture_output=True, text=True, check=True)
            found = [json.loads(line) for line in done.stdout.splitlines()]
            scorer = Scorer(directory, precision)
            lines += compared(name, found, [scorer.answer(text) for text in asked], close)
        lines.append(("edge package, MB", f"{made.megabytes}", f"<= {MEGABYTES}", made.megabytes <= MEGABYTES))
        memory = resident(made, home / "device", asked)
        lines.append(("edge service and supervisor, MB of memory", f"{memory:.0f}", f"<= {MEMORY}", memory <= MEMORY))
    for what, value, limit, holds in lines:
        print(f"| {what} | {value} | {limit} | {'ok' if holds else 'FAIL'} |")
    return int(not all(holds for *_, holds in lines))


def compared(
    name: str, found: list[dict[str, float]], alone: list[Answer], close: float
) -> list[tuple[str, str, str, bool]]:
    """Labels that agree, and the largest difference in probability."""
    pairs = list(zip(found, alone, strict=True))
    same = sum(row["label"] == answer.label for row, answer in pairs)
    apart = max(abs(row["probability"] - answer.probability) for row, answer in pairs)
    return [
        (f"{name}: labels as the scorer's", f"{same} of {len(alone)}", "all", same == len(alone)),
        (f"{name}: probability apart", f"{apart:.1e}", f"<= {close:g}", apart <= close),
    ]


def packed(directory: Path, home: Path) -> Made:
    """An edge package of the benchmarks' model."""
    digest = digest_of(directory)
    approval = Approval(
        "bench", "1", "Production", digest, "2026-01-01T00:00:00Z", "bench", "transition", "", True, None
    )
    return make_package(directory, approval, home / "edge", make_signing_key(home / "key"))


def node_home() -> Path:
    """The Node scorer with its libraries, beside the benchmarks' model."""
    home = KEPT.parent / "node"
    shutil.copytree(NODE, home, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
    if not (home / "node_modules" / ".package-lock.json").exists():
        subprocess.run(["npm", "ci", "--ignore-scripts", "--silent"], cwd=home, check=True)
    return home


def resident(made: Made, home: Path, asked: list[str]) -> float:
    """Megabytes of the running device after it answered every text, shared pages counted once (PSS)."""
    folder = str(made.folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["start", "--home", str(home), "--trusted", f"{folder}/trusted", "--seed", folder, "--port", str(port)]
    command = [sys.executable, "-I", f"{folder}/package/edge.pyz", *words]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        answered(f"http://127.0.0.1:{port}/health")
        for text in asked:
            answered(f"http://127.0.0.1:{port}/v1/score", json.dumps({"text": text}).encode())
        total = 0
        for folder_of in Path("/proc").glob("[0-9]*"):
            try:
                if os.getpgid(int(folder_of.name)) == process.pid:
                    rollup = (folder_of / "smaps_rollup").read_text()
                    total += int(next(line for line in rollup.splitlines() if line.startswith("Pss:")).split()[1])
            except OSError:
                continue
        return total / 1024
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def answered(url: str, body: bytes | None = None) -> bytes:
    """The answer of a loopback address, waited for."""
    for _ in range(600):
        try:
            with urllib.request.urlopen(url, body, timeout=30) as answer:  # noqa: S310 (loopback)
                return bytes(answer.read())
        except urllib.error.HTTPError:
            raise
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{url} does not answer")


if __name__ == "__main__":
    sys.exit(main())
