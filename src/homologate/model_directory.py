"""The MLflow model directory: everything a version needs to answer, and nothing it could run by surprise.

One directory is judged, signed, registered, served and shipped. It holds two flavours (`onnx`, `python_function`),
the ONNX files, the tokenizer, the scorer's own code and its pinned requirements; no pickle. It is written without
`log_model` (Azure ML answers that with 404) and loads on a machine that has never seen this repository.
"""

from __future__ import annotations

import importlib.metadata
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from homologate.errors import ModelError

__all__ = ["SCORER_PACKAGE", "build", "example"]

SCORER_PACKAGE = "homologate_scorer"
SCORER_SOURCE = Path(__file__).parent / "scorer"
ONNX_FILES = ("model.onnx", "model.int8.onnx", "tokenizer.json", "scorer.json")
REQUIREMENTS = ("mlflow", "numpy", "onnx", "onnxruntime", "pandas", "tokenizers")
"""What serving needs; mlflow is the server, pandas its wire format, onnx the loader of the `onnx` flavour."""


def build(
    onnx_directory: Path,
    out: Path,
    *,
    reference: Mapping[str, bytes],
    texts: list[str],
    run_id: str,
    metadata: Mapping[str, str],
) -> Path:
    """Write the model directory.

    Args:
        onnx_directory: holds `model.onnx`, `model.int8.onnx`, `tokenizer.json`, `scorer.json`.
        out: the directory to make; must not exist.
        reference: the files of the profile for drift, by name (`homologate.reference.Profile.files`).
        texts: a few texts that become the input example and the golden probe of every server.
        run_id: the run that makes the directory.
        metadata: short facts kept in `MLmodel` (data fingerprint, training run).

    Raises:
        ModelError: a file is missing or `out` exists.
    """
    from mlflow.models import Model

    missing = [name for name in ONNX_FILES if not (onnx_directory / name).is_file()]
    if missing:
        raise ModelError(f"no {missing[0]}", place=str(onnx_directory), legal=ONNX_FILES)
    if out.exists():
        raise ModelError("a model directory is written once, and this one exists", place=str(out))
    code = out / "code" / SCORER_PACKAGE
    shutil.copytree(SCORER_SOURCE, code, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ONNX_FILES:
        shutil.copyfile(onnx_directory / name, out / name)
    for name, content in reference.items():
        (out / name).write_bytes(content)
    _write_requirements(out)
    # The digest must not depend on when bytes were copied, so no file here carries a time but MLmodel.
    model = Model(run_id=run_id, signature=_signature(), metadata=dict(metadata))
    _add_example(model, out, texts)
    _add_flavours(model)
    model.model_size_bytes = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    model.save(str(out / "MLmodel"))
    return out


def example(model_directory: Path) -> list[str]:
    """The texts of the input example, which are the golden probe of every server.

    Raises:
        ModelError: the example is missing or not what `build` writes.
    """
    file = model_directory / "input_example.json"
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
        texts = [str(row[raw["columns"].index("text")]) for row in raw["data"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"the input example cannot be read: {error}", place=str(file)) from error
    return texts


def _signature() -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

    return ModelSignature(
        inputs=Schema([ColSpec(DataType.string, "text")]),
        outputs=Schema(
            [
                ColSpec(DataType.string, "label"),
                ColSpec(DataType.double, "probability"),
                ColSpec(DataType.double, "threshold"),
                ColSpec(DataType.boolean, "truncated"),
            ]
        ),
        params=ParamSchema(
            [
                ParamSpec("explain", DataType.boolean, False),
                ParamSpec("precision", DataType.string, ""),
                ParamSpec("component", DataType.string, ""),
            ]
        ),
    )


def _add_flavours(model: Any) -> None:
    import mlflow.onnx
    import mlflow.pyfunc

    # Both flavours name the same bytes; pyfunc answers through the scorer, onnx gives the bare graph.
    mlflow.pyfunc.add_to_model(
        model,
        loader_module=f"{SCORER_PACKAGE}.pyfunc",
        code="code",
        conda_env="conda.yaml",
        python_env="python_env.yaml",
    )
    model.add_flavor(
        mlflow.onnx.FLAVOR_NAME,
        onnx_version=importlib.metadata.version("onnx"),
        data="model.onnx",
        providers=["CPUExecutionProvider"],
        onnx_session_options=None,
        code="code",
    )


def _add_example(model: Any, out: Path, texts: list[str]) -> None:
    """The example in both forms MLflow reads: `inputs` for people and REST, `dataframe_split` for servers."""
    split = {"columns": ["text"], "data": [[text] for text in texts]}
    _write_json(out / "input_example.json", split)
    _write_json(out / "serving_input_example.json", {"dataframe_split": split})
    model.saved_input_example_info = {
        "artifact_path": "input_example.json",
        "type": "dataframe",
        "pandas_orient": "split",
        "serving_input_path": "serving_input_example.json",
    }


def _write_requirements(out: Path) -> None:
    import platform

    pins = [f"{name}=={importlib.metadata.version(name)}" for name in REQUIREMENTS]
    python = platform.python_version()
    (out / "requirements.txt").write_text("\n".join(pins) + "\n", encoding="utf-8")
    _write_yaml(
        out / "python_env.yaml",
        {"python": python, "build_dependencies": ["pip"], "dependencies": ["-r requirements.txt"]},
    )
    _write_yaml(
        out / "conda.yaml",
        {"channels": ["conda-forge"], "dependencies": [f"python={python}", "pip", {"pip": pins}], "name": "homologate"},
    )


def _write_yaml(file: Path, content: Any) -> None:
    import yaml

    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def _write_json(file: Path, content: Any) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    file.write_text(text + "\n", encoding="utf-8")
