"""A store on a real file, and a sweep planned in it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.runs import Job
from orchestrator.store import Store
from orchestrator.sweep import Sweep
from tests.making import MOMENT, make_job, make_model

SWEEP = Sweep("nightly", ("bert",), ("all",))
Planner = Callable[..., tuple[int, list[Job]]]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "results.db"


@pytest.fixture
def store(database: Path) -> Iterator[Store]:
    with Store.open(database, create=True) as opened:
        yield opened


@pytest.fixture
def planned(store: Store) -> Planner:
    """Plan a sweep of jobs named by the ids given."""

    def plan(*job_ids: str, **changes: object) -> tuple[int, list[Job]]:
        jobs = [make_job(job_id, position=index, **changes) for index, job_id in enumerate(job_ids)]
        return store.create_sweep(SWEEP, jobs, [make_model()], MOMENT), jobs

    return plan
