"""What a job is, as a board gets it."""

from typing import Any, Dict, List, Optional

from agent.records import dataclass


@dataclass(frozen=True)
class Tensor:
    """One tensor as bytes. `dtype` is numpy's name of it, `data` is base64 of C-ordered little-endian bytes."""

    name: str
    dtype: str
    shape: List[int]
    data: str


@dataclass(frozen=True)
class InputRecipe:
    """How one input is filled from the job's seed, so that every board computes on the same bytes.

    `fill`: `uniform` (float, low ≤ x < high), `integers` (low ≤ x ≤ high), `ones`, `zeros`.
    """

    name: str
    dtype: str
    shape: List[int]
    fill: str
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True)
class ModelOnBoard:
    digest: str
    name: str
    format: str
    inputs: List[InputRecipe]


@dataclass(frozen=True)
class RuntimeOnBoard:
    """A runtime and where it lies: `carrier` is `none` (ships with the agent), `library`, `bundle` or `system`.

    `digest` names the pushed library or bundle; it is None for `none` and for `system` (the board's own packages).
    """

    name: str
    version: Optional[str]
    carrier: str
    digest: Optional[str] = None


@dataclass(frozen=True)
class MeasureProtocol:
    """How long to warm up and to measure (docs/measurement.md)."""

    name: str
    warmup_inferences: int
    warmup_s: float
    warmup_limit_s: float
    min_inferences: int
    min_s: float
    max_s: float


@dataclass(frozen=True)
class ThermalGate:
    """Start only at or below `start_c`; look every `poll_s`; give up after `limit_s` and measure all the same."""

    start_c: Optional[float]
    poll_s: float = 5.0
    limit_s: float = 600.0


@dataclass(frozen=True)
class EnergyPlan:
    """Read what the board draws, in a job of its own: `idle_s` before the worker starts, for the baseline, and then to
    its end, `sample_hz` times a second. The times of such a job are not for comparison (docs/measurement.md)."""

    idle_s: float
    sample_hz: float


@dataclass(frozen=True)
class Reference:
    """The outputs that the model must give for the inputs of `seed`, before any clock starts.

    An element may differ by `tolerance` times the spread (maximum - minimum) of the reference tensor.
    """

    seed: int
    outputs: List[Tensor]
    tolerance: float


@dataclass(frozen=True)
class TaskOnBoard:
    """Work on a data set, behind the warm-up of a job: every example once, and the answers go back.

    `kind`: one of `agent.tasks.TASKS`. `scope`: `model` (the clock runs during inferences alone) or `end_to_end` (from
    the text to the outputs). `data` and `vocabulary` are digests of pushed files. `classes`: elements of the output
    that is the answer, for classification; `new_tokens`: to be written for each text, for generation.
    """

    kind: str
    scope: str
    data: str
    vocabulary: Optional[str] = None
    classes: int = 0
    new_tokens: int = 0


@dataclass(frozen=True)
class JobSpec:
    """One job as a board gets it: everything it needs, and nothing that it would have to guess.

    `keep_outputs` asks for the outputs of the inputs of `seed` in the result, to be the reference of other runs.
    `profile_ops`: behind the timed loop, what each operator takes; the times of such a job are not for comparison.
    `task`: the timed loop goes once through a data set; its times are for comparison with those of the same data alone.
    `held_clock_khz` is the clock that this visit holds all processors at, None where it holds none; the result tells.
    """

    job_id: str
    model: ModelOnBoard
    runtime: RuntimeOnBoard
    threads: int
    delegate: str
    options: Dict[str, Any]
    protocol: MeasureProtocol
    seed: int
    references: List[Reference]
    thermal: ThermalGate
    cpu_affinity: Optional[List[int]]
    sample_hz: float
    deadline_s: float
    keep_outputs: bool = False
    energy: Optional[EnergyPlan] = None
    held_clock_khz: Optional[int] = None
    profile_ops: bool = False
    task: Optional[TaskOnBoard] = None
