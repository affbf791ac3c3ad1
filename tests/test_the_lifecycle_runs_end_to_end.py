"""From a CSV through the gate to a served answer, by the commands a user types, on the server `homologate up` starts.

The encoder is a real but tiny BERT, so that the whole lifecycle fits a test; everything around it is the real thing.
Its rows are so simple that one word gives the label away, which even the demonstration's policy refuses.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests
import yaml
from waiting import until

from homologate.accounts import Accounts, Login
from homologate.attest import digest_of, load_trusted_keys, verify_bundle
from homologate.cli import main as homologate
from homologate.errors import RefusedError
from homologate.local import Services, program
from homologate.pipeline import STEPS
from homologate.settings import Settings, load_settings
from homologate.tracking import Place, Tracker
from registry_promotion.client import GateClient

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("lamp", "hose", "belt", "mirror", "brake", "tyre", "horn", "seat")
MAKERS = ("Alder", "Birch", "Cedar", "Dogwood")
EXPERIMENT = "lifecycle"


class Project(NamedTuple):
    """A user's project: a CSV with columns and labels of its own, and the settings that read it."""

    folder: Path
    settings_file: Path
    server: str

    @property
    def settings(self) -> Settings:
        return load_settings(self.settings_file)

    def gate(self, account: str = "demo-author") -> GateClient:
        return GateClient(self.server, self.accounts.login(account))

    @property
    def tracker(self) -> Tracker:
        return Tracker(Place(self.server, "server"), experiment=EXPERIMENT, home=Path(self.settings.home))

    @property
    def accounts(self) -> Accounts:
        found = Accounts.known(Path(self.settings.home))
        assert found is not None
        return found

    def homologate(self, *words: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """A command as a user types it, without a login of their own."""
        login = {"MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_URI"}
        environment = {name: value for name, value in os.environ.items() if name not in login}
        environment["HOMOLOGATE_SETTINGS"] = str(self.settings_file)
        call = [sys.executable, "-m", "homologate", *words]
        return subprocess.run(call, capture_output=True, text=True, env=environment, timeout=timeout, check=False)

    def mlflow_run(self, entry_point: str) -> subprocess.CompletedProcess[str]:
        """`mlflow run` as the demo author, as `make run` does it."""
        words = [program("mlflow"), "run", str(ROOT), "--entry-point", entry_point, "--env-manager", "local"]
        words += ["--experiment-name", EXPERIMENT, "-P", f"settings={self.settings_file}"]
        return self.homologate("as", "demo-author", "--", *words, timeout=600)


def write_rows(folder: Path, rows: int) -> None:
    """`parts.csv`: the first rows are the same however many there are; later ones are dated later."""
    chance = random.Random(5)
    lines = ["number,notified,part,maker,description,verdict"]
    for row in range(rows):
        bad = chance.random() < 0.3
        told, value = ("cracked below", chance.randint(60, 99)) if bad else ("held above", chance.randint(100, 140))
        part, maker = chance.choice(PARTS), chance.choice(MAKERS)
        text = (
            f"The {part} from lot {chance.randint(1, 999)} {told} the limit at {value} units. "
            + "Tested twice. " * (row % 4)
        )
        date = f"20{20 + row * 4 // rows}-{1 + row * 48 // rows % 12:02}-{1 + row % 28:02}"
        lines.append(f'r{row},{date},{part},{maker},"{text.strip()}",{"reject" if bad else "pass"}')
    (folder / "parts.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_project(
    folder: Path, server: str, encoder: Path, *, rows: int = 360, admins: Sequence[str] = (), **training: Any
) -> Project:
    write_rows(folder, rows)
    columns = {"text": "description", "label": "verdict", "id": "number", "date": "notified"}
    settings = {
        "model": "lifecycle-parts",
        "experiment": EXPERIMENT,
        "home": str(folder / "home"),
        "data": {
            "source": str(folder / "parts.csv"),
            "columns": {**columns, "component": "part", "manufacturer": "maker"},
            "labels": {"positive": "reject", "negative": "pass"},
            "split": {"near_duplicate_cosine": 1.0},
        },
        "training": {"encoder": str(encoder), "max_tokens": 48, "epochs": 3, "learning_rate": 1e-3, **training},
        "explanation": {"faithfulness_texts": 12, "surrogate_words": 40},
        "promotion": {"admins": list(admins)},
    }
    file = folder / "homologate.yaml"
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return Project(folder, file, server)


@pytest.fixture(scope="module")
def started(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, str]]:
    """A demonstration's home with its gated server running, and what the first start said.

    It is the second: the first was killed while MLflow made its tables.
    """
    made = write_project(tmp_path_factory.mktemp("project"), "", tiny_encoder, admins=["admin"])
    (made.folder / "home" / "server").mkdir(parents=True)
    (made.folder / "home" / "server" / "first-start-unfinished").touch()
    with contextlib.closing(sqlite3.connect(made.folder / "home" / "mlflow.db")) as half:
        half.execute("CREATE TABLE review_queues (queue_id INTEGER)")
    answer = made.homologate("up", "--demo", "--server-only", "--json")
    assert answer.returncode == 0, answer.stderr
    assert "they are set aside and made anew" in answer.stderr
    assert json.loads(answer.stdout)["demonstration"] is True
    made = made._replace(server=json.loads(answer.stdout)["tracking_uri"])
    with pytest.MonkeyPatch.context() as patch:
        for name, value in made.accounts.login("demo-author").environment.items():
            patch.setenv(name, value)
        yield made, answer.stderr
    assert made.homologate("down").returncode == 0


