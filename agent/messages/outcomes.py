"""What came of a job."""

from typing import Any, Dict, List, Optional

from agent.messages.board import Conditions
from agent.messages.jobs import Tensor
from agent.records import dataclass, field


@dataclass(frozen=True)
class Samples:
    """Readings of the sensors while the worker lived; None where a sensor gave nothing at that moment.

    `t_ns` is the board's monotonic clock, the clock of `Timing.loop_start_ns`.
    """

    t_ns: List[int]
    channels: Dict[str, List[Optional[float]]]


@dataclass(frozen=True)
class Timing:
    """The times of one job. Latencies in order of measurement; nanoseconds; loop times on the monotonic clock."""

    load_ns: int
    first_ns: int
    warmup_inferences: int
    warmup_ns: int
    steady: bool
    latencies_ns: List[int]
    loop_start_ns: int
    loop_wall_ns: int
    loop_cpu_ns: int


@dataclass(frozen=True)
class Surroundings:
    """What else the board did while the clock ran: differences between the two ends of the timed loop. Absent is None.

    `others_cpu_s`: processor time of everything but worker and agent; `steal_s`: what the host of a virtual machine
    took; `wait_s`: how long the worker's threads were ready and had no processor; `swapped_pages`: pages read back
    from swap; `pressure_…_s`: time in which some process was stalled for want of it (PSI); `clock_step_s`: how far
    the wall clock moved against the monotonic one.
    """

    others_cpu_s: Optional[float] = None
    steal_s: Optional[float] = None
    wait_s: Optional[float] = None
    involuntary_switches: Optional[int] = None
    major_faults: Optional[int] = None
    swapped_pages: Optional[int] = None
    pressure_cpu_s: Optional[float] = None
    pressure_memory_s: Optional[float] = None
    pressure_io_s: Optional[float] = None
    clock_step_s: Optional[float] = None


@dataclass(frozen=True)
class Memory:
    """Bytes. `peak_rss_bytes`: the kernel's peak of the worker; `runtime_rss_bytes`: before the model was loaded."""

    peak_rss_bytes: Optional[int]
    runtime_rss_bytes: Optional[int]
    loaded_rss_bytes: Optional[int]
    arena_bytes: Optional[int]


@dataclass(frozen=True)
class Gate:
    """What the check before the clock found. `checked` counts the references compared.

    `worst_error` is the largest absolute difference over the spread of its reference; None without a reference.
    """

    checked: int
    worst_error: Optional[float]
    tolerance: Optional[float]


@dataclass(frozen=True)
class Answers:
    """What a model answered, example by example, of `shape` (examples first): base64 of zlib of C-ordered little-endian
    bytes. `digest`: SHA-256 of type, shape and plain bytes, so that equal answers have one."""

    kind: str
    dtype: str
    shape: List[int]
    digest: str
    data: str


@dataclass(frozen=True)
class JobResult:
    job_id: str
    runtime_version: Optional[str]
    timing: Timing
    memory: Memory
    gate: Gate
    outputs_digest: str
    details: Dict[str, Any]
    thermal_wait_s: float
    conditions_before: Conditions
    conditions_after: Conditions
    samples: Samples
    outputs: List[Tensor] = field(default_factory=list)
    surroundings: Optional[Surroundings] = None
    answers: Optional[Answers] = None


FAILURE_REASONS = (
    "unsupported",
    "rejected",
    "wrong_output",
    "crashed",
    "out_of_memory",
    "timed_out",
    "disk_full",
    "lost",
)


@dataclass(frozen=True)
class JobFailure:
    """A job that gave no number. `reason`: one of FAILURE_REASONS; `detail`: for people (end of stderr, a signal)."""

    job_id: str
    reason: str
    message: str
    detail: str = ""
