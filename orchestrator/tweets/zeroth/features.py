"""Texts as weighted counts of words and pairs of words. Pure.

The weights are TF-IDF in the form that is usual for texts: a word that stands n times counts 1 + ln n, times
ln((1 + texts) / (1 + texts with it)) + 1; each text is then scaled to length 1 (G. Salton, C. Buckley, Information
Processing & Management 24, 1988).
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

FEWEST_TEXTS = 2
"""A word of one text alone can only be learnt by heart."""

_TOKEN = re.compile(r"@user|[^\W_]+(?:['’][^\W_]+)*|[!?]+|[:;=][-']?[)(dp/|]|<3|[^\w\s.,\"'’#@&*/()-]", re.IGNORECASE)


@dataclass(frozen=True)
class Matrix:
    """A sparse matrix by rows: row i holds `values[starts[i]:starts[i + 1]]` in the columns `columns[…]`.

    The last column is 1 in every row, so that no row is empty and a linear model needs no bias of its own.
    """

    starts: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: NDArray[np.float64]
    width: int

    def times(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """The product with a matrix of shape (width, classes); shape (rows, classes)."""
        return self._sums(self._rows, len(self.starts) - 1, weights, self.columns)

    def transposed_times(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The product of the transposed matrix with one of shape (rows, classes); shape (width, classes)."""
        return self._sums(self.columns, self.width, rows, self._rows)

    def _sums(
        self, into: NDArray[np.int64], count: int, factors: NDArray[np.float64], of: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        # Class by class: five times as fast as all of them at once, for each runs through memory in one line.
        sums = [np.bincount(into, self.values * factor[of], count) for factor in np.ascontiguousarray(factors.T)]
        return np.stack(sums, axis=1)

    @cached_property
    def _rows(self) -> NDArray[np.int64]:
        """The row of each value."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))


@dataclass(frozen=True)
class Vocabulary:
    """The columns of known words and pairs, and their weights."""

    columns: dict[str, int]
    weights: NDArray[np.float64]

    def matrix(self, texts: Sequence[str]) -> Matrix:
        """The texts, of which there must be one at least; unknown words do not count."""
        starts, columns, values = [0], [], []
        for text in texts:
            counts = Counter(self.columns[word] for word in _words(text) if word in self.columns)
            found = np.fromiter(sorted(counts), np.int64, len(counts))
            weighted = self.weights[found] * (1 + np.log([counts[column] for column in found.tolist()]))
            columns += [found, np.array([len(self.columns)])]
            values += [weighted / max(float(np.linalg.norm(weighted)), 1e-12), np.ones(1)]
            starts.append(starts[-1] + len(found) + 1)
        return Matrix(np.array(starts), np.concatenate(columns), np.concatenate(values), len(self.columns) + 1)


def learn_vocabulary(texts: Sequence[str]) -> Vocabulary:
    """The words and pairs that stand in `FEWEST_TEXTS` or more, in alphabetical order."""
    counts = Counter(word for text in texts for word in set(_words(text)))
    known = sorted(word for word, count in counts.items() if count >= FEWEST_TEXTS)
    weights = np.log((1 + len(texts)) / (1 + np.array([counts[word] for word in known], np.float64))) + 1
    return Vocabulary({word: column for column, word in enumerate(known)}, weights)


def _words(text: str) -> Iterator[str]:
    words = _TOKEN.findall(text.lower())
    yield from words
    for one, other in pairwise(words):
        yield f"{one} {other}"