@pytest.fixture(scope="module")
def project(started: tuple[Project, str]) -> Project:
    return started[0]


@pytest.fixture(scope="module")
def first(project: Project) -> subprocess.CompletedProcess[str]:
    """The first `mlflow run . -e main` of the project."""
    answer = project.mlflow_run("main")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer


@pytest.fixture(scope="module")
def version(project: Project, first: object) -> Any:
    [known] = project.tracker.client.search_model_versions(f"name = '{project.settings.model}'")
    return known


def test_one_run_is_opened_for_each_step_and_none_besides(project: Project, first: object) -> None:
    client = project.tracker.client
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert sorted(run.data.tags["homologate.step"] for run in runs) == sorted([*STEPS, "main"])
    assert {run.info.status for run in runs} == {"FINISHED"}
    [outer] = [run for run in runs if run.data.tags["homologate.step"] == "main"]
    parents = {run.data.tags.get("mlflow.parentRunId") for run in runs if run is not outer}
    assert parents == {outer.info.run_id}


def test_a_run_says_what_it_was_made_from(project: Project, version: Any) -> None:
    trained = project.tracker.run(
        version.tags["homologate.train_run"]
        if "homologate.train_run" in version.tags
        else project.tracker.run(version.run_id).data.tags["homologate.input.train_run"],
        step="train",
    )
    commit = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    assert trained.data.tags["mlflow.source.git.commit"] == commit.stdout.strip()
    assert trained.data.tags["homologate.dirty"] in {"true", "false"}
    assert trained.data.params["seed"] == "20"
    assert trained.data.tags["homologate.data_fingerprint"].startswith("sha256:")
    contexts = {tag.value for given in trained.inputs.dataset_inputs for tag in given.tags}
    assert contexts == {"training", "validation"}


def test_the_curves_and_plots_of_training_are_in_mlflow(project: Project, version: Any) -> None:
    import mlflow.artifacts

    train_run = project.tracker.run(version.run_id).data.tags["homologate.input.train_run"]
    artifact_uri = project.tracker.run(train_run).info.artifact_uri
    plots = {file.path for file in mlflow.artifacts.list_artifacts(artifact_uri=f"{artifact_uri}/plots")}
    told = " ".join(plots)
    for plot in ("precision", "roc", "calibration", "confusion"):
        assert plot in told, plots
    metrics = project.tracker.run(train_run).data.metrics
    assert any("loss" in name for name in metrics)


