"""What the store does with jobs that are no results: it runs and keeps them, and counts them nowhere."""

import pytest

from orchestrator.errors import StoreError, UnknownName
from orchestrator.records import Progress, RunFilter
from orchestrator.reference_model import NAME, reference_model
from orchestrator.runs import Job, Role, RunStatus
from orchestrator.store import Store
from orchestrator.store.read_only import run_sql
from orchestrator.sweep import REFERENCE, REFERENCE_RUNTIME
from tests.making import MOMENT, make_job, make_model, make_run
from tests.store.conftest import SWEEP

MODELS = [make_model(), reference_model()]


def look(job_id: str, block: int = 0) -> Job:
    model = reference_model()
    return make_job(
        job_id, model=model.name, model_digest=model.digest, runtime=REFERENCE_RUNTIME, protocol=REFERENCE,
        role=Role.REFERENCE, block=block,
    )  # fmt: skip


@pytest.fixture
def planned_sweep(store: Store) -> int:
    """Two blocks of one case, three looks, and the case once more with the power read."""
    jobs = [look("l0"), make_job("c0", position=1), look("l1", 1), make_job("c1", block=1, position=1)]
    jobs += [look("l2", 2), make_job("e0", block=2, position=1, role=Role.ENERGY)]
    return store.create_sweep(SWEEP, jobs, MODELS, MOMENT)


def end(store: Store, *job_ids: str, status: RunStatus = RunStatus.OK) -> None:
    for job_id in job_ids:
        job = store.job(job_id)
        assert job is not None
        assert store.save_run(make_run(job, status))


def test_a_role_comes_back_as_it_went(store: Store, planned_sweep: int) -> None:
    found = {job.job_id: job.role for job in store.jobs(planned_sweep)}
    assert found == {
        "l0": Role.REFERENCE,
        "c0": Role.CASE,
        "l1": Role.REFERENCE,
        "c1": Role.CASE,
        "l2": Role.REFERENCE,
        "e0": Role.ENERGY,
    }
    assert list(found) == ["l0", "c0", "l1", "c1", "l2", "e0"], "the order in which they are to run"
    end(store, "l0", "e0")
    assert (store.run("l0").summary.role, store.run("e0").run.job.role) == (Role.REFERENCE, Role.ENERGY)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (RunFilter(), "c0 c1"),
        (RunFilter(roles=(Role.REFERENCE,)), "l0 l1 l2"),
        (RunFilter(roles=(Role.ENERGY,)), "e0"),
        (RunFilter(roles=(Role.CASE, Role.ENERGY)), "c0 c1 e0"),
        (RunFilter(roles=()), "l0 c0 l1 c1 l2 e0"),
        (RunFilter(roles=(), models=(NAME,)), "l0 l1 l2"),
        (RunFilter(models=(NAME,)), ""),
        (RunFilter(roles=(), sweep="last", limit=1), "l0"),
    ],
)
def test_results_are_cases_unless_other_roles_are_wanted(
    store: Store, planned_sweep: int, wanted: RunFilter, found: str
) -> None:
    end(store, "l0", "c0", "l1", "c1", "l2", "e0")
    assert [run.job_id for run in store.runs(wanted)] == found.split()


def test_looks_are_in_no_count(store: Store, planned_sweep: int) -> None:
    assert store.sweep(planned_sweep).progress == Progress(jobs=3, ok=0, failed=0, skipped=0, owed=3, lost=0)
    end(store, "l0", "c0")
    end(store, "l1", status=RunStatus.CRASHED)
    end(store, "l2", status=RunStatus.SKIPPED)
    assert store.status_counts(planned_sweep) == {RunStatus.OK: 1}
    assert store.sweep(planned_sweep).progress == Progress(jobs=3, ok=1, failed=0, skipped=0, owed=2, lost=0)
    _, rows = run_sql(store.path, "SELECT jobs, ok, skipped, failed, owed FROM sweeps_view", 10)
    assert rows == [(3, 1, 0, 0, 2)]


