"""What a supervisor gives its worker, and what that says over a pipe of their own: JSON, strict as the protocol."""

import json
from typing import Any, Dict, List, Optional, Type

from agent.messages.jobs import JobSpec, Tensor
from agent.messages.outcomes import Answers, Gate, Memory, Surroundings, Timing
from agent.records import dataclass
from agent.wire import WireError, from_plain, to_plain


@dataclass(frozen=True)
class Reached:
    """The worker is at this stage of the job now. `quiet_s`, `done` and `steps` as in `protocol.Stage`."""

    stage: str
    quiet_s: float = 0.0
    done: int = 0
    steps: int = 0


@dataclass(frozen=True)
class Measured:
    """The worker's part of a `JobResult`."""

    runtime_version: Optional[str]
    timing: Timing
    memory: Memory
    gate: Gate
    outputs_digest: str
    details: Dict[str, Any]
    outputs: List[Tensor]
    surroundings: Surroundings
    answers: Optional[Answers] = None


@dataclass(frozen=True)
class Failed:
    """The worker found out itself why there is no number. `reason`: one of `protocol.FAILURE_REASONS`."""

    reason: str
    message: str
    detail: str = ""


def encode_job(job: JobSpec) -> bytes:
    """For the worker's standard input."""
    return json.dumps(to_plain(job)).encode("ascii")


def decode_job(data: bytes) -> JobSpec:
    """`WireError` when it is none."""
    try:
        plain = json.loads(data.decode("ascii"))
    except ValueError as error:
        raise WireError("not a job: %s" % error) from None
    return from_plain(JobSpec, plain, "job")


_KINDS: Dict[str, Type[Any]] = {"reached": Reached, "measured": Measured, "failed": Failed}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def encode_report(report: Any) -> bytes:
    """One report as one line, newline included. What JSON cannot carry in `details` becomes text."""
    plain = {"kind": _NAMES[type(report)]}
    plain.update(to_plain(report))
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"), default=str).encode("utf-8") + b"\n"


def decode_report(line: bytes) -> Any:
    """One line as `Reached`, `Measured` or `Failed`; `WireError` when it is none."""
    try:
        plain = json.loads(line.decode("utf-8"))
        kind = _KINDS[plain.pop("kind")]
    except (ValueError, KeyError, AttributeError, TypeError):
        raise WireError("not a worker's report: %r" % line[:120].decode("utf-8", "backslashreplace")) from None
    return from_plain(kind, plain, "worker")