def test_the_summary_names_figures_baseline_version_reports_and_the_next_command(
    first: subprocess.CompletedProcess[str],
) -> None:
    told = first.stdout
    assert (
        "lifecycle-parts version 1: registered; other people decide whether it reaches Staging and Production" in told
    )
    for line in ("this version", "TF-IDF + logistic regression", "majority", "average precision", "digest sha256:"):
        assert line in told
    for kind in ("parity", "evaluation", "explanation", "comparison", "model-card", "data-card", "responsible-ai"):
        report = f"{kind}/{kind}.html"
        assert report in told
    assert "next: homologate request lifecycle-parts 1 --to Staging --reason …" in told


def test_the_summary_says_by_how_much_the_baseline_is_beaten_and_how_sure_that_is(
    first: subprocess.CompletedProcess[str], project: Project, version: Any
) -> None:
    evidence = project.tracker.fetch(version.tags["homologate.evidence_run"], "evidence")
    gain = json.loads((evidence / "evaluation" / "evaluation.json").read_text())["gain"]["tfidf"]
    for name, metric in (("average_precision", "average precision"), ("f1", "F1")):
        low, high = gain[name]["low"], gain[name]["high"]
        how = "beats" if low > 0 else "falls behind" if high < 0 else "is not certain to beat"
        [line] = [
            line
            for line in first.stdout.splitlines()
            if line.startswith("it ") and line.split("(")[0].endswith(f"{metric} ")
        ]
        assert line.startswith(f"it {how} the TF-IDF baseline")
        assert f"(95 %: {low:+.3f} to {high:+.3f})" in line


def test_progress_is_told_on_stderr(first: subprocess.CompletedProcess[str]) -> None:
    for place, step in enumerate(STEPS, start=1):
        assert f"[{place}/{len(STEPS)}] {step}" in first.stderr


def test_a_second_run_reuses_every_step_and_says_so(project: Project, version: Any) -> None:
    again = project.mlflow_run("main")
    assert again.returncode == 0, again.stdout + again.stderr
    assert again.stderr.count("reused: data, code and parameters are those of run") == len(STEPS)
    assert f"reused, because nothing they depend on has changed: {', '.join(STEPS)}" in again.stdout
    assert len(project.tracker.client.search_model_versions(f"name = '{project.settings.model}'")) == 1


def test_a_version_that_even_the_demonstration_refuses_stays_out_and_is_told_why(
    project: Project, version: Any
) -> None:
    answer = project.homologate("demo")
    assert answer.returncode == 7, answer.stdout + answer.stderr
    assert "NOT promoted: request" in answer.stdout
    assert (
        "  x no-leak: Length, single words or turns of phrase alone do not give the label away. [found leak,"
        in answer.stdout
    )
    assert "      → Mask what gives it away (the evaluation names it), prepare and train again." in answer.stdout
    rows = project.gate().get(f"models/{project.settings.model}/history")["rows"]
    again = project.homologate("demo")
    assert again.returncode == 7
    assert "was refused before; nothing has changed since" in again.stderr
    assert project.gate().get(f"models/{project.settings.model}/history")["rows"] == rows, "nobody asked twice"
    assert project.tracker.client.get_model_version(version.name, version.version).current_stage == "Staging"
    where = project.homologate("where")
    assert "NOT in Production: even the demonstration's policy refuses it" in where.stdout


def test_the_endpoint_fetches_from_the_gated_server_with_a_login_of_its_own(served_here: dict[str, Any]) -> None:
    address = served_here["endpoint"].removesuffix("/invocations")
    [answer] = ask(address, {"inputs": ["The belt cracked below the limit at 61 units."]})
    assert answer["label"] == "reject"
    assert served_here["last"]["version"] == "1"


def test_a_technician_judges_and_disagrees_on_the_pages_it_started(
    project: Project, served_here: dict[str, Any]
) -> None:
    key = Path(served_here["technician_key"])
    assert key.stat().st_mode & 0o077 == 0
    assert key.read_text().strip() not in project.homologate("where").stdout
    with requests.Session() as browser:
        pages = served_here["pages"]
        assert browser.post(f"{pages}sign-in", data={"key": key.read_text().strip()}, timeout=30).url == pages
        page = browser.post(pages, data={"text": "The belt cracked below the limit at 61 units."}, timeout=60)
        assert '<h1 id="verdict">reject</h1>' in page.text
        assert "lifecycle-parts version 1" in page.text
        assert "No, it is pass" in page.text

        def disagreed() -> bool:
            told = browser.post(page.url, data={"label": "pass", "note": "seen"}, timeout=30)
            return "A second person reviews it. Nothing is learnt" in told.text

        until(disagreed, 20, "kept record")
    assert "key:demo-technician" in project.homologate("feedback", "--list").stdout


