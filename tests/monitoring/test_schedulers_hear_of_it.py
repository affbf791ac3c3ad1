"""Who runs `homologate monitor` by the clock hears by exit code, by JSON and by webhook what was found."""

from __future__ import annotations

import configparser
import hashlib
import hmac
import http.server
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import check_jsonschema
import jsonschema
import pytest
import yaml
from mlflow import MlflowClient

from homologate.cli import main
from homologate.collection import FolderStore
from homologate.errors import ServiceError
from homologate.local import program
from homologate.scorer import Scorer
from homologate.settings import MonitoringSettings, load_settings
from homologate.versions import Located
from serve.monitor import CANNOT_TELL, Finding, notify
from tests.monitoring.conftest import DAY, NAME, Production, usual

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "monitoring"
SCHEMA = "builtin_schemas/vendor/azure-pipelines.json"


class Hook(http.server.BaseHTTPRequestHandler):
    """Keeps what it is told; refuses while `refuse` is left."""

    told: list[tuple[dict[str, str], bytes]]
    refuse: int

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kind = type(self)
        if kind.refuse:
            kind.refuse -= 1
            self.send_response(503)
        else:
            kind.told.append((dict(self.headers), body))
            self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[type[Hook]]:
    kind = type("OneHook", (Hook,), {"told": [], "refuse": 0})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    kind.url = f"http://127.0.0.1:{server.server_port}/hook"  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield kind
    server.shutdown()
    server.server_close()


@pytest.fixture
def finding() -> Finding:
    return Finding(NAME, "7", "sha256:0", DAY, DAY + timedelta(days=1), 3, "3-0", CANNOT_TELL, "Cannot tell: few.")


