"""What of a text is kept: all of it, all but what names people and cars, or its hash alone.

Redaction works on patterns (e-mail addresses, phone numbers, vehicle identification numbers), so it finds what looks
like one; a name in plain words stays. Keep `hash` where that is not enough. A hash proves that a text one holds is the
one that was judged; a short, predictable text can be guessed from it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["FORMS", "Kept", "Privacy", "digest_of_text", "redacted"]

FORMS = ("full", "redacted", "hash")

_PATTERNS = (
    ("[e-mail]", re.compile(r"[^\s@<>(),;:\"]{1,64}@[^\s@<>(),;:\"]{1,190}\.[^\W\d_]{2,24}(?!\w)")),
    # 17 of the letters and digits a VIN may hold (ISO 3779: no I, O, Q), with a digit and a letter among them.
    (
        "[VIN]",
        re.compile(
            r"(?<![A-Za-z0-9])(?=[A-Za-z]*\d)(?=\d*[A-Za-z])(?:[A-HJ-NPR-Z0-9]{17}|[a-hj-npr-z0-9]{17})(?![A-Za-z0-9])"
        ),
    ),
    # A plus or two zeros and 8 to 15 digits; or 10 to 15 digits in groups, as people write numbers to be called.
    (
        "[phone]",
        re.compile(
            r"(?<![\w.+])(?:(?:\+|00)\d{1,3}(?:[\s./-]?\(?\d{1,5}\)?){2,6}"
            r"|\(?0?\d{2,4}\)?[\s./-]\d{3,4}[\s./-]\d{3,5}|\(\d{2,5}\)[\s./-]?\d{3,9})(?!\w)"
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is left: the text (None where only its hash may stay) and the words by falling size of their share."""

    text: str | None
    words: list[tuple[str | None, float]]


@dataclass(frozen=True, slots=True)
class Privacy:
    """How texts are kept.

    Args:
        form: `full`, `redacted` or `hash`.

    Raises:
        ValueError: no such form.
    """

    form: str = "redacted"

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise ValueError(f"no form of privacy {self.form!r}; legal: {', '.join(FORMS)}")

    def keep(self, text: str, words: Sequence[tuple[int, int, float]]) -> Kept:
        """The text and its words as they may be stored.

        A word that touches something redacted, and every word where only the hash is kept, loses its letters and
        keeps its share.
        """
        ordered = sorted(words, key=lambda word: -abs(word[2]))
        if self.form == "hash":
            return Kept(None, [(None, share) for _, _, share in ordered])
        if self.form == "full":
            return Kept(text, [(text[start:end], share) for start, end, share in ordered])
        stored, spans = redacted(text)
        hidden = [any(start < high and low < end for low, high in spans) for start, end, _ in ordered]
        return Kept(
            stored,
            [(None if gone else text[a:b], share) for (a, b, share), gone in zip(ordered, hidden, strict=True)],
        )


def redacted(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text with a mark in the place of each e-mail address, phone number and VIN, and the spans that were hidden.

    Spans are in characters of the text as given.
    """
    found: list[tuple[int, int, str]] = []
    for mark, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            start, end = match.span()
            if all(end <= low or high <= start for low, high, _ in found):
                found.append((start, end, mark))
    found.sort()
    parts, at = [], 0
    for start, end, mark in found:
        parts += [text[at:start], mark]
        at = end
    return "".join([*parts, text[at:]]), [(start, end) for start, end, _ in found]


def digest_of_text(text: str) -> str:
    """`sha256:` and the hash of the text in UTF-8."""
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"
