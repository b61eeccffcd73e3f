from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.protocol import Samples, Surroundings, Timing
from orchestrator.errors import StoreError, UnknownJob, UnknownName, UsageError
from orchestrator.records import RunFilter
from orchestrator.runs import RunStatus
from orchestrator.store import Store
from orchestrator.sweep import RuntimeChoice
from orchestrator.trust.judge import judge
from orchestrator.trust.verdicts import Judgement, Reason, Verdict
from tests.making import MOMENT, make_conditions, make_facts, make_job, make_result, make_run
from tests.store.conftest import Planner


def test_a_run_comes_back_as_it_was_saved(store: Store, planned: Planner) -> None:
    sweep_id, [job] = planned("a1", options={"arena": True, "level": 2}, runtime=RuntimeChoice("onnx", "1.20"))
    run = make_run(
        job,
        finished=MOMENT + timedelta(seconds=12.5),
        device_kind="loopback",
        result=make_result(
            "a1",
            details={"xnnpack": True, "nodes": [1, 2]},
            samples=Samples(
                [10**12, 10**12 + 10**8], {"temp_c": [41.5, None], "rss": [1e9, -0.25], "none": [None, None]}
            ),
            conditions_before=make_conditions(temperatures_c={"cpu": 41.5}, governor=None),
            surroundings=Surroundings(others_cpu_s=0.125, swapped_pages=0, clock_step_s=-3.5),
        ),
    )
    assert store.save_run(run)
    stored = store.run("a1")
    assert stored.run == run
    assert stored.sweep_name == "nightly"
    assert (stored.summary.sweep_id, stored.summary.attempt, stored.summary.wall_s) == (sweep_id, 1, 12.5)
    assert store.runs() == [stored.summary]


def test_a_judgement_comes_back_and_a_later_one_takes_its_place(store: Store, planned: Planner) -> None:
    _, [job, other] = planned("a1", "a2")
    store.save_run(make_run(job))
    store.save_run(make_run(other))
    # Saving may judge already; what is kept afterwards counts.
    first = Judgement(Verdict.SUSPECT, (Reason("throttled", {"bits": 4}), Reason("trend", {"share": 0.07})), 1)
    store.keep_judgements([("a1", 1, first)])
    assert store.run("a1").judgement == first
    summary = store.run("a1").summary
    assert (summary.verdict, summary.reasons) == (Verdict.SUSPECT, "throttled trend")
    later = Judgement(Verdict.TRUSTED, (), 2)
    store.keep_judgements([("a1", 1, later), ("nobody", 1, first)])
    assert store.run("a1").judgement == later
    assert (store.run("a1").summary.verdict, store.run("a1").summary.reasons) == (Verdict.TRUSTED, "")
    assert [run.job_id for run in store.runs(RunFilter(verdicts=(Verdict.TRUSTED,)))].count("a1") == 1
    assert store.run("a1").run == make_run(job), "a judgement changes nothing of what was measured"


def test_a_judgement_belongs_to_one_attempt(store: Store, planned: Planner) -> None:
    _, [job] = planned("a1")
    store.save_run(make_run(job, RunStatus.LOST))
    store.save_run(make_run(job))
    judged = Judgement(Verdict.INVALID, (Reason("emulated"),))
    store.keep_judgements([("a1", 2, judged)])
    assert store.run("a1").judgement == judged
    assert store.run("a1/1").judgement != judged


def test_the_runs_of_a_sweep_come_whole_and_in_the_order_in_which_they_ran(store: Store, planned: Planner) -> None:
    sweep_id, jobs = planned("a1", "a2", "a3", "a4")
    for job, minutes in zip(jobs[:3], (2, 0, 1), strict=True):
        started = MOMENT + timedelta(minutes=minutes)
        if job.job_id == "a3":
            store.save_run(make_run(job, RunStatus.LOST, started=MOMENT, finished=started))
        store.save_run(make_run(job, started=started, finished=started))
    whole = store.whole_runs(sweep_id)
    assert [stored.run.job.job_id for stored in whole] == ["a2", "a3", "a1"], "the lost attempt was replaced"
    assert all(stored.run.result == make_result(stored.run.job.job_id) for stored in whole)
    assert store.whole_runs(99) == []


