"""Readings of power, or of an energy counter, over time: what a stretch of time took, and how well that is known. Pure.

Power is integrated by the trapezoid rule, a counter is subtracted; both are interpolated at the edges of the stretch.
Times are seconds on one axis, energies joules. `docs/measurement.md`, "Energy", tells how the uncertainties come about.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist, fmean, stdev

LEAST_READINGS = 8
"""In a stretch: below it, the spread that the uncertainty rests on is itself not known (chosen)."""

WIDEST_GAP = 0.25
"""Of a stretch, between two readings of power: what happens in a longer gap is not measured (chosen)."""

_EXACT_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)


class NotMeasured(Exception):
    """Why the readings do not tell; half a sentence."""


@dataclass(frozen=True)
class Curve:
    """Readings in order of time. `counter`: joules that only grow, else watts. `step`: what the sensor can resolve, in
    the same unit. `lag_s`: how old a reading may be; None where nobody says."""

    t_s: Sequence[float]
    values: Sequence[float]
    counter: bool
    step: float
    lag_s: float | None


@dataclass(frozen=True)
class Stretch:
    """`u_j`: standard uncertainty of the energy of this stretch; `level_u_w`: standard uncertainty of its mean power as
    a level that held before and after too; `bound_j`: largest error at the edges; `independent`: readings that tell
    something new."""

    energy_j: float
    duration_s: float
    u_j: float
    level_u_w: float
    bound_j: float
    independent: float

    @property
    def power_w(self) -> float:
        return self.energy_j / self.duration_s


def unwrap(readings: Sequence[float], wraps_at_j: float | None) -> list[float]:
    """A counter without its wraps. One that falls by less than half of its range was set back: `NotMeasured`."""
    whole = list(readings[:1])
    for before, after in pairwise(readings):
        grown = after - before
        if grown < 0:
            if wraps_at_j is None or -grown < wraps_at_j / 2:
                raise NotMeasured("its counter was set back while it was read")
            grown += wraps_at_j
        whole.append(whole[-1] + grown)
    return whole


def add(curves: Sequence[Curve]) -> Curve:
    """The sum at the moments at which all of them have a reading: they are read together, their noise is one noise."""
    if len(curves) == 1:
        return curves[0]
    tables = [dict(zip(curve.t_s, curve.values, strict=True)) for curve in curves]
    common = [t_s for t_s in curves[0].t_s if all(t_s in table for table in tables)]
    values = [sum(table[t_s] for table in tables) for t_s in common]
    step = math.hypot(*(curve.step for curve in curves))
    return Curve(common, values, curves[0].counter, step, curves[0].lag_s)


def measure(curve: Curve, start_s: float, end_s: float) -> Stretch:
    """What the stretch between two moments took; `NotMeasured` where the readings do not cover it."""
    first, last = bisect_left(curve.t_s, start_s), bisect_right(curve.t_s, end_s)
    _check_cover(curve, first, last, start_s, end_s)
    duration_s, resolution = end_s - start_s, curve.step / math.sqrt(12)
    if curve.counter:
        powers = _slopes(curve, first, last - 1)
        energy_j = _counted(curve, end_s) - _counted(curve, start_s)
        u_j = resolution * math.sqrt(2)
        bound_j = (curve.lag_s or 0.0) * energy_j / duration_s
    else:
        powers = list(curve.values[first:last])
        energy_j = _integral_j(curve, first, last, start_s, end_s)
        unseen_w = math.sqrt(fmean((after - before) ** 2 for before, after in pairwise(powers)) / 2)
        u_j = duration_s * math.hypot(unseen_w / math.sqrt(len(powers)), resolution)
        bound_j = (curve.lag_s or 0.0) * (max(powers) - min(powers))
    independent = _independent(powers)
    level_u_w = math.hypot(stdev(powers) / math.sqrt(independent), u_j / duration_s if curve.counter else resolution)
    bound_j += _edge_bound_j(curve, start_s, first - 1) + _edge_bound_j(curve, end_s, last - 1)
    return Stretch(energy_j, duration_s, u_j, level_u_w, bound_j, independent)


def student_95(freedom: float) -> float:
    """The 97.5 % point of Student's distribution; beyond ten degrees of freedom by its expansion (Abramowitz and
    Stegun, 26.7.5), true to a thousandth."""
    whole = max(1, math.floor(freedom))
    if whole <= len(_EXACT_T):
        return _EXACT_T[whole - 1]
    z = NormalDist().inv_cdf(0.975)
    return z + (z**3 + z) / (4 * whole) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * whole**2)


def _check_cover(curve: Curve, first: int, last: int, start_s: float, end_s: float) -> None:
    fresh = last - first
    if curve.lag_s is None:
        # A gauge that nobody vouches for repeats itself until it looks again: only its changes are readings.
        fresh = sum(before != after for before, after in pairwise(curve.values[first:last]))
    if fresh < LEAST_READINGS:
        raise NotMeasured(f"too few fresh readings: {fresh}, and {LEAST_READINGS} are needed")
    if curve.t_s[0] > start_s or curve.t_s[-1] < end_s:
        raise NotMeasured("readings on one side of it only")
    outside = range(max(0, first - 1), min(len(curve.t_s), last + 1))
    widest_s = max(curve.t_s[after] - curve.t_s[before] for before, after in pairwise(outside))
    if not curve.counter and widest_s > WIDEST_GAP * (end_s - start_s):
        raise NotMeasured(f"a gap of {widest_s:.2g} s between two readings")


def _slopes(curve: Curve, first: int, last: int) -> list[float]:
    """Mean powers between the readings of a counter, from reading `first` to reading `last`."""
    pairs = pairwise(range(first, last + 1))
    return [(curve.values[j] - curve.values[i]) / (curve.t_s[j] - curve.t_s[i]) for i, j in pairs]


def _at(curve: Curve, t_s: float, before: int) -> float:
    """Between the readings `before` and the next one, or exactly on one."""
    if before < 0 or before + 1 >= len(curve.t_s):
        return curve.values[max(0, before)]
    t0, t1 = curve.t_s[before], curve.t_s[before + 1]
    return curve.values[before] + (curve.values[before + 1] - curve.values[before]) * (t_s - t0) / (t1 - t0)


def _counted(curve: Curve, t_s: float) -> float:
    return _at(curve, t_s, bisect_right(curve.t_s, t_s) - 1)


def _integral_j(curve: Curve, first: int, last: int, start_s: float, end_s: float) -> float:
    points = [(start_s, _at(curve, start_s, first - 1))]
    points += zip(curve.t_s[first:last], curve.values[first:last], strict=True)
    points.append((end_s, _at(curve, end_s, last - 1)))
    return math.fsum((t1 - t0) * (p0 + p1) / 2 for (t0, p0), (t1, p1) in pairwise(points))


def _edge_bound_j(curve: Curve, edge_s: float, before: int) -> float:
    """The error of interpolating at an edge between the readings `before` and the next, at most.

    Power: it lies between the two readings all along, so a piece x of their interval D is wrong by at most
    |ΔP| (x - x²/2D); the larger piece is taken. Counter: its slope lies between those of the intervals around (a to b),
    so it departs from the straight line by at most (b - a) x (D - x) / D.
    """
    if before < 0 or before + 1 >= len(curve.t_s):
        return 0.0
    width_s = curve.t_s[before + 1] - curve.t_s[before]
    x_s = edge_s - curve.t_s[before]
    if curve.counter:
        around = _slopes(curve, max(0, before - 1), min(len(curve.t_s) - 1, before + 2))
        return (max(around) - min(around)) * x_s * (width_s - x_s) / width_s
    if x_s in (0.0, width_s):
        return 0.0
    piece_s = max(x_s, width_s - x_s)
    return abs(curve.values[before + 1] - curve.values[before]) * (piece_s - piece_s**2 / (2 * width_s))


def _independent(values: Sequence[float]) -> float:
    """n(1 - r)/(1 + r) with the correlation r of neighbours, where it is positive (Bayley and Hammersley, 1946)."""
    middle = fmean(values)
    total = math.fsum((value - middle) ** 2 for value in values)
    if total == 0.0:
        return float(len(values))
    shared = math.fsum((before - middle) * (after - middle) for before, after in pairwise(values))
    r = min(max(shared / total, 0.0), 0.99)
    return max(1.0, len(values) * (1 - r) / (1 + r))
