"""A service counts as started when it itself answers, not when something does at the address it was to have."""

from __future__ import annotations

import http.server
import json
import sys
import threading
from pathlib import Path

import pytest

from homologate.cli import main
from homologate.errors import ServiceError
from homologate.local import Services


class Stranger(http.server.BaseHTTPRequestHandler):
    """Another program that answers 200 to everything."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_port_taken_by_another_program_before_ours_listens_is_left_to_it(tmp_path: Path) -> None:
    taken: list[http.server.HTTPServer] = []

    def command(port: int) -> list[str]:
        if not taken:
            taken.append(http.server.HTTPServer(("127.0.0.1", port), Stranger))
            threading.Thread(target=taken[0].serve_forever, daemon=True).start()
        return [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]

    services, told = Services(tmp_path), []
    try:
        started = services.start("files", command, about="files", port=5900, ready="/", say=told.append)
        port = taken[0].server_port
        assert int(started.url.rpartition(":")[2]) != port
        assert told == [f"another program took port {port} meanwhile; starting files on the next"]
        assert services.running()["files"].url == started.url
    finally:
        services.stop()
        taken[0].shutdown()
        taken[0].server_close()


def test_reports_are_told_at_the_server_that_runs_now_though_it_had_another_port_when_they_were_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    services = Services(tmp_path)
    words = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1"]
    page, stored = "#/experiments/1/runs/abc/artifacts/parity/parity.html", "s3://bucket/1/abc/model-card.html"
    last = {
        "model": "parts", "version": "1", "digest": "sha256:d", "stage_note": "registered", "reused": [],
        "figures": {"this version": {"f1": 0.5}}, "gain": {},
        "reports": {"parity": f"http://127.0.0.1:1/{page}", "model-card": stored},
    }  # fmt: skip
    (tmp_path / "last.json").write_text(json.dumps(last))
    (tmp_path / "homologate.yaml").write_text(json.dumps({"home": str(tmp_path), "model": "parts"}))
    try:
        url = services.start(
            "mlflow", lambda port: [*words, str(port)], about="runs", port=5920, ready="/", say=print
        ).url
        assert main(["where", "--settings", str(tmp_path / "homologate.yaml")]) == 0
    finally:
        services.stop()
    told = capsys.readouterr().out
    assert f"{url}/{page}" in told
    assert stored in told
    assert "homologate history parts" in told


def test_a_service_that_ends_by_itself_is_not_started_again_and_says_why(tmp_path: Path) -> None:
    words = [sys.executable, "-c", "raise SystemExit('no such database')"]
    with pytest.raises(ServiceError, match=r"files ended with exit code 1; its log ends:\n    no such database"):
        Services(tmp_path).start("files", lambda port: words, about="files", port=5910, ready="/", say=print)
