"""What the times themselves tell of a run: warm-up, trend, levels, count. Pure."""

import math

from orchestrator.assignment import END_TO_END
from orchestrator.runs import Role
from orchestrator.trust.evidence import Evidence
from orchestrator.trust.latencies import find_levels, find_trend
from orchestrator.trust.restlessness import move_limit
from orchestrator.trust.verdicts import Reason

AGREEMENT = 0.05
"""What windows of the warm-up must agree within (`agent/measure.py`)."""

LEAST_FOR_A_MEDIAN = 8
"""From the eighth on, the least and the greatest latency enclose the true median with 99 % confidence: 1 - 2^(1 - n)
(order statistics; the confidence is that of the percentiles in stats.py)."""

SLACK = 1.01
"""Chosen: clocks that are read one after the other may disagree by this much before a figure cannot be."""

SLACK_NS = 50_000_000
"""Chosen: CPU time is counted in ticks on some kernels, of at most 10 ms, a few threads at once."""


def impossible(evidence: Evidence) -> Reason | None:
    """Latencies longer than the loop that held them, more CPU time than processors, a clock that stood still."""
    timing, facts = evidence.result.timing, evidence.run.facts
    wall_ns, total_ns = timing.loop_wall_ns, sum(timing.latencies_ns)
    what = ""
    if total_ns > wall_ns * SLACK:
        what = f"latencies of {total_ns / 1e9:.3g} s in a loop of {wall_ns / 1e9:.3g} s"
    elif timing.latencies_ns and total_ns <= 0:
        what = f"{len(timing.latencies_ns)} inferences took no time at all"
    elif facts is not None and facts.cores > 0 and timing.loop_cpu_ns > wall_ns * facts.cores * SLACK + SLACK_NS:
        what = f"{timing.loop_cpu_ns / 1e9:.3g} s of CPU in {wall_ns / 1e9:.3g} s on {facts.cores} processors"
    return Reason("impossible", {"what": what}) if what else None


def hardly_any(evidence: Evidence) -> Reason | None:
    n = len(evidence.result.timing.latencies_ns)
    return Reason("hardly_any", {"n": n}) if n < LEAST_FOR_A_MEDIAN else None


def too_few(evidence: Evidence) -> Reason | None:
    """Fewer than the protocol asks for, because its time was over: percentiles may be missing."""
    n, wanted = len(evidence.result.timing.latencies_ns), evidence.run.job.protocol.min_inferences
    return Reason("too_few", {"n": n, "wanted": wanted}) if n < wanted else None


def unsteady(evidence: Evidence) -> Reason | None:
    """On a board whose reference model goes to and fro by as much, windows that disagree are its usual state."""
    timing = evidence.result.timing
    if timing.steady or (evidence.context.restless or 0.0) >= AGREEMENT:
        return None
    return Reason("unsteady", {"inferences": timing.warmup_inferences, "warmup_s": round(timing.warmup_ns / 1e9, 2)})


def trend(evidence: Evidence) -> Reason | None:
    """On a restless board only one that is greater than what it always does."""
    found = find_trend(evidence.latencies_ns)
    if found is None or abs(math.log1p(found.change)) < math.log1p(move_limit(evidence.context.restless)):
        return None
    first_ms, last_ms = round(found.first_ns / 1e6, 6), round(found.last_ns / 1e6, 6)
    return Reason("trend", {"percent": round(100 * found.change, 1), "first_ms": first_ms, "last_ms": last_ms})


def bimodal(evidence: Evidence) -> Reason | None:
    """Texts are short and long: from text to answer, times of several sorts are no doubt about the board."""
    task = evidence.run.job.task
    if task is not None and task.scope == END_TO_END:
        return None
    found = find_levels(evidence.latencies_ns)
    if found is None:
        return None
    low_ms, high_ms = round(found.low_ns / 1e6, 6), round(found.high_ns / 1e6, 6)
    return Reason("bimodal", {"low_ms": low_ms, "high_ms": high_ms, "percent": round(100 * found.high_share, 1)})


def gate_unchecked(evidence: Evidence) -> Reason | None:
    """The reference model is judged by its speed alone."""
    if evidence.result.gate.checked > 0 or evidence.run.job.role is Role.REFERENCE:
        return None
    return Reason("gate_unchecked")


def power_read(evidence: Evidence) -> Reason | None:
    return Reason("power_read") if evidence.run.job.role is Role.ENERGY else None


def operators_profiled(evidence: Evidence) -> Reason | None:
    return Reason("operators_profiled") if evidence.run.job.role is Role.PROFILE else None


def examples_timed(evidence: Evidence) -> Reason | None:
    return Reason("examples_timed") if evidence.run.job.role is Role.TASK else None


RULES = (
    impossible,
    hardly_any,
    unsteady,
    trend,
    bimodal,
    too_few,
    gate_unchecked,
    power_read,
    operators_profiled,
    examples_timed,
)
