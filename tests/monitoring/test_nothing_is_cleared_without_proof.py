"""Whatever state the records are in, there is a clear finding or an error, and never a false "no drift"."""

from __future__ import annotations

import json
import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homologate.collection import INPUTS, FolderStore
from homologate.errors import ModelError
from homologate.reference import Profile, load_profile
from homologate.settings import MonitoringSettings
from homologate.tracking import Tracker
from homologate.versions import Located
from serve.monitor import CANNOT_TELL, DRIFT, NO_DRIFT, Monitor
from tests.monitoring.conftest import DAY, NAME, Production, usual

NEXT = DAY + timedelta(days=1)


def test_three_records_tell_nothing(production: Production, profile: Profile) -> None:
    production.answer(usual(3, seed=9))
    finding = production.judged(profile)
    assert finding.verdict == CANNOT_TELL
    assert finding.sentence == "Cannot tell: 3 distinct texts, 50 are needed."
    assert {signal.verdict for signal in finding.signals} == {CANNOT_TELL}


def test_few_texts_may_show_a_drift_but_never_that_there_is_none(production: Production, profile: Profile) -> None:
    production.answer(usual(80, seed=9))
    assert production.judged(profile).verdict == CANNOT_TELL
    production.answer(usual(80, seed=10, parts=("battery",)))
    assert production.judged(profile).verdict == DRIFT


def test_one_text_again_and_again_is_named_and_counts_once(production: Production, monitor: Monitor) -> None:
    production.answer(usual(1, seed=9) * 500)
    (seen,) = monitor.visit(NEXT)
    assert seen.finding.verdict == CANNOT_TELL
    assert ("identical", "500 of 500 predictions are of one text; it counts once") in seen.finding.notes


def test_an_emptied_store_is_not_a_quiet_day(monitor: Monitor, production: Production) -> None:
    (never,) = monitor.visit(NEXT)
    assert never.finding.verdict == CANNOT_TELL
    assert "holds no prediction of this version in this window" in never.finding.sentence
    production.answer(usual(250, seed=9))
    assert monitor.visit(NEXT)[0].finding.verdict == NO_DRIFT
    silent = monitor.visit(NEXT + timedelta(days=1))[-1]
    assert (silent.window.name, silent.finding.verdict) == ("2026-03-02", CANNOT_TELL)


def test_hashes_alone_leave_the_texts_unjudged(production: Production, profile: Profile) -> None:
    production.answer(usual(300, seed=9), form="hash")
    finding = production.judged(profile)
    assert finding.verdict == CANNOT_TELL
    assert "only hashes of the texts were kept" in finding.sentence
    assert finding.signal("probability").verdict == NO_DRIFT


def test_broken_lines_are_counted_and_too_many_of_them_clear_nothing(production: Production, monitor: Monitor) -> None:
    production.answer(usual(250, seed=9))
    inputs = next(name for name in production.written if INPUTS in name)
    whole = production.store.read(inputs)
    production.store.replace(inputs, whole[:-40])
    (half,) = monitor.visit(NEXT)
    assert dict(half.finding.notes)["half_line"] == "1 times: the end of a file was cut off, as a crash leaves it"
    assert half.finding.verdict == NO_DRIFT
    production.answer(usual(50, seed=10))
    broken = "".join(f"{{not json {number}\n" for number in range(40)).encode()
    production.store.replace(inputs, whole[:-40] + b"\n" + broken)
    (many,) = monitor.visit(NEXT)
    assert many.finding.verdict == CANNOT_TELL
    assert "records are unreadable" in many.finding.sentence


def test_order_and_repetition_of_records_change_nothing_and_are_told(
    production: Production, profile: Profile, monitor: Monitor, tmp_path: Path
) -> None:
    production.answer(usual(220, seed=9))
    expected = production.judged(profile)
    mixed = FolderStore(tmp_path / "mixed")
    for name in production.written:
        lines = production.store.read(name).decode().splitlines(keepends=True)
        random.Random(4).shuffle(lines)
        assert mixed.put(name, "".join(lines + lines[:20]).encode())
    production.store = monitor.store = mixed
    assert production.judged(profile) == expected
    (seen,) = monitor.visit(NEXT)
    assert seen.finding.signals == expected.signals
    told = "80 times: the same prediction stands in the store more than once"
    assert dict(seen.finding.notes)["duplicate"] == told, "20 in each of 4 hours, an input and an output counted once"


