"""What the threads of the boards share."""

import random
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from agent.protocol import Conditions, Facts
from orchestrator.breaker import USUAL, Limits
from orchestrator.devices import Device
from orchestrator.events import Event
from orchestrator.machines import MachineTurn
from orchestrator.records import LinkFault, PowerCycle
from orchestrator.relays import Relays
from orchestrator.runs import Job, Run
from orchestrator.supply import Supply


class Ledger(Protocol):
    """Where outcomes are committed (`store.Store`). Called from many threads."""

    def job(self, job_id: str) -> Job | None:
        """The job of that id, None when another store planned it."""

    def planned_at(self, job_id: str) -> datetime | None:
        """When that job was planned: it cannot have ended before."""

    def still_owed(self, job_ids: Sequence[str]) -> set[str]:
        """Those of the jobs that have no final outcome yet."""

    def save_run(self, run: Run) -> bool:
        """Commit; False when this outcome is there already. Idempotent."""

    def is_old_failure(self, run: Run) -> bool:
        """Is this failure there already, of a job that is to be tried again since?"""

    def remember_facts(self, device: str, facts: Facts, conditions: Conditions, at: datetime) -> None:
        """What a board said of itself that was reached only when the sweep ran already."""

    def note_fault(self, fault: LinkFault) -> None:
        """A link broke, or could not be made, and this is what is done next."""

    def note_back(self, sweep_id: int | None, device: str, at: datetime) -> None:
        """The board was reached again."""

    def begin_power_cycle(self, cycle: PowerCycle) -> bool:
        """A board's power is about to be switched off and on; False when it had its turn already."""

    def end_power_cycle(self, cycle: PowerCycle) -> None:
        """It was, or this failed."""


@dataclass(frozen=True)
class Power:
    """Leave to switch the power of hung boards off and on, once each: not those that `spent` names, whose turn was in
    an earlier part of the sweep. `switch` writes down by the function given that it begins, and returns what came of
    it; None when that function says that the board had its turn."""

    switch: Callable[[Device, Callable[[PowerCycle], bool]], PowerCycle | None]
    spent: Collection[str] = ()


@dataclass(frozen=True)
class Tools:
    """`sweep_id` is for what is written down of links; `power` is None unless the user asked for it. `machine` gives
    the turn of a machine among all commands, by its name; None where there are no others."""

    ledger: Ledger
    supply: Supply
    notify: Callable[[Event], None]
    stop: threading.Event
    sweep_id: int | None = None
    limits: Limits = USUAL
    power: Power | None = None
    dice: Callable[[float, float], float] = random.uniform
    relays: Relays | None = None
    machine: Callable[[str], MachineTurn] | None = None
