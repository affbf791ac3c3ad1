"""The judged model directory inside a deployment of Azure ML: found, held to the digest that was approved, and opened.

Shipped beside each scoring script with a few files of the project (`serve/deploy/_code.py` names them) and nothing
else: the scorer comes out of the directory itself, after its bytes were verified.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from homologate.attest.digest import digest_of
from homologate.errors import ModelError, RefusedError

DIGEST_VARIABLE, VERSION_VARIABLE = "HOMOLOGATE_DIGEST", "HOMOLOGATE_VERSION"


class Approved(NamedTuple):
    """What may answer: MLflow's door to the scorer, the version's number, and the digest of its bytes."""

    model: Any
    version: str
    digest: str


def approved_model() -> Approved:
    """Find the model directory, verify its bytes, load it, and let it answer its own example.

    Raises:
        ModelError: there is no model directory, or it does not answer its example.
        RefusedError: its bytes are not those that were approved, or nobody said which those are.
    """
    directory = _model_directory(Path(os.environ["AZUREML_MODEL_DIR"]))
    approved, found = os.environ.get(DIGEST_VARIABLE), digest_of(directory)
    if approved != found:
        raise RefusedError(
            f"the model directory is {found}, approved was {approved or 'nothing'}",
            place=f"{directory}, ${DIGEST_VARIABLE}",
            next_command="homologate deploy azure  # deploys what the ledger says is approved",
        )
    sys.dont_write_bytecode = True  # a cache file beside the judged bytes would be another directory at the next start
    sys.path.insert(0, str(directory / "code"))
    from homologate_scorer.pyfunc import ScorerModel  # type: ignore[import-not-found]

    model = ScorerModel(str(directory))
    example = json.loads((directory / "input_example.json").read_text(encoding="utf-8"))
    if not model.predict(pd.DataFrame(**example)):
        raise ModelError("the golden probe was not answered", place=str(directory))
    return Approved(model, os.environ.get(VERSION_VARIABLE, ""), found)


def _model_directory(mounted: Path) -> Path:
    """Where MLmodel lies: Azure ML mounts a registered folder at, or one level below, `AZUREML_MODEL_DIR`."""
    found = [folder for folder in (mounted, *sorted(mounted.glob("*/"))) if (folder / "MLmodel").is_file()]
    if len(found) != 1:
        raise ModelError(f"{len(found)} model directories are mounted", place=str(mounted), legal="one with an MLmodel")
    return found[0]
