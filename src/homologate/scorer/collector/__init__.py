"""Keep what was predicted, beside the scorer that predicted it: the standard library alone.

This room travels with the scorer into every model directory, so that a stock server can keep predictions too; it
follows the scorer's rule (relative imports only). Reading, shipping and forgetting are `homologate.collection`.
"""

from ._privacy import FORMS, Privacy, digest_of_text, redacted
from ._record import AGENT, INPUTS, MOST_WORDS, OUTPUTS, Judge, Record, event, folder, pairs, path_part, stamp

__all__ = [
    "AGENT",
    "FORMS",
    "INPUTS",
    "MOST_WORDS",
    "OUTPUTS",
    "Judge",
    "Privacy",
    "Record",
    "digest_of_text",
    "event",
    "folder",
    "pairs",
    "path_part",
    "redacted",
    "stamp",
]