def test_clocks_that_jump_are_told_and_their_records_lie_elsewhere(production: Production, monitor: Monitor) -> None:
    production.answer(usual(250, seed=9))
    production.answer(usual(20, seed=10), DAY + timedelta(days=400))
    production.answer(usual(20, seed=11), datetime(1970, 1, 1, tzinfo=UTC))
    inputs = next(name for name in production.written if INPUTS in name)
    moved = production.store.read(inputs).replace(b'"time":"2026-03-01T00:', b'"time":"2026-03-01T05:')
    production.store.replace(inputs, moved)
    (seen,) = monitor.visit(NEXT)
    notes = dict(seen.finding.notes)
    assert notes["future"] == "records lie in 1 hours that have not come: a clock is ahead"
    assert notes["unset"] == "records lie in 1 hours before 2020: a clock was not set"
    assert notes["clock"] == "60 times: a record's time is not in the hour of its file"
    assert seen.finding.records == 250


def test_predictions_of_a_version_nobody_knows_are_told_and_not_counted(
    production: Production, monitor: Monitor
) -> None:
    production.answer(usual(250, seed=9))
    production.answer(usual(20, seed=11), number="99")
    (seen,) = monitor.visit(NEXT)
    told = [told for what, told in seen.finding.notes if what == "unknown_version"]
    assert told == [
        f"the store holds predictions of version {number}, which the registry does not know" for number in ("7", "99")
    ], "nothing is registered here"
    assert seen.finding.records == 250


def test_answers_of_other_bytes_under_the_same_number_are_set_aside(production: Production, monitor: Monitor) -> None:
    production.answer(usual(250, seed=9))
    production.answer(usual(40, seed=10, parts=("battery",)), digest="sha256:" + "f" * 64)
    (seen,) = monitor.visit(NEXT)
    assert seen.finding.records == 250
    assert dict(seen.finding.notes)["foreign_bytes"].startswith("40 predictions name another digest")


def test_a_missing_broken_or_foreign_profile_is_an_error_with_a_way_out(
    version: Located, tracker: Tracker, production: Production, tmp_path: Path
) -> None:
    model = tmp_path / NAME
    shutil.copytree(version.directory, model)
    located = version._replace(directory=model)
    file = model / "reference.json"
    facts = json.loads(file.read_text())

    def problem() -> str:
        with pytest.raises(ModelError) as caught:
            Monitor(tracker, located, production.store, MonitoringSettings(), say=lambda _: None)
        assert "homologate export" in str(caught.value)
        return caught.value.problem

    file.write_text(json.dumps(facts | {"schema": 1}))
    assert problem() == "the reference profile is of schema 1"
    file.write_text(json.dumps(facts | {"threshold": 0.25}))
    told = f"its threshold 0.25, the model's {facts['threshold']}"
    assert problem() == f"the reference profile is of another version: {told}"
    file.write_text(json.dumps(facts | {"ids": facts["ids"][1:]}))
    assert problem() == "the reference profile is broken: ValueError: its parts are of different lengths"
    (model / "reference.npz").write_bytes(b"PK nothing")
    assert problem().startswith("the reference profile is broken")
    file.unlink()
    assert problem() == "the version carries no reference profile"


def test_a_profile_holds_no_sentence_and_the_same_bytes_each_time(version: Located, profile: Profile) -> None:
    again = profile.files()
    assert again["reference.npz"] == (version.directory / "reference.npz").read_bytes()
    assert again["reference.json"] == (version.directory / "reference.json").read_bytes()
    assert load_profile(version.directory).held_out.texts == profile.held_out.texts > 500
    assert "from lot" not in again["reference.json"].decode()
    assert sum(map(len, again.values())) < 400_000
