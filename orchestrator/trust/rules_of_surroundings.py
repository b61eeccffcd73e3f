"""What else the board did while the clock ran: other processes, the host of a virtual machine, memory. Pure."""

from orchestrator.trust.evidence import Evidence
from orchestrator.trust.verdicts import Reason

OTHERS = 0.1
"""Chosen: a tenth of one processor. On another core others still share its caches, its memory and, as hyperthreads, its
arithmetic: they slow it by up to a half (measured 1.45 here), so a tenth of the time moves the mean by up to 5 %, what
comparisons take for a difference."""

LEAST_OTHERS_S = 0.05
"""Chosen: the kernel counts by ticks of up to 10 ms (`agent/surroundings.py`); a few of them are nothing."""

WAITED = 0.01
"""Chosen: waiting for a processor in 1 % of the time moves the mean by 1 %, and others make the p99."""

LEAST_WAIT_S = 0.005
"""Chosen: about one turn of the kernel's scheduler."""

OTHERS_WHO_MADE_IT_WAIT = 0.03
"""Chosen: with less than this of a processor taken by others, threads wait for their own kind: there are too many."""

STOLEN = 0.05
"""Chosen: the share by which a comparison would see it in the mean. Of the time of all processors, as the host does not
tell from which of them it took; or of the loop, where it can be told that it took the worker's own."""

PAUSED = 0.01
"""Chosen: pauses of 1 % of the time lie in the p99, and hardly move a median."""

LEAST_STOLEN_S = 0.05
"""As `LEAST_OTHERS_S`."""

SWAPPED_PAGES = 256
"""Chosen: 1 MB of 4 kB pages. Somebody's single page is no reason; where the worker itself waited for pages, any is."""

PAGED = 0.01
"""Chosen: as `WAITED`, in inferences."""

LEAST_PAGED = 2
"""Chosen: one page that is touched for the first time is no sign of anything."""

STALLED = 0.01
"""Chosen: as `WAITED`."""

STEP_S = 0.1
"""Chosen: below the 0.128 s from which ntpd steps a clock and does not slew it."""

PUSHED_MEANWHILE = "pushed_meanwhile"
"""Under this key of a result's details stands what the orchestrator sent to the board while it measured
(`schedule/beside.py`)."""

SLEW = 0.001
"""Twice the 500 ppm by which the kernel slews a clock at most (adjtimex(2))."""


def others_ran(evidence: Evidence) -> Reason | None:
    """Others took a processor for long enough to be felt, or the worker waited while they had it."""
    threads = max(1, evidence.run.job.threads)
    others_s, wait_s = _others_cpu_s(evidence), evidence.surroundings.wait_s
    others, waited = evidence.share(others_s), evidence.share(wait_s)
    took = others is not None and others >= OTHERS and (others_s or 0.0) >= LEAST_OTHERS_S
    was_late = waited is not None and waited / threads >= WAITED and (wait_s or 0.0) >= LEAST_WAIT_S
    if others is None:
        # Threads that are too many wait for each other.
        could = evidence.cpus is not None and threads <= evidence.cpus
    else:
        could = others >= OTHERS_WHO_MADE_IT_WAIT
    if not took and not (was_late and could):
        return None
    return Reason(
        "others_ran",
        {
            "others": "unknown" if others is None else f"{100 * others:.0f} %",
            "waited": "unknown" if waited is None else f"{100 * waited:.1f} %",
        },
    )


def stolen(evidence: Evidence) -> Reason | None:
    """The host took much from all processors; or, as one thread shows, from the worker's."""
    share, taken = _stolen_shares(evidence)
    if share < STOLEN and (taken or 0.0) < STOLEN:
        return None
    told = "unknown" if taken is None else f"{100 * taken:.1f} %"
    return Reason("stolen", {"percent": round(100 * share, 1), "taken": told})


def paused(evidence: Evidence) -> Reason | None:
    """The host took a little from the worker, not enough for `stolen`."""
    _, taken = _stolen_shares(evidence)
    if taken is None or taken < PAUSED or stolen(evidence) is not None:
        return None
    return Reason("paused", {"percent": round(100 * taken, 1)})


def _stolen_shares(evidence: Evidence) -> tuple[float, float | None]:
    """Of the time of all processors; and, at most, of the worker's loop, where it has one thread: that runs, waits, or
    has its processor taken away by the host."""
    steal_s, timing, facts = evidence.surroundings.steal_s, evidence.result.timing, evidence.run.facts
    if steal_s is None or steal_s < LEAST_STOLEN_S:
        return 0.0, None
    share = (evidence.share(steal_s) or 0.0) / max(1, facts.cores if facts is not None else 1)
    if evidence.run.job.threads != 1:
        return share, None
    not_run_s = max(0.0, (timing.loop_wall_ns - timing.loop_cpu_ns) / 1e9)
    return share, evidence.share(min(steal_s, not_run_s))


def swapped(evidence: Evidence) -> Reason | None:
    pages, faults = evidence.surroundings.swapped_pages or 0, evidence.surroundings.major_faults or 0
    if pages < SWAPPED_PAGES and not (pages and faults):
        return None
    return Reason("swapped", {"pages": pages})


def paged(evidence: Evidence) -> Reason | None:
    """The worker itself waited for pages: of its model's file, or of a library."""
    faults = evidence.surroundings.major_faults or 0
    n = len(evidence.result.timing.latencies_ns)
    return Reason("paged", {"faults": faults}) if faults >= max(LEAST_PAGED, PAGED * n) else None


def memory_pressure(evidence: Evidence) -> Reason | None:
    stalled_s = evidence.surroundings.pressure_memory_s
    share = evidence.share(stalled_s)
    if share is None or share < STALLED or (stalled_s or 0.0) < LEAST_WAIT_S:
        return None
    return Reason("memory_pressure", {"percent": round(100 * share, 1)})


def oversubscribed(evidence: Evidence) -> Reason | None:
    threads, cpus = evidence.run.job.threads, evidence.cpus
    if cpus is None or threads <= cpus:
        return None
    return Reason("oversubscribed", {"threads": threads, "cpus": cpus})


def pushed_meanwhile(evidence: Evidence) -> Reason | None:
    """We sent something ourselves. However little: the profile's owner was told that such runs are suspect."""
    traces = evidence.result.details.get(PUSHED_MEANWHILE)
    clocked_s = traces.get("clocked_s") if isinstance(traces, dict) else None
    if not isinstance(clocked_s, (int, float)) or clocked_s <= 0:
        return None
    return Reason("pushed_meanwhile", {"seconds": round(float(clocked_s), 1)})


def clock_jumped(evidence: Evidence) -> Reason | None:
    """Latencies are of the monotonic clock, which does not jump: only dates may be wrong."""
    step_s = evidence.surroundings.clock_step_s
    if step_s is None or abs(step_s) <= STEP_S + SLEW * evidence.wall_s:
        return None
    return Reason("clock_jumped", {"step_s": round(step_s, 3)})


def _others_cpu_s(evidence: Evidence) -> float | None:
    """From the two ends of the loop; for older runs from the samples in between."""
    others_s = evidence.surroundings.others_cpu_s
    if others_s is not None:
        return others_s
    percents = evidence.readings("others_cpu_percent")
    return sum(percents) / len(percents) / 100 * evidence.wall_s if percents else None


RULES = (others_ran, stolen, paused, swapped, paged, memory_pressure, oversubscribed, pushed_meanwhile, clock_jumped)
