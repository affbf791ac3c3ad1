"""Make the pictures of docs/evidence.md from two reports: `python docs/pictures.py EVALUATION.html EXPLANATION.html`.

The first screen of each page as a laptop shows it, in a real browser. `homologate where` says where reports are.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMES = ("evaluation", "explanation")
SCREEN = {"width": 1180, "height": 900}
LARGEST = 250_000
"""Bytes of a picture: a page of documentation is not a photo album."""


def main(pages: list[str]) -> int:
    """Photograph the two pages; 1 where one is missing or its picture too large."""
    from playwright.sync_api import sync_playwright

    if len(pages) != len(NAMES):
        print(__doc__, file=sys.stderr)
        return 1
    (HERE / "pictures").mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, page in zip(NAMES, pages, strict=True):
            tab = browser.new_page(viewport=SCREEN, color_scheme="light")
            tab.goto(Path(page).resolve().as_uri())
            picture = HERE / "pictures" / f"{name}.png"
            tab.screenshot(path=str(picture))
            if picture.stat().st_size > LARGEST:
                print(f"{picture} has {picture.stat().st_size} bytes, more than {LARGEST}", file=sys.stderr)
                return 1
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
