"""What a board says came of a job, looked at before it is believed. Pure.

The wire is strict about types; here are the limits of the values. A board whose agent or disk is broken must cost its
own job and nothing else: an outcome that cannot be becomes a failure of that job, is stored as one, and is then gone
from the board's spool.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from agent.protocol import FAILURE_REASONS, Conditions, Failure, JobFailure, JobResult, Result

_MOST = 2**63 - 1
_LONGEST_JOB_S = 7 * 86400.0
_LONGEST_WAIT_S = 10 * 366 * 86400.0


def outcome_of(message: Result | Failure) -> JobResult | JobFailure:
    """The outcome in a message; a `crashed` failure in its place where it cannot be."""
    if isinstance(message, Failure):
        failure = message.failure
        fault = "" if failure.reason in FAILURE_REASONS else f"it failed by {failure.reason[:80]!r}"
    else:
        fault = _fault_of(message.result)
    outcome = message.failure if isinstance(message, Failure) else message.result
    if not fault:
        return outcome
    return JobFailure(outcome.job_id, "crashed", f"the board answered with something that cannot be: {fault}")


def span_of(
    outcome: JobResult | JobFailure, seen: Conditions | None, now: datetime, planned: datetime | None = None
) -> tuple[datetime, datetime]:
    """When a job that was not watched started and finished, by this machine's clock.

    `seen`: the board as it stood at `now`. A board without a battery may believe that it is 1970, so what counts is
    how long it has been up: then, and now. Where it was started anew since, its clock counts as far as it can be true:
    no job ended later than now, or before it was `planned`.
    """
    if not isinstance(outcome, JobResult):
        return now, now
    before, after = outcome.conditions_before, outcome.conditions_after
    lasted = _since(before.uptime_s, after.uptime_s, _LONGEST_JOB_S)
    ago = _since(after.uptime_s, seen.uptime_s, _LONGEST_WAIT_S) if seen and seen.boot_id == after.boot_id else None
    said = _clock(after.utc) if ago is None else now - ago
    finished = now if said is None or said > now or (planned is not None and said < planned) else said
    return finished - (lasted or timedelta()), finished


def _fault_of(result: JobResult) -> str:
    timing, memory = result.timing, result.memory
    if not timing.latencies_ns:
        return "a result without a latency"
    if min(timing.latencies_ns) < 0 or max(timing.latencies_ns) > _MOST:
        return f"latencies from {min(timing.latencies_ns)} to {max(timing.latencies_ns)} ns"
    durations = (timing.load_ns, timing.first_ns, timing.warmup_ns, timing.loop_wall_ns, timing.loop_cpu_ns)
    sizes = (memory.peak_rss_bytes, memory.runtime_rss_bytes, memory.loaded_rss_bytes, memory.arena_bytes)
    counts = (timing.warmup_inferences, result.gate.checked, timing.loop_start_ns)
    for value in (*durations, *sizes, *counts):
        if value is not None and not 0 <= value <= _MOST:
            return f"a figure of {_shown(value)}"
    return _fault_of_samples(result.samples.t_ns, result.samples.channels.values())


def _fault_of_samples(t_ns: list[int], channels: Iterable[list[float | None]]) -> str:
    if t_ns and not 0 <= min(t_ns) <= max(t_ns) <= _MOST:
        return f"samples from {_shown(min(t_ns))} to {_shown(max(t_ns))} ns"
    lengths = {len(readings) for readings in channels} - {len(t_ns)}
    return f"{lengths.pop()} readings of a sensor at {len(t_ns)} moments" if lengths else ""


def _shown(value: int) -> str:
    return str(value) if abs(value) < 10**30 else "more than 30 digits"


def _clock(text: str) -> datetime | None:
    """A board's clock, UTC; None where it says nothing that can be a time."""
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _since(earlier_s: float | None, later_s: float | None, limit_s: float) -> timedelta | None:
    if earlier_s is None or later_s is None or not 0 <= later_s - earlier_s <= limit_s:
        return None
    return timedelta(seconds=later_s - earlier_s)
