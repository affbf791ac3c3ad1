"""A registered model on a real MLflow server."""

from __future__ import annotations

import warnings
from pathlib import Path

from homologate.attest import digest_of
from homologate.versions import DIGEST_TAG

__all__ = ["House"]


class House:
    """A registered model on a real MLflow server."""

    def __init__(self, uri: str, name: str) -> None:
        import mlflow

        self.uri, self.name = uri, name
        self.client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
        self.client.create_registered_model(name)
        experiment = self.client.create_experiment(name)
        self.run = self.client.create_run(experiment).info

    def register(self, directory: Path, *, digest: str | None = None, stage: str | None = None) -> str:
        """Register a directory as homologate does; the number of the version."""
        folder = f"model-{len(self.client.search_model_versions(f'name={self.name!r}'))}"
        self.client.log_artifacts(self.run.run_id, str(directory), folder)
        tags = {DIGEST_TAG: digest or digest_of(directory)}
        source = f"{self.run.artifact_uri}/{folder}"
        number = str(self.client.create_model_version(self.name, source, self.run.run_id, tags=tags).version)
        if stage:
            self.move(number, stage)
        return number

    def move(self, number: str, stage: str, archive: bool = True) -> None:
        """Put a version in a stage."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            self.client.transition_model_version_stage(self.name, number, stage, archive_existing_versions=archive)
