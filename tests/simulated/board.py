"""What stays on a simulated board between two visits: files, spool, lock, and the log of what it measured."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.protocol import Conditions, Facts
from tests.making import make_conditions, make_facts
from tests.simulated.faults import BoardFaults
from tests.simulated.world import World

if TYPE_CHECKING:
    from tests.simulated.agent import SimulatedAgent


@dataclass(frozen=True)
class Traits:
    """How a board and its link are. Seconds of the farm."""

    round_trip_s: float
    link_bytes_s: float
    start_s: float
    job_s: float
    latency_ns: int


@dataclass
class Measured:
    """One worker's life. `outcome`: the status that its job was given, None when it was killed before it had one."""

    job_id: str
    began_s: float
    ended_s: float | None = None
    outcome: str | None = None


class SimulatedBoard:
    """One board; its agents come and go. All but `frozen_s` is the world's thread's alone."""

    def __init__(self, world: World, name: str, exclusion: str, faults: BoardFaults, job_s: float) -> None:
        self.world = world
        self.name = name
        self.exclusion = exclusion
        self.faults = faults
        chance = faults.chance
        self.traits = Traits(
            round_trip_s=min(0.5, chance.lognormvariate(-5.0, 1.0)),
            link_bytes_s=chance.choice([1e6, 5e6, 1e7, 1e8]),
            start_s=chance.uniform(0.1, 2.0),
            job_s=job_s * chance.uniform(0.7, 1.3),
            latency_ns=int(1e6 * chance.lognormvariate(0.5, 0.8)),
        )
        self.spool: dict[str, bytes] = {}
        self.blobs: set[str] = set()
        self.parts: dict[str, bytearray] = {}
        self.agents: set[str] = set()
        self.log: list[Measured] = []
        self.boots = 1
        self.holder: SimulatedAgent | None = None
        self._frozen_until = 0.0
        self._waiting: list[Callable[[], None]] = []

    @property
    def frozen_s(self) -> float:
        """For how long it will hang; 0 when it does not."""
        return max(0.0, self._frozen_until - self.world.clock.now())

    def freeze(self, seconds: float) -> None:
        self._frozen_until = self.world.clock.now() + seconds

    def wait_for_lock(self, ask: Callable[[], None]) -> None:
        """Ask again when the lock is free."""
        self._waiting.append(ask)

    def free_lock(self) -> None:
        self.holder = None
        waiting, self._waiting = self._waiting, []
        for ask in waiting:
            self.world.after(0.0, ask)

    def facts(self) -> Facts:
        return make_facts(machine_id=self.name, board="Simulated board")

    def conditions(self) -> Conditions:
        now_s = self.world.clock.now()
        warm_c = 45.0 + 5.0 * self.faults.chance.random()
        return make_conditions(
            boot_id=f"{self.name}/{self.boots}", uptime_s=now_s, temperatures_c={"cpu-thermal": warm_c}
        )
