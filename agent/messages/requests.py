"""What the orchestrator says."""

from typing import List, Optional

from agent.messages.jobs import JobSpec
from agent.messages.reservation import Reservation
from agent.records import dataclass, field


@dataclass(frozen=True)
class Hello:
    """First line. `holder` names who asks, for the board's lock; wait at most `lock_wait_s` for it.

    `owner` (`user@host`) is whose visit it is, `utc_s` what the orchestrator's clock says. `reserve` is the visitor's
    reservation, which the board shall keep; `lift` names reservations that are over by the visitor's word.
    """

    protocol: int
    holder: str
    lock_wait_s: float = 0.0
    heartbeat_s: float = 2.0
    silence_limit_s: float = 30.0
    owner: str = ""
    utc_s: float = 0.0
    reserve: Optional[Reservation] = None
    lift: List[str] = field(default_factory=list)


@dataclass(frozen=True)
class Probe:
    pass


@dataclass(frozen=True)
class Tune:
    """Set the frequency governor and the clock of all processors for the time of this visit; None leaves as it is.

    Whatever was there before is put back when the agent leaves, or by the next one if it dies.
    """

    governor: Optional[str]
    clock_khz: Optional[int]


@dataclass(frozen=True)
class Have:
    digests: List[str]


@dataclass(frozen=True)
class Receive:
    """A file of this digest follows, in frames up to `END`, once the agent said `Receiving`; `END` alone, if it says
    something else. `zstd`: some of them may be compressed, if the board can unpack them."""

    digest: str
    size_bytes: int
    zstd: bool = False


@dataclass(frozen=True)
class Unpack:
    """Unpack the pushed zip `digest` into the folder of bundles, once."""

    digest: str


@dataclass(frozen=True)
class Evict:
    """Delete blobs until they and `incoming_bytes` fit `limit_bytes` and the disk: the least recently used first, then
    from the end of `later`, which are in the order in which they will be needed; never one in `keep`."""

    limit_bytes: int
    incoming_bytes: int
    keep: List[str]
    later: List[str] = field(default_factory=list)


@dataclass(frozen=True)
class RunJob:
    job: JobSpec


@dataclass(frozen=True)
class Collect:
    """Send every spooled result again."""


@dataclass(frozen=True)
class Acknowledge:
    job_id: str


@dataclass(frozen=True)
class Ping:
    pass


@dataclass(frozen=True)
class Bye:
    pass
