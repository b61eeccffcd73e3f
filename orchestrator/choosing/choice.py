"""The answer: what fits, what of it is best, what is not decided, and by how much the others miss. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.choosing.candidates import Candidate, worst_of
from orchestrator.choosing.fitting import Check, Fit, State, fit
from orchestrator.choosing.front import front_of
from orchestrator.choosing.limits import ACCURACY, ENERGY, FILE, MEMORY, P50, Objective
from orchestrator.choosing.ties import Winners, winners
from orchestrator.study.failures import Kind
from orchestrator.study.figures import Figure
from orchestrator.sweep_files.claims import Claim

AXES = (P50, FILE, MEMORY, ACCURACY, ENERGY)
"""Of the front; those that some candidate has no figure of are left out."""


@dataclass(frozen=True)
class Ranked:
    """A candidate that fits. `on_front`: nothing else that fits beats it in everything; None where nothing is known of
    any axis."""

    fit: Fit
    on_front: bool | None


@dataclass(frozen=True)
class Miss:
    """By how much a candidate misses a limit, in the unit of the limit, above zero; `low` … `high` with 95 %."""

    fit: Fit
    check: Check
    amount: Figure

    @property
    def share(self) -> float:
        """How far apart figure and limit are, as a log of their ratio: what makes misses of two kinds comparable."""
        assert self.check.figure is not None  # noqa: S101 - of a check that was measured
        assert self.check.limit is not None  # noqa: S101
        sides = self.check.figure.value, self.check.limit.bound
        return abs(math.log(sides[0] / sides[1])) if min(sides) > 0 else math.inf


@dataclass(frozen=True)
class Choice:
    """What came of a question. `winners` is None where nothing fits, or none of what fits has the objective's figure.

    `axes` are those of the front, `left_out` those that some candidate has no figure of. `out` is ordered by how near
    it came; `nearest` is the candidate that misses least, its misses the worst first.
    """

    boards: tuple[str, ...]
    limits: tuple[Claim, ...]
    objective: Objective
    winners: Winners | None
    feasible: tuple[Ranked, ...]
    undecided: tuple[Fit, ...]
    unmeasured: tuple[Fit, ...]
    out: tuple[Fit, ...]
    axes: tuple[str, ...]
    left_out: tuple[str, ...]
    nearest: tuple[Miss, ...] = ()

    @property
    def fits(self) -> list[Fit]:
        """What fits comes first, then what is undecided, what fell out (the nearest first), what was not measured."""
        return [*(one.fit for one in self.feasible), *self.undecided, *self.out, *self.unmeasured]

    def kind_of(self, device: str) -> str | None:
        """What a board is, `real` or not; None where nothing was tried on it."""
        rows = (fit.candidate.places[device].row for fit in self.fits if device in fit.candidate.places)
        return next((row.device_kind for row in rows), None)


def choose(
    candidates: Sequence[Candidate],
    boards: Sequence[str],
    limits: Sequence[Claim],
    objective: Objective,
    floors: Mapping[str, float],
) -> Choice:
    """Decide on every candidate. `floors` are the noise floors of boards, shares. The order of what is given does not
    matter."""
    order = sorted(candidates, key=lambda one: (one.text, one.digest))
    fits = [fit(one, limits, boards) for one in order]
    feasible = [one for one in fits if one.state is State.FEASIBLE]
    axes, ranked = _ranked(feasible, boards)
    first = winners([one.candidate for one in feasible], objective, boards, floors)
    out = sorted((one for one in fits if one.state is State.OUT), key=_distance)
    return Choice(
        boards=tuple(boards),
        limits=tuple(limits),
        objective=objective,
        winners=first,
        feasible=tuple(sorted(ranked, key=lambda one: (_is_other(one, first), *_rank(one.fit, objective, boards)))),
        undecided=tuple(
            sorted((one for one in fits if one.state is State.UNDECIDED), key=lambda one: _rank(one, objective, boards))
        ),
        unmeasured=tuple(one for one in fits if one.state is State.UNMEASURED),
        out=tuple(out),
        axes=axes,
        left_out=tuple(axis for axis in AXES if axis not in axes),
        nearest=tuple(misses_of(out[0])) if out else (),
    )


def misses_of(found: Fit) -> list[Miss]:
    """Every limit that a candidate misses, the worst first; none where it does not run at all."""
    missed = [_miss(found, check) for check in found.telling if check.limit is not None and check.figure is not None]
    complete = found.state is State.OUT and len(missed) == len(found.telling)
    return sorted(missed, key=lambda one: -one.share) if complete else []


def _miss(found: Fit, check: Check) -> Miss:
    assert check.figure is not None  # noqa: S101 - asked for by the caller
    assert check.limit is not None  # noqa: S101
    figure, bound = check.figure, check.limit.bound
    if check.limit.relation == "<=":
        amount = Figure(figure.value - bound, figure.low - bound, figure.high - bound, figure.n)
    else:
        amount = Figure(bound - figure.value, bound - figure.high, bound - figure.low, figure.n)
    return Miss(found, check, amount)


def _distance(found: Fit) -> tuple[int, float, str]:
    """What was measured whole comes first, then what lacks a figure, then what does not run, and what nobody meant to
    run there last."""
    text, misses = found.candidate.text, misses_of(found)
    if misses:
        whole = all(check.state in (State.OUT, State.FEASIBLE) for check in found.checks)
        return (0 if whole else 1), misses[0].share, text
    failures = [place.row.failure for place in found.candidate.places.values() if place.row.failure is not None]
    return (3 if all(one.kind is Kind.UNSUPPORTED for one in failures) else 2), math.inf, text


def _ranked(feasible: Sequence[Fit], boards: Sequence[str]) -> tuple[tuple[str, ...], list[Ranked]]:
    """With the front of what fits, on the axes that all of it has."""
    figures = [{axis: worst_of(one.candidate, axis, boards) for axis in AXES} for one in feasible]
    axes = tuple(axis for axis in AXES if feasible and all(one[axis] is not None for one in figures))
    known = [{axis: worst.figure for axis in axes if (worst := one[axis]) is not None} for one in figures]
    front = set(front_of(known))
    return axes, [Ranked(one, place in front if axes else None) for place, one in enumerate(feasible)]


def _is_other(one: Ranked, first: Winners | None) -> bool:
    return first is None or one.fit.candidate is not first.first


def _rank(found: Fit, objective: Objective, boards: Sequence[str]) -> tuple[bool, float, str]:
    """By the objective; what has no such figure last."""
    worst = worst_of(found.candidate, objective.figure, boards)
    sign = -1 if objective is Objective.ACCURACY else 1
    return worst is None, sign * worst.figure.value if worst else 0.0, found.candidate.text
