"""How good the presets are beside TF-IDF, and what quick saves and loses.

    full       clearly ahead of TF-IDF + logistic regression on the shipped rows, whatever their seed
    quick      at most 0.25 × the seconds of full; its loss of quality is told, not limited
    recalls    full above 0.673 average precision and 0.586 F1 on real recall notices (what TF-IDF reaches on a plain
               split by date); the paired difference to TF-IDF on this very split is told with its interval

Both presets are trained in turn on the same rows and judged on the same test items; intervals are 95 %, paired, by the
grouped bootstrap of the evaluation report. Real notices are read where `HOMOLOGATE_RECALLS` names their file
(examples/recalls.yaml says what it must hold). About ten minutes on two quiet cores, half of that with `--seeds 20`.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from real_model import Forgetful

from homologate.classifier import load_classifier, train
from homologate.dataset import read_rows, split_rows
from homologate.evidence._baselines import bag_of_words
from homologate.evidence._intervals import Interval, Resampler
from homologate.evidence._metrics import Verdicts, compare, statistics
from homologate.settings import DataSettings, Settings, SyntheticSettings, load_settings

RECALLS = "HOMOLOGATE_RECALLS"
EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "recalls.yaml"
AHEAD, QUICK = 0.1, 0.25
PUBLISHED = {"average_precision": 0.673, "f1": 0.586}
NAMES = {"average_precision": "average precision", "f1": "F1"}


def main() -> int:
    """Measure each data set; print a line a budget."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, nargs="*", default=[20, 21], help="of the shipped rows")
    met = []
    for seed in parser.parse_args().seeds:
        settings = Settings(data=DataSettings(synthetic=SyntheticSettings(seed=seed)))
        found = Found(settings)
        what = f"shipped rows of seed {seed}, {found.texts} texts"
        gain = found.gain("full", "tfidf", "average_precision")
        sure = gain["low"] is not None and gain["low"] > AHEAD
        ahead = f"full − TF-IDF above {AHEAD} for certain: {_span(gain)}"
        met += [told(f"{what}: average precision", found.row("average_precision"), ahead, sure)]
        met += [told(f"{what}: quick / full, seconds", found.saving(), f"at most {QUICK} ×", found.ratio <= QUICK)]
    file = os.environ.get(RECALLS, "")
    if not Path(file).is_file():
        print(f"recall notices | not measured: ${RECALLS} names no file | | skipped", flush=True)
        return 0 if all(met) else 1
    found = Found(load_settings(EXAMPLE, data={"source": file}))
    for name, published in PUBLISHED.items():
        gain = found.gain("full", "tfidf", name)
        wanted = f"full above {published}; full − TF-IDF on this split {_span(gain)}"
        reached = found.value("full", name) > published
        met += [told(f"recall notices, {found.texts} texts: {NAMES[name]}", found.row(name), wanted, reached)]
    print(f"recall notices: quick / full, seconds | {found.saving()} | | told", flush=True)
    return 0 if all(met) else 1


class Found:
    """Both presets and TF-IDF on one data set.

    Args:
        settings: where the rows come from, and the costs that decide thresholds.
    """

    def __init__(self, settings: Settings) -> None:
        labels, self.costs = settings.data.labels, settings.costs
        frame = split_rows(read_rows(settings.data), settings.data.split)
        parts = {name: frame[frame["split"] == name] for name in ("train", "test")}
        texts = {name: part["text"].tolist() for name, part in parts.items()}
        truth = {name: (part["label"] == labels.positive).to_numpy() for name, part in parts.items()}
        self.texts = len(texts["test"])
        self.resampler = Resampler(parts["test"]["group"])
        baseline = bag_of_words(texts["train"], truth["train"], texts["test"])
        self.verdicts = {"tfidf": Verdicts(truth["test"], baseline, 0.5)}
        self.seconds: dict[str, float] = {}
        with tempfile.TemporaryDirectory() as home:
            for preset in ("quick", "full"):
                chosen = settings.training_of(preset)
                facts = train(frame, chosen, labels, self.costs, Path(home) / preset, Forgetful())
                answers = load_classifier(facts.directory).probabilities(texts["test"])
                self.verdicts[preset] = Verdicts(truth["test"], answers.astype(float), facts.threshold)
                self.seconds[preset] = facts.seconds

    @property
    def ratio(self) -> float:
        """Seconds of a quick training for each of a full one."""
        return self.seconds["quick"] / self.seconds["full"]

    def value(self, of: str, name: str) -> float:
        """One metric of `full`, `quick` or `tfidf`."""
        return float(self._interval(of, name)["value"] or 0.0)

    def gain(self, of: str, over: str, name: str) -> Interval:
        """The paired difference of a metric."""
        return compare(self.verdicts[of], self.verdicts[over], self.resampler, self.costs, (name,))[name]

    def row(self, name: str) -> str:
        """One metric of all three, side by side."""
        titles = {"full": "full", "quick": "quick", "tfidf": "TF-IDF"}
        return ", ".join(f"{title} {_span(self._interval(of, name), sign='')}" for of, title in titles.items())

    def saving(self) -> str:
        """Quick's share of full's time, and what it loses."""
        lost = ", ".join(f"{NAMES[name]} {_span(self.gain('quick', 'full', name))}" for name in NAMES)
        return (
            f"{self.ratio:.2f} × ({self.seconds['quick']:.0f} s / {self.seconds['full']:.0f} s); quick − full: {lost}"
        )

    def _interval(self, of: str, name: str) -> Interval:
        return self.resampler.interval(statistics(self.verdicts[of], self.costs)[name])


def told(what: str, measured: str, wanted: str, met: bool) -> bool:
    """Print one line of the table."""
    print(f"{what} | {measured} | {wanted} | {'ok' if met else 'FAIL'}", flush=True)
    return met


def _span(interval: Interval, sign: str = "+") -> str:
    value, low, high = (interval[name] for name in ("value", "low", "high"))
    if value is None or low is None or high is None:
        return "cannot be told"
    return f"{value:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


if __name__ == "__main__":
    sys.exit(main())
