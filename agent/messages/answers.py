"""What the agent says."""

from typing import Dict, List, Optional

from agent.messages.board import Conditions, Facts
from agent.messages.outcomes import JobFailure, JobResult
from agent.messages.reservation import Reservation
from agent.records import dataclass, field


@dataclass(frozen=True)
class Ready:
    """The board is the visitor's. `reserved` is the visitor's reservation that it keeps; `notes` are for people."""

    protocol: int
    agent_digest: str
    pid: int
    spooled: List[str]
    reaped: int = 0
    work_dir: str = ""
    reserved: Optional[Reservation] = None
    notes: List[str] = field(default_factory=list)


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
    partial: Dict[str, int] = field(default_factory=dict)
    """Of what is missing: the bytes that a broken transfer left here, from which the next one goes on."""


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
    """Where a job is: cooling, idling (for the baseline of energy), loading, checking, timing, answering, finishing.

    `quiet_s` > 0 announces that the agent says nothing for up to that many seconds, because a clock runs. While it
    answers, `done` of its `steps` are behind it.
    """

    job_id: str
    name: str
    quiet_s: float = 0.0
    done: int = 0
    steps: int = 0


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
    """The agent could not do what was asked. `code`: protocol, disk_full, missing, corrupt, relay, internal."""

    code: str
    message: str


@dataclass(frozen=True)
class Receiving:
    """It holds the file and waits for frames that begin at `offset_bytes`. `zstd`: it was asked whether it can unpack
    such frames, and can."""

    digest: str
    offset_bytes: int
    zstd: bool = False


@dataclass(frozen=True)
class LaneDone:
    """Last line of `lane`: so many bytes of the file were written by it."""

    size_bytes: int


@dataclass(frozen=True)
class Received:
    """Last line of `receive`: the bytes are on the disk under their digest."""

    digest: str
    size_bytes: int
    already: bool = False
