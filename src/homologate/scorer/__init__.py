"""Texts in, verdicts out: the ONNX bytes answer.

This package is copied whole into every model directory as `homologate_scorer` and answers there, on machines that
have never seen this repository. Therefore: relative imports only, and nothing but the standard library, numpy,
tokenizers and onnxruntime. No torch, no transformers, no mlflow, no pandas, no other room of this project. Names load
when they are first used: whoever only keeps or ships predictions (`collector/`) needs no onnxruntime.

    scorer = Scorer("model")                       # a directory with model.onnx, tokenizer.json and scorer.json
    scorer.probabilities(texts)                    # bulk: float32 (n,), probability of the positive label
    scorer.answer(text, explain=True)              # one verdict and the words that decided it
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._answer import Answer, Word
    from ._faults import InputFault, ModelFault, ScorerFault
    from ._scorer import Scorer
    from ._tokens import Tokeniser, padded

__all__ = ["Answer", "InputFault", "ModelFault", "Scorer", "ScorerFault", "Tokeniser", "Word", "padded"]

_HOMES = {
    "Answer": "_answer",
    "InputFault": "_faults",
    "ModelFault": "_faults",
    "Scorer": "_scorer",
    "ScorerFault": "_faults",
    "Tokeniser": "_tokens",
    "Word": "_answer",
    "padded": "_tokens",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return found
