"""Make the pictures of docs/web.md from what really runs: a server of one version, the web app before it, a browser.

    python docs/web_pictures.py models:/component-classifier/Production      what `homologate serve` takes

Needs chromium. Everything started here ends with it; what is asked is kept in a temporary folder.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "images"
TEXT = (
    "Side door latch, sheet 5227. On the bench the released latch again unlatched short of the demanded load. "
    "The drawing is at index A."
)
SHOTS: dict[str, dict[str, Any]] = {
    "web-verdict": {"viewport": {"width": 940, "height": 1120}, "color_scheme": "light"},
    "web-phone": {"viewport": {"width": 360, "height": 760}, "color_scheme": "dark"},
}
START_SECONDS = 60.0
CHROMIUM = "/usr/bin/chromium"


def main(reference: str) -> None:
    """Start, ask, photograph."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        words = ["key", "line-3", "--file", str(home / "keys.txt"), "--json"]
        key = json.loads(subprocess.run(command(*words), capture_output=True, check=True).stdout)["key"]  # noqa: S603
        (home / "homologate.yaml").write_text(json.dumps({"home": scratch}), encoding="utf-8")
        settings = ["--settings", str(home / "homologate.yaml"), "--port", "0"]
        running = []
        try:
            server, url = start(home, "serve", reference, "--api-keys", str(home / "keys.txt"), *settings)
            running.append(server)
            app, url = start(home, "web", "--server", url, *settings)
            running.append(app)
            photograph(url, key)
        finally:
            for process in reversed(running):
                process.terminate()
                process.wait(30)


def command(*words: str) -> list[str]:
    """The command of this environment."""
    return [sys.executable, "-m", "homologate", *words]


def start(home: Path, *words: str) -> tuple[subprocess.Popen[bytes], str]:
    """A command that serves, and its address once its log says that it is ready."""
    log = home / f"{words[0]}.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(command(*words), stderr=sink)  # noqa: S603 (our own words)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r'"event":"ready","url":"([^"]+)"', log.read_text(encoding="utf-8")):
            return process, found[1]
        time.sleep(0.1)
    raise SystemExit(f"homologate {words[0]} is not ready:\n{log.read_text(encoding='utf-8')}")


def photograph(url: str, key: str) -> None:
    """One verdict as a laptop and as a telephone show it."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for name, view in SHOTS.items():
            page = browser.new_page(**view)
            page.goto(url)
            page.get_by_label("Your key").fill(key)
            page.get_by_role("button", name="Sign in").click()
            page.get_by_label("Describe the component").fill(TEXT)
            page.get_by_role("button", name="Judge").click()
            page.wait_for_selector("article.verdict")
            small = Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(64, dither=Image.Dither.NONE)
            small.save(FOLDER / f"{name}.png", optimize=True)
            page.close()
        browser.close()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
