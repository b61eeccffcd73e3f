"""A database that is deleted or replaced while it is in use takes nothing more in silence."""

from pathlib import Path

import pytest

from orchestrator.errors import StoreError
from orchestrator.runs import RunStatus
from orchestrator.store import Store
from tests.making import make_run
from tests.store.conftest import Planner


@pytest.mark.parametrize("replaced", [False, True])
def test_a_run_is_not_confirmed_when_the_file_is_gone(
    store: Store, planned: Planner, database: Path, replaced: bool
) -> None:
    _, (job,) = planned("a" * 32)
    for path in database.parent.glob("results.db*"):
        path.unlink()
    if replaced:
        Store.open(database, create=True).close()
    with pytest.raises(StoreError, match="was deleted or replaced"):
        store.save_run(make_run(job))


def test_what_is_still_owed_is_told_for_any_number_of_jobs(store: Store, planned: Planner) -> None:
    _, jobs = planned(*(f"{number:032x}" for number in range(1203)))
    store.save_run(make_run(jobs[0]))
    store.save_run(make_run(jobs[1], RunStatus.LOST))
    store.save_run(make_run(jobs[2], RunStatus.CRASHED))
    owed = store.still_owed([*(job.job_id for job in jobs), "never planned"])
    assert owed == {job.job_id for job in jobs} - {jobs[0].job_id, jobs[2].job_id}
    assert store.still_owed([]) == set()
