"""Boards: what they said of themselves, who had them, how noisy and how well they are, when they were lost."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from agent.protocol import Conditions, Facts
from orchestrator.records import (
    Circumstances,
    DeviceRecord,
    Ending,
    Lease,
    LinkFault,
    NoiseRecord,
    PowerCycle,
    QuarantineRecord,
    ReferenceRun,
)
from orchestrator.store import devices, leases, link_faults, noise, power_cycles, quarantine
from orchestrator.store.engine import raw
from orchestrator.store.parts.part import Part


class Boards(Part):
    def remember_facts(self, device: str, facts: Facts, conditions: Conditions, at: datetime) -> None:
        """What a board said of itself at a visit."""
        with self._database.write() as connection:
            devices.remember(connection, {device: (facts, conditions)}, at)

    def remember_visits(self, visits: Mapping[str, tuple[Facts, Conditions]], at: datetime) -> None:
        """The same of many boards at once: thousands of commits would keep all of them waiting for minutes."""
        with self._database.write() as connection:
            devices.remember(connection, visits, at)

    def devices(self) -> list[DeviceRecord]:
        """Every board ever planned for or reached, by name."""
        with self._database.read() as connection:
            return devices.list_devices(connection)

    def last_facts(self) -> dict[str, Facts]:
        """The facts of each board's last visit; boards that were never reached are absent."""
        return {record.name: record.facts for record in self.devices() if record.facts is not None}

    def idle_c(self, device: str) -> float | None:
        """How warm a board is when it idles, degrees Celsius; None where that is not known."""
        with self._database.read() as connection:
            return devices.idle_c(raw(connection), device)

    def lease_boards(
        self, devices: Sequence[str], holder: str, *, owner: str, why: str, sweep_id: int | None
    ) -> list[Lease]:
        """Note that these boards, whose own locks we hold, are ours from now on."""
        with self._database.write() as connection:
            now = datetime.now(UTC)
            return leases.take_over(connection, devices, holder, now, owner=owner, why=why, sweep_id=sweep_id)

    def release_all(self, ended: Sequence[tuple[Lease, datetime, Ending]]) -> None:
        """Give boards back, each with the moment and the way in which its part ended."""
        with self._database.write() as connection:
            leases.give_back_all(connection, ended)

    def keep_noise(self, record: NoiseRecord) -> None:
        """Store a board's noise floor; that of the same sweep is overwritten."""
        with self._database.write() as connection:
            noise.keep(connection, record)

    def noise_floor(self, device: str) -> NoiseRecord | None:
        """The newest noise floor of a board; None where it was never measured."""
        with self._database.read() as connection:
            return noise.newest(connection, device)

    def reference_runs(self, device: str, digest: str, protocol: str) -> list[ReferenceRun]:
        """The measured runs of a model under a protocol since the board's baseline began, in order of time."""
        with self._database.read() as connection:
            since = quarantine.baseline(connection, device)
            return noise.reference_runs(connection, device, digest, protocol, since)

    def circumstances(self, device: str, digest: str, protocol: str, sweeps: Sequence[int]) -> list[Circumstances]:
        """How the board stood at such runs of some sweeps, in order of time."""
        with self._database.read() as connection:
            return noise.circumstances(connection, device, digest, protocol, sweeps)

    def quarantine(self, device: str, reason: str, since: datetime) -> bool:
        """Take a board out of rotation; False when it is out already."""
        with self._database.write() as connection:
            return quarantine.put_in(connection, device, since, reason)

    def release_board(self, device: str, why: str, at: datetime) -> QuarantineRecord | None:
        """Put a board back into rotation; None when it was not out."""
        with self._database.write() as connection:
            return quarantine.let_out(connection, device, at, why)

    def quarantined(self) -> dict[str, QuarantineRecord]:
        """The boards that are out of rotation, by name."""
        with self._database.read() as connection:
            return quarantine.list_open(connection)

    def quarantines(self, device: str) -> list[QuarantineRecord]:
        """Every time that a board was out, the oldest first."""
        with self._database.read() as connection:
            return quarantine.history(connection, device)

    def begin_baseline(self, device: str, at: datetime) -> None:
        """From now on the board's health is judged by how it is from now on; what was before is kept, not compared."""
        with self._database.write() as connection:
            quarantine.begin_baseline(connection, device, at)

    def note_fault(self, fault: LinkFault) -> None:
        """Write down that a link broke, and what is done next."""
        with self._database.write() as connection:
            link_faults.keep(connection, fault)

    def note_back(self, sweep_id: int | None, device: str, at: datetime) -> None:
        """The board was reached again: its faults in that sweep are over."""
        with self._database.write() as connection:
            link_faults.mark_back(connection, sweep_id, device, at)

    def link_faults(self, sweep_id: int) -> list[LinkFault]:
        """Those of a sweep, in order of time."""
        with self._database.read() as connection:
            return link_faults.list_faults(connection, sweep_id)

    def link_fault_counts(self) -> dict[int, int]:
        """How many each sweep had; sweeps without are absent."""
        with self._database.read() as connection:
            return link_faults.counts(connection)

    def begin_power_cycle(self, cycle: PowerCycle) -> bool:
        """Write down that the power of a board is about to be switched off and on; False when it had its turn in that
        sweep, which is once."""
        with self._database.write() as connection:
            return power_cycles.begin(connection, cycle)

    def end_power_cycle(self, cycle: PowerCycle) -> None:
        """Write down what came of it."""
        with self._database.write() as connection:
            power_cycles.end(connection, cycle)

    def power_cycles(self, sweep_id: int | None = None, device: str | None = None) -> list[PowerCycle]:
        """In order of time: those of a sweep, of a board, or all."""
        with self._database.read() as connection:
            return power_cycles.list_cycles(connection, sweep_id, device)
