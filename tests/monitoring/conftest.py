"""A version with a past, a store of what it answered, and a monitor between them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from homologate.attest import digest_of
from homologate.collection import FolderStore, Reading
from homologate.model_directory import build
from homologate.reference import Profile, load_profile, profile_of
from homologate.scorer import Scorer
from homologate.scorer.collector import Judge, Privacy, Record, pairs
from homologate.settings import MonitoringSettings
from homologate.tracking import Tracker
from homologate.versions import Located
from serve.monitor import Finding, Monitor, Rules, Subject, judge, observe

DAY = datetime(2026, 3, 1, tzinfo=UTC)
PARTS = ("lamp", "hose", "belt", "mirror", "brake", "tyre", "horn", "seat")
NAME, VERSION = "parts", "7"


def usual(count: int, seed: int, parts: Iterable[str] = PARTS, failed: str = "cracked below") -> list[str]:
    """Texts of the kind the tiny model learned; another `failed` or other `parts` make a drift."""
    chance, parts = random.Random(seed), list(parts)
    found = []
    for _ in range(count):
        bad = chance.random() < 0.3
        verdict, value = (failed, chance.randint(60, 99)) if bad else ("held above", chance.randint(100, 140))
        text = f"The {chance.choice(parts)} from lot {chance.randint(1, 99)} {verdict} the limit at {value} units. "
        found.append((text + "Tested twice. " * chance.randint(0, 5)).strip())
    return found


@pytest.fixture(scope="session")
def past(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of the tiny model and more of the same kind, so that enough of them are held out."""
    more = pd.DataFrame({"text": usual(400, seed=5)})
    more["id"] = [f"m{number}" for number in range(len(more))]
    more["label"] = ["non-compliant" if "cracked" in text else "compliant" for text in more["text"]]
    more["split"] = "test"
    found = pd.concat([rows, more], ignore_index=True)
    found["component"] = [text.split()[1] for text in found["text"]]
    found["date"] = "2025-06-01"
    return found


@pytest.fixture(scope="session")
def scorer(tiny_model: Path) -> Scorer:
    """The tiny model."""
    return Scorer(tiny_model)


@pytest.fixture(scope="session")
def version(tiny_model: Path, past: pd.DataFrame, scorer: Scorer, tmp_path_factory: pytest.TempPathFactory) -> Located:
    """The tiny model as a version that carries its past."""
    out = tmp_path_factory.mktemp("watched") / NAME
    files = profile_of(past, scorer).files()
    build(tiny_model, out, reference=files, texts=usual(2, seed=1), run_id="0" * 32, metadata={})
    return Located(out, NAME, VERSION, digest_of(out))


@pytest.fixture(scope="session")
def profile(version: Located) -> Profile:
    """What the version carries, read back."""
    return load_profile(version.directory)


@dataclass
class Production:
    """A store, and whoever answers into it."""

    store: FolderStore
    version: Located
    scorer: Scorer
    number: int = 0
    written: list[str] = field(default_factory=list)

    def answer(
        self,
        texts: Iterable[str],
        when: datetime = DAY,
        *,
        every: float = 60.0,
        form: str = "full",
        digest: str | None = None,
        number: str | None = None,
        component: Callable[[str], str] = lambda text: text.split()[1],
    ) -> None:
        """Judge texts and keep the predictions, one every `every` seconds from `when` on."""
        judge_ = Judge(
            NAME, number or self.version.version, digest or self.version.digest, self.scorer.labels, "server"
        )
        texts = list(texts)
        lines: dict[str, str] = {}
        for row, (text, answer) in enumerate(zip(texts, self.scorer.answers(texts), strict=True)):
            moment = when.timestamp() + row * every
            record = Record.of(f"p{self.number}-{row}", judge_, moment, text, answer, component=component(text))
            for folder, line in pairs(record, Privacy(form)):
                lines[f"{folder}/s{self.number}.jsonl"] = lines.get(f"{folder}/s{self.number}.jsonl", "") + line + "\n"
        for name, content in lines.items():
            assert self.store.put(name, content.encode())
        self.written += lines
        self.number += 1

    def judged(self, profile: Profile, rules: Rules | None = None, **window: Any) -> Finding:
        """Judge what is in the store without a server."""
        reading = Reading(self.store, NAME, self.version.version, **window)
        observed = observe(reading, profile.vocabulary, positive=self.scorer.labels[1], digest=self.version.digest)
        sample = observed.sample(profile.vocabulary, self.scorer, self.scorer.labels, {})
        subject = Subject(NAME, VERSION, self.version.digest, DAY, DAY + timedelta(days=1))
        return judge(subject, observed, profile, sample, rules or Rules())


@pytest.fixture
def production(tmp_path: Path, version: Located, scorer: Scorer) -> Production:
    """An empty store of the version's answers."""
    return Production(FolderStore(tmp_path / "collected"), version, scorer)


@pytest.fixture
def monitor(tracker: Tracker, production: Production, version: Located) -> Monitor:
    """A monitor of the store that writes to a real MLflow server."""
    settings = MonitoringSettings(evidently=False)
    return Monitor(tracker, version, production.store, settings, say=lambda _: None)
