"""From a split frame to a classifier, and from a classifier to ONNX. The only room with torch.

    train(frame, training, labels, costs, workdir, run)     linear probe, fine-tuning, calibration, threshold
    tune(frame, base, …, trials)                            the same many times, with other settings
    export(classifier_dir, out_dir)                         model.onnx and model.int8.onnx beside tokenizer.json
    parity(classifier_dir, onnx_dir, frame)                 torch, fp32 and int8 on the same texts

Nothing outside this package imports torch, transformers or Lightning. Each of them is imported when called, so
importing this package is cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._classifier import Classifier, load_classifier
    from ._export import export
    from ._facts import TrainingFacts
    from ._parity import parity
    from ._run import Run
    from ._train import train
    from ._tune import TuningFacts, tune

__all__ = [
    "Classifier",
    "Run",
    "TrainingFacts",
    "TuningFacts",
    "export",
    "load_classifier",
    "parity",
    "train",
    "tune",
]

_HOME = {
    "Classifier": "_classifier",
    "Run": "_run",
    "TrainingFacts": "_facts",
    "TuningFacts": "_tune",
    "export": "_export",
    "load_classifier": "_classifier",
    "parity": "_parity",
    "train": "_train",
    "tune": "_tune",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is asked for: torch alone takes seconds."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
