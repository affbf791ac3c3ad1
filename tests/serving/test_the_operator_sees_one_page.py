"""The operator's page: complete, honest about what cannot be had, without script or request, a command an alert."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from browsing import chromium

from homologate.cli import declared_commands, main
from homologate.collection import FolderStore
from serve.dashboard import page
from serve.dashboard._alerts import alerts
from serve.dashboard._facts import drift
from serve.monitor import Cause, Finding, Signal, write_metrics

from ..collection.conftest import NOON, keep, record
from ..evidence.test_pages_can_be_read_by_anyone import VIEWS
from .conftest import Server

INTERVAL = {"value": 0.75, "low": 0.7, "high": 0.8}
FACTS: dict[str, Any] = {
    "schema": 1,
    "kind": "dashboard",
    "model": "brakes <b>",
    "days": 7,
    "made": "2026-03-02T12:00:00+00:00",
    "production": {"version": "3", "digest": "sha256:" + "0" * 64, "since": "2026-02-01", "by": "ann"},
    "traffic": [
        {"day": f"2026-03-0{n}", "predictions": 100 * n, "p50_ms": 4.0, "p99_ms": None, "positive_share": 0.2}
        | {"versions": {"3": 100 * n}}
        for n in (1, 2, 3)
    ],
    "records": {"half_line": 1},
    "unreviewed": 4,
    "performance": {
        "verdict": "accuracy 75.0% on 120 labels: worse than promised",
        "metrics": {"accuracy": {**INTERVAL, "promised": INTERVAL, "verdict": "worse than promised"}},
        "periods": [{"name": "2026-03", "labels": 120, "accuracy": INTERVAL}],
        "slices": {"component": [{"name": "hose", "labels": 3}]},
    },
    "drift": drift(
        [
            Finding(
                *("brakes", "3", "sha256:0", NOON - timedelta(hours=12), NOON + timedelta(hours=12), 300, "f"),
                *("drift", "Drift: unknown words, label share."),
                signals=(
                    Signal("unknown_words", "Unknown words", "drift", "1 % → 9 %", 0.09, 0.0, 0.02, 0.0005),
                    Signal("label_share", "Label share", "drift", "20 % → 40 %", 0.2, 0.0, 0.05, 0.0005),
                    Signal("length", "Length", "no drift", "as it was", 0.01, 0.02, 0.05, 0.4),
                    Signal("calibration", "Calibration", "cannot tell", "0 labelled <texts>"),
                ),
                cause=Cause(("unknown_words", "label_share"), ("battery",), ("<charger>",), NOON - timedelta(hours=12)),
                run_id="r9",
            )
        ]
    ),
    "faults": ["registry: the registry does not answer"],
}


def test_every_alert_has_a_command_that_exists() -> None:
    found = alerts(FACTS)
    assert [one["what"] for one in found] == [
        "registry: the registry does not answer",
        "accuracy of version 3 is worse than promised",
        "drifting since 2026-03-01 00:00 UTC",
        "unknown words: 0.09, limit 0.02",
        "label share: 0.2, limit 0.05",
        "kept records are damaged: 1 half line",
        "4 remarks wait for a second person",
    ]
    empty = alerts({**FACTS, "production": None, "performance": None, "traffic": [], "records": {}, "faults": []})
    assert empty[0]["what"] == "nothing is known to be in Production"
    commands = {one["what"].partition(":")[0]: one["command"] for one in found}
    assert commands["drifting since 2026-03-01 00"] == "homologate retrain --because drift"
    assert (commands["unknown words"], commands["label share"]) == ("homologate queue", "homologate feedback")
    known = {command.name for command in declared_commands()}
    assert {one["command"].split()[1] for one in [*found, *empty]} <= known
    assert all(one["command"].startswith("homologate ") for one in [*found, *empty])


def test_a_window_that_tells_nothing_and_one_that_nobody_judged_are_alerts() -> None:
    quiet = {**FACTS, "performance": None, "records": {}, "unreviewed": 0, "faults": []}
    unclear = {**FACTS["drift"], "outcome": "cannot tell", "verdict": "Cannot tell: 3 distinct texts.", "signals": []}
    assert [one["what"] for one in alerts({**quiet, "drift": unclear})] == ["drift: Cannot tell: 3 distinct texts"]
    assert alerts({**quiet, "drift": None})[0] == {
        "what": "no window of version 3 was compared with its past",
        "command": "homologate monitor",
    }
    calm = {**FACTS["drift"], "outcome": "no drift", "signals": []}
    assert alerts({**quiet, "drift": calm}) == []
    (stale,) = alerts({**quiet, "drift": calm, "made": "2026-03-05T12:00:00+00:00"})
    assert stale["what"] == "no window since 2026-03-02 00:00 UTC was compared with the past"


def test_the_page_runs_nothing_asks_for_nothing_and_obeys_no_markup() -> None:
    made = page({**FACTS, "alerts": alerts(FACTS)})
    assert "<script" not in made
    assert not re.search(r"url\(|@import|https?://|(src|href)=", made)
    assert "brakes &lt;b&gt;" in made
    assert "default-src 'none'; style-src 'sha256-" in made
    assert "cannot be told" in made, "a slice with three labels is not measured"
    assert "<th scope='row'>Unknown words</th><td>0.09</td><td>0.02</td><td>drift</td>" in made
    assert "<th scope='row'>Calibration</th><td>cannot be told</td>" in made
    assert "New words: &lt;charger&gt;." in made


@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_under_the_pages_own_policy(view: str, tmp_path: Path) -> None:
    from axe_playwright_python.sync_playwright import Axe

    file = tmp_path / "dashboard.html"
    file.write_text(page({**FACTS, "alerts": alerts(FACTS)}), encoding="utf-8")
    with chromium() as browser:
        opened = browser.new_page(**VIEWS[view])
        said: list[str] = []
        opened.on("console", lambda message: said.append(message.text))
        opened.goto(file.as_uri())
        found = Axe().run(opened)
        assert found.violations_count == 0, found.generate_report()
        assert opened.evaluate("document.documentElement.scrollWidth") <= VIEWS[view]["viewport"]["width"]
        assert opened.evaluate("getComputedStyle(document.querySelector('.bar')).opacity") == "0.55", "styles apply"
        assert said == []


def test_the_command_counts_what_was_kept_and_says_what_it_cannot_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    file = tmp_path / "homologate.yaml"
    file.write_text(yaml.safe_dump({"model": "brakes", "home": str(tmp_path)}))
    days = (NOON - NOON + timedelta(days=4000)).days
    keep(FolderStore(tmp_path / "collected"), [record("p1", latency_ms=5.0), record("p2", latency_ms=9.0)])
    words = ["dashboard", "--settings", str(file), "--out", str(tmp_path / "d.html"), "--days", str(days), "--json"]
    assert main(words) == 0
    facts = json.loads(capsys.readouterr().out)
    (day,) = facts["traffic"]
    assert (day["day"], day["predictions"], day["p50_ms"], day["p99_ms"]) == ("2026-03-01", 2, 9.0, 9.0)
    assert day["positive_share"] == 1.0
    assert facts["production"] is None
    assert any("registry" in fault for fault in facts["faults"])
    assert "2026-03-01" in (tmp_path / "d.html").read_text()


def test_grafana_asks_only_for_metrics_the_server_has(
    serve: Callable[..., Server], model_directory: Path, tmp_path: Path
) -> None:
    (tmp_path / "homologate.yaml").write_text(yaml.safe_dump({"home": str(tmp_path)}))
    server = serve(model_directory, "--settings", tmp_path / "homologate.yaml")
    server.score()
    told = requests.get(f"{server.url}/metrics", timeout=10).text
    known = {line.split("{")[0].split(" ")[0] for line in told.splitlines() if not line.startswith("#")}
    known |= {line.split()[2] for line in told.splitlines() if line.startswith("# TYPE")}
    write_metrics(tmp_path / "drift.prom", Finding.of_json(FACTS["drift"]))
    drifted = (tmp_path / "drift.prom").read_text()
    known |= {line.split()[2] for line in drifted.splitlines() if line.startswith("# TYPE")}
    about = 'model="brakes",signal="unknown_words",version="3"'
    assert f"homologate_drift_signal_value{{{about}}} 0.09\n" in drifted
    assert f"homologate_drift_signal_limit{{{about}}} 0.02\n" in drifted
    assert 'signal_verdict{model="brakes",signal="calibration",version="3"} -1.0' in drifted
    assert 'signal_value{model="brakes",signal="calibration"' not in drifted, "what cannot be told has no value"
    assert main(["dashboard", "--grafana", str(tmp_path / "grafana.json")]) == 0
    board = json.loads((tmp_path / "grafana.json").read_text())
    asked = {target["expr"] for panel in board["panels"] for target in panel["targets"]}
    assert {name for name in known if name.startswith("homologate_drift_signal")} <= {
        name for expression in asked for name in re.findall(r"homologate_drift_[a-z_]+", expression)
    }
    names = {name for expression in asked for name in re.findall(r"(?:homologate|process)_[a-z_]+", expression)}
    assert len(names) > 8
    assert {name for name in names if name not in known and name.removesuffix("_bucket") not in known} <= {
        "homologate_reloads_total",
        "homologate_clients_left_total",
    }, "a counter that never counted is not on the page yet"
