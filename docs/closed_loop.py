"""Record docs/closed-loop.md: the loop of tests/test_the_loop_closes.py, as its people typed and read it.

    python docs/closed_loop.py            about two minutes; needs chromium for the pictures

The test itself runs. Each command it types is noted with what it prints for people, and the pages it makes are
photographed at that moment; where the test fails, nothing is written. The project's folder is written as `~/loop`.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from homologate.cli import declared_commands
from homologate.local import Services

ROOT = Path(__file__).resolve().parents[1]
TEST = "tests/test_the_loop_closes.py"
PAGE, PICTURES = ROOT / "docs" / "closed-loop.md", ROOT / "docs" / "pictures"
CHROMIUM = "/usr/bin/chromium"

TOLD = [
    (
        "homologate main",
        """# The loop, closed once

Served, the world moves, detected, trained again, a request that waits, a person decides, the new version
serves, and the old one is one command away. The output below is that of
`tests/test_the_loop_closes.py`, which types these commands on a gated server with a tiny real model;
`docs/closed_loop.py` ran it, noted what was printed and took the pictures. The numbers are
those of a toy, the steps are not.

## 1. A version is trained, judged and let in""",
    ),
    (
        "homologate monitor",
        """## 2. The world moves, and somebody notices

120 components come in; three of four are described in words no training row used. The version in Production
answers them all. At night the monitor compares the day with the version's own past.""",
    ),
    ("homologate dashboard", "The operator's page says the same, with a command for each limit that was crossed."),
    (
        "homologate queue",
        """## 3. People say what is true

The queue ranks what would teach most: the new words come first. The test bench says later what was true, and
nothing trains before a second person has looked.""",
    ),
    (
        "mlflow run",
        """## 4. Trained again, and asked

The whole lifecycle on the old rows and two thirds of the reviewed texts, as one MLflow run tagged with the
drift and its window. The last third measures it.""",
    ),
    ("homologate request --show", "## 5. What the people who decide read"),
    (
        "homologate retrain",
        "The same cause starts one retraining, and none begins while a request waits.",
    ),
    ("homologate approve", "## 6. A person decides, and the server follows"),
    (
        "homologate rollback",
        """## 7. The old one, one command away

The server follows within its poll; the history keeps both moves and the reason.""",
    ),
]


class Recorder:
    """Notes what the test types, in place of the two functions it types with."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._left = list(TOLD)
        self._verbs = {command.name: command.module for command in declared_commands()}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Put this recorder between the test and its commands."""
        for module in {item.module for item in items}:
            module.main = self._noting(module.main)
            module.mlflow_run = self._noting_mlflow(module.mlflow_run)

    def _noting(self, main: Callable[[list[str]], int]) -> Callable[[list[str]], int]:
        def noted(words: list[str]) -> int:
            out, err = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = main(words)
            print(out.getvalue())
            print(err.getvalue(), file=sys.stderr)
            facts = json.loads(out.getvalue())
            words = [word for word in words if word != "--json"]
            failed = "error" in facts
            shown = err.getvalue() if failed else importlib.import_module(self._verbs[words[0]]).show(facts)
            self._note(["homologate", *words], shown[shown.find("homologate: ") :] if failed else shown, code)
            self._photograph(words, facts)
            return code

        return noted

    def _noting_mlflow(self, run: Callable[..., tuple[int, str]]) -> Callable[..., tuple[int, str]]:
        def noted(project: Any, login: Any, entry_point: str, **parameters: str) -> tuple[int, str]:
            code, printed = run(project, login, entry_point, **parameters)
            words = ["mlflow", "run", ".", "-e", entry_point]
            words += [word for pair in parameters.items() for word in ("-P", "=".join(pair))]
            shown = re.split(r"^(?:\d{4}/\d\d/\d\d |\[)", printed, maxsplit=1, flags=re.M)[0]
            self._note(words, shown, code)
            named = re.search(r"^  run (\w+)", printed, re.M)
            if named:
                self._page_of(named[1], "retrain/retrain.html", "loop-retrain", "What the retraining says of itself")
            return code, printed

        return noted

    def _note(self, words: list[str], shown: str, code: int) -> None:
        typed = " ".join(f'"{word}"' if " " in word else word for word in words)
        if self._left and typed.startswith(self._left[0][0]):
            self.parts.append(self._left.pop(0)[1])
        ended = f"      # exit code {code}" if code else ""
        home = str(Path(os.environ["HOMOLOGATE_SETTINGS"]).parent)
        lines = [f"{os.environ['MLFLOW_TRACKING_USERNAME']}$ {typed}{ended}", *shown.strip("\n").splitlines()]
        told = "\n".join(line.rstrip() for line in lines).replace(home, "~/loop").replace("~/loop/home", "~/loop")
        self.parts.append(f"```text\n{told}\n```")

    def _photograph(self, words: list[str], facts: Any) -> None:
        if words[0] == "monitor":
            run = facts["windows"][-1]["run_id"]
            self._page_of(run, "drift/drift.html", "loop-drift", "The monitor's report of the day")
        if words[0] == "dashboard":
            self._picture(Path(facts["out"]).as_uri(), "loop-dashboard", "The operator's page")
        if words[:2] == ["request", "--show"]:
            address = f"{_server()}/homologate/requests/{facts['request']['id']}"
            self._picture(address, "loop-request", "The request, as a reviewer sees it")

    def _page_of(self, run: str, path: str, name: str, told: str) -> None:
        import mlflow.artifacts

        file = mlflow.artifacts.download_artifacts(run_id=run, artifact_path=path, tracking_uri=_server())
        self._picture(Path(file).as_uri(), name, told)

    def _picture(self, address: str, name: str, told: str) -> None:
        from PIL import Image
        from playwright.sync_api import sync_playwright

        login: Any = {who: os.environ[f"MLFLOW_TRACKING_{who.upper()}"] for who in ("username", "password")}
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(http_credentials=login, viewport={"width": 1120, "height": 1000})
            page.goto(address, wait_until="networkidle")
            raw = page.screenshot()
            browser.close()
        small = Image.open(io.BytesIO(raw)).convert("RGB").quantize(48, dither=Image.Dither.NONE)
        small.save(PICTURES / f"{name}.png", optimize=True)
        self.parts.append(f"![{told}](pictures/{name}.png)")


def _server() -> str:
    """The gated server of the test, as `homologate up` started it."""
    home = Path(os.environ["HOMOLOGATE_SETTINGS"]).parent / "home"
    return Services(home).running()["mlflow"].url


def main() -> int:
    """Run the test and write the page."""
    recorder = Recorder()
    code = int(pytest.main(["-q", "-x", str(ROOT / TEST)], plugins=[recorder]))
    if code == 0:
        PAGE.write_text("\n\n".join(recorder.parts) + "\n", encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main())
