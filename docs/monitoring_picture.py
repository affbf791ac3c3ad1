"""Make the output and the picture of docs/monitoring.md: two days of answers, and drift on the second.

    python docs/monitoring_picture.py            needs chromium; writes docs/pictures/monitoring.png

The model is that of `benchmarks/bench_drift.py`; texts are generated. Nothing outside a temporary folder is touched but
the picture.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
PICTURE = ROOT / "docs" / "pictures" / "monitoring.png"
DAY = datetime(2026, 3, 1, 6, tzinfo=UTC)
CHROMIUM = "/usr/bin/chromium"


def main() -> None:
    """Answer, monitor, photograph."""
    from bench_drift import model

    from homologate.dataset import generate
    from homologate.model_directory import build
    from homologate.settings import LabelSettings, SyntheticSettings

    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        made = model()
        files = {name: (made / name).read_bytes() for name in ("reference.json", "reference.npz")}
        directory = build(
            made, home / "component-classifier", reference=files, texts=["Lamp."], run_id="0" * 32, metadata={}
        )
        for day, drift in enumerate(("none", "new_vocabulary")):
            settings = SyntheticSettings(rows=400, drift=drift, drift_share=0.4)
            answer(home, directory, generate(settings, LabelSettings(), 50 + day), DAY + timedelta(days=day))
        environment = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{home}/mlflow.db", "DO_NOT_TRACK": "1"}
        command = [sys.executable, "-m", "homologate", "monitor", str(directory), "--now", "2026-03-03"]
        subprocess.run(command, cwd=home, env=environment, check=False)  # noqa: S603 (our own command)
        pages = sorted(home.rglob("drift.html"), key=lambda page: page.stat().st_mtime)
        photograph(pages[-1])


def answer(home: Path, directory: Path, frame: Any, begin: datetime) -> None:
    """Judge rows and keep them, a few minutes apart."""
    from homologate.attest import digest_of
    from homologate.collection import FolderStore
    from homologate.scorer import Scorer
    from homologate.scorer.collector import Judge, Privacy, Record, pairs

    scorer = Scorer(directory, "int8")
    judge = Judge(directory.name, "unregistered", digest_of(directory), scorer.labels, "server")
    lines: dict[str, str] = {}
    answers = scorer.answers(frame["text"])
    for row, (text, component, told) in enumerate(zip(frame["text"], frame["component"], answers, strict=True)):
        moment = begin.timestamp() + row * 100
        record = Record.of(f"{begin:%d}-{row}", judge, moment, text, told, component=component)
        for folder, line in pairs(record, Privacy()):
            name = f"{folder}/{begin:%d}.jsonl"
            lines[name] = lines.get(name, "") + line + "\n"
    store = FolderStore(home / ".homologate" / "collected")
    for name, content in lines.items():
        store.put(name, content.encode())


def photograph(page: Path) -> None:
    """The top of the report, as a laptop shows it."""
    from playwright.sync_api import sync_playwright

    PICTURE.parent.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": 1200, "height": 1500})
        view.goto(page.as_uri())
        view.screenshot(path=str(PICTURE))
        browser.close()


if __name__ == "__main__":
    main()
