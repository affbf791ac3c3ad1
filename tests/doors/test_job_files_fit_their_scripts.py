"""The job files of Databricks and Azure ML name what exists, pass what the script takes, and pin what the lock pins."""

from __future__ import annotations

import importlib.util
import re
import shlex
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from homologate.scorer import Scorer

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "examples" / "spark"
LOCK = (ROOT / "requirements" / "lock.txt").read_text()


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The job's script, as `spark-submit` runs it."""
    source = importlib.util.spec_from_file_location("spark_score", HERE / "score.py")
    assert source is not None
    assert source.loader is not None
    module = importlib.util.module_from_spec(source)
    source.loader.exec_module(module)
    return module


def load(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((HERE / name).read_text()))


def pinned(pin: str) -> bool:
    return re.search(rf"^{re.escape(pin)}( |$)", LOCK, re.M) is not None


def test_the_databricks_bundle(script: ModuleType) -> None:
    bundle = load("databricks.yml")
    (task,) = bundle["resources"]["jobs"]["score"]["tasks"]
    python = task["spark_python_task"]
    assert (HERE / python["python_file"]).is_file()
    asked = vars(script.arguments().parse_args(python["parameters"]))
    assert asked["format"] == "delta"
    named = set(re.findall(r"\$\{var\.(\w+)\}", (HERE / "databricks.yml").read_text()))
    assert named == bundle["variables"].keys()
    clusters = {one["job_cluster_key"] for one in bundle["resources"]["jobs"]["score"]["job_clusters"]}
    assert task["job_cluster_key"] in clusters
    pins = [library["pypi"]["package"] for library in task["libraries"] if "pypi" in library]
    assert {pin.partition("==")[0] for pin in pins} == {"numpy", "onnxruntime", "tokenizers"}
    assert all(map(pinned, pins)), pins


def test_the_azure_ml_job(script: ModuleType) -> None:
    job = load("azureml.yml")
    assert job["type"] == "spark"
    assert (HERE / job["code"] / job["entry"]["file"]).is_file()
    needed = {"driver.cores", "driver.memory", "executor.cores", "executor.memory", "executor.instances"}
    assert {f"spark.{name}" for name in needed} <= job["conf"].keys()
    assert all(one["mode"] == "direct" for one in [*job["inputs"].values(), *job["outputs"].values()])
    references = re.findall(r"\$\{\{(inputs|outputs)\.(\w+)\}\}", job["args"])
    assert {(kind, name) for kind, name in references} == {
        *(("inputs", name) for name in job["inputs"]),
        *(("outputs", name) for name in job["outputs"]),
    }
    assert script.arguments().parse_args(shlex.split(job["args"])).precision == "int8"
    pip = load(job["environment"]["conda_file"])["dependencies"][-1]["pip"]
    pins = [pin for pin in pip if "==" in pin]
    assert all(map(pinned, pins)), [pin for pin in pins if not pinned(pin)]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"./homologate-{version}-py3-none-any.whl" in pip


def test_the_script_judges_a_table(script: ModuleType, spark: Any, directory: Path, tmp_path: Path) -> None:
    texts = [f"The lamp from lot {n} cracked below the limit at {60 + n} units." for n in range(30)]
    rows = [(n, text) for n, text in enumerate([*texts, "", None])]
    spark.createDataFrame(rows, "id int, description string").write.parquet(str(tmp_path / "rows"))
    words = ["--model", str(directory), "--input", str(tmp_path / "rows"), "--output", str(tmp_path / "scored")]
    script.main([*words, "--text-column", "description"])
    found = spark.read.parquet(str(tmp_path / "scored")).orderBy("id").collect()
    scorer = Scorer(directory, "int8")
    assert [row.label for row in found[:30]] == [scorer.answer(text).label for text in texts]
    assert [row.fault is None for row in found] == [True] * 30 + [False, False]
    assert {row.model_version for row in found} == {"unregistered"}
    assert set(found[0].asDict()) == {
        *("id", "description", "label", "probability", "threshold", "truncated", "fault", "model_version", "digest")
    }
