"""Multinomial logistic regression with a squared penalty, by L-BFGS. Pure, and the same on every call.

The loss is convex, so there is nothing to seed: from anywhere it ends at the one minimum. The steps are J.
Nocedal's two loops (Mathematics of Computation 35, 1980), halved until the loss falls enough (Armijo).
"""

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from orchestrator.tweets.zeroth.features import Matrix

Array = NDArray[np.float64]

MEMORY = 10
MOST_STEPS = 200
SMALL_GRADIENT = 3e-5
"""The largest part of the gradient of the mean loss at which the minimum counts as found. Measured on 21,837 tweets: a
third of it takes as long again and moves no accuracy by a quarter of a point; ten times as much stops too early."""
LEAST_FALL = 1e-4


def fit(matrix: Matrix, labels: NDArray[np.int64], classes: int, penalty: float, start: Array | None = None) -> Array:
    """Weights of shape (width, classes) that minimise mean cross-entropy + penalty/2 · |weights|².

    The last row, which belongs to the column of ones, is not penalised. `start` is where to look first: zero if None.
    """
    shape = (matrix.width, classes)
    wanted = np.zeros((len(labels), classes))
    wanted[np.arange(len(labels)), labels] = 1
    penalties = np.full((matrix.width, 1), penalty)
    penalties[-1] = 0

    def loss(flat: Array) -> tuple[float, Array]:
        weights = flat.reshape(shape)
        scores = matrix.times(weights)
        log_shares = scores - _log_sum_exp(scores)
        value = -float((wanted * log_shares).sum()) / len(labels) + 0.5 * float((penalties * weights**2).sum())
        slope = matrix.transposed_times((np.exp(log_shares) - wanted) / len(labels)) + penalties * weights
        return value, slope.ravel()

    return minimise(loss, np.zeros(shape).ravel() if start is None else start.ravel()).reshape(shape)


def minimise(loss: Callable[[Array], tuple[float, Array]], start: Array) -> Array:
    """The point where a smooth convex function is least, given the function with its gradient."""
    point, (value, slope) = start, loss(start)
    past: deque[tuple[Array, Array, float]] = deque(maxlen=MEMORY)
    for _ in range(MOST_STEPS):
        if float(np.abs(slope).max()) < SMALL_GRADIENT:
            break
        direction = -_scaled(slope, past)
        fall = _dot(slope, direction)
        length = 1.0 if past else min(1.0, 1.0 / max(float(np.abs(slope).sum()), 1e-12))
        while True:
            there = point + length * direction
            value_there, slope_there = loss(there)
            if value_there <= value + LEAST_FALL * length * fall:
                break
            length /= 2
            if length < 1e-12:
                return point
        step, change = there - point, slope_there - slope
        if (bend := _dot(step, change)) > 1e-12 * _dot(change, change):
            past.append((step, change, bend))
        point, value, slope = there, value_there, slope_there
    return point


def _scaled(slope: Array, past: "deque[tuple[Array, Array, float]]") -> Array:
    """The gradient times the inverse of the curvature, as far as the past steps have shown it."""
    found = slope.copy()
    parts = []
    for step, change, bend in reversed(past):
        part = _dot(step, found) / bend
        found -= part * change
        parts.append(part)
    if past:
        _step, change, bend = past[-1]
        found *= bend / _dot(change, change)
    for (step, change, bend), part in zip(past, reversed(parts), strict=True):
        found += (part - _dot(change, found) / bend) * step
    return found


def _dot(one: Array, other: Array) -> float:
    # Not by BLAS, whose threads wait for one another on a busy machine, and whose sums depend on their number.
    return float((one * other).sum())


def _log_sum_exp(scores: Array) -> Array:
    most = scores.max(axis=1, keepdims=True)
    return np.asarray(most + np.log(np.exp(scores - most).sum(axis=1, keepdims=True)))