def test_what_is_printed_for_programs_holds_addresses_and_no_password(
    project: Project, served_here: dict[str, Any]
) -> None:
    told = project.homologate("where", "--json").stdout
    facts = json.loads(told)
    assert facts["tracking_uri"] == project.server
    assert facts["model"] == "lifecycle-parts"
    assert Path(facts["artifact_root"]).is_dir()
    assert facts["endpoint"] == served_here["endpoint"]
    assert facts["gate"] == f"{project.server}/homologate/"
    login = facts["login"]
    assert login["variables"] == ["MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"]
    kept = json.loads(Path(login["accounts_file"]).read_text())["accounts"]
    assert set(login["accounts"]) == set(kept) >= {"admin", "demo-author", "demo-approver-1", "demo-approver-2"}
    assert not [name for name, password in kept.items() if password in told]


def test_passwords_are_shown_at_the_first_start_only_and_kept_for_their_owner_alone(
    started: tuple[Project, str], served_here: dict[str, Any]
) -> None:
    project, told = started
    for name, password in project.accounts.passwords.items():
        assert re.search(rf"^  {name} +{re.escape(password)}$", told, re.MULTILINE)
    home = Path(project.settings.home)
    assert not [password for password in project.accounts.passwords.values() if password in served_here["stderr"]]
    for file in ("accounts.json", "server/auth.ini", "server/secret", "keys/signing.pem"):
        assert stat.S_IMODE((home / file).stat().st_mode) == 0o600, file
    assert stat.S_IMODE((home / "server").stat().st_mode) == 0o700
    assert not [
        log for log in (home / "logs").iterdir() for p in project.accounts.passwords.values() if p in log.read_text()
    ]


def test_people_are_added_may_what_was_said_and_are_removed(project: Project, version: Any) -> None:
    from mlflow import MlflowClient

    added = json.loads(project.homologate("people", "add", "Ada Reviewer", "--json").stdout)
    assert "Ada Reviewer" in project.homologate("people").stdout
    ada = GateClient(project.server, Login("Ada Reviewer", added["password"]))
    assert {one["model"] for one in ada.get("requests")["requests"]} <= {version.name}, "everybody reads"
    with pytest.raises(RefusedError, match=r"'Ada Reviewer' may not update the model 'lifecycle-parts'"):
        ada.post("requests", model=version.name, version="1", stage="Production", reason="only reads")
    editor = json.loads(project.homologate("people", "add", "emil", "--may", "edit", "--json").stdout)
    emil = MlflowClient(project.server.replace("://", f"://emil:{editor['password']}@"))
    emil.set_model_version_tag(version.name, version.version, "seen", "by emil")
    emil.log_metric(version.run_id, "seen_by_emil", 1.0)
    twice = project.homologate("people", "add", "emil")
    assert twice.returncode == 2
    assert "already exists" in twice.stderr
    other = json.loads(project.homologate("people", "password", "emil", "--json").stdout)["password"]
    assert other != editor["password"]
    assert GateClient(project.server, Login("emil", other)).get("health")["user"] == "emil"
    assert project.homologate("people", "remove", "emil").returncode == 0
    assert "emil" not in project.homologate("people").stdout


def test_the_evidence_of_the_version_verifies_against_its_bytes(project: Project, version: Any) -> None:
    tracker = project.tracker
    model = tracker.fetch(version.run_id, "model")
    evidence = tracker.fetch(version.tags["homologate.evidence_run"], "evidence")
    assert digest_of(model) == version.tags["homologate.digest"]
    report = verify_bundle(model, evidence, load_trusted_keys(Path(project.settings.home)))
    assert report.ok, report.faults


