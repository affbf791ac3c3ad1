"""Record docs/session.md: two people take a version from training to Production, and one attempt to cheat.

    python docs/session.py [HOME]

Everything in the page is what the commands answered: a gated server is started in HOME (default: a temporary folder), its
people are made, a version is trained, and each block is run as the person whose prompt it shows. Passwords are random
and are not in the page; the folder is written as `~/approval`. Given a HOME, what was trained there is used again. It
takes about five minutes on two cores, needs Debian's chromium for the screenshots, and ends with 1 where a command
answers otherwise than the story says.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "session.md"
PICTURES = ROOT / "docs" / "session"
BIN = Path(sys.executable).parent
CHROMIUM = "/usr/bin/chromium"
PEOPLE = {"ada": "edit", "ben": "read", "cleo": "read"}
MODEL = "component-classifier"

CHEAT = f"""
from mlflow import MlflowClient
MlflowClient().transition_model_version_stage("{MODEL}", "VERSION", "Production")
""".strip()


class Session:
    """One home, its people, and the page as far as it is written.

    Args:
        home: the folder of the server.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        self.settings = home / "homologate.yaml"
        told = {"home": str(home / "server"), "preset": "quick", "promotion": {"policies": "demo"}}
        self.settings.write_text(json.dumps(told), encoding="utf-8")
        self.passwords: dict[str, str] = {}
        self.url = ""
        self.parts: list[str] = []

    def tell(self, *lines: str) -> None:
        """A paragraph of the page."""
        self.parts.append("\n".join(lines))

    def show(self, person: str, shown: str, words: Sequence[str], *, code: int = 0, keep: str = "") -> str:
        """Run a command as a person, put prompt and answer on the page, and return what it printed.

        Args:
            person: whose login it has.
            shown: the command as they type it.
            words: what is run.
            code: the exit code the story needs.
            keep: pattern of the lines to show; every line where empty.
        """
        answer = self.run(person, words)
        if answer.returncode != code:
            raise SystemExit(f"{person}$ {shown}\nended with {answer.returncode}, not {code}:\n{answer.stdout}")
        lines = [line for line in answer.stdout.splitlines() if re.search(keep, line)]
        self.parts.append("\n".join(["```console", f"{person}$ {self.plain(shown)}", *map(self.plain, lines), "```"]))
        return answer.stdout

    def run(self, person: str, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run a command as a person; stdout and stderr as they came."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")},
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "HOMOLOGATE_SETTINGS": str(self.settings),
            "GIT_PYTHON_REFRESH": "quiet",
        }
        if person in self.passwords:
            environment |= {
                "MLFLOW_TRACKING_URI": self.url,
                "MLFLOW_TRACKING_USERNAME": person,
                "MLFLOW_TRACKING_PASSWORD": self.passwords[person],
            }
        merged = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.run(words, **merged, text=True, env=environment, cwd=ROOT, check=False)

    def facts(self, *words: str) -> Any:
        """What a command answers to `--json`, run as whoever the machine knows."""
        answer = self.run("admin", homologate(*words, "--json"))
        if answer.returncode:
            raise SystemExit(answer.stdout)
        return json.loads(answer.stdout)

    def plain(self, line: str) -> str:
        """A line without passwords, the folder of this run, or trailing space."""
        for password in self.passwords.values():
            line = line.replace(password, "…")
        return line.replace(str(self.home), "~/approval").replace(str(ROOT), "~/homologate").rstrip()

    def picture(self, person: str, path: str, name: str, told: str, *, height: int = 860) -> None:
        """A screenshot of one of the reviewers' pages as a person sees it, small enough to keep."""
        from PIL import Image
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            login: Any = {"username": person, "password": self.passwords[person]}
            page = browser.new_page(http_credentials=login, viewport={"width": 1120, "height": height})
            page.goto(f"{self.url}/homologate/{path}", wait_until="networkidle")
            raw = page.screenshot()
            browser.close()
        PICTURES.mkdir(exist_ok=True)
        small = Image.open(io.BytesIO(raw)).convert("RGB").quantize(48, dither=Image.Dither.NONE)
        small.save(PICTURES / f"{name}.png", optimize=True)
        self.parts.append(f"![{told}](session/{name}.png)")

    def written(self) -> None:
        """Write the page."""
        PAGE.write_text("\n\n".join(self.parts) + "\n", encoding="utf-8")


