"""Take the pictures of the docs from what really runs: a browser on a real server.

    python docs/screenshots.py compare-runs --run RUN --run RUN        two train runs, side by side in the MLflow UI

The server is the one `MLFLOW_TRACKING_URI` names, else the one `homologate up` started. A picture is a function that
leads the page to what is to be seen; add one to `SHOTS` and it has a name. Needs chromium (`apt-get install chromium`).
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from homologate.local import Services
from homologate.settings import load_settings
from homologate.tracking import tracking_uri

FOLDER = Path(__file__).resolve().parent / "images"
WIDTH, HEIGHT = 1000, 1400


def compare_runs(page: Any, uri: str, runs: list[str]) -> None:
    """The MLflow UI's comparison of some runs: parameters that differ, metrics side by side."""
    from mlflow import MlflowClient

    experiments = sorted({MlflowClient(uri).get_run(run).info.experiment_id for run in runs})
    ids = f"runs={quote(json.dumps(runs))}&experiments={quote(json.dumps(experiments))}"
    page.goto(f"{uri}/#/compare-runs?{ids}")
    page.get_by_text("Show diff only").first.wait_for()
    page.wait_for_timeout(3000)  # the page is put together piece by piece
    assistant = page.get_by_text("MLflow Assistant").first
    if assistant.is_visible():  # it opens by itself and covers a quarter of the page
        assistant.locator("xpath=ancestor::*[.//button][1]").get_by_role("button").last.click()
    for toggle in page.get_by_role("switch").all():
        toggle.click()
    for heading in ("Visualizations", "Tags"):
        page.get_by_text(heading, exact=True).first.click()
    page.mouse.move(WIDTH / 2, HEIGHT / 2)
    page.mouse.wheel(0, -10_000)
    page.wait_for_timeout(1000)


SHOTS: dict[str, Callable[[Any, str, list[str]], None]] = {"compare-runs": compare_runs}
"""What can be taken, by name; the picture is `docs/images/<name>.png`."""


def main() -> int:
    """Take one picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shot", choices=SHOTS)
    parser.add_argument(
        "--run", action="append", default=[], metavar="RUN", help="id of a run to show; may be repeated"
    )
    args = parser.parse_args()
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        print("no chromium on the path: apt-get install chromium", file=sys.stderr)
        return 2
    server = Services(Path(load_settings().home)).running().get("mlflow")
    place = tracking_uri(server.url if server else None)
    place.check()

    from playwright.sync_api import sync_playwright

    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        SHOTS[args.shot](page, place.uri, args.run)
        page.screenshot(path=FOLDER / f"{args.shot}.png")
        chromium.close()
    print(FOLDER / f"{args.shot}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
