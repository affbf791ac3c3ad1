"""Evidently's own report of the columns it can judge, as one more artifact.

It serves where a window is a table: length, unknown words, probability, label and component, each with its two
distributions drawn, in a page many know how to read. It decides nothing here: it tests columns one by one, without a
correction for their number and without a null for texts (its text drift is a classifier on raw words that needs the
raw reference texts), and it knows no embedding of our encoder, no family and no record that came late. Telemetry is
off.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from homologate.reference import Sample

__all__ = ["evidently_page"]


def evidently_page(past: Sample, present: Sample, labels: tuple[str, str], threshold: float) -> str:
    """The HTML of Evidently's data drift preset on the columns of both samples."""
    os.environ["DO_NOT_TRACK"] = "1"
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as scratch:
        warnings.simplefilter("ignore")  # its own use of numpy, pandas and pydantic
        from evidently import Report
        from evidently.presets import DataDriftPreset

        texts = min(past.texts, present.texts) > 0
        components = any(past.component) and any(present.component)
        current, reference = (_table(sample, labels, threshold, texts, components) for sample in (present, past))
        file = Path(scratch) / "evidently.html"
        Report([DataDriftPreset()]).run(current, reference).save_html(str(file))
        return file.read_text(encoding="utf-8")


def _table(sample: Sample, labels: tuple[str, str], threshold: float, texts: bool, components: bool) -> Any:
    """One row a text (or a record, where no text was kept) as Evidently takes them."""
    import pandas as pd
    from evidently import DataDefinition, Dataset

    rows = slice(0, sample.texts if texts else len(sample))
    numerical = {"probability": sample.probability[rows].astype(float)}
    categorical = {"label": np.array(labels)[(sample.probability[rows] >= threshold).astype(int)]}
    if texts:
        numerical["length_in_words"] = sample.length.astype(float)
        numerical["unknown_words"] = sample.unknown / np.maximum(sample.counted, 1)
    if components:
        categorical["component"] = np.array(sample.component[rows], dtype=object)
    about = DataDefinition(numerical_columns=list(numerical), categorical_columns=list(categorical))
    return Dataset.from_pandas(pd.DataFrame({**numerical, **categorical}), data_definition=about)
