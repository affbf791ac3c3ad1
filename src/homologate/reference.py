"""The reference profile of a version: what its training texts looked like, kept inside the model directory.

Drift is measured against this profile, never against texts fetched from elsewhere: a version carries its own past.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

__all__ = ["profile", "words"]

SCHEMA = 1
MOST_WORDS = 5000
BINS = 20
_WORD = re.compile(r"[^\W\d_]{2,}")


def profile(frame: pd.DataFrame, probabilities: npt.NDArray[np.float32]) -> dict[str, Any]:
    """Facts about the texts a version learned from.

    Args:
        frame: canonical rows with `split`; train and valid are profiled, test never is.
        probabilities: float32 (rows of the valid split,), the version's own answers on them.

    Returns:
        Lengths in words (deciles), the `MOST_WORDS` words by the number of texts that hold them, shares of labels
        and components, and a histogram of the probabilities over `BINS` equal bins of [0, 1].
    """
    import numpy as np

    seen = frame[frame["split"] != "test"]
    found = [words(text) for text in seen["text"]]
    lengths = np.array([len(text.split()) for text in seen["text"]])
    counts = Counter(word for text in found for word in set(text))
    most = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_WORDS]
    return {
        "schema": SCHEMA,
        "texts": len(seen),
        "from": min((d for d in seen["date"] if d), default=""),
        "to": max((d for d in seen["date"] if d), default=""),
        "length_in_words": {"deciles": np.quantile(lengths, np.linspace(0, 1, 11)).round(1).tolist()},
        "words": {"texts_with": dict(most), "distinct": len(counts)},
        "labels": _shares(seen["label"]),
        "components": _shares(seen["component"]),
        "probability": {
            "texts": len(probabilities),
            "histogram": np.histogram(probabilities, bins=BINS, range=(0, 1))[0].tolist(),
        },
    }


def words(text: str) -> list[str]:
    """The words a profile counts: two letters or more, lower case, no digits."""
    return [word.lower() for word in _WORD.findall(text)]


def _shares(column: pd.Series) -> dict[str, float]:
    return {str(k): round(float(v), 4) for k, v in column.value_counts(normalize=True).sort_index().items()}
