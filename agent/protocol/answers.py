"""What the agent says."""

from dataclasses import dataclass, field
from typing import Dict, List

from agent.protocol.board import Conditions, Facts
from agent.protocol.outcomes import JobFailure, JobResult


@dataclass(frozen=True)
class Ready:
    protocol: int
    agent_digest: str
    pid: int
    spooled: List[str]
    reaped: int = 0
    work_dir: str = ""


@dataclass(frozen=True)
class Busy:
    """Somebody else holds the board. `since` is UTC, ISO 8601."""

    holder: str
    since: str


@dataclass(frozen=True)
class Probed:
    facts: Facts
    conditions: Conditions


@dataclass(frozen=True)
class Tuned:
    """What holds now that was asked for, by name (`governor`, `clock_khz`); `refused` says why the rest does not."""

    applied: Dict[str, str]
    refused: str = ""


@dataclass(frozen=True)
class Holdings:
    present: List[str]
    missing: List[str]
    unpacked: List[str]


@dataclass(frozen=True)
class Unpacked:
    digest: str


@dataclass(frozen=True)
class Evicted:
    """What was deleted; then the bytes that blobs and bundles take, and the bytes free on the disk."""

    digests: List[str]
    free_bytes: int
    used_bytes: int = 0


@dataclass(frozen=True)
class Stage:
    """Where a job is: cooling, idling (for the baseline of energy), loading, checking, timing, finishing.

    `quiet_s` > 0 announces that the agent says nothing for up to that many seconds, because a clock runs.
    """

    job_id: str
    name: str
    quiet_s: float = 0.0


@dataclass(frozen=True)
class Result:
    result: JobResult


@dataclass(frozen=True)
class Failure:
    failure: JobFailure


@dataclass(frozen=True)
class Collected:
    count: int


@dataclass(frozen=True)
class Heartbeat:
    pass


@dataclass(frozen=True)
class Error:
    """The agent could not do what was asked. `code`: protocol, disk_full, missing, corrupt, internal."""

    code: str
    message: str


@dataclass(frozen=True)
class Received:
    """Last line of `receive`: the bytes are on the disk under their digest."""

    digest: str
    size_bytes: int
    already: bool = field(default=False)
