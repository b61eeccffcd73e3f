"""The store: domain types in and out of one SQLite file. Safe for many threads and many processes."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from agent.protocol import Conditions, Facts
from orchestrator.models import Model
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
    RunFilter,
    RunSummary,
    StoredRun,
    SweepRecord,
)
from orchestrator.runs import Job, Run, RunStatus
from orchestrator.store import (
    devices,
    leases,
    link_faults,
    models,
    noise,
    power_cycles,
    quarantine,
    queries,
    runs,
    summaries,
    sweeps,
    visits,
)
from orchestrator.store.batches import Batches
from orchestrator.store.engine import Database, raw
from orchestrator.store.file import BUSY_TIMEOUT_S
from orchestrator.store.reservations import Reservations
from orchestrator.store.schema import prepare
from orchestrator.sweep import Sweep
from orchestrator.trust.contexts import Visit
from orchestrator.trust.verdicts import Judgement


class Store:
    """Every method is one transaction: done whole, or not at all.

    Any of them may raise `StoreBusy` (another process writes and does not stop), `DiskFull` or `StoreDamaged`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._saving = Batches(database, runs.save)
        self.reservations = Reservations(database)

    @classmethod
    def open(cls, path: Path | str, *, create: bool = False, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Self:
        """Open a database, or with `create` make it where there is none; an older one is upgraded after a backup.

        `StoreError` (no such file, a network file system, not writable), `StoreDamaged`, `StoreTooNew`, `StoreBusy`,
        `DiskFull`: each says what to do.
        """
        path = Path(path).absolute()
        prepare(path, create=create, busy_timeout_s=busy_timeout_s)
        return cls(Database(path, busy_timeout_s))

    @property
    def path(self) -> Path:
        return self._database.path

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Devices --------------------------------------------------------------------------------------

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
            return devices.idle_c(connection, device)

    def lease_board(self, device: str, holder: str) -> Lease:
        """Claim a board among the orchestrators that share this store; `BoardBusy` names who has it."""
        with self._database.write() as connection:
            return leases.take(connection, device, holder, datetime.now(UTC))

    def lease_boards(
        self, devices: Sequence[str], holder: str, *, owner: str, why: str, sweep_id: int | None
    ) -> list[Lease]:
        """Note that these boards, whose own locks we hold, are ours from now on."""
        with self._database.write() as connection:
            now = datetime.now(UTC)
            return leases.take_over(connection, devices, holder, now, owner=owner, why=why, sweep_id=sweep_id)

    def release(self, lease: Lease) -> bool:
        """Give a board back; False when the lease had been taken over."""
        with self._database.write() as connection:
            return leases.give_back(connection, lease, datetime.now(UTC))

    def release_all(self, ended: Sequence[tuple[Lease, datetime, Ending]]) -> None:
        """Give boards back, each with the moment and the way in which its part ended."""
        with self._database.write() as connection:
            leases.give_back_all(connection, ended)

    # Noise and health -----------------------------------------------------------------------------

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

    # Models ---------------------------------------------------------------------------------------

    def add_model(self, model: Model) -> None:
        """Register a model. The same name with another digest is a new version, which the name means from now on."""
        with self._database.write() as connection:
            models.keep_model(connection, model, datetime.now(UTC))

    def models(self) -> list[Model]:
        """The newest version of each registered name."""
        with self._database.read() as connection:
            return models.list_models(connection)

    def model(self, name_or_digest_prefix: str) -> Model:
        """One model; `UnknownName` lists the near names."""
        with self._database.read() as connection:
            return models.find_model(connection, name_or_digest_prefix)

    def match_models(self, pattern: str) -> list[Model]:
        """Models by name, shell-style pattern or beginning of a digest; `UnknownName` when there are none."""
        with self._database.read() as connection:
            return models.match_models(connection, pattern)

    def remove_model(self, name_or_digest_prefix: str) -> list[Model]:
        """Forget a model (all versions of a name); runs of it stay. Returns what was removed."""
        with self._database.write() as connection:
            return models.remove(connection, name_or_digest_prefix, datetime.now(UTC))

    # Sweeps and jobs ------------------------------------------------------------------------------

    def create_sweep(self, sweep: Sweep, jobs: Sequence[Job], models: Sequence[Model], at: datetime) -> int:
        """Store a sweep with its whole plan before anything runs; returns its number."""
        with self._database.write() as connection:
            return sweeps.create(connection, sweep, jobs, models, at)

    def add_jobs(self, sweep_id: int, jobs: Sequence[Job], models: Sequence[Model]) -> None:
        """Put more jobs into the plan of a sweep."""
        with self._database.write() as connection:
            sweeps.add_jobs(connection, sweep_id, jobs, models, datetime.now(UTC))

    def sweeps(self) -> list[SweepRecord]:
        """Oldest first."""
        with self._database.read() as connection:
            return sweeps.list_sweeps(connection)

    def sweep(self, id_or_name: int | str) -> SweepRecord:
        """By number, by name (the newest of that name) or `last`; `UnknownName` lists the near names."""
        with self._database.read() as connection:
            return sweeps.find_sweep(connection, id_or_name)

    def last_unfinished_sweep(self) -> SweepRecord:
        """The newest sweep with owed jobs; `UnknownName` when all are complete."""
        with self._database.read() as connection:
            return sweeps.last_unfinished(connection)

    def status_counts(self, sweep_id: int) -> dict[RunStatus, int]:
        """Jobs of a sweep by the status of the run that counts."""
        with self._database.read() as connection:
            return sweeps.status_counts(connection, sweep_id)

    def jobs(self, sweep_id: int) -> list[Job]:
        """All jobs of a sweep, in the order of the plan."""
        with self._database.read() as connection:
            return sweeps.list_jobs(connection, sweep_id, owed_only=False)

    def owed_jobs(self, sweep_id: int) -> list[Job]:
        """Those without a final run; lost ones included."""
        with self._database.read() as connection:
            return sweeps.list_jobs(connection, sweep_id, owed_only=True)

    def owe_again(self, sweep_id: int, statuses: Sequence[RunStatus]) -> int:
        """Take up again the jobs that ended in one of these statuses (never `ok`); returns how many."""
        with self._database.write() as connection:
            return sweeps.owe_again(connection, sweep_id, statuses)

    def job(self, job_id: str) -> Job | None:
        """The job of that id; None when it was not planned here."""
        with self._database.read() as connection:
            return sweeps.find_job(connection, job_id)

    def still_owed(self, job_ids: Sequence[str]) -> set[str]:
        """Those of the jobs that are planned here and have no final run."""
        with self._database.read() as connection:
            return sweeps.still_owed(connection, job_ids)

    # Links and power ------------------------------------------------------------------------------

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

    def keep_power_cycle(self, cycle: PowerCycle) -> None:
        """Write down that the power of a board was switched off and on, or that this failed."""
        with self._database.write() as connection:
            power_cycles.keep(connection, cycle)

    def power_cycles(self, sweep_id: int | None = None, device: str | None = None) -> list[PowerCycle]:
        """In order of time: those of a sweep, of a board, or all."""
        with self._database.read() as connection:
            return power_cycles.list_cycles(connection, sweep_id, device)

    # Runs -----------------------------------------------------------------------------------------

    def save_run(self, run: Run) -> bool:
        """Commit what came of a job. False when the job has its outcome already; `UnknownJob` when it is not ours.

        Returns after the commit. Runs that come at the same time share one, so that a hundred boards do not wait for a
        hundred of them.
        """
        return self._saving.save(runs.prepare(run))

    def runs(self, wanted: RunFilter | None = None) -> list[RunSummary]:
        """Summaries, without latencies. `UnknownName` for a device, model or sweep that was never seen."""
        with self._database.read() as connection:
            return list(summaries.each_run(raw(connection), wanted or RunFilter()))

    def run(self, id_or_prefix: str) -> StoredRun:
        """One run whole, by its job's id or the beginning of it; `ID/2` is the second attempt."""
        with self._database.read() as connection:
            return runs.find_run(raw(connection), id_or_prefix)

    def whole_runs(self, sweep_id: int) -> list[StoredRun]:
        """All runs of a sweep that count, with their latencies and samples, in the order in which they ran."""
        with self._database.read() as connection:
            return runs.whole_runs(raw(connection), sweep_id)

    def each_measured_run(self, sweep_id: int, at_once: int = 50) -> Iterator[StoredRun]:
        """The measured runs of a sweep, whole, in the order in which they ran; only `at_once` of them in memory."""
        with self._database.read() as connection:
            ids = runs.measured_ids(raw(connection), sweep_id)
        for start in range(0, len(ids), at_once):
            with self._database.read() as connection:
                some = runs.some_whole(raw(connection), ids[start : start + at_once])
            yield from some

    def visits_around(self, sweep_id: int) -> list[Visit]:
        """Who was on which board while the sweep ran, runs of other sweeps included."""
        with self._database.read() as connection:
            return visits.visits_around(raw(connection), sweep_id)

    def keep_judgements(self, judged: Sequence[tuple[str, int, Judgement]]) -> None:
        """Verdicts by job id and attempt; what was judged before is overwritten."""
        with self._database.write() as connection:
            runs.keep_judgements(raw(connection), judged)

    def typical_duration_s(self, job: Job) -> float | None:
        """How long such a job took, waits included; None where nothing like it was measured."""
        return self.typical_durations_s([job])[job.job_id]

    def typical_durations_s(self, jobs: Sequence[Job]) -> dict[str, float | None]:
        """The same for many jobs at once, by job id."""
        with self._database.read() as connection:
            return queries.typical_durations_s(raw(connection), jobs)