def homologate(*words: str) -> list[str]:
    """The command of this environment."""
    return [sys.executable, "-m", "homologate", *words]


def people(session: Session) -> None:
    """Start the server and make its people; their passwords stay in the home for a second recording."""
    session.tell(
        "# A version's way to Production, recorded",
        "",
        "Ada trains. Ben and Cleo review. None of them can do it alone, and the server says so to whoever tries. Every block below is what the commands answered, every picture",
        "what a browser showed: `docs/session.py` runs it all and writes this page. Passwords are left out. The server runs under the shipped demo policies, because the strict one for",
        "Production asks for a day in Staging; that is why everything is marked as a demonstration.",
    )
    session.tell("## Three people", "", "A gated MLflow server on an empty folder, and an account for each person.")
    up = homologate("up", "--server-only")
    session.show("admin", "homologate up --server-only", up, keep=r"^(MLflow UI|the gate|accounts)")
    session.url = session.facts("where")["tracking_uri"]
    kept = session.home / "people.json"
    if kept.exists():
        session.passwords = json.loads(kept.read_text(encoding="utf-8"))
    for name, may in PEOPLE.items():
        what = "password" if name in session.passwords else "add"
        words = ["people", what, name, *(["--may", may] if what == "add" else [])]
        session.passwords[name] = session.facts(*words)["password"]
    kept.touch(mode=0o600)
    kept.write_text(json.dumps(session.passwords), encoding="utf-8")
    for name, may in PEOPLE.items():
        told = f"admin$ homologate people add {name}{' --may edit' if may == 'edit' else ''}"
        session.parts.append(f"```console\n{told}\n{name}  …\n```")
    session.show("admin", "homologate people", homologate("people"))


def training(session: Session) -> str:
    """Ada trains and registers; the version's number."""
    session.tell(
        "## Ada makes a version",
        "",
        "Six steps, each an MLflow run; the last registers what was judged, together with its signed reports.",
    )
    session.show(
        "ada",
        "homologate main",
        homologate("main"),
        keep=r"^(\[|component-classifier|digest|on the|this|TF-IDF|maj|next)",
    )
    last = json.loads((session.home / "server" / "last.json").read_text(encoding="utf-8"))
    return str(last["version"])


def cheating(session: Session, version: str) -> None:
    """What Ada may not do, whichever way she tries."""
    session.tell(
        "## She tries to skip the rest",
        "",
        "Ada may edit every model on this server. With stock MLflow the next call would put her version into Production. Here it does not, by `curl`:",
    )
    body = json.dumps({"name": MODEL, "version": version, "stage": "Production"})
    address = f"{session.url}/api/2.0/mlflow/model-versions/transition-stage"
    told = f"curl -s -w '\\n%{{http_code}}\\n' -u ada:… {address} \\\n       -d '{body}'"
    curl = ["curl", "-s", "-w", "\n%{http_code}\n", "-u", f"ada:{session.passwords['ada']}", "-H"]
    answer = session.show("ada", told, [*curl, "Content-Type: application/json", address, "-d", body])
    if not answer.rstrip().endswith("403"):
        raise SystemExit(f"the server let it through: {answer}")
    session.tell("by the stock client:")
    code = CHEAT.replace("VERSION", version)
    shown = f"python -c '{code}'"
    session.show(
        "ada", shown, [sys.executable, "-W", "ignore", "-c", code], code=1, keep=r"^mlflow\.exceptions|next:|where:"
    )
    session.tell("or by the alias that means the same:")
    code = f'from mlflow import MlflowClient\nMlflowClient().set_registered_model_alias("{MODEL}", "champion", "{version}")'
    session.show(
        "ada", f"python -c '{code}'", [sys.executable, "-c", code], code=1, keep=r"^mlflow\.exceptions|next:|where:"
    )


