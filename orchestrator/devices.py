"""A device: one board of the farm, as its profile describes it. Reading and writing profiles: `profiles/`."""

from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What the board is; figures of different kinds never stand in one ratio."""

    REAL = "real"
    LOOPBACK = "loopback"
    EMULATED = "emulated"


class Link(StrEnum):
    """How the board is reached."""

    SSH = "ssh"
    LOCAL = "local"


@dataclass(frozen=True)
class Device:
    """One board. Paths as the user wrote them; `None` means "not said": ssh_config or a default decides.

    `thermal_auto`: without `thermal_start_c`, wait until the board is back to its own idle temperature (`idle.py`).
    `cpus` are numbers, or `big` or `little` (`affinity.py`). `governor` and `clock_khz` are set for every visit.
    `power` is the command that switches the board off and on (`power_cycle.py`).
    """

    name: str
    link: Link = Link.SSH
    kind: Kind = Kind.REAL
    host: str | None = None
    user: str | None = None
    port: int | None = None
    key_file: str | None = None
    jump: str | None = None
    python: str = "python3"
    work_dir: str = "~/.cache/dynofarm"
    tags: tuple[str, ...] = ()
    group: str | None = None
    board_model: str | None = None
    site: str | None = None
    relay: bool = False
    relay_address: str | None = None
    runtimes: tuple[str, ...] = ()
    thermal_start_c: float | None = None
    thermal_auto: bool = True
    thermal_limit_s: float = 600.0
    cpus: tuple[int, ...] | str | None = None
    governor: str | None = None
    clock_khz: int | None = None
    power: tuple[str, ...] = ()
    push_while_measuring: bool = False
    storage_limit_bytes: int = 2 * 10**9
    connect_timeout_s: float = 10.0
    notes: str = field(default="", compare=False)

    @property
    def address(self) -> str:
        """For people: `pi@10.0.0.4:22`, or `this machine`."""
        if self.link is Link.LOCAL:
            return "this machine"
        user = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port else ""
        return f"{user}{self.host}{port}"

    @property
    def exclusion(self) -> str:
        """Devices with the same exclusion are one machine: one job at a time among them."""
        return self.group or self.name