def test_the_reports_are_about_these_bytes_and_name_their_baseline(project: Project, version: Any) -> None:
    evidence = project.tracker.fetch(version.tags["homologate.evidence_run"], "evidence")
    for kind in ("evaluation", "explanation", "parity"):
        facts = json.loads((evidence / kind / f"{kind}.json").read_text())
        assert facts["subject"]["digest"] == version.tags["homologate.digest"]
        page = (evidence / kind / f"{kind}.html").read_text()
        assert facts["verdict"][:30] in page
        assert "http://" not in page.replace("http://www.w3.org", "")
    metrics = json.loads((evidence / "evaluation" / "evaluation.json").read_text())
    ours = metrics["metrics"]["fp32"]["average_precision"]
    assert ours["low"] <= ours["value"] <= ours["high"]
    assert "average_precision" in metrics["baselines"]["tfidf"]


def test_the_bundle_holds_the_verdict_on_every_item_three_cards_and_says_that_there_is_no_champion(
    project: Project, version: Any
) -> None:
    evidence = project.tracker.fetch(version.tags["homologate.evidence_run"], "evidence")
    facts = {kind: json.loads((evidence / kind / f"{kind}.json").read_text()) for kind in ("comparison", "evaluation")}
    assert facts["comparison"]["status"] == "no_champion"
    assert facts["comparison"]["verdict"].startswith("No champion: ")
    items = [json.loads(line) for line in (evidence / "evaluation" / "items.jsonl").read_text().splitlines()]
    assert [item["id"] for item in items] == facts["evaluation"]["items"]["id"]
    assert {item["answer"] for item in items} == {"pass", "reject"}
    wrong = facts["evaluation"]["metrics"]["fp32"]["confusion"]
    assert sum(not item["right"] for item in items) == wrong["missed"] + wrong["stopped"]
    card = json.loads((evidence / "model-card" / "model-card.json").read_text())
    assert card["verdict"] == facts["evaluation"]["verdict"]
    assert (
        card["training"]["source"]["commit"]
        == project.tracker.run(version.run_id).data.tags["mlflow.source.git.commit"]
    )
    page = (evidence / "responsible-ai" / "responsible-ai.html").read_text()
    assert "No champion: " in page
    assert "not measured" in page


def test_the_version_loads_in_both_flavours_and_holds_no_pickle(project: Project, version: Any) -> None:
    import mlflow.onnx
    import mlflow.pyfunc
    import pandas as pd

    directory = project.tracker.fetch(version.run_id, "model")
    assert not [file for file in directory.rglob("*") if file.suffix in {".pkl", ".pickle", ".joblib", ".pt", ".bin"}]
    texts = ["The hose held above the limit at 120 units.", "The belt cracked below the limit at 61 units."]
    answers = mlflow.pyfunc.load_model(str(directory)).predict(pd.DataFrame({"text": texts}))
    assert [answer["label"] for answer in answers] == ["pass", "reject"]
    assert {output.name for output in mlflow.onnx.load_model(str(directory)).graph.output} == {
        "probability",
        "contributions",
        "embedding",
    }


@pytest.fixture(scope="module")
def in_production(project: Project, version: Any) -> Any:
    """The version, put into Production by a named admin who breaks the glass: no policy lets it through."""
    glass = ["promote", "--break-glass", version.name, version.version, "--reason", "tests need something served"]
    refused = project.homologate("as", "demo-author", "--", sys.executable, "-m", "homologate", *glass)
    assert refused.returncode == 7
    assert "'demo-author' may not break the glass" in refused.stderr
    done = project.homologate("as", "admin", "--", sys.executable, "-m", "homologate", *glass)
    assert done.returncode == 0, done.stderr
    known = project.tracker.client.get_model_version_by_alias(project.settings.model, "champion")
    assert (known.version, known.current_stage) == (version.version, "Production")
    return known


@pytest.fixture(scope="module")
def served_here(project: Project, in_production: Any) -> dict[str, Any]:
    """What `homologate up` left running, and what it said."""
    answer = project.homologate("up", "--json")
    assert answer.returncode == 0, answer.stderr
    return {**json.loads(answer.stdout), "stderr": answer.stderr}