def test_a_sweep_that_owes_looks_alone_is_finished_and_still_owes_them(store: Store, planned_sweep: int) -> None:
    end(store, "c0", "c1")
    assert store.last_unfinished_sweep().sweep_id == planned_sweep, "the run with the power read was asked for"
    end(store, "e0")
    with pytest.raises(UnknownName, match="no sweep is unfinished"):
        store.last_unfinished_sweep()
    assert [job.job_id for job in store.owed_jobs(planned_sweep)] == ["l0", "l1", "l2"]
    assert store.still_owed(["l0", "c0"]) == {"l0"}


def test_more_jobs_find_their_place_in_the_plan(store: Store, planned_sweep: int) -> None:
    end(store, "l0", "c0", "l1")
    store.add_jobs(planned_sweep, [look("again", 1)], [reference_model()])
    assert [job.job_id for job in store.owed_jobs(planned_sweep)] == ["again", "c1", "l2", "e0"]
    assert store.sweep(planned_sweep).progress.jobs == 3
    store.add_jobs(planned_sweep, [], [])
    assert len(store.jobs(planned_sweep)) == 7


def test_jobs_of_a_model_nobody_handed_over_are_refused_whole(store: Store, planned_sweep: int) -> None:
    stranger = make_job("s", model="strange", model_digest="5" * 64)
    with pytest.raises(StoreError, match="wants model strange"):
        store.add_jobs(planned_sweep, [look("again", 1), stranger], [reference_model()])
    assert store.job("again") is None


def test_a_job_id_is_taken_once(store: Store, planned_sweep: int) -> None:
    with pytest.raises(Exception, match=r"UNIQUE|unique|damaged"):
        store.add_jobs(planned_sweep, [look("l0")], [reference_model()])
    assert len(store.jobs(planned_sweep)) == 6


def test_the_reference_model_is_hidden_and_found_by_its_digest(store: Store, planned_sweep: int) -> None:
    assert [model.name for model in store.models()] == ["bert"]
    assert [model.name for model in store.match_models("*")] == ["bert"]
    for name in (NAME, "dynofarm-*"):
        with pytest.raises(UnknownName):
            store.match_models(name)
    assert store.model(reference_model().digest) == reference_model()
    store.create_sweep(SWEEP, [look("m0"), make_job("d0", position=1)], MODELS, MOMENT)
    assert [model.name for model in store.models()] == ["bert"], "a second sweep must not bring it to light"


def test_a_user_may_register_the_same_file_and_then_it_is_theirs(store: Store, planned_sweep: int) -> None:
    store.add_model(reference_model())
    assert [model.name for model in store.models()] == ["bert", NAME]
    store.create_sweep(SWEEP, [look("m0"), make_job("d0", position=1)], MODELS, MOMENT)
    assert [model.name for model in store.models()] == ["bert", NAME]
    store.remove_model(NAME)
    assert [model.name for model in store.models()] == ["bert"]
    assert store.model(reference_model().digest).name == NAME, "jobs refer to it"


def test_a_sweep_of_the_reference_model_itself_shows_it_as_any_model(store: Store) -> None:
    """`dynofarm noise` and `dynofarm health` may ask for it as a case."""
    model = reference_model()
    job = make_job("c0", model=model.name, model_digest=model.digest)
    sweep_id = store.create_sweep(SWEEP, [job, look("l0")], [model], MOMENT)
    end(store, "c0")
    assert [run.job_id for run in store.runs()] == ["c0"]
    assert store.sweep(sweep_id).progress.jobs == 1


def test_failed_looks_can_be_owed_again_like_any_job(store: Store, planned_sweep: int) -> None:
    end(store, "l0", "c0", status=RunStatus.CRASHED)
    assert store.owe_again(planned_sweep, [RunStatus.CRASHED]) == 2
    assert {job.job_id for job in store.owed_jobs(planned_sweep)} >= {"l0", "c0"}


def test_how_long_a_look_takes_says_nothing_of_a_result(store: Store, planned_sweep: int) -> None:
    end(store, "l0")
    known = store.typical_durations_s([look("x"), make_job("y")])
    assert known == {"x": 0.0, "y": None}
