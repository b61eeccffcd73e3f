"""Texts that say nearly the same, found without comparing all with all. Pure, exact, and the same on every machine.

Two texts are alike when their sets of words overlap by four fifths (Jaccard). Words are ordered from rare to common;
alike sets of n words must then share one of their first n - ceil(4n/5) + 1, so only those are looked up (the prefix
filter: S. Chaudhuri, V. Ganti, R. Kaushik, ICDE 2006; R. Bayardo, Y. Ma, R. Srikant, WWW 2007).
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

ALIKE = (4, 5)
"""Chosen: ten words of which one is another are alike (9/11), eight are not (7/9)."""


def find_distinct(texts: Sequence[str]) -> list[int]:
    """Which texts to keep, by their index: each that is not alike to one kept before it. Words are split at spaces."""
    sets = [frozenset(text.split() or [""]) for text in texts]
    counts = Counter(word for one in sets for word in one)
    kept: list[int] = []
    index: dict[str, list[int]] = defaultdict(list)
    for number, words in enumerate(sets):
        rare_first = sorted(words, key=lambda word: (counts[word], word))
        prefix = rare_first[: _prefix_length(len(words))]
        near = {other for word in prefix for other in index[word]}
        if any(are_alike(words, sets[other]) for other in near):
            continue
        kept.append(number)
        for word in prefix:
            index[word].append(number)
    return kept


def are_alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two sets of words overlap by `ALIKE` or more; two empty ones do."""
    share, whole = ALIKE
    shared = len(one & other)
    return shared * whole >= share * (len(one) + len(other) - shared)


def _prefix_length(n: int) -> int:
    share, whole = ALIKE
    return n - -(-share * n // whole) + 1
