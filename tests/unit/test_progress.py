from orchestrator.cli.progress import Progress, totals_text
from orchestrator.events import BoardDone, BoardFailed, Collected, Connected, JobFinished, JobStage, JobStarted, Pushing
from orchestrator.runs import RunStatus
from tests.making import make_facts, make_job, make_run


def begun(jobs: int = 2) -> Progress:
    progress = Progress(["kitchen", "attic"])
    progress.expect([make_job(str(index) * 32) for index in range(jobs)])
    return progress


def test_a_finished_job_is_one_line_with_its_median() -> None:
    progress = begun()
    job = make_job()
    progress.take(JobStarted("kitchen", job))
    line = progress.take(JobFinished("kitchen", make_run(job)))
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
