"""What the short-lived child process does: ask MLflow, print JSON, end.

    python -m homologate.versions._mlflow_child <tracking uri> versions <model name>
    python -m homologate.versions._mlflow_child <tracking uri> download <artifact uri> <directory>

Prints `{"found": …}` or the one error shape, and always exits with 0: the words are the answer.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__: list[str] = []


def _versions(uri: str, name: str) -> list[dict[str, Any]]:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri, registry_uri=os.environ.get("MLFLOW_REGISTRY_URI", uri))
    pointing = client.get_registered_model(name).aliases
    return [
        {
            "name": version.name,
            "version": str(version.version),
            "current_stage": version.current_stage,
            "source": version.source,
            "tags": [{"key": key, "value": value} for key, value in version.tags.items()],
            "aliases": [alias for alias, number in pointing.items() if str(number) == str(version.version)],
        }
        for version in client.search_model_versions(f"name = '{name}'", max_results=10_000)
    ]


def _download(uri: str, artifact: str, into: str) -> None:
    import mlflow.artifacts

    target = Path(into).resolve()  # as MLflow names it; a relative home would not be found among the parents
    got = Path(mlflow.artifacts.download_artifacts(artifact_uri=artifact, dst_path=str(target), tracking_uri=uri))
    # MLflow puts a folder called `model` into `into/model`; the caller wants its files in `into` itself.
    if got != target and got.is_dir() and target in got.parents:
        for entry in got.iterdir():
            entry.rename(target / entry.name)
        shutil.rmtree(got)
    elif target not in got.parents and got != target:
        shutil.copytree(got, target, dirs_exist_ok=True)


def main(words: list[str]) -> None:
    """Answer one question."""
    from homologate.errors import HomologateError
    from homologate.tracking._faults import translated

    uri, asked, *rest = words
    doing = f"fetch artifact {rest[0]!r}" if asked == "download" else f"read the versions of {rest[0]!r}"
    try:
        # MLflow greets on stdout now and then; only the answer may stand there.
        with contextlib.redirect_stdout(sys.stderr), translated(doing, uri=uri):
            answer: dict[str, Any] = {"found": QUESTIONS[asked](uri, *rest)}
    except HomologateError as error:
        answer = error.as_json()
    print(json.dumps(answer))


QUESTIONS: dict[str, Callable[..., Any]] = {"versions": _versions, "download": _download}

if __name__ == "__main__":
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    main(sys.argv[1:])
