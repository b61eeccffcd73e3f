"""What a board is, and how it stands at one moment."""

from typing import Dict, List, Optional

from agent.records import dataclass, field


@dataclass(frozen=True)
class Facts:
    """What does not change on a board between two boots. Absent is None, never 0 or an empty guess."""

    machine_id: Optional[str]
    board: Optional[str]
    cpu: Optional[str]
    architecture: str
    bits: int
    cores: int
    usable_cpus: List[int]
    isa: List[str]
    memory_bytes: Optional[int]
    memory_limit_bytes: Optional[int]
    kernel: str
    system: Optional[str]
    libc: Optional[str]
    python: str
    python_path: str
    libstdcxx: bool
    modules: Dict[str, str]
    sensors: List[str]
    nominal_clock_khz: Optional[int]
    user: str
    emulated: Optional[str]
    cpu_capacity: Dict[str, int] = field(default_factory=dict)
    """By processor number, as the kernel ranks them: 1024 is the fastest (docs.kernel.org, cpu_capacity). Empty
    where it does not tell: all alike."""


@dataclass(frozen=True)
class Conditions:
    """How a board stands at one moment. Absent is None."""

    utc: str
    boot_id: Optional[str]
    uptime_s: Optional[float]
    governor: Optional[str]
    clock_khz: Optional[int]
    temperatures_c: Dict[str, float]
    throttle_bits: Optional[int]
    load_1m: Optional[float]
    procs_running: Optional[int]
    memory_available_bytes: Optional[int]
    swap_used_bytes: Optional[int]
    disk_free_bytes: Optional[int]
    on_battery: Optional[bool] = None
    """It lives on its battery now. None where nothing tells: most boards have none, and do not say so."""
    battery_percent: Optional[int] = None
