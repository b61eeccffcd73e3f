import time

import pytest

from orchestrator.cli.progress import Progress, lasts, totals_text
from orchestrator.events import BoardDone, BoardFailed, Collected, Connected, JobFinished, JobStage, JobStarted, Pushing
from orchestrator.runs import Role, RunStatus
from tests.making import make_facts, make_job, make_result, make_run

EVEN = [1_050_000] * 100


def begun(jobs: int = 2) -> Progress:
    progress = Progress(["kitchen", "attic"])
    progress.expect([make_job(str(index) * 32) for index in range(jobs)])
    return progress


def test_a_finished_job_is_one_line_with_its_median() -> None:
    progress = begun()
    job = make_job()
    progress.take(JobStarted("kitchen", job))
    line = progress.take(JobFinished("kitchen", make_run(job, result=make_result(latencies_ns=EVEN))))
    assert line == "1/2 bert · litert · 1 thread: 1.050 ms (median of 100)"


def test_a_failed_job_says_its_reason_and_is_counted_as_bad() -> None:
    progress = begun()
    line = progress.take(JobFinished("kitchen", make_run(status=RunStatus.CRASHED, message="SIGSEGV")))
    assert line is not None
    assert line.endswith("crashed: SIGSEGV")
    assert totals_text(progress) == "1 of 2 jobs · 1 failed"


def test_a_skipped_job_is_done_but_not_bad() -> None:
    progress = begun()
    progress.take(JobFinished("kitchen", make_run(status=RunStatus.SKIPPED, message="no such runtime")))
    assert totals_text(progress) == "1 of 2 jobs"


def test_stages_change_what_the_board_does_without_a_line() -> None:
    progress = begun()
    assert progress.take(JobStage("kitchen", make_job(), "warming_up")) is None
    assert progress.boards["kitchen"].doing == "bert · litert · 1 thread: warms up"


def test_a_board_that_fails_says_how_many_jobs_it_leaves() -> None:
    progress = begun()
    line = progress.take(BoardFailed("kitchen", "kitchen: no route to host", "look at the cable", 2))
    assert line == "gives up with 2 jobs to go: kitchen: no route to host; next: look at the cable"
    assert progress.boards["kitchen"].failed


def test_a_push_is_one_line_however_many_pieces_it_has() -> None:
    progress = begun()
    lines = [progress.take(Pushing("attic", "bert (tflite)", sent, 2_500_000)) for sent in (0, 10**6, 2_500_000)]
    assert lines == ["receives bert (tflite), 2.5 MB", None, None]
    assert progress.boards["attic"].doing == "receives bert (tflite): 2.5 MB of 2.5 MB"


def test_time_left_is_unknown_before_the_first_job_and_zero_work_after_the_last() -> None:
    progress = begun(1)
    assert progress.boards["kitchen"].left_s is None
    job = make_job()
    progress.take(JobStarted("kitchen", job))
    progress.take(JobFinished("kitchen", make_run(job)))
    assert progress.boards["kitchen"].left_s == 0.0
    progress.take(BoardDone("kitchen"))
    assert progress.boards["kitchen"].left_s is None


def test_connected_names_the_board_and_collected_results_are_told() -> None:
    progress = begun()
    assert progress.take(Connected("attic", make_facts())) == "ready: Raspberry Pi 4 Model B Rev 1.4"
    assert progress.take(Collected("attic", 1)) == "1 result that waited on the board collected"


def test_why_something_is_skipped_is_told_once_a_board() -> None:
    progress = begun()
    lines = [
        progress.take(JobFinished("kitchen", make_run(make_job(str(n) * 32), RunStatus.SKIPPED, message="no wheel")))
        for n in range(2)
    ]
    assert lines == ["skips: no wheel", None]


def test_the_reference_model_is_told_and_in_no_count() -> None:
    progress = Progress(["kitchen"])
    looks = [make_job(str(block) * 32, role=Role.REFERENCE, block=block) for block in range(2)]
    progress.expect([looks[0], make_job("9" * 32), looks[1]])
    progress.take(JobStarted("kitchen", looks[0]))
    progress.take(JobStage("kitchen", looks[0], "timing"))
    assert progress.boards["kitchen"].doing == "reference model: measures"
    line = progress.take(JobFinished("kitchen", make_run(looks[0], result=make_result(latencies_ns=EVEN))))
    assert line == "reference model: 1.050 ms (median of 100)"
    assert totals_text(progress) == "0 of 1 job"
    assert progress.boards["kitchen"].left_s is None, "how long a result takes is not known yet"
    line = progress.take(JobFinished("kitchen", make_run(make_job("9" * 32), result=make_result(latencies_ns=EVEN))))
    assert line == "1/1 bert · litert · 1 thread: 1.050 ms (median of 100)"


def test_a_look_that_fails_is_said_and_no_job_gone_wrong() -> None:
    progress = begun(1)
    look = make_job("a" * 32, role=Role.REFERENCE)
    event = JobFinished("kitchen", make_run(look, RunStatus.CRASHED, message="SIGILL"))
    assert progress.take(event) == "reference model: crashed: SIGILL"
    assert lasts(event)
    assert totals_text(progress) == "0 of 1 job"


def test_a_board_without_looks_says_so_once_and_in_other_words_than_a_skipped_case() -> None:
    progress = begun()
    look = make_job("a" * 32, role=Role.REFERENCE)
    events = [JobFinished("kitchen", make_run(job, RunStatus.SKIPPED, message="no litert")) for job in (look, look)]
    events.append(JobFinished("kitchen", make_run(make_job(), RunStatus.SKIPPED, message="no litert")))
    assert [progress.take(event) for event in events] == [
        "runs no reference model: no litert",
        None,
        "skips: no litert",
    ]


def test_time_left_counts_looks_that_are_still_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    progress = Progress(["kitchen"])
    looks = [make_job(str(block) * 32, role=Role.REFERENCE, block=block) for block in range(3)]
    cases = [make_job(str(block + 5) * 32, block=block) for block in range(2)]
    progress.expect([*looks, *cases])
    for job, took_s in ((looks[0], 2.0), (cases[0], 10.0)):
        progress.take(JobStarted("kitchen", job))
        now[0] += took_s
        progress.take(JobFinished("kitchen", make_run(job)))
    assert progress.boards["kitchen"].left_s == 2 * 2.0 + 10.0
    progress.take(JobStarted("kitchen", looks[1]))
    now[0] += 1.5
    assert progress.boards["kitchen"].left_s == 2 * 2.0 + 10.0 - 1.5


@pytest.mark.parametrize(
    ("role", "words"), [(Role.ENERGY, "with the power read"), (Role.PROFILE, "operators profiled")]
)
def test_a_run_apart_is_named_as_such_and_counted(role: Role, words: str) -> None:
    progress = begun(1)
    job = make_job("a" * 32, role=role)
    progress.take(JobStarted("kitchen", job))
    assert progress.boards["kitchen"].doing == f"bert · litert · 1 thread · {words}"
    line = progress.take(JobFinished("kitchen", make_run(job)))
    assert line is not None
    assert line.startswith("1/1 bert")
