"""Texts to token ids, by the `tokenizer.json` that lies beside the model.

The same class tokenises in training, in export and in every answer, so no two of them can disagree.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from ._faults import InputFault, ModelFault

__all__ = ["Tokeniser", "Tokens", "checked", "padded"]

PADDING = ("[PAD]", "<pad>")


@dataclass(frozen=True, slots=True)
class Tokens:
    """One text as the model reads it: ids with the special marks, their places in the text, and whether it was cut."""

    ids: list[int]
    offsets: list[tuple[int, int]]
    truncated: bool


class Tokeniser:
    """`tokenizer.json`, cut at `max_tokens` (special marks included), never padded.

    Args:
        file: path of a Hugging Face `tokenizer.json`; truncation and padding stored in it are replaced.
        max_tokens: the most tokens a text may have; the rest of it is not read.

    Raises:
        ModelFault: the file is missing or is not a tokeniser.
    """

    def __init__(self, file: str | os.PathLike[str], max_tokens: int) -> None:
        path = Path(file)
        if not path.is_file():
            raise ModelFault("the tokeniser is missing", place=str(path))
        try:
            self._tokenizer: Any = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises bare Exception
            raise ModelFault(f"not a tokeniser: {error}", place=str(path)) from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)
        known = (self._tokenizer.token_to_id(mark) for mark in PADDING)
        self.padding: int = next((mark for mark in known if mark is not None), 0)

    def read(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokenise texts that `checked` let through.

        Raises:
            InputFault: a text has no character the tokeniser reads (only control or zero-width characters, say).
        """
        encodings = self._tokenizer.encode_batch(texts) if len(texts) > 1 else [self._tokenizer.encode(texts[0])]
        for index, encoding in enumerate(encodings):
            if all(encoding.special_tokens_mask):
                raise InputFault(
                    f"{texts[index][:40]!r} has nothing the tokeniser reads",
                    index=index,
                    legal="a description in words",
                )
        return [Tokens(encoding.ids, encoding.offsets, bool(encoding.overflowing)) for encoding in encodings]

    def save(self, file: str | os.PathLike[str]) -> None:
        """Write it as `tokenizer.json`, with this truncation and no padding, for programs that read only the file."""
        self._tokenizer.save(str(file))


def checked(texts: Iterable[object]) -> list[str]:
    """The texts as a list of usable strings.

    Raises:
        InputFault: `texts` is a single string, or one of them is not a string, is empty, is only white space, or is
            not valid Unicode. Names its index and its value.
    """
    if isinstance(texts, str | bytes):
        raise InputFault("one string where a list of texts belongs", legal=f"[{texts[:40]!r}]")
    usable: list[str] = []
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            problem = f"{text!r:.60} is no text, it is {type(text).__name__}"
        elif not text or text.isspace():
            problem = f"{text!r:.60} is empty"
        elif not text.isascii() and not _is_unicode(text):
            problem = f"{text!a:.60} is not valid Unicode (half of a surrogate pair)"
        else:
            usable.append(text)
            continue
        raise InputFault(problem, index=index, legal="a description in words")
    return usable


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def padded(batch: Sequence[Sequence[int]], padding: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Token ids and attention mask of a batch, int64 (batch, longest); places past a text hold `padding` and 0."""
    longest = max(len(ids) for ids in batch)
    padded_ids = np.full((len(batch), longest), padding, dtype=np.int64)
    mask = np.zeros((len(batch), longest), dtype=np.int64)
    for row, ids in enumerate(batch):
        padded_ids[row, : len(ids)] = ids
        mask[row, : len(ids)] = 1
    return padded_ids, mask
