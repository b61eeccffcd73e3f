"""Once through a data set with the clock running: during inferences alone, or from the text to the answer."""

import time
from array import array
from typing import Callable

from agent.measure import TimedLoop
from agent.runtimes import Loaded
from agent.tasks import Task

TELL_S = 5.0
"""How often the board says how far it is: between two steps, while no clock runs."""
PATIENCE = 20
"""A step that takes this many times as long as the slowest so far is not slow, but stuck."""
LEAST_QUIET_S = 30.0

Tell = Callable[[int, int, float], None]
"""Hears how many steps are done, of how many, and for how many seconds nothing may be heard."""


def run_pass(task: Task, loaded: Loaded, expected_ns: int, tell: Tell) -> TimedLoop:
    """Every step once. Latencies are of steps, in order; `expected_ns` is what an inference took while it warmed up.

    Scope `model`: from feeding's end to the end of the inference. `end_to_end`: reading, tokenising, feeding, the
    inference and fetching its outputs. Wall and CPU time are of the whole pass, whatever the scope.
    """
    latencies = array("q", bytes(8 * task.steps))
    clock = time.perf_counter_ns
    slowest_ns = expected_ns
    end_to_end = task.order.scope == "end_to_end"
    cpu_before_ns = time.process_time_ns()
    start_ns = time.monotonic_ns()
    start = told = clock()
    tell(0, task.steps, _quiet_s(slowest_ns))
    for step in range(task.steps):
        before = clock()
        loaded.feed(task.inputs(step))
        if not end_to_end:
            before = clock()
        loaded.invoke()
        if end_to_end:
            outputs = loaded.outputs()
            after = clock()
        else:
            after = clock()
            outputs = loaded.outputs()
        latencies[step] = after - before
        task.take(step, outputs)
        slowest_ns = max(slowest_ns, latencies[step])
        if after - told > TELL_S * 1e9:
            told = after
            tell(step + 1, task.steps, _quiet_s(slowest_ns))
    wall_ns = clock() - start
    return TimedLoop(latencies.tolist(), start_ns, wall_ns, time.process_time_ns() - cpu_before_ns)


def _quiet_s(slowest_ns: int) -> float:
    return max(LEAST_QUIET_S, TELL_S + PATIENCE * slowest_ns / 1e9)
