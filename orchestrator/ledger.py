"""The store as the boards' threads have it."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from agent.protocol import Conditions, Facts
from orchestrator.records import LinkFault, PowerCycle
from orchestrator.runs import Job, Run
from orchestrator.store import Store
from orchestrator.store.faults import Patience


class PatientLedger:
    """A `schedule.Ledger`. A database that another process keeps busy is waited for."""

    def __init__(self, store: Store, patience: Patience) -> None:
        self._store = store
        self._patience = patience

    def job(self, job_id: str) -> Job | None:
        return self._patience(partial(self._store.job, job_id))

    def planned_at(self, job_id: str) -> datetime | None:
        return self._patience(partial(self._store.planned_at, job_id))

    def still_owed(self, job_ids: Sequence[str]) -> set[str]:
        return self._patience(partial(self._store.still_owed, job_ids))

    def save_run(self, run: Run) -> bool:
        return self._patience(partial(self._store.save_run, run))

    def is_old_failure(self, run: Run) -> bool:
        return self._patience(partial(self._store.is_old_failure, run))

    def remember_facts(self, device: str, facts: Facts, conditions: Conditions, at: datetime) -> None:
        self._patience(partial(self._store.remember_facts, device, facts, conditions, at))

    def note_fault(self, fault: LinkFault) -> None:
        self._patience(partial(self._store.note_fault, fault))

    def note_back(self, sweep_id: int | None, device: str, at: datetime) -> None:
        self._patience(partial(self._store.note_back, sweep_id, device, at))

    def begin_power_cycle(self, cycle: PowerCycle) -> bool:
        return self._patience(partial(self._store.begin_power_cycle, cycle))

    def end_power_cycle(self, cycle: PowerCycle) -> None:
        self._patience(partial(self._store.end_power_cycle, cycle))
