"""How fast examples, or tokens, were worked on: from the latencies of the runs of one case. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from orchestrator.assignment import GENERATION, Assignment
from orchestrator.runs import Run


@dataclass(frozen=True)
class Pace:
    """Of one run. Nanoseconds: `first_ns`, the median time to the first token of a text, and `token_ns`, the median of
    each one after it, both None where no text is written; `item_ns`, the mean time of an example (all its tokens)."""

    item_ns: float
    first_ns: float | None = None
    token_ns: float | None = None

    @property
    def items_per_s(self) -> float:
        return 1e9 / self.item_ns


def paces_of(runs: Iterable[Run]) -> list[Pace]:
    """A pace for each run of a task that has the latencies of its steps. What the clock was around is said by the
    scope: from the text, or the inferences alone."""
    found = [
        pace_of(run.job.task, run.result.timing.latencies_ns)
        for run in runs
        if run.job.task is not None and run.result is not None
    ]
    return [pace for pace in found if pace is not None]


def pace_of(task: Assignment, latencies_ns: Sequence[int]) -> Pace | None:
    """None where the latencies are not those of the task's steps."""
    if len(latencies_ns) != task.steps or not task.steps:
        return None
    item_ns = fmean(latencies_ns) * task.steps / task.examples
    if task.kind != GENERATION or item_ns <= 0:
        return Pace(item_ns) if item_ns > 0 else None
    firsts = latencies_ns[:: task.new_tokens]
    later = [ns for place, ns in enumerate(latencies_ns) if place % task.new_tokens]
    return Pace(item_ns, median(firsts), median(later) if later else None)
