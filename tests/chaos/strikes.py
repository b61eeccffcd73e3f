"""What the storm did to whom and when, and which failures of jobs that explains."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

NOTICED_S = 10.0
"""So long after a fault is over a busy machine may take to show what came of it."""
AIMED_S = 2.0
"""So long a fault may look for its victim before it hits."""


@dataclass
class Strike:
    """A fault that hit something. `kind` is its function in `hits.py`; moments are of the monotonic clock, and `over_s`
    is the end of a fault that lasts, once it came."""

    kind: str
    board: str
    began_s: float
    over_s: float


@dataclass(frozen=True)
class Excuse:
    """Which ends of a job a fault explains. `once`: it has one victim. `later_s`: the failure may come so late."""

    statuses: frozenset[str]
    once: bool = False
    later_s: float = 0.0


@dataclass(frozen=True)
class StoredFailure:
    """A job that the store has as failed, and when its board or the orchestrator said so, on the monotonic clock."""

    job: str
    board: str
    status: str
    at_s: float


FREEZES = frozenset({"freeze_board", "freeze_agents", "freeze_workers"})
LETHAL = FREEZES | {"kill_agents", "kill_workers", "fill_disk"}
"""A measurement that had ended when one of them struck may not come into the spool."""
LOSES_TURNS = frozenset({"kill_orchestrator", "freeze_orchestrator", "fill_orchestrator", "cut_all_links"})
_DELAYS = FREEZES | {"freeze_sessions", "stall_link", "slow_link"}
_DELAYS_EVERYWHERE = frozenset({"freeze_orchestrator"})


def excuses(deadline_s: float) -> dict[str, Excuse]:
    """By kind of fault; what is not here explains no failure. `deadline_s`: of the storm's jobs."""
    frozen = Excuse(frozenset({"timed_out"}), later_s=deadline_s)
    return {
        "kill_workers": Excuse(frozenset({"crashed", "out_of_memory"}), once=True),
        "fill_disk": Excuse(frozenset({"crashed", "disk_full"})),
        "clear_blobs": Excuse(frozenset({"rejected"})),
        **dict.fromkeys(FREEZES, frozen),
    }


def shows_until_s(strike: Strike, strikes: Iterable[Strike]) -> float:
    """Until when a strike may show: whatever stands still meanwhile tells of it when it moves again."""
    until_s = strike.over_s + NOTICED_S
    for other in sorted(strikes, key=lambda one: one.began_s):
        delays = other.kind in _DELAYS_EVERYWHERE or (other.kind in _DELAYS and other.board == strike.board)
        if delays and strike.began_s <= other.over_s and other.began_s <= until_s:
            until_s = max(until_s, other.over_s + NOTICED_S)
    return until_s


def unexplained(failures: Iterable[StoredFailure], strikes: Sequence[Strike], deadline_s: float) -> list[StoredFailure]:
    """The failures that no strike on their own board can have caused."""
    known = excuses(deadline_s)
    causes = [
        (shows_until_s(one, strikes) + known[one.kind].later_s, one, known[one.kind])
        for one in strikes
        if one.kind in known
    ]
    # So that none is called unexplained wrongly: first what explains any number, then what fits no later failure.
    causes.sort(key=lambda cause: (cause[2].once, cause[0]))
    left = []
    for failure in sorted(failures, key=lambda one: one.at_s):
        fitting = next((cause for cause in causes if _fits(failure, *cause)), None)
        if fitting is None:
            left.append(failure)
        elif fitting[2].once:
            causes.remove(fitting)
    return left


def may_have_lost(board: str, begin_s: float, end_s: float, strikes: Sequence[Strike]) -> bool:
    """Whether strikes explain that a worker which measured to its end, from `begin_s` to `end_s`, left no outcome."""
    told_by_s = shows_until_s(Strike("", board, end_s, end_s), strikes)
    hits = [one for one in strikes if one.kind in LETHAL and one.board == board and one.began_s <= told_by_s]
    return any(one.over_s >= (begin_s if one.kind in FREEZES else end_s - AIMED_S) for one in hits)


def may_have_let_in(boards: Set[str], began_s: float, met_s: float, strikes: Sequence[Strike]) -> bool:
    """Whether strikes explain that a worker began at `met_s` while another one, which began at `began_s`, was at work
    on the same machine: whose turn it was had died, could not write, or had lost its board."""
    return any(
        one.began_s <= met_s and shows_until_s(one, strikes) >= began_s
        for one in strikes
        if one.board in boards or one.kind in LOSES_TURNS
    )


def _fits(failure: StoredFailure, until_s: float, strike: Strike, excuse: Excuse) -> bool:
    here = strike.board == failure.board and failure.status in excuse.statuses
    return here and strike.began_s <= failure.at_s <= until_s