@pytest.mark.parametrize(
    "said",
    [
        {"others_cpu_s": 1e308, "steal_s": 1e308, "wait_s": 1e308, "clock_step_s": -1e308},
        {"others_cpu_s": -1.0, "steal_s": -1.0, "wait_s": -5e-324, "pressure_memory_s": -1.0},
        {"swapped_pages": 2**80, "major_faults": 2**80, "involuntary_switches": -(2**80)},
    ],
)
def test_surroundings_that_cannot_be_are_kept_and_judged_without_a_fault(
    store: Store, planned: Planner, said: dict[str, float]
) -> None:
    _, [job] = planned("a1")
    run = make_run(job, result=make_result("a1", surroundings=Surroundings(**said)))
    assert store.save_run(run)
    assert store.run("a1").run == run
    assert judge(run).verdict in list(Verdict)


def test_the_summary_has_every_figure(store: Store, planned: Planner) -> None:
    _, [job] = planned("a1")
    latencies = list(range(1_000, 1_100))
    timing = Timing(5, 6, 7, 8, False, latencies, 9, 2_000, 3_000)
    store.save_run(make_run(job, result=make_result("a1", timing=timing)))
    [summary] = store.runs()
    assert (summary.n, summary.min_ns, summary.max_ns, summary.p90_ns) == (100, 1_000, 1_099, 1_089)
    assert (summary.p95_ns, summary.p99_ns, summary.p999_ns) == (None, None, None)
    assert (summary.load_ns, summary.first_ns, summary.steady) == (5, 6, False)
    assert (summary.cpu_ns_per_inference, summary.cpu_per_wall) == (30.0, 1.5)
    assert (summary.peak_rss_bytes, summary.rss_delta_bytes, summary.arena_bytes) == (20_000_000, 5_000_000, None)
    assert (summary.file_bytes, summary.model_format, summary.runtime_version) == (1000, "tflite", "2.3.0")


def test_a_failed_run_keeps_its_reason_and_has_no_figures(store: Store, planned: Planner) -> None:
    _, [job] = planned("a1")
    run = make_run(job, RunStatus.OUT_OF_MEMORY, message="killed", detail="signal 9", facts=None)
    assert store.save_run(run)
    stored = store.run("a1")
    assert stored.run == run
    assert (stored.summary.n, stored.summary.median_ns, stored.summary.steady) == (None, None, None)


def test_a_result_that_arrives_twice_is_stored_once(store: Store, planned: Planner) -> None:
    _, [job] = planned("a1")
    assert store.save_run(make_run(job))
    assert not store.save_run(make_run(job, result=make_result("a1", [5] * 100)))
    assert not store.save_run(make_run(job, RunStatus.LOST))
    assert not store.save_run(make_run(job, RunStatus.CRASHED))
    [run] = store.runs(RunFilter(every_attempt=True))
    assert run.median_ns != 5


def test_a_failure_that_arrives_twice_is_stored_once(store: Store, planned: Planner) -> None:
    _, [job] = planned("a1")
    assert store.save_run(make_run(job, RunStatus.CRASHED))
    assert not store.save_run(make_run(job, RunStatus.CRASHED))
    assert not store.save_run(make_run(job, RunStatus.LOST))
    assert len(store.runs(RunFilter(every_attempt=True))) == 1


def test_a_measurement_replaces_lost_and_failed_attempts_and_all_are_kept(store: Store, planned: Planner) -> None:
    _, [job] = planned("a1")
    for status in (RunStatus.LOST, RunStatus.LOST, RunStatus.TIMED_OUT, RunStatus.OK):
        assert store.save_run(make_run(job, status))
    assert [run.status for run in store.runs()] == [RunStatus.OK]
    every = store.runs(RunFilter(every_attempt=True))
    assert [(run.attempt, run.status.value) for run in every] == [
        (1, "lost"),
        (2, "lost"),
        (3, "timed_out"),
        (4, "ok"),
    ]
    assert store.run("a1").run.attempts == 4
    assert store.run("a1/3").run.status is RunStatus.TIMED_OUT


