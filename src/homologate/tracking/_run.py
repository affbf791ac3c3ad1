"""One open run, and everything that may be written to it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homologate.errors import StorageError
from homologate.tracking._faults import translated

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities import Run

__all__ = ["StepRun"]

MOST_PARAMS = 200
"""Azure ML takes 200 parameters a run; the whole configuration goes along as one artifact instead."""
MOST_METRICS_A_BATCH = 200
PARAM_CHARACTERS = 500


class StepRun:
    """An MLflow run that one step of the pipeline writes to. Made by `Tracker.step`, never directly.

    Attributes:
        id: the run id.
        experiment_id: where the run lives.
    """

    def __init__(self, client: MlflowClient, raw: Run, uri: str) -> None:
        self.id: str = raw.info.run_id
        self.experiment_id: str = raw.info.experiment_id
        self._client = client
        self._uri = uri
        # `mlflow run -P seed=3` has logged what it was given; a parameter is written once.
        self._params: set[str] = set(raw.data.params)

    def params(self, values: Mapping[str, Any]) -> None:
        """Log parameters; nested mappings become dotted names.

        Raises:
            StorageError: the run would hold more parameters than Azure ML takes.
        """
        from mlflow.entities import Param

        flat = {name: value for name, value in _flat(values).items() if name not in self._params}
        self._params |= flat.keys()
        if len(self._params) > MOST_PARAMS:
            raise StorageError(f"a run takes {MOST_PARAMS} parameters, this one has {len(self._params)}", place=self.id)
        with translated("log parameters", uri=self._uri):
            self._client.log_batch(self.id, params=[Param(k, str(v)[:PARAM_CHARACTERS]) for k, v in flat.items()])

    def metric(self, name: str, value: float, step: int = 0) -> None:
        """Log one metric value at one step."""
        self.metrics({name: value}, step)

    def metrics(self, values: Mapping[str, float], step: int = 0, at: datetime | None = None) -> None:
        """Log several metric values at one step, in batches every server takes; `at` is their moment, default now."""
        import time

        from mlflow.entities import Metric

        now = int((at.timestamp() if at else time.time()) * 1000)
        batch = [Metric(name, float(value), now, step) for name, value in values.items()]
        with translated("log metrics", uri=self._uri):
            for start in range(0, len(batch), MOST_METRICS_A_BATCH):
                self._client.log_batch(self.id, metrics=batch[start : start + MOST_METRICS_A_BATCH])

    def tags(self, values: Mapping[str, Any]) -> None:
        """Set tags."""
        from mlflow.entities import RunTag

        with translated("set tags", uri=self._uri):
            self._client.log_batch(self.id, tags=[RunTag(k, str(v)[:4900]) for k, v in values.items()])

    def file(self, path: str | os.PathLike[str], folder: str = "") -> None:
        """Store one file as the artifact `folder/<its name>`."""
        with translated(f"write artifact {Path(path).name!r}", uri=self._uri):
            self._client.log_artifact(self.id, str(path), folder or None)

    def folder(self, path: str | os.PathLike[str], name: str) -> None:
        """Store every file under `path` as the artifact folder `name`."""
        with translated(f"write artifact folder {name!r}", uri=self._uri):
            self._client.log_artifacts(self.id, str(path), name)

    def text(self, content: str, name: str) -> None:
        """Store a text as the artifact `name` (`parity/parity.html`)."""
        with tempfile.TemporaryDirectory() as scratch:
            file = Path(scratch) / Path(name).name
            file.write_text(content, encoding="utf-8")
            self.file(file, str(Path(name).parent) if "/" in name else "")

    def json(self, facts: Any, name: str) -> None:
        """Store facts as the artifact `name`, indented, keys in the order given, NaN refused."""
        self.text(json.dumps(facts, indent=2, ensure_ascii=False, allow_nan=False, default=_plain) + "\n", name)

    def figure(self, figure: Any, name: str) -> None:
        """Store a matplotlib figure as the artifact `name` (the suffix decides the format)."""
        with tempfile.TemporaryDirectory() as scratch:
            file = Path(scratch) / Path(name).name
            figure.savefig(file, dpi=144, bbox_inches="tight")
            self.file(file, str(Path(name).parent) if "/" in name else "")

    def dataset(self, frame: pd.DataFrame, *, name: str, context: str, digest: str, source: str) -> None:
        """Log rows as an MLflow dataset input, so that the UI shows what the run was made from.

        Args:
            frame: canonical rows.
            name: the name the UI shows.
            context: `training`, `validation` or `testing`.
            digest: the fingerprint (`sha256:<hex>`); MLflow keeps 36 characters, the full one goes into a tag.
            source: path, address or generator the rows came from.
        """
        import warnings

        import mlflow.data
        from mlflow.entities import DatasetInput, InputTag

        with translated("log the dataset", uri=self._uri), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # MLflow warns of integer columns that might one day hold gaps
            dataset = mlflow.data.from_pandas(  # type: ignore[attr-defined]
                frame[["text", "label"]], source=source, name=name, targets="label", digest=digest.split(":")[-1][:36]
            )
            tag = InputTag("mlflow.data.context", context)
            self._client.log_inputs(self.id, [DatasetInput(dataset._to_mlflow_entity(), [tag])])


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _plain(value: Any) -> Any:
    """JSON of the few types reports hold beside the built-in ones (numpy scalars and arrays, paths)."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in a report")
