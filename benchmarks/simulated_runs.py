"""Runs that never happened, of which the truth is known: a seeded board with the faults of real ones.

One trial is one sweep of eight cases in blocks, in the very order that the planner shuffles. Two of the cases, first
and second, are one artifact. All effects are factors, so everything here is a sum of logs: the board (ramp, step,
wander from job to job), the process (its luck with memory, of heavy tails, or of two modes) and its inferences
(autocorrelated, with two levels and late ones). The figures are chosen; what real boards showed is named beside them.
"""

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bench_board import ROOT  # noqa: F401 - puts the checkout first on the path

from orchestrator.devices import Device
from orchestrator.models import Model
from orchestrator.plan import plan
from orchestrator.sweep import Sweep

CASES = 8
INFERENCES = 200


@dataclass(frozen=True)
class Condition:
    """How a board behaves. All figures are logs (0.01: 1 %).

    `process`: scale of what one process has against another (Student's t with 4 degrees of freedom, so that some runs
    lie far out); published latencies of 2,000 networks on a quiet Raspberry Pi scatter by 0.7 % about a model of them,
    and 6 runs in a row on the shared machine of docs/benchmarks-of-judgement.md by 0.9 %, while nobody else used it.
    `wander`: stationary deviation of the board's level, with a correlation of 0.9 from one job to the next.
    `ramp`: the largest rise or fall of the level over a sweep. `step`: the largest jump, in every second sweep.
    `mode`: how much slower 30 % of the processes are. `disturbed`: the share of runs that lose 5 to 40 %.
    """

    name: str
    process: float = 0.01
    wander: float = 0.003
    ramp: float = 0.0
    step: float = 0.0
    mode: float = 0.0
    disturbed: float = 0.0


CONDITIONS = (
    Condition("quiet"),
    Condition("drifting", wander=0.01, ramp=0.08, step=0.10),
    Condition("noisy", process=0.05),
    Condition("two modes", mode=0.06),
    Condition("disturbed", disturbed=0.1),
)


@dataclass(frozen=True)
class Trials:
    """Medians and means of runs, of both sides: arrays of trials × blocks."""

    first_medians: "np.ndarray"
    second_medians: "np.ndarray"
    first_means: "np.ndarray"
    second_means: "np.ndarray"


def simulate(condition: Condition, trials: int, blocks: int, seed: int, interleaved: bool = True) -> Trials:
    """`interleaved` false: all runs of the first side, then all of the second, with nothing in between."""
    random = np.random.default_rng([seed, trials, blocks, *condition.name.encode()])
    slots = (
        places(trials, blocks, seed)
        if interleaved
        else np.broadcast_to(np.arange(2 * blocks).reshape(2, blocks), (trials, 2, blocks))
    )
    level = _board(condition, random, trials, int(slots.max()) + 1)
    sides = []
    for side in range(2):
        runs = np.take_along_axis(level, slots[:, side], axis=1) + _processes(condition, random, (trials, blocks))
        latencies = np.exp(runs[..., None] + _inferences(random, (trials, blocks)))
        sides.append((np.median(latencies, axis=2), latencies.mean(axis=2)))
    return Trials(sides[0][0], sides[1][0], sides[0][1], sides[1][1])


def places(trials: int, blocks: int, seed: int) -> "np.ndarray":
    """When the runs of the two sides come among all jobs: trials × side × block, from real plans."""
    models = [Model(f"m{one}", f"{one}", Path("m"), "tflite", 1, (), (), ()) for one in range(CASES)]
    board = [Device("board")]
    found = np.empty((trials, 2, blocks), dtype=int)
    for trial in range(trials):
        sweep = Sweep("s", ("m*",), ("all",), repeats=blocks, seed=seed * 1_000_003 + trial)
        numbers = itertools.count()
        jobs = plan(sweep, models, board, {}, lambda *_: None, lambda: str(next(numbers)), reference=models[-1])  # noqa: B023
        for slot, job in enumerate(jobs):
            if job.position and job.model in ("m0", "m1"):
                found[trial, int(job.model == "m1"), job.block] = slot
    return found


def _board(condition: Condition, random: "np.random.Generator", trials: int, slots: int) -> "np.ndarray":
    level = condition.wander * _autocorrelated(random, (trials, slots), 0.9)
    level += random.uniform(-condition.ramp, condition.ramp, (trials, 1)) * np.linspace(0, 1, slots)
    height = random.uniform(-condition.step, condition.step, (trials, 1)) * (random.random((trials, 1)) < 0.5)
    return level + height * (np.arange(slots) >= random.integers(0, slots, (trials, 1)))


def _processes(condition: Condition, random: "np.random.Generator", shape: tuple[int, int]) -> "np.ndarray":
    own = condition.process * random.standard_t(4, shape) / np.sqrt(2)  # a t of 4 has a variance of 2
    own += condition.mode * (random.random(shape) < 0.3)
    return own + random.uniform(0.05, 0.40, shape) * (random.random(shape) < condition.disturbed)


def _inferences(random: "np.random.Generator", shape: tuple[int, int]) -> "np.ndarray":
    """Around zero: a wander (2 %, correlation 0.7), a second level 4 % up for a fifth of the time, 2 % late ones."""
    whole = (*shape, INFERENCES)
    up = np.zeros(whole, dtype=bool)
    up[..., 0] = random.random(shape) < 0.2
    for one in range(1, INFERENCES):
        up[..., one] = random.random(shape) < np.where(up[..., one - 1], 0.92, 0.02)
    late = random.exponential(0.3, whole) * (random.random(whole) < 0.02)
    return 0.02 * _autocorrelated(random, whole, 0.7) + 0.04 * up + late


def _autocorrelated(random: "np.random.Generator", shape: tuple[int, ...], correlation: float) -> "np.ndarray":
    """Standard normal values, each correlated with the one before along the last axis."""
    values = random.standard_normal(shape)
    for one in range(1, shape[-1]):
        values[..., one] = correlation * values[..., one - 1] + np.sqrt(1 - correlation**2) * values[..., one]
    return values
