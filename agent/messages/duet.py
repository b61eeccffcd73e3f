"""Two models that take turns on one board, in slices of some ten milliseconds: `duet` asks for it, `duetted` tells.

Every four slices are a round, A B B A or B A A B, where A is the first job: what drifts steadily within a round falls
on both alike.
"""

from typing import List

from agent.messages.jobs import JobSpec
from agent.messages.outcomes import JobFailure, JobResult
from agent.records import dataclass


@dataclass(frozen=True)
class Turns:
    """How they take turns: a slice lasts at least `slice_s` and ends with a whole inference, so it has at least one.

    The end of a round is the end of all when there were `min_rounds` and `min_s` have passed, or when `max_s` have.
    Which of its two orders a round has is drawn from `seed`.
    """

    slice_s: float
    min_rounds: int
    min_s: float
    max_s: float
    seed: int


@dataclass(frozen=True)
class Duet:
    """Run two jobs in turns, each in a process of its own. Loading and warm-up are done one after the other, the first
    job's first. What a job says of thermal gate and deadline counts of the first; protocols are for warm-up alone.

    The outcome is not kept in the spool: what takes a minute is asked for again.
    """

    first: JobSpec
    second: JobSpec
    turns: Turns


@dataclass(frozen=True)
class Slices:
    """The slices that one side took, as `turns` in the details of its result.

    `places` counts the slices of both sides from 0, four a round; `inferences` are how many each slice had, in the
    order of the result's latencies.
    """

    places: List[int]
    inferences: List[int]


@dataclass(frozen=True)
class Duetted:
    first: JobResult
    second: JobResult


@dataclass(frozen=True)
class DuetFailed:
    """`side` is `first` or `second`, or `both` where it is not known whose fault it was."""

    side: str
    failure: JobFailure
