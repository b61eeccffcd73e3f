"""After a link broke: write it down, wait, and say when to try again or to leave the board alone."""

import math
import time
from datetime import UTC, datetime

from orchestrator.breaker import Breaker, State
from orchestrator.claims import reserved_text
from orchestrator.errors import BoardLost, TransferCorrupt, Unreachable
from orchestrator.events import Noted, Waiting
from orchestrator.links import Link
from orchestrator.records import FaultKind, LinkFault
from orchestrator.schedule.company import Company
from orchestrator.schedule.tools import Power, Tools
from orchestrator.turns import Ticket, Turns

TransportFault = BoardLost | Unreachable | TransferCorrupt
RETRIED = (BoardLost, Unreachable, TransferCorrupt)
"""What may be otherwise next time. A changed host key, a refused login, a Python that is too old are not."""

GIVEN_UP = "left alone for now; its jobs stay owed"
NOBODY_ANSWERS = "its power stays on: no other board answers either, so the fault may be on this side of the network"
NOTHING_LEFT = "nothing: it had no other job"


class Recovery:
    """One board's, for its thread. It holds no connection while it waits here, and no turn but that of a job which its
    lost agent may still measure."""

    def __init__(self, link: Link, turns: Turns, company: Company, tools: Tools) -> None:
        self._name = link.device.name
        self._link = link
        self._turns = turns
        self._company = company
        self._tools = tools
        self._breaker = Breaker(tools.limits, time.monotonic, tools.dice)
        self._has_entered = self._is_expected = link.facts is not None
        self._is_down = False
        self._drops = 0
        """Faults that the connection itself got over, since the board last did something: not for the breaker."""
        self.kept: Ticket | None = None
        """The turn of a job in which the link broke: nobody else of the machine measures beside an agent that may."""
        power = tools.power
        self._power = power if power is not None and link.device.power and self._name not in power.spent else None

    @property
    def had_faults(self) -> bool:
        """Since the board last did something for the sweep."""
        return self._breaker.attempt > 0

    def reached(self) -> None:
        """The board was connected to and probed."""
        self.note_drops()
        self._breaker.reached()
        if not self._has_entered:
            self._has_entered = self._is_expected = True
            self._company.enter(self._name)
            if self._link.facts is not None and self._link.conditions is not None:
                self._tools.ledger.remember_facts(
                    self._name, self._link.facts, self._link.conditions, datetime.now(UTC)
                )
        if self._is_down:
            self._is_down = False
            self._company.note(self._name, well=True)
            self._tools.ledger.note_back(self._tools.sweep_id, self._name, datetime.now(UTC))

    def progress(self) -> None:
        """The board did something for the sweep."""
        self._drops = 0
        self._breaker.progress()

    def note_drops(self) -> None:
        """Write down how often the board's server hung up before it was, or was not, connected to."""
        for fault in self._link.take_drops(self._tools.sweep_id, self._breaker.attempt + self._drops):
            self._drops += 1
            self._tools.ledger.note_fault(fault)

    def after(self, fault: TransportFault, *, answered: bool, more: bool) -> None:
        """Wait until the board may be tried again; raises the fault when it is to be left alone.

        `answered`: it could be connected to, and was lost later; `more`: there are jobs left for it. Returns early
        when the user asks to stop.
        """
        self._is_down = True
        self.note_drops()
        self._company.note(self._name, well=False)
        if not more:
            self._breaker.fault()
            self._note(fault, NOTHING_LEFT)
            return
        pause_s = self._breaker.fault()
        cycled = ""
        if self._breaker.state is State.OPEN and not answered and not isinstance(fault, TransferCorrupt):
            cycled = self._cycle_power()
        if self._breaker.is_hopeless or self._is_deserted:
            self._note(fault, cycled + GIVEN_UP)
            raise fault
        condition = ", if others still measure then" if self._waits_for_company else ""
        self._note(fault, f"{cycled}tried again after {pause_s:.1f} s{condition}")
        self._tools.notify(Waiting(self._name, f"{fault.message}; trying again in {math.ceil(pause_s)} s"))
        while not self._tools.stop.is_set() and not self._breaker.admit():
            if self._is_deserted:
                raise fault
            self._company.wait(self._breaker.wait_s, for_company=self._waits_for_company)

    @property
    def _waits_for_company(self) -> bool:
        """A board that was never reached holds nobody up: once the others are done, three faults are enough."""
        return not self._is_expected and self._breaker.state is State.OPEN

    @property
    def _is_deserted(self) -> bool:
        return self._waits_for_company and self._company.is_empty

    def _note(self, fault: TransportFault, what_next: str) -> None:
        kind = FaultKind.CORRUPT if isinstance(fault, TransferCorrupt) else FaultKind.LOST
        if isinstance(fault, Unreachable):
            kind = FaultKind.UNREACHABLE
        self._tools.ledger.note_fault(
            LinkFault(
                self._tools.sweep_id,
                self._name,
                datetime.now(UTC),
                kind,
                fault.message,
                what_next,
                self._breaker.attempt + self._drops,
            )
        )

    def _cycle_power(self) -> str:
        """Once in a sweep, where the user asked for it: what was done, in words. The machine's other boards must not
        measure meanwhile, so this is done when it is the board's turn."""
        power = self._power
        if power is None:
            return ""
        if not self._company.others_are_well(self._name):
            self._tools.notify(Noted(self._name, NOBODY_ANSWERS))
            return ""
        reserved = self._reserved()
        if reserved:
            return reserved
        ticket, self.kept = self._turns.take_up(self.kept), None
        try:
            return self._switch(power) if self._turns.wait(ticket) else ""
        finally:
            self._turns.leave(ticket)

    def _switch(self, power: Power) -> str:
        reserved = self._reserved()  # the turn may have come late
        if reserved:
            return reserved
        self._power = None
        self._tools.notify(Noted(self._name, "it does not answer: its power is switched off and on"))
        cycle = power.switch(self._link.device, self._tools.ledger.begin_power_cycle)
        if cycle is None:
            return ""
        self._tools.ledger.end_power_cycle(cycle)
        if cycle.fault:
            self._tools.notify(Noted(self._name, cycle.fault))
            return "its power could not be switched off and on; "
        self._is_expected = True  # it was given a new start: it is waited for, whoever else is done
        self._drops = 0
        self._breaker.renew()
        return "its power was switched off and on; "

    def _reserved(self) -> str:
        """Why its power stays on, in words, where somebody else has reserved the board since it was ours: he may be
        working on it, and that may be why it does not answer."""
        kept = self._link.kept_out()
        if kept is None:
            return ""
        whose = reserved_text(kept.owner, kept.until, kept.why, datetime.now().astimezone())
        words = f"its power stays on: it is {whose}"
        self._tools.notify(Noted(self._name, words))
        return f"{words}; "
