"""Whether a candidate holds its limits on every board, decided on confidence bounds as claims are. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.choosing.candidates import Candidate, Place
from orchestrator.study.deciding import Outcome, decide_case
from orchestrator.study.failures import Kind
from orchestrator.study.figures import Figure
from orchestrator.study.measures import Missing, measure
from orchestrator.sweep_files.claims import Claim


class State(StrEnum):
    """`feasible`: every limit holds on every board. `undecided`: a bound lies within an interval. `not measured`: a
    figure is missing. `out`: a limit is missed, or the candidate does not run there. The worst of all counts."""

    FEASIBLE = "feasible"
    UNDECIDED = "undecided"
    UNMEASURED = "not measured"
    OUT = "out"


_WORST_FIRST = (State.OUT, State.UNMEASURED, State.UNDECIDED)
_STATES = {Outcome.HOLDS: State.FEASIBLE, Outcome.UNDECIDED: State.UNDECIDED, Outcome.FAILS: State.OUT}
_NEVER = (Kind.INFEASIBLE, Kind.UNSUPPORTED, Kind.FAILED)


@dataclass(frozen=True)
class Check:
    """One limit on one board. `limit` is None where nothing can be said of any. `figure` is in the unit of the limit's
    bound; `text` the figure in words, or why there is none; `because`: what would decide it."""

    device: str
    state: State
    text: str
    limit: Claim | None = None
    figure: Figure | None = None
    because: str = ""


@dataclass(frozen=True)
class Fit:
    """A candidate, what became of it, and every check that told."""

    candidate: Candidate
    state: State
    checks: tuple[Check, ...]

    @property
    def telling(self) -> tuple[Check, ...]:
        """The checks that made it what it is."""
        return tuple(check for check in self.checks if check.state is self.state)


def fit(candidate: Candidate, limits: Sequence[Claim], boards: Sequence[str]) -> Fit:
    """The candidate on these boards. One where it was never tried is not measured."""
    checks: list[Check] = []
    for device in boards:
        place = candidate.places.get(device)
        if place is None:
            checks.append(Check(device, State.UNMEASURED, "not measured there"))
        else:
            checks += _on_board(place, limits)
    states = {check.state for check in checks}
    state = next((one for one in _WORST_FIRST if one in states), State.FEASIBLE)
    return Fit(candidate, state, tuple(checks))


def _on_board(place: Place, limits: Sequence[Claim]) -> list[Check]:
    device, failure = place.row.device, place.row.failure
    if failure is not None and failure.kind in _NEVER:
        return [Check(device, State.OUT, failure.text)]
    if failure is not None:
        return [Check(device, State.UNMEASURED, place.doubted or failure.text)]
    if place.row.p50_ns is None and place.row.items_per_s is None:
        return [Check(device, State.UNMEASURED, place.doubted or "no run that counts has a time")]
    return [_check(place, limit) for limit in limits]


def _check(place: Place, limit: Claim) -> Check:
    device, found = place.row.device, measure(limit, place.row)
    if isinstance(found, Missing):
        return Check(device, State.UNMEASURED, f"{limit.figure} {found.text}", limit)
    decided = decide_case(limit, place.row)
    return Check(device, _STATES[decided.outcome], found.text, limit, found.figure, decided.because)