def test_a_result_of_a_job_that_was_never_planned_here_is_told_apart(store: Store, planned: Planner) -> None:
    planned("a1")
    with pytest.raises(UnknownJob, match="b2 was never planned"):
        store.save_run(make_run(make_job("b2")))
    assert store.job("b2") is None
    assert store.runs() == []


def test_a_run_is_found_by_the_beginning_of_its_id(store: Store, planned: Planner) -> None:
    _, jobs = planned("abc1", "abd2", "abd2ff")
    for job in jobs:
        store.save_run(make_run(job))
    assert store.run("abc").run.job.job_id == "abc1"
    assert store.run("abd2").run.job.job_id == "abd2", "a whole id is not ambiguous"
    with pytest.raises(UsageError, match="3 runs have an id that begins with ab"):
        store.run("ab")
    with pytest.raises(UnknownName, match="near: abc1"):
        store.run("abc7")
    with pytest.raises(UnknownName):
        store.run("")
    with pytest.raises(UnknownName):
        store.run("abc1/2")
    with pytest.raises(UnknownName):
        store.run("%")


def test_a_result_with_impossible_numbers_is_refused_whole(store: Store, planned: Planner) -> None:
    _, [job] = planned("a1")
    for latencies in ([-5] * 10, [2**70] * 10, [2**63 + 5] * 10):
        with pytest.raises(StoreError):
            store.save_run(make_run(job, result=make_result("a1", latencies)))
    assert store.runs() == []
    assert store.save_run(make_run(job))


def test_equal_facts_are_stored_once(store: Store, planned: Planner) -> None:
    _, jobs = planned("a1", "a2", "a3")
    store.save_run(make_run(jobs[0]))
    store.save_run(make_run(jobs[1], facts=make_facts()))
    store.save_run(make_run(jobs[2], facts=make_facts(kernel="6.6")))
    assert store.run("a3").run.facts == make_facts(kernel="6.6")
    with store._database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM facts").scalar() == 2


def test_times_keep_their_moment_whatever_their_zone(store: Store, planned: Planner) -> None:
    from zoneinfo import ZoneInfo

    _, [job] = planned("a1")
    local = MOMENT.astimezone(ZoneInfo("Asia/Kolkata")).replace(microsecond=123456)
    store.save_run(make_run(job, started=local, finished=local))
    started = store.run("a1").run.started
    assert started == local
    assert started.utcoffset() == timedelta(0)


def test_a_time_without_a_zone_is_refused(store: Store, planned: Planner) -> None:
    _, [job] = planned("a1")
    with pytest.raises(Exception, match="without a zone"):
        store.save_run(make_run(job, started=MOMENT.replace(tzinfo=None), finished=MOMENT.replace(tzinfo=None)))
    assert store.runs() == []


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    latencies=st.lists(st.integers(1, 2**40), max_size=200),
    readings=st.lists(st.none() | st.floats(allow_nan=False), max_size=50),
    text=st.text(st.characters(codec="utf-8"), max_size=50),
)
def test_any_result_comes_back_exactly(
    store: Store, planned: Planner, latencies: list[int], readings: list[float | None], text: str
) -> None:
    count = len(store.runs(RunFilter(every_attempt=True)))
    job_id = f"job-{count}"
    _, [job] = planned(job_id)
    samples = Samples([7 * index for index in range(len(readings))], {text: readings})
    result = make_result(job_id, latencies, samples=samples, details={text: text}, outputs_digest=text)
    run = make_run(job, message=text, detail=text, result=result)
    assert store.save_run(run)
    assert store.run(job_id).run == run


def test_a_job_keeps_its_model_whatever_is_added_later(store: Store, planned: Planner) -> None:
    from tests.making import make_model

    _, [job] = planned("a1")
    store.add_model(make_model(digest="e" * 64))
    store.save_run(make_run(job))
    assert store.run("a1").run.job == job
    assert replace(job, model_digest="e" * 64) != job
