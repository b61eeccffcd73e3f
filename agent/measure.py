"""Warm-up and timed loop of one model (docs/measurement.md): nothing here writes, sends or prints.

Clocks: `time.perf_counter_ns` around each inference; on Linux it is CLOCK_MONOTONIC, the clock of
`time.monotonic_ns`, so `loop_start_ns` stands on one axis with the samples of the supervisor.
"""

import gc
import time
from array import array
from statistics import median
from typing import Any, Callable, List, NamedTuple, Sequence

from agent.messages.jobs import MeasureProtocol

AGREEMENT = 0.05
"""Three successive windows agree when their medians lie within this share of the smallest."""
WINDOW_NS = 100_000_000
"""A window lasts at least a tenth of a second, so that one interrupt does not decide."""
WINDOWS = 3
_EXTRA_ROOM = 1.5
_MOST_RESERVED = 1 << 22

Invoke = Callable[[], Any]


class WarmUp(NamedTuple):
    inferences: int
    wall_ns: int
    steady: bool
    latency_ns: int
    """The median of the last windows: what the timed loop will find, roughly."""


class TimedLoop(NamedTuple):
    latencies_ns: List[int]
    start_ns: int
    wall_ns: int
    cpu_ns: int


def quiet_limit_s(protocol: MeasureProtocol, first_ns: int) -> float:
    """An upper bound of warm-up and loop: both limits can be overrun by the inferences under way, and then some."""
    return protocol.warmup_limit_s + protocol.max_s + 5 * first_ns / 1e9 + 10.0


def calm() -> None:
    """No garbage collection from here on, and nothing that lives now is ever looked at again."""
    gc.collect()
    gc.freeze()
    gc.disable()


def warm_up(invoke: Invoke, protocol: MeasureProtocol) -> WarmUp:
    """By count and by time, until three successive windows agree, or to the limit: then `steady` is False.

    The limit goes before the count, but three inferences are always made: three windows of one each.
    """
    clock = time.perf_counter_ns
    medians: List[float] = []
    window: List[int] = []
    start = window_start = clock()
    count = 0
    while True:
        before = clock()
        invoke()
        after = clock()
        count += 1
        window.append(after - before)
        if after - window_start >= WINDOW_NS:
            medians.append(median(window))
            window, window_start = [], after
        wall_ns = after - start
        enough = count >= protocol.warmup_inferences and wall_ns >= protocol.warmup_s * 1e9
        steady = agree(medians)
        if enough and steady:
            break
        if wall_ns >= protocol.warmup_limit_s * 1e9 and count >= WINDOWS:
            break
    latency_ns = int(median(medians[-WINDOWS:] or window))
    return WarmUp(count, wall_ns, steady, latency_ns)


def agree(medians: Sequence[float]) -> bool:
    """Do the last three windows agree within 5 %?"""
    last = medians[-WINDOWS:]
    return len(last) == WINDOWS and max(last) - min(last) <= AGREEMENT * min(last)


def run_timed_loop(invoke: Invoke, protocol: MeasureProtocol, expected_ns: int) -> TimedLoop:
    """Measure until there are `min_inferences` and `min_s` have passed, at most `max_s`; at least one inference.

    Latencies go into an array that is there before the clock starts (8 bytes each), sized by `expected_ns`.
    """
    reserved = _room(protocol, expected_ns)
    more = array("q", bytes(8 * 4096))
    latencies = array("q", bytes(8 * reserved))
    clock = time.perf_counter_ns
    enough = protocol.min_inferences
    count = 0
    cpu_before_ns = time.process_time_ns()
    start_ns = time.monotonic_ns()
    begin = clock()
    floor = begin + int(protocol.min_s * 1e9)
    limit = begin + int(protocol.max_s * 1e9)
    while True:
        before = clock()
        invoke()
        after = clock()
        latencies[count] = after - before
        count += 1
        if (after >= floor and count >= enough) or after >= limit:
            break
        if count == reserved:
            latencies.extend(more)
            reserved += len(more)
    wall_ns = after - begin
    cpu_ns = time.process_time_ns() - cpu_before_ns
    return TimedLoop(latencies[:count].tolist(), start_ns, wall_ns, cpu_ns)


def _room(protocol: MeasureProtocol, expected_ns: int) -> int:
    by_time = protocol.min_s * 1e9 / max(expected_ns, 100)
    return int(min(max(protocol.min_inferences, by_time) * _EXTRA_ROOM + 64, _MOST_RESERVED))
