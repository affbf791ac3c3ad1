"""Watch production: compare what a version sees with its own past, and keep one MLflow run a window.

    monitor = Monitor(tracker, located, store, settings.monitoring)
    monitor.visit()                                  judge what is over; `homologate monitor` does no more
    findings_of(tracker, model, version)             what stands about a version, oldest window first

A `Finding` is data: its `cause` names the signals, families and new words that drifted, and since when. Nothing here
trains, promotes or answers; whatever acts on a finding reads it from here.
"""

from serve.monitor._finding import CANNOT_TELL, DRIFT, NO_DRIFT, Cause, Family, Finding, NewWord, Signal, Verdict
from serve.monitor._judge import Rules, Subject, judge, threshold_of
from serve.monitor._metrics import write_metrics
from serve.monitor._named import named_page
from serve.monitor._observed import Observed, observe
from serve.monitor._opened import experiment_of, open_monitor, open_tracker
from serve.monitor._signals import SIGNALS
from serve.monitor._stored import findings_of
from serve.monitor._watch import Monitor, Watched, outcome_of
from serve.monitor._webhook import notify
from serve.monitor._windows import Period, Window, window_of, windows_before

__all__ = [
    "CANNOT_TELL",
    "DRIFT",
    "NO_DRIFT",
    "SIGNALS",
    "Cause",
    "Family",
    "Finding",
    "Monitor",
    "NewWord",
    "Observed",
    "Period",
    "Rules",
    "Signal",
    "Subject",
    "Verdict",
    "Watched",
    "Window",
    "experiment_of",
    "findings_of",
    "judge",
    "named_page",
    "notify",
    "observe",
    "open_monitor",
    "open_tracker",
    "outcome_of",
    "threshold_of",
    "window_of",
    "windows_before",
    "write_metrics",
]