@pytest.fixture(scope="module")
def served(
    project: Project, version: Any, in_production: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """`mlflow models serve` of the Production version, in an environment with the model's own requirements only."""
    folder = tmp_path_factory.mktemp("elsewhere")
    directory = project.tracker.fetch(version.run_id, "model")
    uv = program("uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    install = [uv, "pip", "install", "--quiet", "--python", str(python), "-r", str(directory / "requirements.txt")]
    subprocess.run(install, check=True, timeout=600)
    here = {**os.environ, "PYTHONPATH": ""}
    absent = subprocess.run([str(python), "-c", "import homologate"], env=here, capture_output=True, cwd=folder)
    assert absent.returncode != 0, "the environment must not know this repository"
    environment = {
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        "MLFLOW_TRACKING_URI": project.server,
        **project.accounts.login("endpoint").environment,
        "PYTHONPATH": "",
    }
    services = Services(folder)

    def command(port: int) -> list[str]:
        model = ["--model-uri", f"models:/{project.settings.model}/Production", "--env-manager", "local"]
        return [str(python.parent / "mlflow"), "models", "serve", *model, "--host", "127.0.0.1", "--port", str(port)]

    yield services.start(
        "served", command, about="Production", port=5400, ready="/ping", environment=environment, say=print
    ).url
    services.stop()


def ask(address: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(
        f"{address}/invocations", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["predictions"]


def test_mlflow_models_serve_answers_where_this_repository_was_never_seen(served: str) -> None:
    texts = ["The hose held above the limit at 120 units.", "The belt cracked below the limit at 61 units."]
    plain = ask(served, {"inputs": texts})
    assert [answer["label"] for answer in plain] == ["pass", "reject"]
    assert plain == ask(served, {"dataframe_split": {"columns": ["text"], "data": [[text] for text in texts]}})


def test_a_served_answer_says_why_when_asked(served: str) -> None:
    [answer] = ask(served, {"inputs": ["The belt cracked below the limit at 61 units."], "params": {"explain": True}})
    shares = sum(word["contribution"] for word in answer["words"]) + answer["remainder"] + answer["bias"]
    import math

    assert 1 / (1 + math.exp(-shares)) == pytest.approx(answer["probability"], abs=1e-4)


def test_each_entry_point_runs_alone_on_run_ids(
    project: Project, version: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the same verbs that MLproject calls; `mlflow run` itself is shown by the `main` tests."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", project.server)

    def call(*words: str) -> dict[str, Any]:
        capsys.readouterr()
        assert homologate([*words, "--settings", str(project.settings_file), "--json"]) == 0
        facts: dict[str, Any] = json.loads(capsys.readouterr().out)
        return facts

    data = call("prepare")["run_id"]
    train = call("train", "--data-run", data, "--preset", "quick", "--epochs", "1")["run_id"]
    export = call("export", "--train-run", train)["run_id"]
    evaluate = call("evaluate", "--export-run", export)["run_id"]
    explain = call("explain", "--export-run", export)["run_id"]
    runs = ("--export-run", export, "--evaluate-run", evaluate, "--explain-run", explain)
    made = call("register", *runs)
    assert int(made["version"]) > int(version.version)
    assert call("register", *runs)["version"] == made["version"], "the same runs give the same version"
    assert homologate(["train", "--data-run", export, "--settings", str(project.settings_file)]) == 3
    assert f"run {export} is a export run" in capsys.readouterr().err


def test_the_version_is_reproduced_from_its_provenance_byte_for_byte(
    project: Project, version: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own commit, rows, parameters, seed and threads, in a process of its own: the same weights to the last bit."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", project.server)
    words = ["reproduce", version.version, "--settings", str(project.settings_file)]
    assert homologate([*words, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["holds"] is True, facts
    assert facts["files"] == {"same": ["model.onnx", "model.int8.onnx", "tokenizer.json", "scorer.json"], "other": []}
    assert facts["largest_difference"] < 1e-6
    assert facts["metrics"]["accuracy"] == 0
    train_run = project.tracker.run(version.run_id).data.tags["homologate.input.train_run"]
    dirty = project.tracker.run(train_run).data.tags["homologate.dirty"] == "true"
    assert {one["what"] for one in facts["differs"]} == ({"code"} if dirty else set())
    assert project.tracker.run(facts["run_id"], step="reproduce").data.tags["homologate.holds"] == "true"
    assert len(project.tracker.client.search_model_versions("name = 'lifecycle-parts-reproductions'")) == 0


def test_a_later_version_meets_the_champion_on_the_newest_items(
    project: Project,
    version: Any,
    in_production: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """More rows, so another test set: the champion is scored again on the newest items, and the page says so."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", project.server)
    write_rows(tmp_path, 480)
    source = str(tmp_path / "parts.csv")
    words = ["main", "--settings", str(project.settings_file), "--source", source, "--epochs", "1", "--json"]
    assert homologate(words) == 0
    made = json.loads(capsys.readouterr().out)
    evidence = project.tracker.fetch(made["runs"]["register"], "evidence")
    found = json.loads((evidence / "comparison" / "comparison.json").read_text())
    assert found["status"] == "compared"
    assert found["champion"] == {"version": version.version, "digest": version.tags["homologate.digest"]}
    assert f"version {version.version} was scored anew on the newest ones" in found["test"]["rescored"]
    assert found["test"]["rows"] + found["test"]["left_out"] == 96
    assert found["test"]["first_date"] > "2023"
    assert homologate(words) == 0
    assert json.loads(capsys.readouterr().out)["reused"] == list(STEPS)


def test_an_interrupted_training_ends_killed_registers_nothing_and_continues(
    mlflow_server: str, tiny_encoder: Path, tmp_path: Path
) -> None:
    project = write_project(tmp_path, mlflow_server, tiny_encoder, epochs=60)
    file = yaml.safe_load(project.settings_file.read_text())
    project.settings_file.write_text(yaml.safe_dump({**file, "model": "interrupted", "experiment": "interrupted"}))
    words = [sys.executable, "-m", "homologate", "main", "--settings", str(project.settings_file)]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": mlflow_server}
    process = subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("train: step"):
            break
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 130, told
    assert "interrupted" in told
    tracker = Tracker(Place(mlflow_server, "server"), experiment="interrupted", home=tmp_path / "home")
    experiment = tracker.client.get_experiment_by_name("interrupted")
    assert experiment is not None
    status = {
        run.data.tags["homologate.step"]: run.info.status
        for run in tracker.client.search_runs([experiment.experiment_id])
    }
    assert status == {"main": "KILLED", "prepare": "FINISHED", "train": "KILLED"}
    assert tracker.client.search_model_versions("name = 'interrupted'") == []


def test_a_store_that_takes_no_artifact_fails_the_run_and_registers_nothing(tmp_path: Path, tiny_encoder: Path) -> None:
    blocked = tmp_path / "artifacts"
    blocked.write_text("a file stands where the artifact folder should be")
    services = Services(tmp_path / "server")

    def command(port: int) -> list[str]:
        store = ["--backend-store-uri", f"sqlite:///{tmp_path}/blocked.db", "--artifacts-destination", str(blocked)]
        return [program("mlflow"), "server", *store, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]

    server = services.start("blocked", command, about="a blocked store", port=5500, ready="/health", say=print).url
    try:
        project = write_project(tmp_path, server, tiny_encoder)
        words = [sys.executable, "-m", "homologate", "prepare", "--settings", str(project.settings_file)]
        environment = {**os.environ, "MLFLOW_TRACKING_URI": server}
        answer = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=300, check=False)
        assert answer.returncode == 5, answer.stderr
        assert "cannot write artifact" in answer.stderr
        assert "Traceback" not in answer.stderr
        tracker = project.tracker
        experiment = tracker.client.get_experiment_by_name(EXPERIMENT)
        assert experiment is not None
        assert {run.info.status for run in tracker.client.search_runs([experiment.experiment_id])} == {"FAILED"}
    finally:
        services.stop()
