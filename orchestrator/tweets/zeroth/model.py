"""Training the zeroth model: the strength of its penalty is chosen on the dev split, never on a test."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestrator.errors import UsageError
from orchestrator.tweets.rows import Row
from orchestrator.tweets.zeroth.features import Vocabulary, learn_vocabulary
from orchestrator.tweets.zeroth.logistic import fit

STRENGTHS = (1.0, 2.0, 4.0, 8.0)
"""The inverse of the penalty on all training texts together; tried from the strongest penalty on."""


@dataclass(frozen=True)
class Zeroth:
    """A trained model; `weights` of shape (words + 1, labels)."""

    labels: tuple[str, ...]
    vocabulary: Vocabulary
    weights: NDArray[np.float64]
    strength: float

    def predict(self, texts: Sequence[str]) -> list[str]:
        """The likeliest label of each text."""
        if not texts:
            return []
        scores = self.vocabulary.matrix(texts).times(self.weights)
        return [self.labels[place] for place in scores.argmax(axis=1).tolist()]


def train_zeroth(train: Sequence[Row], dev: Sequence[Row], labels: Sequence[str]) -> Zeroth:
    """The model of the strength that is right most often on `dev`. `UsageError` where there is nothing to learn."""
    if len({row.label for row in train}) < 2 or not dev:
        raise UsageError("the training split holds fewer than two labels, or the dev split is empty", "add more rows")
    vocabulary = learn_vocabulary([row.text for row in train])
    matrix = vocabulary.matrix([row.text for row in train])
    places = {label: place for place, label in enumerate(labels)}
    wanted = np.array([places[row.label] for row in train])
    best, most, weights = None, -1, None
    for strength in STRENGTHS:
        weights = fit(matrix, wanted, len(labels), 1 / (strength * len(train)), weights)
        model = Zeroth(tuple(labels), vocabulary, weights, strength)
        right = _count_right(model.predict([row.text for row in dev]), dev)
        if right > most:
            best, most = model, right
    assert best is not None  # noqa: S101 - any count is more than -1
    return best


def _count_right(predicted: Sequence[str], rows: Sequence[Row]) -> int:
    """How many predictions are the rows' labels."""
    return sum(one == row.label for one, row in zip(predicted, rows, strict=True))