def asked(session: Session, version: str, stage: str, reason: str) -> str:
    """Ada asks; the request's id."""
    words = ["request", MODEL, version, "--to", stage, "--reason", reason]
    shown = f'homologate request {MODEL} {version} --to {stage} --reason "{reason}"'
    told = session.show("ada", shown, homologate(*words))
    return str(re.search(r"Request (\d+):", told).group(1))  # type: ignore[union-attr]


def approved(session: Session, person: str, request: str, comment: str, *, code: int = 0) -> None:
    """Somebody answers yes."""
    shown = f'homologate approve {request} --comment "{comment}"'
    session.show(person, shown, homologate("approve", request, "--comment", comment), code=code)


def staging(session: Session, version: str) -> None:
    """To Staging, by one other person."""
    session.tell(
        "## The way that is open",
        "",
        "She asks. The gate recomputes the bytes, verifies every statement about them, and answers each rule at once.",
    )
    request = asked(session, version, "Staging", "first classifier of the year")
    session.tell("Her own approval does not count:")
    approved(session, "ada", request, "looks good to me", code=7)
    session.tell("Ben's does, and one is enough for Staging:")
    approved(session, "ben", request, "read the evaluation; recall is what we need")
    session.show("ada", f"homologate promote {request}", homologate("promote", request))


def production(session: Session, version: str) -> None:
    """To Production, by two other people."""
    session.tell(
        "## To Production, by two",
        "",
        "Every rule of the stricter policy is answered, and two people are needed who are neither author nor requester.",
    )
    request = asked(session, version, "Production", "ready for the line")
    session.tell("What waits, as Ben sees it, and the request:")
    session.picture("ben", "", "queue", "The queue: one request waits for an answer", height=720)
    session.picture(
        "ben",
        f"requests/{request}",
        "request",
        "The request: verdict first, then who, policy, and every rule",
        height=1180,
    )
    approved(session, "ben", request, "read all three reports; the worst mistakes are the ones we know")
    session.tell("One is not enough, and nobody answers twice:")
    session.show("ada", f"homologate promote {request}", homologate("promote", request), code=7)
    approved(session, "ben", request, "and once more", code=7)
    session.tell("Cleo makes two:")
    approved(session, "cleo", request, "explanation points at the measured values, not at makers")
    session.show("ada", f"homologate promote {request}", homologate("promote", request))


def afterwards(session: Session, version: str) -> None:
    """What is left: the timeline, sealed bytes, a chain anybody can check."""
    session.tell("## What is left", "", "Who did what and why stays, on the page of the model")
    session.picture(
        "cleo",
        f"models/{MODEL}",
        "model",
        "The model: what is in Production, since when, by whom, and everything that happened",
        height=1180,
    )
    session.tell("and on the command line, the refused attempts included:")
    session.show("cleo", "homologate history", homologate("history"))
    session.tell("The bytes that were judged are sealed; Ada made the run, and still cannot put others in their place:")
    evidence = (
        "from mlflow import MlflowClient\n"
        f'client = MlflowClient(); version = client.get_model_version("{MODEL}", "{version}")\n'
    )
    code = evidence + 'client.log_text(version.run_id, "other bytes", "model/model.onnx")'
    session.show("ada", f"python -c '{code}'", [sys.executable, "-c", code], code=1, keep=r"Response text")
    session.tell("The ledger is one chain, exported by the admin, and verified by one file that needs only Python:")
    export = str(session.home / "ledger.jsonl")
    session.show(
        "admin",
        f"homologate as admin -- homologate audit export --to {export}",
        homologate("as", "admin", "--", *homologate("audit", "export", "--to", export)),
    )
    session.show("auditor", f"homologate audit verify {export}", homologate("audit", "verify", export))


def main(words: list[str]) -> int:
    """Run the story and write the page."""
    with tempfile.TemporaryDirectory() as scratch:
        session = Session(Path(words[0]).absolute() if words else Path(scratch) / "approval")
        try:
            people(session)
            version = training(session)
            cheating(session, version)
            staging(session, version)
            production(session, version)
            afterwards(session, version)
        finally:
            session.run("admin", homologate("down"))
        session.written()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
