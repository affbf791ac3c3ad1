"""Which texts say nearly the same, so that a split never runs between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import TfidfVectorizer

__all__ = ["near_duplicate_groups"]

IntArray = npt.NDArray[np.int64]

PRODUCTS_PER_BLOCK = 20_000_000
"""Multiplications of one sparse block: bounds its memory to a few hundred megabytes, whatever the number of texts."""
PAIRS_PER_CHECK = 500_000
ROUNDING = 1e-6  # of float32 cosines


def near_duplicate_groups(texts: Sequence[str], cosine: float) -> IntArray:
    """Number the connected groups of texts whose TF-IDF cosine is at least `cosine`.

    Words weigh by TF-IDF (1-grams, sublinear); two texts are tied where the cosine of their vectors reaches the
    limit, and groups are the connected components of those ties. Neighbours are found in sparse blocks, never as an n
    × n matrix. Two exact prunings keep 100,000 texts affordable: identical texts are compared once, and candidates
    come from the rare words of each text alone (the prefix filter of Bayardo, Ma and Srikant, "Scaling up all pairs
    similarity search", 2007).

    Args:
        texts: n texts.
        cosine: in 0..1. At 0 every text would be tied to every other; the result is then one group.

    Returns:
        int64 (n,): a group number per text, 0 for the group of the first text, then counting up by first appearance.
    """
    if not texts:
        return np.zeros(0, dtype=np.int64)
    if cosine <= 0:
        return np.zeros(len(texts), dtype=np.int64)
    distinct, member = np.unique(np.asarray(texts, dtype=object).astype(str), return_inverse=True)
    tied = _ties(list(distinct), cosine)
    _, group = connected_components(tied, directed=False)
    return _by_first_appearance(group[member])


def _ties(texts: list[str], cosine: float) -> coo_matrix:
    """The pairs (i, j), i < j, at or above `cosine`, as a sparse n × n pattern."""
    vectoriser = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b", dtype=np.float32)  # noqa: S106
    try:
        matrix = vectoriser.fit_transform(texts)
    except ValueError:  # no text has a word
        return coo_matrix((len(texts), len(texts)))
    common_first = np.argsort(-matrix.getnnz(axis=0), kind="stable")
    matrix = matrix[:, common_first].tocsr()
    matrix.sort_indices()
    rare = _rare_part(matrix, cosine)
    columns = rare.T.tocsr()
    left, right = [], []
    for begin, end in _blocks(rare):
        candidates = (rare[begin:end] @ columns).tocoo()
        later = candidates.col > candidates.row + begin
        i, j = candidates.row[later] + begin, candidates.col[later]
        for part in range(0, len(i), PAIRS_PER_CHECK):
            a, b = i[part : part + PAIRS_PER_CHECK], j[part : part + PAIRS_PER_CHECK]
            close = np.asarray(matrix[a].multiply(matrix[b]).sum(axis=1)).ravel() >= cosine - ROUNDING
            left.append(a[close])
            right.append(b[close])
    i, j = (np.concatenate([np.zeros(0, dtype=np.int64), *parts]) for parts in (left, right))
    return coo_matrix((np.ones(len(i)), (i, j)), shape=(len(texts), len(texts)))


def _rare_part(matrix: csr_matrix, cosine: float) -> csr_matrix:
    """What is left of each row without its commonest words of joint length below `cosine`.

    Rows are unit vectors with their commonest words first. The dropped part of the row that drops further has length
    < `cosine`, so by Cauchy and Schwarz it cannot make up the cosine alone: two rows at or above the limit share a
    word of both their rare parts.
    """
    squares = np.concatenate([[0.0], np.cumsum(matrix.data.astype(np.float64) ** 2)])
    row_starts = np.repeat(squares[matrix.indptr[:-1]], np.diff(matrix.indptr))
    kept = squares[1:] - row_starts >= (cosine - ROUNDING) ** 2
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    return csr_matrix((matrix.data[kept], (rows[kept], matrix.indices[kept])), shape=matrix.shape)


def _blocks(rare: csr_matrix) -> Iterator[tuple[int, int]]:
    """Row ranges whose product with all rows takes about `PRODUCTS_PER_BLOCK` multiplications."""
    texts_with_word = rare.getnnz(axis=0)
    work = np.add.reduceat(np.append(texts_with_word[rare.indices], 0), rare.indptr[:-1])
    work[np.diff(rare.indptr) == 0] = 0
    block = np.cumsum(work) // PRODUCTS_PER_BLOCK
    edges = [0, *(np.flatnonzero(np.diff(block)) + 1).tolist(), rare.shape[0]]
    yield from pairwise(edges)


def _by_first_appearance(group: IntArray) -> IntArray:
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]
