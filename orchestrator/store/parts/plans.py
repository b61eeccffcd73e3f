"""Plans: models, sweeps, and the jobs that they owe."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from orchestrator.models import Model
from orchestrator.records import SweepRecord
from orchestrator.runs import Job, RunStatus
from orchestrator.store import answers, models, sweeps
from orchestrator.store.engine import raw
from orchestrator.store.parts.part import Part
from orchestrator.sweep import Sweep


class Plans(Part):
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

    def create_sweep(self, sweep: Sweep, jobs: Sequence[Job], models: Sequence[Model], at: datetime) -> int:
        """Store a sweep with its whole plan before anything runs; returns its number."""
        with self._database.write() as connection:
            return sweeps.create(connection, sweep, jobs, models, at)

    def keep_answer_keys(self, keys: Mapping[str, bytes]) -> None:
        """Keep files of right answers, by their SHA-256, so that runs can be judged when the data set is gone."""
        with self._database.write() as connection:
            answers.keep_keys(raw(connection), keys)

    def answer_key(self, digest: str) -> bytes | None:
        """A file of right answers; None where there is none of that hash."""
        with self._database.read() as connection:
            return answers.find_key(raw(connection), digest)

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

    def last_unfinished_sweep(self, again: Sequence[RunStatus] = ()) -> SweepRecord:
        """The newest sweep with owed jobs, or with some that ended in a status of `again`; `UnknownName`."""
        with self._database.read() as connection:
            return sweeps.last_unfinished(connection, again)

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

    def planned_at(self, job_id: str) -> datetime | None:
        """When the sweep of that job was created; None when it was not planned here."""
        with self._database.read() as connection:
            return sweeps.planned_at(connection, job_id)

    def still_owed(self, job_ids: Sequence[str]) -> set[str]:
        """Those of the jobs that are planned here and have no final run."""
        with self._database.read() as connection:
            return sweeps.still_owed(connection, job_ids)
