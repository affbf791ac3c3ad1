"""Keep what was predicted, beside the scorer that predicted it: the standard library alone.

    collector = Collector(Spool("spool"), Privacy("redacted"))
    collector.offer(Record(…))           never waits, never raises; written within a moment on a thread of its own
    collector.counts()                   offered = waiting + accepted + dropped
    write_segment("spool", name, lines)  for a job whose parts may be made twice (batch, Spark)

This room travels with the scorer into every model directory, so that a stock server can keep predictions too; it
follows the scorer's rule (relative imports only). Reading, shipping and forgetting are `homologate.collection`.
"""

from ._collector import Collector
from ._environment import collector_from_environment, judge_of
from ._privacy import FORMS, Privacy, digest_of_text, redacted
from ._record import (
    AGENT,
    INPUTS,
    MOST_COMPONENT,
    MOST_WORDS,
    OUTPUTS,
    Judge,
    Record,
    event,
    folder,
    pairs,
    path_part,
    row_id,
    stamp,
)
from ._spool import NEW, OPEN, READY, Spool, SpoolFull, adopt, spool_line, write_segment

__all__ = [
    "AGENT",
    "FORMS",
    "INPUTS",
    "MOST_COMPONENT",
    "MOST_WORDS",
    "NEW",
    "OPEN",
    "OUTPUTS",
    "READY",
    "Collector",
    "Judge",
    "Privacy",
    "Record",
    "Spool",
    "SpoolFull",
    "adopt",
    "collector_from_environment",
    "digest_of_text",
    "event",
    "folder",
    "judge_of",
    "pairs",
    "path_part",
    "redacted",
    "row_id",
    "spool_line",
    "stamp",
    "write_segment",
]
