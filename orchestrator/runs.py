"""A job is one cell of a plan; a run is what came of it. Pure types."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # lists of runs are read without the whole protocol: making its types takes 50 ms
    from agent.protocol import Facts, JobResult, MeasureProtocol
    from orchestrator.assignment import Assignment
    from orchestrator.sweep import RuntimeChoice


class RunStatus(StrEnum):
    """`ok` is a measurement; the others say why there is none. All but `ok` and `skipped` are taken up by --resume
    only when they are `lost`: the board went away, and the job is owed."""

    OK = "ok"
    SKIPPED = "skipped"
    UNSUPPORTED = "unsupported"
    REJECTED = "rejected"
    WRONG_OUTPUT = "wrong_output"
    CRASHED = "crashed"
    OUT_OF_MEMORY = "out_of_memory"
    TIMED_OUT = "timed_out"
    DISK_FULL = "disk_full"
    LOST = "lost"

    @property
    def final(self) -> bool:
        return self is not RunStatus.LOST


class Role(StrEnum):
    """What a job is for. Only a `case` is a result; the others say what its numbers are worth."""

    CASE = "case"
    REFERENCE = "reference"
    ENERGY = "energy"
    PROFILE = "profile"
    TASK = "task"


@dataclass(frozen=True)
class Job:
    """One cell of a plan in one block. `job_id` is made by the orchestrator and names the result for ever."""

    job_id: str
    device: str
    model: str
    model_digest: str
    runtime: "RuntimeChoice"
    threads: int
    delegate: str
    options: Mapping[str, Any]
    protocol: "MeasureProtocol"
    block: int
    position: int
    seed: int
    sample_hz: float
    deadline_s: float
    skip_reason: str | None = None
    role: Role = Role.CASE
    task: "Assignment | None" = None

    @property
    def asked_for(self) -> bool:
        """The reference model's jobs come and go with the blocks: they stand in no count that users see."""
        return self.role is not Role.REFERENCE

    @property
    def case_key(self) -> str:
        """What two runs must share to be compared: the model's name, not its hash."""
        options = ",".join(f"{key}={self.options[key]}" for key in sorted(self.options))
        task = "" if self.task is None else f"{self.task.kind} {self.task.label}"
        parts = (self.device, self.model, str(self.runtime), f"t{self.threads}", self.delegate, options, task)
        return " | ".join(part for part in parts if part)


def options_key(options: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Options as a key of a dictionary, in whatever order they were given; `1` and `"1"` are two."""
    return tuple(sorted((key, repr(value)) for key, value in options.items()))


@dataclass(frozen=True)
class Run:
    """What came of one job on one board. `result` is there exactly when `status` is ok."""

    job: Job
    status: RunStatus
    started: datetime
    finished: datetime
    message: str = ""
    detail: str = ""
    result: "JobResult | None" = None
    facts: "Facts | None" = None
    device_kind: str = "real"
    attempts: int = field(default=1, compare=False)

    @property
    def held_clock_khz(self) -> int | None:
        """The clock that the board held for this run because its profile asks for it."""
        found = self.result.details.get("held_clock_khz") if self.result is not None else None
        return found if isinstance(found, int) else None
