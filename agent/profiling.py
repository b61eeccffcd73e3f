"""What each operator of a model takes: a pass of its own, behind the loop of a job whose times are nobody's result.

A runtime that can tell gives one `Traced` an inference; here they become one table. Profiling slows a model down, small
operators most, so the pass stands in no latency; how well its sum agrees with the loop before it is stored beside it.
"""

from statistics import median
from typing import Dict, Iterable, List, NamedTuple, Sequence, Tuple

from agent.records import dataclass
from agent.runtimes import Profiling, Span, Traced, Unsupported

PASS_S = 2.0
"""About so long the pass lasts, and longer only where three inferences do."""
LEAST, MOST = 3, 100
"""Inferences. Times come in whole microseconds: a hundred of them bring an operator of 0.3 µs to light."""


@dataclass(frozen=True)
class Operator:
    """One node of the model, in the mean of an inference: how often it ran, and what it took in all, in microseconds.

    `where`: the delegate that it ran in, or the runtime's own name for what it computes with.
    """

    name: str
    kind: str
    where: str
    calls: float
    us: float


@dataclass(frozen=True)
class Profile:
    """Operators in the order in which they first ran, in the mean of `inferences` out of `of`: the middle half by time.

    Microseconds of an inference: `sum_us` of the operators, `wall_us` by the worker's clock while it was profiled,
    `loop_us` the median of the timed loop before.
    """

    source: str
    inferences: int
    of: int
    sum_us: float
    wall_us: float
    loop_us: float
    operators: List[Operator]


def take(loaded: Profiling, latencies_ns: Sequence[int]) -> Profile:
    """Profile a model that is loaded, fed and warm; `latencies_ns` are those of its timed loop.

    `Unsupported` when the runtime tells of no operator at all.
    """
    loop_ns = median(latencies_ns)
    traced = loaded.trace(count_inferences(loop_ns))
    middle = middle_half(traced)
    operators = mean_operators([one.spans for one in middle])
    if not operators:
        raise Unsupported("%s told of no operator" % loaded.source)
    return Profile(
        source=loaded.source,
        inferences=len(middle),
        of=len(traced),
        sum_us=round(sum(operator.us for operator in operators), 3),
        wall_us=round(sum(one.wall_ns for one in middle) / len(middle) / 1e3, 3),
        loop_us=round(loop_ns / 1e3, 3),
        operators=operators,
    )


def count_inferences(latency_ns: float) -> int:
    """How many fill the pass."""
    return int(max(LEAST, min(MOST, PASS_S * 1e9 / max(latency_ns, 1.0))))


def middle_half(traced: Sequence[Traced]) -> List[Traced]:
    """Those between the quartiles of the wall time, at least one: an interrupt in one operator spoils no mean."""
    ordered = sorted(traced, key=lambda one: one.wall_ns)
    aside = len(ordered) // 4
    return ordered[aside : len(ordered) - aside]


def mean_operators(inferences: Sequence[Sequence[Span]]) -> List[Operator]:
    """Spans of the same name, kind and place are one operator; counts and times are per inference."""
    found: Dict[Tuple[str, str, str], Tuple[int, float]] = {}
    for spans in inferences:
        for span in spans:
            key = span.name, span.kind, span.where
            calls, us = found.get(key, (0, 0.0))
            found[key] = calls + 1, us + span.us
    count = len(inferences)
    return [
        Operator(name, kind, where, calls / count, round(us / count, 3))
        for (name, kind, where), (calls, us) in found.items()
    ]


class Timed(NamedTuple):
    """A stretch on a runtime's own clock, in microseconds."""

    start_us: float
    us: float


def own_times(stretches: Iterable[Timed]) -> List[float]:
    """Of stretches in any order, each one's time without that of those inside it, in the order given.

    An operator with a body (a loop, a branch) lasts as long as its operators together, which are told as well.
    """
    given = list(stretches)
    own = [one.us for one in given]
    open_ones: List[Tuple[float, int]] = []
    for index in sorted(range(len(given)), key=lambda at: (given[at].start_us, -given[at].us)):
        start_us, us = given[index]
        while open_ones and start_us >= open_ones[-1][0]:
            open_ones.pop()
        if open_ones:
            own[open_ones[-1][1]] -= us
        open_ones.append((start_us + us, index))
    return [max(0.0, us) for us in own]
