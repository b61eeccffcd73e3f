"""The noise floor of a board: how much one artifact differs from itself there."""

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from orchestrator.comparing import noise_floor
from orchestrator.records import NoiseRecord, RunFilter, RunSummary
from orchestrator.runs import RunStatus
from orchestrator.store import Store
from orchestrator.sweep import Purpose, Sweep
from orchestrator.trust.verdicts import Verdict

A_SIDE = 5
"""Runs a side of the comparison that the floor is for: what docs/measurement.md asks of comparisons."""

LEAST_RUNS = 6
"""Below this there are too few ways to split the runs in two for a floor to mean anything. Chosen."""


@dataclass(frozen=True)
class NoFloor:
    """A board without a floor after all, and why: a sentence."""

    device: str
    why: str
    owed: int = 0


def as_noise(sweep: Sweep, runs: int) -> Sweep:
    """The sweep of one case as an A/A measurement: so many fresh processes a board, and no reference runs between:
    the artifact is compared with itself alone."""
    return replace(
        sweep, name="noise", repeats=runs, reference=False, energy=False, profile="none", purpose=Purpose.NOISE
    )


def reckon(store: Store, sweep_id: int) -> list[NoiseRecord | NoFloor]:
    """The floor of every board of a noise sweep that is complete there, stored; for the others why there is none."""
    runs: dict[str, list[RunSummary]] = defaultdict(list)
    for run in store.runs(RunFilter(sweep=sweep_id)):
        runs[run.device].append(run)
    owed: dict[str, int] = defaultdict(int)
    for job in store.owed_jobs(sweep_id):
        owed[job.device] += 1
    found = [_floor_of(device, sweep_id, runs[device], owed[device]) for device in sorted({*runs, *owed})]
    for one in found:
        if isinstance(one, NoiseRecord):
            store.keep_noise(one)
    return found


def _floor_of(device: str, sweep_id: int, runs: list[RunSummary], owed: int) -> NoiseRecord | NoFloor:
    if owed:
        done = sum(run.status.final for run in runs)
        return NoFloor(device, f"{owed} of {owed + done} runs are still to do", owed)
    good = [run for run in runs if run.status is RunStatus.OK and run.verdict is not Verdict.INVALID]
    medians = [run.median_ns for run in good if run.median_ns is not None]
    if len(medians) < LEAST_RUNS:
        faults = sorted({run.message for run in runs if run.message})
        told = f": {faults[0]}" if faults else ""
        return NoFloor(device, f"{len(medians)} of {len(runs)} runs are of use, it takes {LEAST_RUNS}{told}")
    a_side = min(A_SIDE, len(medians) // 2)
    newest = good[-1]
    return NoiseRecord(
        device,
        sweep_id,
        datetime.now(UTC),
        newest.model,
        a_side,
        noise_floor(medians, a_side),
        {
            "medians_ns": medians,
            "left_out": len(runs) - len(medians),
            "runtime": newest.runtime,
            "version": newest.runtime_version,
            "threads": newest.threads,
            "delegate": newest.delegate,
            "protocol": newest.protocol,
        },
    )
