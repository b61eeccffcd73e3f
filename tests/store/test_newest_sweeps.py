"""Of each cell the runs of its last sweep: what a choice is made of."""

from orchestrator.records import RunFilter
from orchestrator.runs import Job, Role, RunStatus
from orchestrator.store import Store
from tests.making import MOMENT, make_job, make_model, make_run
from tests.store.conftest import SWEEP


def keep(store: Store, *jobs: tuple[Job, RunStatus]) -> int:
    sweep_id = store.create_sweep(SWEEP, [job for job, _ in jobs], [make_model()], MOMENT)
    for job, status in jobs:
        store.save_run(make_run(job, status))
    return sweep_id


def newest(store: Store, **wanted: object) -> list[str]:
    return [run.job_id for run in store.runs_of_newest_sweeps(RunFilter(**wanted))]


def test_a_cell_has_the_runs_of_its_last_sweep_alone(store: Store) -> None:
    ok = RunStatus.OK
    keep(store, (make_job("a1"), ok), (make_job("a2", block=1), ok), (make_job("a3", threads=4), ok))
    keep(store, (make_job("b1"), ok), (make_job("b2", block=1), RunStatus.CRASHED))
    assert sorted(newest(store)) == ["a3", "b1", "b2"]


def test_what_was_lost_is_no_try(store: Store) -> None:
    keep(store, (make_job("a1"), RunStatus.OK))
    keep(store, (make_job("b1"), RunStatus.LOST))
    assert newest(store) == ["a1"]


def test_the_filter_says_which_sweeps_roles_and_boards(store: Store) -> None:
    first = keep(store, (make_job("a1"), RunStatus.OK), (make_job("a2", role=Role.ENERGY), RunStatus.OK))
    keep(store, (make_job("b1"), RunStatus.OK), (make_job("b2", device="attic"), RunStatus.OK))
    assert newest(store, sweep=first) == ["a1"]
    assert sorted(newest(store, roles=())) == ["a2", "b1", "b2"]
    assert newest(store, devices=("attic",)) == ["b2"]


def test_an_attempt_that_was_replaced_is_left_out(store: Store) -> None:
    job = make_job("a1")
    store.create_sweep(SWEEP, [job], [make_model()], MOMENT)
    store.save_run(make_run(job, RunStatus.CRASHED))
    store.save_run(make_run(job))
    (run,) = store.runs_of_newest_sweeps(RunFilter())
    assert (run.attempt, run.status) == (2, RunStatus.OK)


def test_an_empty_store_has_none(store: Store) -> None:
    assert newest(store) == []
