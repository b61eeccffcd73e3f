"""Looking a board over for whatever spoils measurements: `dynofarm doctor` asks, the agent answers.

Everywhere: absent is None (or not in the list), never 0 and never a guess. A "processor's worth" is the time of one
processor: 1.0 is one processor kept busy all the while, on a board of any number of processors.
"""

from typing import Dict, List, Optional

from agent.records import dataclass


@dataclass(frozen=True)
class Examine:
    """Look the board over, and watch what it does for this many seconds (at most 60)."""

    seconds: float


@dataclass(frozen=True)
class ClockPolicy:
    """Processors that share a clock: who rules it, what it may choose from, and the limits it has to keep (kHz)."""

    name: str
    cpus: List[int]
    governor: Optional[str]
    governors: List[str]
    driver: Optional[str]
    limit_khz: Optional[int]
    hardware_limit_khz: Optional[int]


@dataclass(frozen=True)
class ClockControl:
    """What decides how fast the processors run. `boost_file` is the switch that `boost` was read from.

    `power_modes` are the names of the modes of a Jetson's nvpmodel by number, `power_mode` is the one that holds.
    `trips_c` is, for each temperature that has one, where the kernel begins to slow the processors down.
    """

    policies: List[ClockPolicy]
    boost: Optional[bool]
    boost_file: Optional[str]
    smt: Optional[bool]
    isolated_cpus: List[int]
    power_mode: Optional[int]
    power_modes: Dict[str, str]
    trips_c: Dict[str, float]


@dataclass(frozen=True)
class BusyProcess:
    """A process that took time while we watched: `cpus` itself, `started_cpus` through children that have ended.

    `control_group` is the kernel's path of it.
    """

    pid: int
    name: str
    user: Optional[str]
    cpus: float
    started_cpus: float
    control_group: Optional[str]
    kernel: bool


@dataclass(frozen=True)
class Login:
    """Somebody else's session. `session` is logind's name for it, None where only utmp knows of it."""

    user: str
    where: Optional[str]
    session: Optional[str]


@dataclass(frozen=True)
class Company:
    """Who else is on the board. Times in processors' worth over the interval, the agent's own apart.

    `busy_cpus` is everything by the kernel's own account, `seen_cpus` what the processes that we may see add up to.
    `waiting` are the shares of the interval in which somebody waited for `cpu`, `memory` or `io` (pressure stall).
    """

    busiest: List[BusyProcess]
    busy_cpus: Optional[float]
    seen_cpus: Optional[float]
    own_cpus: Optional[float]
    stolen_share: Optional[float]
    waiting: Dict[str, float]
    desktop: List[str]
    display_manager: bool
    default_target: Optional[str]
    logins: Optional[List[Login]]
    timers: List[str]


@dataclass(frozen=True)
class SwapDevice:
    """`kind` is zram, file or partition."""

    path: str
    kind: str
    size_bytes: int
    used_bytes: int


@dataclass(frozen=True)
class Storage:
    """Swap and disks. File systems by the kernel's names; `disk_errors` counts what ext4 has found broken."""

    swaps: Optional[List[SwapDevice]]
    swappiness: Optional[int]
    work_file_system: Optional[str]
    root_file_system: Optional[str]
    root_read_only: Optional[bool]
    disk_errors: Optional[int]


@dataclass(frozen=True)
class Standing:
    """What the board is set up as. `utc` is its clock when it answered; `tools` are programs that could mend things.

    `distribution` is ID of os-release, then ID_LIKE. `firmware_date` is ISO 8601.
    """

    utc: str
    synchronised: Optional[bool]
    time_service: Optional[str]
    distribution: List[str]
    tools: List[str]
    firmware: Optional[str]
    firmware_date: Optional[str]
    container: Optional[str]
    virtual_machine: Optional[str]
    on_battery: Optional[bool]
    mitigations_off: Optional[bool]


@dataclass(frozen=True)
class Examined:
    """All that was found. `interval_s` is how long the board was watched."""

    interval_s: float
    clocks: ClockControl
    company: Company
    storage: Storage
    standing: Standing
