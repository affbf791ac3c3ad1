"""The model and the texts that several benchmarks share: MiniLM with a probed head, and component descriptions.

Made once and kept in `.homologate/bench`; speed does not depend on how well the head was fitted.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

KEPT = Path(__file__).resolve().parents[1] / ".homologate" / "bench" / "model"
TEXTS = 300


class Forgetful:
    """A run that is told everything and keeps nothing."""

    def __getattr__(self, name: str) -> Any:
        """Any method of a run."""
        return lambda *_, **__: None


def real_model() -> Path:
    """An MLflow model directory with MiniLM in it, fp32 and int8."""
    if (KEPT / "MLmodel").exists():
        return KEPT
    from homologate.classifier import export, train
    from homologate.model_directory import build
    from homologate.settings import CostSettings, LabelSettings, TrainingSettings

    print("making the benchmarks' model, once", file=sys.stderr)
    for half_made in ("work", "onnx", "model"):  # the models of other benchmarks lie beside them
        shutil.rmtree(KEPT.parent / half_made, ignore_errors=True)
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    settings = TrainingSettings(epochs=0, max_train_rows=60)
    facts = train(_frame(), settings, LabelSettings(), CostSettings(), KEPT.parent / "work", Forgetful())
    onnx = export(facts.directory, KEPT.parent / "onnx")
    build(onnx, KEPT, reference={}, texts=texts()[:3], run_id="0" * 32, metadata={})
    return KEPT


def texts(count: int = TEXTS) -> list[str]:
    """Component descriptions of the lengths the generator gives them, the same on every machine."""
    return list(_frame()["text"])[:count]


def _frame() -> Any:
    from homologate.dataset import generate, split_rows
    from homologate.settings import LabelSettings, SplitSettings, SyntheticSettings

    return split_rows(generate(SyntheticSettings(rows=600), LabelSettings(), 20), SplitSettings())
