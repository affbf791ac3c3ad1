"""The pointing game on shipped rows: a model that learnt points at the true cause, one of shuffled labels at nothing.

The same recipe (full preset) is trained twice on the shipped synthetic rows, the second time with the labels shuffled,
so that every word may weigh but none for a reason. Figures are of all test texts: how often the strongest word lies in
the recorded cause, above what a random word would reach. About six minutes.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from real_model import Forgetful

from homologate.classifier import export, train
from homologate.dataset import generate, split_rows
from homologate.evidence import explain
from homologate.settings import PRESETS, ExplanationSettings, Settings

LEARNT, COLLAPSED = 0.12, 0.06
SETTINGS = Settings(explanation=ExplanationSettings(faithfulness_texts=20))


def main() -> int:
    """Train both, explain both, print one line a budget."""
    data = SETTINGS.data
    frame = split_rows(generate(data.synthetic, data.labels, data.synthetic.seed), data.split)
    shuffled = frame.assign(label=np.random.default_rng(0).permutation(frame["label"]))
    with tempfile.TemporaryDirectory() as home:
        learnt = pointing(frame, frame, Path(home) / "learnt")
        fooled = pointing(shuffled, frame, Path(home) / "fooled")
    lines = [
        line(
            "strongest word in the true cause, above chance", learnt, above(learnt) >= LEARNT, f"at least {LEARNT:.0%}"
        ),
        line("the same of shuffled labels", fooled, above(fooled) <= COLLAPSED, f"at most {COLLAPSED:.0%}"),
    ]
    print("\n".join(lines))
    return int(any(line.endswith("FAIL") for line in lines))


def pointing(taught: Any, asked: Any, home: Path) -> dict[str, Any]:
    """The pointing game of a model taught one frame and asked the test rows of another."""
    facts = train(taught, PRESETS["full"], SETTINGS.data.labels, SETTINGS.costs, home / "train", Forgetful())
    found = explain(export(facts.directory, home / "onnx"), asked, SETTINGS, digest=f"sha256:{'0' * 64}")
    print(f"{home.name}: {found['pointing']['all']}", file=sys.stderr)
    return dict(found["pointing"]["all"])


def above(found: dict[str, Any]) -> float:
    """How far the strongest word is above a random one."""
    return float(found["first"]["value"] - found["chance"])


def line(name: str, found: dict[str, Any], held: bool, limit: str) -> str:
    """One line of the table."""
    told = f"{above(found):+.0%} ({found['first']['value']:.0%} of texts, by chance {found['chance']:.0%})"
    return f"{name} | {told} | {limit} | {'ok' if held else 'FAIL'}"


if __name__ == "__main__":
    sys.exit(main())
