"""Candidate and champion are compared on the same items, scored anew where they must be; else nobody can tell."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from homologate.attest import canonical, digest_of, report_predicate, sign_statement, statement_path
from homologate.errors import DataError
from homologate.evidence import Rival, comparison, paired_items, read_items, render
from homologate.evidence._items import columns_of
from homologate.scoring import open_scorer
from homologate.settings import DataSettings, Settings
from homologate.steps.champion import Judged, compared_with, met
from homologate.steps.context import Context
from homologate.tracking import Tracker

DIGEST = f"sha256:{'2' * 64}"
OTHER = f"sha256:{'1' * 64}"
SETTINGS = Settings(data=DataSettings(source="rows.csv"))


@pytest.fixture
def test_rows(make_rows: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    frame = make_rows()
    return frame[frame["split"] == "test"].reset_index(drop=True)


@pytest.fixture
def part(test_rows: pd.DataFrame) -> str:
    """The most common kind of component."""
    return str(test_rows["component"].value_counts().idxmax())


@pytest.fixture
def rival(evaluation: dict[str, Any], test_rows: pd.DataFrame, part: str) -> Rival:
    """A champion that passes every bad `part`, and is right about one other that the candidate gets wrong."""
    items = read_items(evaluation)
    p = np.where((test_rows["component"] == part).to_numpy() & items.positive, 0.01, items.probability)
    mistake = np.flatnonzero((test_rows["component"] != part).to_numpy() & ~items.right)[0]
    p[mistake] = 1 - p[mistake]
    return Rival("3", OTHER, replace(items, probability=p))


def test_items_that_changed_verdict_are_listed_both_ways_with_their_texts_and_every_slice_with_its_change(
    evaluation: dict[str, Any], rival: Rival, test_rows: pd.DataFrame, part: str
) -> None:
    found = comparison(read_items(evaluation), rival, test_rows, SETTINGS, digest=DIGEST)
    lost = np.flatnonzero(read_items(evaluation).right & ~rival.items.right)
    assert [flip["id"] for flip in found["flips"]["gained"]] == sorted(test_rows["id"].iloc[lost])
    texts = dict(zip(test_rows["id"], test_rows["text"], strict=True))
    assert all(flip["text"] == texts[flip["id"]] for flip in found["flips"]["gained"])
    assert set(found["slices"]) == {"component", "manufacturer", "source", "length", "year"}
    changes = {row["name"]: row["change"]["value"] for row in found["slices"]["component"]}
    assert changes[part] > 0 >= min(changes.values())
    assert found["mcnemar"]["gained"] == len(lost)
    assert found["mcnemar"]["lost"] == len(found["flips"]["lost"]) == 1
    page = render(found)
    assert found["verdict"].startswith(
        f"Of the same {len(test_rows)} items it judges {len(lost)} rightly that version 3"
    )
    assert "By component" in page
    assert texts[found["flips"]["gained"][0]["id"]][:30] in page
    ours, theirs = paired_items(json.loads(json.dumps(found)))
    assert np.allclose(theirs.probability, rival.items.ordered().probability)
    assert np.array_equal(ours.right, read_items(evaluation).right)


def test_a_version_that_lost_is_told_to_stop(evaluation: dict[str, Any], rival: Rival, test_rows: pd.DataFrame) -> None:
    ours = replace(read_items(evaluation), probability=np.where(read_items(evaluation).positive, 0.1, 0.9))
    found = comparison(ours, replace(rival, items=read_items(evaluation)), test_rows, SETTINGS, digest=DIGEST)
    assert {("worse", "stop"), ("less.recall", "stop")} <= {(one["id"], one["level"]) for one in found["cautions"]}
    assert found["difference"]["accuracy"]["high"] < 0


def test_without_a_champion_it_says_no_champion_and_compares_nothing(
    evaluation: dict[str, Any], test_rows: pd.DataFrame
) -> None:
    found = comparison(read_items(evaluation), None, test_rows, SETTINGS, digest=DIGEST)
    assert found["status"] == "no_champion"
    assert found["verdict"].startswith("No champion: no version of component-classifier is in Production")
    assert not {"mcnemar", "difference", "items"} & set(found)
    assert "passes nothing by this page" in render(found)


def test_what_cannot_be_told_says_why_and_says_stop(evaluation: dict[str, Any], test_rows: pd.DataFrame) -> None:
    gone = Rival("3", OTHER, fault="run 9 has no artifact 'model'")
    found = comparison(read_items(evaluation), gone, test_rows, SETTINGS, digest=DIGEST)
    assert (found["status"], found["reason"]) == ("cannot_tell", "run 9 has no artifact 'model'")
    assert [one["level"] for one in found["cautions"]] == ["stop"]
    assert "has no artifact" in render(found)


# ── on real runs and real bytes ───────────────────────────────────────────────────────────────────────────────────────


class Shop:
    """Runs of a champion and of a candidate on a real server, over the tiny model."""

    def __init__(self, tracker: Tracker, tiny_model: Path, scratch: Path) -> None:
        self.said: list[str] = []
        self.context = Context(SETTINGS, tracker, self.said.append)
        self.tiny, self.scratch = tiny_model, scratch

    def frame(self, start: str, first: int, count: int = 120) -> pd.DataFrame:
        """Split rows the tiny model can read, with ids from `first` and dates in the month `start`."""
        bad = np.arange(first, first + count) % 3 == 0
        numbers = range(first, first + count)
        told = [f"{'cracked below' if i % 3 == 0 else 'held above'} the limit at {60 + i % 40} units." for i in numbers]
        return pd.DataFrame(
            {
                "id": [f"n{i}" for i in numbers],
                "text": [f"The hose from lot {i} {end}" for i, end in zip(numbers, told, strict=True)],
                "label": np.where(bad, "non-compliant", "compliant"),
                "date": [f"{start}-{1 + i * 27 // count:02}" for i in range(count)],
                "component": "hose", "manufacturer": "", "source": "bench", "cause_start": -1, "cause_end": -1,
                "group": np.arange(count),
                "split": np.where(np.arange(count) < 0.5 * count, "train", "test"),
            }
        )  # fmt: skip

    def judge(self, frame: pd.DataFrame, threshold: float) -> Judged:
        """The model directory with a threshold of its own, and its evaluation on the test rows of `frame`."""
        directory = self.scratch / f"model-{threshold}"
        shutil.copytree(self.tiny, directory)
        told = json.loads((directory / "scorer.json").read_text())
        (directory / "scorer.json").write_text(json.dumps({**told, "threshold": threshold}))
        test, scorer = frame[frame["split"] == "test"], open_scorer(directory)
        facts = {
            "schema": 1,
            "kind": "evaluation",
            "subject": {"digest": digest_of(directory)},
            "verdict": "judged for the tests",
            "labels": {"negative": "compliant", "positive": "non-compliant"},
            "served": "fp32",
            "threshold": threshold,
            "data": {"test": {"last_date": test["date"].max()}},
            "items": columns_of(test, {"fp32": scorer.probabilities(test["text"].tolist()).astype(float)}),
        }
        return Judged(directory, facts, frame)

    def champion(self, judged: Judged, version: str = "3") -> Any:
        """What the registry says of the champion: its runs hold its bytes, its rows and its signed evidence."""
        digest, tracker = digest_of(judged.directory), self.context.tracker
        with tracker.step("prepare") as data:
            judged.frame.to_parquet(self.scratch / "rows.parquet", index=False)
            data.file(self.scratch / "rows.parquet", "data")
        with tracker.step("export", inputs={"data_run": data.id}) as export:
            export.folder(judged.directory, "model")
        report = {"evaluation/evaluation.json": json.dumps(judged.evaluation).encode()}
        predicate = report_predicate(verdict="v", run_id="r", measured_at=datetime.now(UTC), reports=report)
        envelope = canonical(sign_statement("evaluation", digest, predicate, self.context.signer))
        evidence = self.scratch / f"evidence-{version}"
        for path, content in {**report, statement_path("evaluation"): envelope}.items():
            (evidence / path).parent.mkdir(parents=True, exist_ok=True)
            (evidence / path).write_bytes(content)
        with tracker.step("register") as register:
            register.folder(evidence, "evidence")
        tags = {"homologate.digest": digest, "homologate.evidence_run": register.id}
        return SimpleNamespace(version=version, run_id=export.id, tags=tags, current_stage="Production")

    def forget(self) -> None:
        """Nothing is cached on this machine any more."""
        shutil.rmtree(self.context.home / "cache", ignore_errors=True)


@pytest.fixture
def shop(tracker: Tracker, tiny_model: Path, tmp_path: Path) -> Shop:
    return Shop(tracker, tiny_model, tmp_path)


def test_a_champion_tested_on_older_items_is_scored_anew_on_the_newest_less_what_it_learnt_from(shop: Shop) -> None:
    old, new = shop.frame("2024-01", 0), shop.frame("2025-01", 200)
    # Ten of the newest test items stand word for word in what the champion learnt from.
    new.loc[new.index[-10:], "text"] = old.loc[old.index[:10], "text"].to_numpy()
    before, now = shop.judge(old, 0.3), shop.judge(new, 0.6)
    ours, rival, fair = met(shop.context, now, shop.champion(before))
    assert rival is not None
    assert rival.items is not None
    assert (len(fair), rival.left_out) == (50, 10)
    assert "version 3 was scored anew on the newest ones, those of this version" in rival.rescored
    wanted = open_scorer(before.directory).probabilities(fair["text"].tolist())
    assert np.allclose(rival.items.probability, wanted, atol=1e-6)
    assert (rival.items.threshold, ours.threshold) == (0.3, 0.6)
    assert list(ours.ids) == list(fair["id"])
    assert any("scoring 50 of the newest test texts" in line for line in shop.said)


def test_where_the_champion_saw_the_newest_items_the_candidate_is_scored_on_those(shop: Shop) -> None:
    old, new = shop.frame("2024-01", 0), shop.frame("2025-01", 200)
    ours, rival, fair = met(shop.context, shop.judge(old, 0.6), shop.champion(shop.judge(new, 0.3)))
    assert rival is not None
    assert rival.items is not None
    assert set(fair["id"]) == set(new[new["split"] == "test"]["id"])
    assert "this version was scored anew on the newest ones, those of version 3" in rival.rescored
    assert len(ours.ids) == len(rival.items.ids) == 60


def test_the_same_items_are_compared_as_stored_and_nothing_is_scored(shop: Shop) -> None:
    frame = shop.frame("2024-01", 0)
    before, now = shop.judge(frame, 0.3), shop.judge(frame, 0.6)
    ours, rival, _ = met(shop.context, now, shop.champion(before))
    assert rival is not None
    assert rival.items is not None
    assert not rival.rescored
    assert np.array_equal(ours.probability, read_items(now.evaluation).probability)
    assert not [line for line in shop.said if "scoring" in line]


def test_a_champion_whose_artifacts_are_gone_leaves_it_untold_with_the_reason(shop: Shop) -> None:
    frame = shop.frame("2024-01", 0)
    champion = shop.champion(shop.judge(frame, 0.3))
    now = shop.judge(frame, 0.6)
    shop.forget()
    champion.run_id = champion.tags["homologate.evidence_run"]  # a run that holds no model
    _, rival, _ = met(shop.context, now, champion)
    assert rival is not None
    assert rival.items is None
    assert "model" in rival.fault
    assert "artifact" in rival.fault
    found = comparison(read_items(now.evaluation), rival, frame[frame["split"] == "test"], SETTINGS, digest=DIGEST)
    assert found["status"] == "cannot_tell"


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda champion, _: champion.tags.pop("homologate.evidence_run"), "names no run of evidence"),
        (lambda champion, _: champion.tags.update({"homologate.digest": OTHER}), "its bytes were changed"),
        (lambda _, shop: shutil.rmtree(shop.context.home / "keys" / "trusted"), "which is not trusted"),
    ],
)
def test_a_champion_that_cannot_be_believed_leaves_it_untold_with_the_reason(shop: Shop, spoil: Any, why: str) -> None:
    frame = shop.frame("2024-01", 0)
    champion, now = shop.champion(shop.judge(frame, 0.3)), shop.judge(frame, 0.6)
    spoil(champion, shop)
    _, rival, _ = met(shop.context, now, champion)
    assert rival is not None
    assert rival.items is None
    assert why in rival.fault


def test_items_that_both_learnt_from_are_no_test_at_all(shop: Shop) -> None:
    old, new = shop.frame("2024-01", 0), shop.frame("2025-01", 200)
    new.loc[new["split"] == "test", "text"] = old.loc[old["split"] == "train", "text"].to_numpy()
    _, rival, _ = met(shop.context, shop.judge(new, 0.6), shop.champion(shop.judge(old, 0.3)))
    assert rival is not None
    assert rival.items is None
    assert "of the newest 60 only 0 are new to both" in rival.fault


def test_a_version_in_production_stays_compared_with_the_one_it_was_measured_against() -> None:
    there = SimpleNamespace(tags={"homologate.digest": DIGEST, "homologate.compared_with": OTHER})
    assert compared_with(None, DIGEST) == ""
    assert compared_with(there, DIGEST) == OTHER
    assert compared_with(there, OTHER) == DIGEST


def test_a_report_that_compared_nothing_holds_no_items_and_says_why() -> None:
    with pytest.raises(DataError, match="holds no items: run 9 has no artifact"):
        paired_items({"reason": "run 9 has no artifact"})
