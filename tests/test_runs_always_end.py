"""A run ends FINISHED, FAILED or KILLED: whatever happens to the process that opened it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from homologate.errors import DataError, StorageError, TrackingError, UsageError
from homologate.local import Services, program
from homologate.tracking import Place, StepRun, Tracker, tracking_uri

OWNER = """
import sys, time
from pathlib import Path
from homologate.tracking import Place, Tracker
tracker = Tracker(Place(sys.argv[1], "server"), experiment="killed", home=Path(sys.argv[2]))
with tracker.step("train", key="k") as run:
    print(run.id, flush=True)
    time.sleep(120)
"""


def test_a_step_that_returns_is_finished_and_found_again_by_its_key(tracker: Tracker) -> None:
    with tracker.step("train", params={"a": {"b": 1}}, inputs={"data_run": "d1"}, key="key-1") as run:
        run.metrics({"loss": 0.5}, step=3)
    raw = tracker.run(run.id, step="train")
    assert raw.info.status == "FINISHED"
    assert raw.data.params == {"a.b": "1", "data_run": "d1"}
    assert raw.data.metrics == {"loss": 0.5}
    assert tracker.find("train", "key-1") == run.id
    assert tracker.find("export", "key-1") is None
    assert tracker.find("train", "key-2") is None


def test_a_step_that_raises_is_failed_says_why_and_is_never_found_again(tracker: Tracker) -> None:
    with pytest.raises(DataError), tracker.step("train", key="key-bad") as run:
        raise DataError("label 'maybe' is not known", place="rows.csv, line 7")
    raw = tracker.client.get_run(run.id)
    assert raw.info.status == "FAILED"
    assert "rows.csv, line 7" in raw.data.tags["homologate.error"]
    assert tracker.find("train", "key-bad") is None
    with pytest.raises(DataError, match="is FAILED: label 'maybe'"):
        tracker.run(run.id, step="train")


def test_an_interrupted_step_is_killed(tracker: Tracker) -> None:
    with pytest.raises(KeyboardInterrupt), tracker.step("train") as run:
        raise KeyboardInterrupt
    assert tracker.client.get_run(run.id).info.status == "KILLED"


def test_a_run_whose_process_is_killed_without_warning_ends_killed(mlflow_server: str, tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, mlflow_server, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    run_id = owner.stdout.readline().strip()
    os.kill(owner.pid, signal.SIGKILL)
    owner.communicate()
    client = Tracker(Place(mlflow_server, "server"), experiment="killed", home=tmp_path).client
    for _ in range(300):
        if client.get_run(run_id).info.status == "KILLED":
            break
        time.sleep(0.1)
    raw = client.get_run(run_id)
    assert raw.info.status == "KILLED"
    assert "was killed" in raw.data.tags["homologate.error"]


def test_a_run_whose_server_died_is_failed_as_soon_as_the_server_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    services = Services(tmp_path / "server")

    def command(port: int) -> list[str]:
        store = ["--backend-store-uri", f"sqlite:///{tmp_path}/mortal.db", "--artifacts-destination", str(tmp_path)]
        return [program("mlflow"), "server", *store, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]

    def up(port: int) -> str:
        return services.start("mortal", command, about="mortal", port=port, ready="/health", say=print).url

    address = up(5560)
    tracker = Tracker(Place(address, "server"), experiment="mortal", home=tmp_path / "home")

    def work(run: StepRun) -> None:
        services.stop()
        run.metrics({"loss": 0.5})

    try:
        with pytest.raises(TrackingError) as caught, tracker.step("train", key="k") as run:
            work(run)
        assert caught.value.exit_code == 4
        assert "cannot log metrics" in str(caught.value)
        assert address in str(caught.value)
        assert "next:  homologate up" in str(caught.value)
        assert f"run {run.id} will be marked FAILED when the server answers again" in capsys.readouterr().err
        assert up(int(address.rsplit(":", 1)[1])) == address
        for _ in range(600):
            if tracker.client.get_run(run.id).info.status != "RUNNING":
                break
            time.sleep(0.1)
        raw = tracker.client.get_run(run.id)
        assert raw.info.status == "FAILED"
        assert "cannot log metrics" in raw.data.tags["homologate.error"]
        assert tracker.find("train", "k") is None
    finally:
        services.stop()


def test_steps_inside_a_step_are_its_children_in_the_same_experiment(tracker: Tracker) -> None:
    with tracker.step("main") as outer, tracker.step("prepare") as inner:
        pass
    raw = tracker.client.get_run(inner.id)
    assert raw.data.tags["mlflow.parentRunId"] == outer.id
    assert inner.experiment_id == outer.experiment_id


def test_the_run_that_mlflow_made_for_this_process_is_resumed_not_doubled(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = tracker.client.create_experiment("made by mlflow run")
    given = tracker.client.create_run(experiment)
    monkeypatch.setenv("MLFLOW_RUN_ID", given.info.run_id)
    with tracker.step("prepare") as run:
        pass
    assert run.id == given.info.run_id
    assert len(tracker.client.search_runs([experiment])) == 1


def test_an_artifact_comes_back_as_it_was_written_and_a_missing_one_is_named(tracker: Tracker, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a.bin").write_bytes(bytes(range(256)))
    with tracker.step("export") as run:
        run.folder(folder, "onnx")
        run.json({"x": 1.5}, "parity/parity.json")
    assert (tracker.fetch(run.id, "onnx") / "deep" / "a.bin").read_bytes() == bytes(range(256))
    assert '"x": 1.5' in tracker.fetch(run.id, "parity/parity.json").read_text()
    with pytest.raises(StorageError, match=r"parity/other\.json"):
        tracker.fetch(run.id, "parity/other.json")


def test_more_parameters_than_azure_ml_takes_are_refused(tracker: Tracker) -> None:
    with pytest.raises(StorageError, match="takes 200 parameters, this one has 201"), tracker.step("train") as run:
        run.params({f"p{i}": i for i in range(201)})


def test_a_dead_server_is_told_within_seconds(tmp_path: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(TrackingError) as caught:
        Tracker(Place("http://127.0.0.1:9", "server"), experiment="x", home=tmp_path)
    assert time.monotonic() - begun < 20
    assert "no MLflow server answers at http://127.0.0.1:9" in str(caught.value)
    assert "next:  homologate up" in str(caught.value)


def test_an_address_that_is_no_mlflow_server_is_told(mlflow_server: str, tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="answered 404"):
        Tracker(Place(mlflow_server + "/nowhere", "server"), experiment="x", home=tmp_path)


def test_a_plain_folder_is_refused_with_the_legal_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "file:///somewhere/mlruns")
    with pytest.raises(UsageError) as caught:
        tracking_uri()
    assert "sqlite:///file.db" in str(caught.value)
