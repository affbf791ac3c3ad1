"""The door to MLflow: one object a command opens and every step goes through."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homologate.errors import DataError, StorageError, TrackingError
from homologate.tracking import _undertaker
from homologate.tracking._faults import translated
from homologate.tracking._place import Place
from homologate.tracking._provenance import provenance
from homologate.tracking._run import StepRun

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

__all__ = ["Tracker"]

RUN_VARIABLE = "MLFLOW_RUN_ID"
"""Set by `mlflow run` and by Azure ML jobs: the run this process was started for."""
STEP_TAG = "homologate.step"
KEY_TAG = "homologate.key"
ERROR_TAG = "homologate.error"


class Tracker:
    """Opens, finds and reads runs at one place.

    Args:
        place: where runs are written; checked at once.
        experiment: name of the experiment of new runs.
        home: folder for the cache of fetched artifacts.

    Raises:
        TrackingError: nothing answers at `place`.
    """

    def __init__(self, place: Place, *, experiment: str, home: Path) -> None:
        place.check()
        # MLflow's own patience is minutes; a person waits seconds. What the user set stays.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        # MLflow prints addresses of runs on stdout, where `--json` answers.
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
        import logging

        import mlflow

        # Schema migrations are told line by line at INFO; they are nobody's progress.
        logging.getLogger("alembic").setLevel(logging.WARNING)
        mlflow.set_tracking_uri(place.uri)
        mlflow.set_registry_uri(os.environ.get("MLFLOW_REGISTRY_URI", place.uri))
        self.place = place
        self.home = home
        self.experiment = experiment
        self.parent: str | None = None
        self.client: MlflowClient = mlflow.MlflowClient()

    @contextmanager
    def step(
        self,
        name: str,
        *,
        params: Mapping[str, Any] | None = None,
        inputs: Mapping[str, str] | None = None,
        key: str = "",
    ) -> Iterator[StepRun]:
        """Open the one run of an entry point; close it whatever happens.

        The run that `mlflow run` made for this process is resumed by the first step; later steps of the same process
        become its children. The run ends FINISHED, or FAILED with the error as tag `homologate.error`, or KILLED when
        the process is interrupted or killed.

        Args:
            name: the step, kept as tag and as run name.
            params: what decides the step's result.
            inputs: names and ids of the runs whose artifacts it reads.
            key: fingerprint by which an unchanged step is found again (see `find`).

        Raises:
            TrackingError: the run cannot be opened or closed.
        """
        with translated("open a run", uri=self.place.uri):
            raw = self._open(name)
        run = StepRun(self.client, raw, self.place.uri)
        undertaker = _hire_undertaker(self.place.uri, run.id)
        outer, self.parent = self.parent, self.parent or run.id
        left = _undertaker.CLOSED
        try:
            tags = {**provenance().tags(), STEP_TAG: name, "mlflow.note.content": _note(name, inputs)}
            run.tags({**tags, **{f"homologate.input.{k}": v for k, v in (inputs or {}).items()}})
            run.params({**(params or {}), **(inputs or {})})
            yield run
            # The key comes last: a run without one is never taken for a finished step.
            run.tags({KEY_TAG: key} if key else {})
        except BaseException as error:
            left = self._close(run, "FAILED" if isinstance(error, Exception) else "KILLED", error)
            raise
        else:
            left = b"FINISHED\n"  # should the server go away just now
            with translated("close the run", uri=self.place.uri):
                self.client.set_terminated(run.id, "FINISHED")
            left = _undertaker.CLOSED
        finally:
            self.parent = outer
            _dismiss(undertaker, left)

    def _open(self, name: str) -> Run:
        from mlflow.tracking.context import registry

        given = os.environ.pop(RUN_VARIABLE, None)
        if given:
            self.client.update_run(given, status="RUNNING")
            self.client.set_tag(given, "mlflow.runName", name)
            return self.client.get_run(given)
        tags = registry.resolve_tags()
        if self.parent:
            tags["mlflow.parentRunId"] = self.parent
            experiment_id = self.client.get_run(self.parent).info.experiment_id
        else:
            experiment_id = os.environ.get("MLFLOW_EXPERIMENT_ID") or self._experiment_id()
        return self.client.create_run(experiment_id, tags=tags, run_name=name)

    def _experiment_id(self) -> str:
        found = self.client.get_experiment_by_name(self.experiment)
        if found is None:
            return str(self.client.create_experiment(self.experiment))
        if found.lifecycle_stage == "deleted":
            raise TrackingError(
                f"the experiment {self.experiment!r} was deleted",
                place=self.place.uri,
                next_command=f"mlflow experiments restore --experiment-id {found.experiment_id}",
            )
        return str(found.experiment_id)

    def _close(self, run: StepRun, status: str, error: BaseException) -> bytes:
        """Mark a failed run; a server that died meanwhile must not hide the first error.

        Returns:
            What is left to the undertaker.
        """
        from homologate.errors import HomologateError

        reason = str(error) if isinstance(error, HomologateError) else f"{type(error).__name__}: {error}"
        try:
            run.tags({ERROR_TAG: reason})
            self.client.set_terminated(run.id, status)
        except Exception as second:
            print(
                f"homologate: run {run.id} will be marked {status} when the server answers again ({second})",
                file=sys.stderr,
            )
            return f"{status}\n{reason}".encode()
        return _undertaker.CLOSED

    def find(self, step: str, key: str) -> str | None:
        """The newest FINISHED run of `step` with this key, or None."""
        with translated("search runs", uri=self.place.uri):
            experiments = [self._experiment_id()]
            if self.parent:
                experiments.append(self.client.get_run(self.parent).info.experiment_id)
            runs = self.client.search_runs(
                sorted(set(experiments)),
                filter_string=f"tags.`{KEY_TAG}` = '{key}' and tags.`{STEP_TAG}` = '{step}' and status = 'FINISHED'",
                max_results=1,
            )
        return runs[0].info.run_id if runs else None

    def run(self, run_id: str, *, step: str | None = None) -> Run:
        """A run by id, checked to be a FINISHED run of `step` where one is named.

        Raises:
            DataError: there is no such run, it is of another step, or it did not finish.
        """
        from mlflow.exceptions import MlflowException

        try:
            run = self.client.get_run(run_id)
        except MlflowException as error:
            raise DataError(
                f"no run {run_id!r}", place=self.place.uri, next_command="mlflow runs list, or the MLflow UI"
            ) from error
        found = run.data.tags.get(STEP_TAG, "unknown")
        if step and found != step:
            raise DataError(
                f"run {run_id} is a {found} run",
                place=self.place.uri,
                legal=f"a finished {step} run",
                next_command=f"homologate {step} --help",
            )
        if step and run.info.status != "FINISHED":
            raise DataError(
                f"run {run_id} is {run.info.status}: {run.data.tags.get(ERROR_TAG, 'it has not finished')}",
                place=self.place.uri,
                legal="a FINISHED run",
                next_command=f"homologate {step}  # run that step again",
            )
        return run

    def fetch(self, run_id: str, path: str) -> Path:
        """A local copy of one artifact file or folder of a run, whole or not at all.

        Copies are kept under `<home>/cache/<run id>` (artifacts of finished runs are written once per path).

        Raises:
            StorageError: the artifact is missing, empty or cannot be copied.
        """
        import mlflow.artifacts

        kept = self.home / "cache" / run_id / path
        if kept.exists():
            return kept
        scratch = self.home / "cache" / f".{uuid.uuid4().hex}"
        try:
            with translated(f"fetch artifact {path!r} of run {run_id}", uri=self.place.uri):
                scratch.mkdir(parents=True)
                got = Path(
                    mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=path, dst_path=str(scratch))
                )
                # Some stores answer a vanished artifact with nothing at all, and say nothing.
                if not got.exists() or (got.is_dir() and not any(got.iterdir())):
                    raise StorageError(f"run {run_id} has no artifact {path!r}", place=self.place.uri)
                self._must_be_whole(run_id, path, got)
                kept.parent.mkdir(parents=True, exist_ok=True)
                got.replace(kept)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return kept

    def _must_be_whole(self, run_id: str, path: str, got: Path) -> None:
        """Every file the store lists has arrived. Azure ML's client skips what it cannot address, without a word."""
        import mlflow.artifacts

        if self.place.kind != "azureml" or not got.is_dir():
            return
        root = str(self.client.get_run(run_id).info.artifact_uri)
        folders = [path]
        while folders:
            for entry in mlflow.artifacts.list_artifacts(artifact_uri=f"{root}/{folders.pop()}"):
                if entry.is_dir:
                    folders.append(entry.path)
                elif not (got / Path(entry.path).relative_to(path)).is_file():
                    raise StorageError(
                        f"artifact {entry.path!r} of run {run_id} did not arrive, and the store's client said nothing",
                        place=self.place.uri,
                        next_command="run the command again; if it stays, look at the way to the workspace's storage",
                    )


def _note(name: str, inputs: Mapping[str, str] | None) -> str:
    """The description the MLflow UI shows above a run."""
    told = "".join(f"\n- {what.replace('_', ' ')}: `{run_id}`" for what, run_id in (inputs or {}).items())
    return f"Step **{name}** of the lifecycle." + told


def _hire_undertaker(uri: str, run_id: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 (our own file, our own interpreter)
        [sys.executable, "-I", _undertaker.__file__, uri, run_id],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


_at_work: list[subprocess.Popen[bytes]] = []
"""Undertakers that outlive their owner; kept, because Python complains of children nobody holds."""


def _dismiss(undertaker: subprocess.Popen[bytes], left: bytes) -> None:
    try:
        if left == _undertaker.CLOSED:
            undertaker.communicate(left, timeout=10)
        elif undertaker.stdin is not None:
            undertaker.stdin.write(left)
            undertaker.stdin.close()
            _at_work.append(undertaker)
    except (OSError, subprocess.TimeoutExpired):
        undertaker.kill()
