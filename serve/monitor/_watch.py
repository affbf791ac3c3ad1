"""One MLflow run a window: judged once, judged again only when records came late, never twice for nothing.

Window runs are children of one standing run of the version, which holds every signal as a time series: its step is the
number of the window, so the series of two versions lie over each other in the MLflow UI.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from homologate.collection import INPUTS, Reading, Store, feedback, places
from homologate.reference import Profile, Sample, load_profile
from homologate.scoring import faults_as_errors, open_scorer
from homologate.settings import MonitoringSettings
from homologate.tracking import StepRun, Tracker, standing_run, under
from homologate.versions import Located
from serve.monitor._evidently import evidently_page
from serve.monitor._examples import examples_of
from serve.monitor._finding import CANNOT_TELL, DRIFT, NO_DRIFT, Finding, Verdict
from serve.monitor._judge import Rules, Subject, judge, since
from serve.monitor._notes import EARLIEST, notes_of
from serve.monitor._observed import observe
from serve.monitor._stored import FACTS, PAGE, findings_of, metrics_of, past_of, read_finding, standing
from serve.monitor._windows import Window, window_of, windows_before

if TYPE_CHECKING:
    from mlflow.entities import Run

    from homologate.scorer import Scorer

__all__ = ["Monitor", "Watched", "outcome_of"]

STEP = "monitor"
TOLD = "homologate.monitor.told"
HISTORY = 30
LOST = ("half_line", "unreadable", "input_alone", "output_alone")


@dataclass(frozen=True)
class Watched:
    """A window after a visit: its finding, and whether an earlier run still stands for it."""

    window: Window
    finding: Finding
    reused: bool


def outcome_of(watched: Sequence[Watched]) -> Verdict:
    """The worst of what a visit judged and of the newest window."""
    found = {seen.finding.verdict for seen in [*(seen for seen in watched if not seen.reused), *watched[-1:]]}
    return DRIFT if DRIFT in found else CANNOT_TELL if CANNOT_TELL in found else NO_DRIFT


class Monitor:
    """Watches one version.

    Args:
        tracker: in the model's monitoring experiment.
        located: the version's directory, name, number and digest.
        store: where predictions are kept.
        settings: how windows are cut and judged.
        old_texts: gives the texts of held-out rows by id for the report; called once, may give none.
        say: told of progress.

    Raises:
        ModelError: the version carries no reference profile, or one of another schema or version.
    """

    def __init__(
        self,
        tracker: Tracker,
        located: Located,
        store: Store,
        settings: MonitoringSettings,
        *,
        old_texts: Callable[[], Mapping[str, str]] = dict,
        say: Callable[[str], None] = print,
    ) -> None:
        self.tracker, self.located, self.store, self.settings = tracker, located, store, settings
        self.profile: Profile = load_profile(located.directory)
        self._scorer: Scorer = open_scorer(located.directory, str(self.profile.facts["precision"]), threads=2)
        self._old_texts, self._say = old_texts, say
        self._rules = Rules(settings.alpha, settings.minimum_texts, settings.enough_texts)

    def visit(self, now: datetime | None = None, *, again: bool = False) -> list[Watched]:
        """Judge every window that is over, within the look-back, and has something new; oldest first.

        Args:
            now: windows that end later are not over; default is the clock's.
            again: judge the newest window anew although nothing came.

        Raises:
            StorageError: the store cannot be read.
            TrackingError: the server refuses.
        """
        now = now or datetime.now(UTC)
        series = standing_run(self.tracker, self._name, self._tags("series"))
        watched: list[Watched] = []
        with under(self.tracker, series) as noted:
            windows = self._windows(now)
            for window in windows:
                watched.append(self._watch(window, series, now, again and window == windows[-1]))
            noted["homologate.monitor.verdict"] = outcome_of(watched)
        return watched

    def was_told(self, finding: Finding) -> bool:
        """Whether the webhook took this finding."""
        return TOLD in self.tracker.client.get_run(finding.run_id).data.tags

    def note_told(self, finding: Finding) -> None:
        """Remember that it did."""
        run = self.tracker.client.get_run(finding.run_id)
        StepRun(self.tracker.client, run, self.tracker.place.uri).tags({TOLD: datetime.now(UTC).isoformat()})

    @property
    def _name(self) -> str:
        return f"{self.located.name} version {self.located.version}"

    def _tags(self, what: str) -> dict[str, str]:
        return {
            "homologate.monitor": what,
            "homologate.model": self.located.name,
            "homologate.version": self.located.version,
            "homologate.digest": self.located.digest,
        }

    def _windows(self, now: datetime) -> list[Window]:
        """From the first record's window on; the newest alone where nothing was ever kept."""
        found = list(windows_before(now, self.settings.period, self.settings.look_back))
        kept = places(self.store, self.located.name, self.located.version, INPUTS)
        hours = sorted(place.hour for place in kept if place.hour >= EARLIEST)
        if not hours:
            return found[-1:]
        first = window_of(datetime.strptime(hours[0], "%Y/%m/%d/%H").replace(tzinfo=UTC), self.settings.period)
        return [window for window in found if window.start >= first.start] or found[-1:]

    def _watch(self, window: Window, series: StepRun, now: datetime, again: bool) -> Watched:
        earlier = standing(self.tracker, self._tags("window"), window)
        reading = Reading(self.store, self.located.name, self.located.version, since=window.start, until=window.end)
        self._say(f"{window.name}: reading")
        labels = (str(self.profile.facts["labels"][0]), str(self.profile.facts["labels"][1]))
        observed = observe(reading, self.profile.vocabulary, positive=labels[1], digest=self.located.digest)
        truths = {
            remark.prediction_id: remark.label
            for remark in feedback(self.store, self.located.name, self.located.version)
            if remark.kind == "label" and remark.review != "rejected"
        }
        labelled = sum(prediction.id in truths for prediction in observed.chosen())
        if earlier is not None:
            before = read_finding(self.tracker, earlier.info.run_id)
            known = int(earlier.data.tags.get("homologate.monitor.labels", "0"))
            if not again and observed.fingerprint == before.fingerprint and labelled == known:
                return Watched(window, before, reused=True)
            if not again and observed.records < before.records:
                self._say(f"{window.name}: {before.records} predictions were judged and {observed.records} are left; "
                          "the finding stands")  # fmt: skip
                return Watched(window, before, reused=True)
        self._say(f"{window.name}: judging {observed.records} predictions")
        with faults_as_errors():
            sample = observed.sample(self.profile.vocabulary, self._scorer, labels, truths)
        subject = Subject(self.located.name, self.located.version, self.located.digest, window.start, window.end)
        lost = sum(reading.faults[name] for name in LOST)
        notes = notes_of(reading, observed, fewest=self._rules.minimum_texts, versions=self._registered(), now=now)
        finding = judge(subject, observed, self.profile, sample, self._rules, notes=notes, lost=lost)
        history = self._history(window)
        if finding.verdict == DRIFT:
            last = history[-1] if history else None
            unbroken = last is not None and last.verdict == DRIFT and last.end == finding.start and last.cause.since
            finding = since(finding, unbroken or finding.start)
        shown = examples_of(
            finding, observed.chosen(), self.profile.held_out, sample, self._old_texts(), labels,
            self._scorer.threshold,
        )  # fmt: skip
        page = self._evidently(sample, labels)
        more = {"examples": shown, **past_of(history)}
        stored = self._store(window, finding, series, earlier, labelled, more, page)
        return Watched(window, stored, reused=False)

    def _evidently(self, sample: Sample, labels: tuple[str, str]) -> str | None:
        if not self.settings.evidently or len(sample) < self._rules.minimum_texts:
            return None
        try:
            return evidently_page(self.profile.held_out, sample, labels, self._scorer.threshold)
        except Exception as error:  # its errors share no base, and its page is an extra
            self._say(f"Evidently made no page: {type(error).__name__}: {error}")
            return None

    def _store(
        self,
        window: Window,
        finding: Finding,
        series: StepRun,
        earlier: Run | None,
        labels: int,
        more: Mapping[str, Any],
        page: str | None,
    ) -> Finding:
        """Write the run whole; as the newest it then supersedes the one that stood."""
        from homologate.evidence import render

        params = {"window": window.name, "period": window.period, **self.settings.model_dump(exclude={"webhook"})}
        late = int(earlier.data.tags.get("homologate.monitor.revision", "0")) + 1 if earlier is not None else 0
        with self.tracker.step(STEP, params=params) as run:
            finding = finding.of_run(run.id)
            run.tags(
                {
                    **self._tags("window"),
                    "mlflow.parentRunId": series.id,
                    "mlflow.runName": f"{window.name}: {finding.verdict}",
                    "mlflow.note.content": finding.sentence,
                    "homologate.monitor.window": window.name,
                    "homologate.monitor.period": window.period,
                    "homologate.monitor.verdict": finding.verdict,
                    "homologate.monitor.labels": labels,
                    "homologate.monitor.revision": late,
                    **({"homologate.monitor.supersedes": earlier.info.run_id} if earlier is not None else {}),
                }
            )
            facts = {**finding.as_json(), "window": window.name, "period": window.period, **more}
            run.json(facts, FACTS)
            run.text(render(facts), PAGE)
            if page is not None:
                run.text(page, "evidently/evidently.html")
            values, moment = metrics_of(finding), window.end + timedelta(milliseconds=late)
            run.metrics(values, window.number, moment)
        series.metrics(values, window.number, moment)
        standing(self.tracker, self._tags("window"), window)
        return finding

    def _history(self, window: Window) -> list[Finding]:
        """The standing findings of the windows before, oldest first."""
        found = findings_of(self.tracker, self.located.name, self.located.version, most=HISTORY + 1)
        return [one for one in found if one.end <= window.start and one.digest == self.located.digest][-HISTORY:]

    def _registered(self) -> list[str] | None:
        """The numbers the registry knows; None for a directory that is no registered version."""
        if not self.located.version.isdecimal():
            return None
        found = self.tracker.client.search_model_versions(f"name = '{self.located.name}'")
        return [str(version.version) for version in found]
