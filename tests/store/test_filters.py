from datetime import timedelta

import pytest

from orchestrator.errors import UnknownName
from orchestrator.records import RunFilter
from orchestrator.runs import RunStatus
from orchestrator.store import Store
from orchestrator.store.filters import SORT_KEYS
from orchestrator.sweep import STANDARD, RuntimeChoice
from tests.making import MOMENT, make_job, make_model, make_result, make_run
from tests.store.conftest import SWEEP, Planner

MODELS = [make_model("bert"), make_model("mobilebert"), make_model("mobilenet")]


@pytest.fixture
def farm(store: Store) -> Store:
    """Four runs: three boards, three models, three runtimes, two sweeps."""
    rows = [
        ("r1", "kitchen", MODELS[0], RuntimeChoice("litert"), 1, RunStatus.OK),
        ("r2", "kitchen", MODELS[1], RuntimeChoice("onnx", "1.20"), 4, RunStatus.OK),
        ("r3", "attic", MODELS[2], RuntimeChoice("litert", "2.1"), 2, RunStatus.CRASHED),
        ("r4", "cellar[1]", MODELS[1], RuntimeChoice("fake"), 4, RunStatus.OK),
    ]
    for index, (job_id, device, model, runtime, threads, status) in enumerate(rows):
        job = make_job(
            job_id,
            device=device,
            model=model.name,
            model_digest=model.digest,
            runtime=runtime,
            threads=threads,
            delegate="none" if job_id == "r4" else "xnnpack",
        )
        store.create_sweep(SWEEP, [job], MODELS, MOMENT)
        result = make_result(job_id, [1_000 * (4 - index)] * 70) if status is RunStatus.OK else None
        started = MOMENT + timedelta(days=index)
        store.save_run(make_run(job, status, result=result, started=started, finished=started))
    return store


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (RunFilter(), "r1 r2 r3 r4"),
        (RunFilter(devices=("kitchen",)), "r1 r2"),
        (RunFilter(devices=("attic", "cellar*")), "r3 r4"),
        (RunFilter(devices=("cellar[[]1]",)), "r4"),
        (RunFilter(devices=("[!k]*",)), "r3 r4"),
        (RunFilter(devices=("KITCHEN*",)), ""),
        (RunFilter(models=("mobile*",)), "r2 r3 r4"),
        (RunFilter(models=("mobilebert",), threads=(4,)), "r2 r4"),
        (RunFilter(runtimes=("litert",)), "r1 r3"),
        (RunFilter(versions=("2.*",)), "r1 r2 r3 r4"),
        (RunFilter(versions=("2.1",)), "r3"),
        (RunFilter(delegates=("none",)), "r4"),
        (RunFilter(statuses=(RunStatus.CRASHED,)), "r3"),
        (RunFilter(statuses=(RunStatus.CRASHED, RunStatus.OK)), "r1 r2 r3 r4"),
        (RunFilter(threads=(2, 1)), "r1 r3"),
        (RunFilter(sweep=2), "r2"),
        (RunFilter(sweep="last"), "r4"),
        (RunFilter(since=MOMENT + timedelta(days=1), until=MOMENT + timedelta(days=3)), "r2 r3"),
        (RunFilter(limit=2), "r1 r2"),
        (RunFilter(descending=True), "r4 r3 r2 r1"),
        (RunFilter(sort="p50"), "r4 r2 r1 r3"),
        (RunFilter(sort="p50", descending=True), "r1 r2 r4 r3"),
        (RunFilter(sort="device"), "r3 r4 r1 r2"),
        (RunFilter(sort="p99"), "r1 r2 r3 r4"),
    ],
)
def test_a_filter_lets_the_right_runs_through_in_order(farm: Store, wanted: RunFilter, found: str) -> None:
    assert [run.job_id for run in farm.runs(wanted)] == found.split()


@pytest.mark.parametrize("key", SORT_KEYS)
def test_every_sort_key_sorts(farm: Store, key: str) -> None:
    assert len(farm.runs(RunFilter(sort=key))) == 4


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (RunFilter(devices=("kitchn",)), "no device 'kitchn'; near: kitchen"),
        (RunFilter(models=("mobilnet",)), "no model 'mobilnet'; near: mobilenet"),
        (RunFilter(runtimes=("onx",)), "no runtime 'onx'; near: onnx"),
        (RunFilter(sweep="weekly"), "no sweep 'weekly'"),
        (RunFilter(sort="speed"), "cannot sort by 'speed'"),
    ],
)
def test_a_name_that_was_never_seen_is_an_error_that_lists_near_ones(
    farm: Store, wanted: RunFilter, words: str
) -> None:
    with pytest.raises(UnknownName, match=words):
        farm.runs(wanted)


def test_a_name_is_data_and_never_sql(farm: Store) -> None:
    for text in ("'; DROP TABLE run; --", '" OR 1=1 --', "%", "_itchen"):
        with pytest.raises(UnknownName):
            farm.runs(RunFilter(devices=(text,)))
        with pytest.raises(UnknownName):
            farm.sweep(text)
    assert len(farm.runs()) == 4


def test_a_typical_duration_is_the_median_of_the_most_alike(store: Store, planned: Planner) -> None:
    _, jobs = planned("d1", "d2", "d3")
    other = make_job("new", threads=8)
    assert store.typical_duration_s(jobs[0]) is None
    for job, wall_s in zip(jobs, (10, 20, 90), strict=True):
        store.save_run(make_run(job, finished=MOMENT + timedelta(seconds=wall_s)))
    assert store.typical_duration_s(make_job("new")) == 20.0
    assert store.typical_duration_s(other) == 20.0, "another case of the same model"
    assert store.typical_duration_s(make_job("new", model="resnet")) == 20.0, "another model on the same board"
    assert store.typical_duration_s(make_job("new", device="attic")) is None
    assert store.typical_duration_s(make_job("new", protocol=STANDARD)) is None
    store.create_sweep(SWEEP, [other], [make_model()], MOMENT)
    store.save_run(make_run(other, finished=MOMENT + timedelta(seconds=5)))
    durations = store.typical_durations_s([make_job("x", threads=8), make_job("y")])
    assert durations == {"x": 5.0, "y": 20.0}


def test_failed_runs_foretell_nothing(store: Store, planned: Planner) -> None:
    _, [job] = planned("d1")
    store.save_run(make_run(job, RunStatus.TIMED_OUT, finished=MOMENT + timedelta(hours=1)))
    assert store.typical_duration_s(job) is None
