"""Runs: saving them, reading them back, judging them, and foretelling how long they take."""

from collections.abc import Iterator, Sequence
from functools import partial

from orchestrator.heavy import HEAVY
from orchestrator.records import RunFilter, RunSummary, StoredRun
from orchestrator.runs import Job, Run
from orchestrator.store import summaries
from orchestrator.store.batches import Batches
from orchestrator.store.engine import Database, raw
from orchestrator.store.parts.part import Part
from orchestrator.store.queries import typical_durations_s
from orchestrator.store.runs import (
    find_run,
    is_old_failure,
    keep_judgements,
    measured_ids,
    prepare,
    save,
    some_whole,
    task_runs,
    whole_runs,
)
from orchestrator.store.shared_names import SharedNames
from orchestrator.store.visits import visits_around
from orchestrator.trust.contexts import Visit
from orchestrator.trust.verdicts import Judgement


class Runs(Part):
    def __init__(self, database: Database) -> None:
        super().__init__(database)
        names = SharedNames()
        self._saving = Batches(database, partial(save, names=names), names.forget)

    def save_run(self, run: Run) -> bool:
        """Commit what came of a job. False when the job has its outcome already; `UnknownJob` when it is not ours.

        Returns after the commit. Runs that come at the same time share one, so that a hundred boards do not wait for a
        hundred of them.
        """
        # What it calls lets go of the interpreter a hundred times, and forty threads that take it from each other use
        # twice the processor time (measured: 4.6 ms a result, 2.4 ms in turn).
        with HEAVY:
            prepared = prepare(run)
        return self._saving.save(prepared)

    def is_old_failure(self, run: Run) -> bool:
        """Is this failure stored, of an attempt that others were to follow (`owe_again`)? Boards may tell it twice."""
        with self._database.read() as connection:
            return is_old_failure(raw(connection), run)

    def runs(self, wanted: RunFilter | None = None) -> list[RunSummary]:
        """Summaries, without latencies. `UnknownName` for a device, model or sweep that was never seen."""
        with self._database.read() as connection:
            return list(summaries.each_run(raw(connection), wanted or RunFilter()))

    def runs_of_newest_sweeps(self, wanted: RunFilter) -> list[RunSummary]:
        """Of each cell that a filter means, the runs of the last sweep in which something came of it."""
        with self._database.read() as connection:
            return summaries.runs_of_newest_sweeps(raw(connection), wanted)

    def run(self, id_or_prefix: str) -> StoredRun:
        """One run whole, by its job's id or the beginning of it; `ID/2` is the second attempt."""
        with self._database.read() as connection:
            return find_run(raw(connection), id_or_prefix)

    def whole_runs(self, sweep_id: int) -> list[StoredRun]:
        """All runs of a sweep that count, with their latencies and samples, in the order in which they ran."""
        with self._database.read() as connection:
            return whole_runs(raw(connection), sweep_id)

    def task_runs(self, sweep_id: int) -> list[StoredRun]:
        """The runs of a sweep that worked on data sets, whole, with their answers, in the order in which they ran."""
        with self._database.read() as connection:
            return task_runs(raw(connection), sweep_id)

    def each_measured_run(self, sweep_id: int, at_once: int = 50) -> Iterator[StoredRun]:
        """The measured runs of a sweep, whole, in the order in which they ran; only `at_once` of them in memory."""
        with self._database.read() as connection:
            ids = measured_ids(raw(connection), sweep_id)
        for start in range(0, len(ids), at_once):
            with self._database.read() as connection:
                some = some_whole(raw(connection), ids[start : start + at_once])
            yield from some

    def visits_around(self, sweep_id: int) -> list[Visit]:
        """Who was on which board while the sweep ran, runs of other sweeps included."""
        with self._database.read() as connection:
            return visits_around(raw(connection), sweep_id)

    def keep_judgements(self, judged: Sequence[tuple[str, int, Judgement]]) -> None:
        """Verdicts by job id and attempt; what was judged before is overwritten."""
        with self._database.write() as connection:
            keep_judgements(raw(connection), judged)

    def typical_duration_s(self, job: Job) -> float | None:
        """How long such a job took, waits included; None where nothing like it was measured."""
        return self.typical_durations_s([job])[job.job_id]

    def typical_durations_s(self, jobs: Sequence[Job]) -> dict[str, float | None]:
        """The same for many jobs at once, by job id."""
        with self._database.read() as connection:
            return typical_durations_s(raw(connection), jobs)