def test_the_command_says_it_by_exit_code_json_and_webhook_once_a_finding(
    mlflow_server: str,
    version: Located,
    scorer: Scorer,
    hook: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    monkeypatch.setenv("HOMOLOGATE_WEBHOOK_SECRET", "s3cret")  # pragma: allowlist secret
    settings = {"monitoring": {"webhook": hook.url, "look_back": 3, "evidently": True}, "model": NAME}
    Path("homologate.yaml").write_text(yaml.safe_dump(settings))
    located = version._replace(version="unregistered")
    production = Production(FolderStore(tmp_path / ".homologate" / "collected"), located, scorer)
    production.answer(usual(250, seed=9))
    command = ["monitor", str(version.directory), "--json"]
    calm = run([*command, "--now", "2026-03-02"], capsys)
    assert calm[0] == 0
    assert hook.told == []
    production.answer(usual(250, seed=10, parts=("battery",)), DAY + timedelta(days=1))
    code, facts = run([*command, "--now", "2026-03-03", "--metrics", str(tmp_path / "drift.prom")], capsys)
    about = '{model="parts",version="unregistered"}'
    assert f"homologate_drift_verdict{about} 1.0\n" in (tmp_path / "drift.prom").read_text()
    again, _ = run([*command, "--now", "2026-03-03"], capsys)
    assert (code, again) == (9, 9)  # and the webhook below was told once
    assert [window["reused"] for window in facts["windows"]] == [True, False]
    ((headers, body),) = hook.told
    signature = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert headers["X-Homologate-Signature"] == f"sha256={signature}"
    told = json.loads(body)
    assert (told["verdict"], told["window"]["start"]) == ("drift", "2026-03-02T00:00:00+00:00")
    assert "battery" in told["families"]
    assert "from lot" not in body.decode()
    assert run([*command, "--now", "2026-03-04"], capsys)[0] == 10
    evidently = stored(mlflow_server, facts["windows"][1]["run_id"], "evidently/evidently.html", tmp_path)
    assert "unknown_words" in evidently


def test_mlflow_runs_the_entry_point_and_its_run_says_what_came_of_it(
    mlflow_server: str, version: Located, scorer: Scorer, tmp_path: Path
) -> None:
    home, file = tmp_path / "home", tmp_path / "homologate.yaml"
    told = {"home": str(home), "model": NAME, "monitoring": {"evidently": False, "look_back": 1}}
    file.write_text(yaml.safe_dump(told))
    located = version._replace(version="unregistered")
    production = Production(FolderStore(home / "collected"), located, scorer)
    production.answer(usual(250, seed=10, parts=("battery",)), datetime(2026, 5, 1, tzinfo=UTC))
    client = MlflowClient(mlflow_server)
    for now, verdict, code in (("2026-05-02", "drift", 9), ("2026-05-03", "cannot tell", 10)):
        words = ["run", str(ROOT), "--entry-point", "monitor", "--env-manager", "local", "-P", f"now={now}"]
        words += ["--experiment-name", "watch", "-P", f"model={version.directory}", "-P", f"settings={file}"]
        environment = {**os.environ, "MLFLOW_TRACKING_URI": mlflow_server}
        done = subprocess.run([program("mlflow"), *words], capture_output=True, text=True, env=environment)
        assert done.returncode == 1, "MLflow has one code for every command that ends with another than 0"
        launched = re.search(r"Run \(ID '(\w+)'\) failed", done.stderr)
        assert launched, done.stderr
        info = client.get_run(launched[1])
        assert (info.info.status, info.data.tags["homologate.monitor.verdict"]) == ("FAILED", verdict)
        series = re.search(r"children of run (\w+)", info.data.tags["mlflow.note.content"])
        assert series
        assert client.get_run(series[1]).data.tags["homologate.monitor"] == "series"
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
            assert main(["monitor", str(version.directory), "--now", now, "--settings", str(file)]) == code


def run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = main(words)
    return code, json.loads(capsys.readouterr().out)


def stored(server: str, run_id: str, name: str, scratch: Path) -> str:
    import mlflow.artifacts

    file = mlflow.artifacts.download_artifacts(
        run_id=run_id, artifact_path=name, dst_path=str(scratch / "got"), tracking_uri=server
    )
    return Path(file).read_text()


def test_a_webhook_is_asked_three_times_and_its_refusal_is_an_error(
    hook: Any, finding: Finding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serve.monitor._webhook.time.sleep", lambda _: None)
    hook.refuse = 2
    notify(hook.url, finding, "report")
    assert len(hook.told) == 1
    hook.refuse = 3
    with pytest.raises(ServiceError, match="did not take the finding in 3 attempts: 503"):
        notify(hook.url, finding, "report")


@pytest.mark.parametrize("url", ["http://example.org/hook", "file:///etc/passwd", "http://localhost.example.org/"])
def test_a_webhook_is_https_or_on_this_machine(url: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        MonitoringSettings(webhook=url)


def test_the_systemd_units_are_valid_and_know_the_exit_codes(tmp_path: Path) -> None:
    for file in EXAMPLES.glob("homologate-monitor*"):
        parsed = configparser.ConfigParser(strict=False, interpolation=None)
        parsed.optionxform = str  # type: ignore[assignment,method-assign]
        parsed.read_string(file.read_text())
        assert parsed["Unit"]["Description"]
    service = (EXAMPLES / "homologate-monitor.service").read_text()
    assert "SuccessExitStatus=10" in service
    if shutil.which("systemd-analyze"):
        for file in EXAMPLES.glob("homologate-monitor*"):
            text = file.read_text().replace("/opt/homologate/.venv/bin/homologate", "/bin/true")
            (tmp_path / file.name).write_text(text.replace("User=homologate", "User=root"))
        timer = tmp_path / "homologate-monitor.timer"
        done = subprocess.run(["systemd-analyze", "verify", timer], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_the_azure_schedule_is_valid_and_runs_only_commands_that_exist() -> None:
    file = EXAMPLES / "azure-pipelines.yml"
    schema = json.loads((Path(check_jsonschema.__file__).parent / SCHEMA).read_text())
    told = yaml.load(file.read_text(), Loader=yaml.BaseLoader)  # noqa: S506 (scalars stay strings, as for Azure)
    assert [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(told)] == []
    pipeline = yaml.safe_load(file.read_text())
    assert pipeline["schedules"][0]["always"] is True
    script = pipeline["steps"][2]["inputs"]["inlineScript"]
    assert subprocess.run(["bash", "-n"], input=script, text=True).returncode == 0
    for code, wanted in ((0, 0), (9, 9), (10, 0), (4, 4)):
        faked = script.replace(".venv/bin/homologate monitor", f"(exit {code})")
        assert subprocess.run(["bash", "-e"], input=faked, text=True, capture_output=True).returncode == wanted


def test_settings_of_monitoring_are_read_with_the_others(tmp_path: Path) -> None:
    file = tmp_path / "homologate.yaml"
    file.write_text("monitoring: {period: week, alpha: 0.02}\n")
    assert load_settings(file).monitoring.period == "week"
