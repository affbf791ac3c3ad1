"""Does `tokenizer.json`, read alone, give the tokens Hugging Face gives? Asked of the test texts and of nasty ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from homologate.scorer import InputFault

from ._classifier import Classifier
from ._encoder import load_tokeniser

__all__ = ["NASTY", "token_parity"]

NASTY = (
    "a",
    ".",
    "…",
    "\u0130stanbul İ ı",
    "№ 5 ½ ﬁ ①",
    "cafe\u0301 café",
    "한국어 부품",
    "हिन्दी ब्रेक",
    "制動装置の不具合",
    "العربية",
    "👩‍🔧🚗 12.5 cd",
    "nul\x00byte",
    "tab\tnew\nline\r\n",
    "zero\u200bwidth\ufeff",
    "no\u00a0break\u2009space",
    "[CLS] [SEP] [MASK] [PAD] [UNK]",
    "x" * 300,
    "Ω-ohm µF 10⁻³ °C",
    "\U0001d518\U0001d52b\U0001d526",
    "e-mail@example.com http://x.y/z?q=1",
    "- - -- --- _ __",
    "'single' \"double\" ‘curly’ “quotes”",
    "\u0007bell\x1bescape",
    "word " * 5000,
)
"""Texts that have broken tokenisers: control characters, compositions, scripts, literal marks, very long ones."""


def token_parity(classifier: Classifier, texts: Sequence[str]) -> dict[str, Any]:
    """Compare token ids.

    Args:
        classifier: its tokeniser is `tokenizer.json` alone; Hugging Face loads the same directory its own way.
        texts: the test texts; `NASTY` is added.

    Returns:
        `compared`, and under `differences` each text (its beginning) with both lists of ids.
    """
    reference = load_tokeniser(classifier.directory)
    differences = []
    compared = 0
    for text in [*texts, *NASTY]:
        try:
            found = classifier.tokeniser.read([text])[0].ids
        except InputFault:
            continue  # nothing to read: every answer to it is a clear fault
        expected = reference(text, truncation=True, max_length=classifier.max_tokens)["input_ids"]
        compared += 1
        if found != expected:
            differences.append({"text": text[:200], "expected": expected, "found": found})
    return {"compared": compared, "differences": differences}
