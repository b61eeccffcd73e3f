"""A sweep that runs on this machine as a board, stopped from another process: with what is done, and nothing stale."""

import signal
from pathlib import Path

import pytest

from tests.farming import TestFarm, Watched
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

SLOW = "{sleep_ms: 150}"
"""Eight inferences of this take 1.2 s: time enough to be asked."""
JOBS = 4


@pytest.fixture
def here(farm: TestFarm, fake_model: Path) -> TestFarm:
    """A farm with this machine and the fake model."""
    farm.add_local()
    farm.run("model", "add", str(fake_model), "--no-reference").ok()
    return farm


def begin(farm: TestFarm, *words: str) -> Watched:
    """A sweep that has its first result, or goes on after it."""
    running = farm.watch("run", *(words or [farm.sweep_of_fakes("local", repeats=JOBS, options=SLOW)]))
    running.wait_for(f"1/{JOBS}")
    return running


def assert_each_job_once(farm: TestFarm) -> None:
    (row,) = farm.sql("select count(*) as runs, count(distinct job_id) as jobs from runs_view where status = 'ok'")
    assert row == {"runs": JOBS, "jobs": JOBS}


def test_a_running_sweep_stops_when_asked_keeps_what_is_done_and_is_gone_on_with(here: TestFarm) -> None:
    running = begin(here)

    stopped = here.run("stop", "--json").ok()

    done = running.end().failed(130)
    assert "stopping, as " in done.err
    assert "next: dynofarm run --resume 1" in done.err
    told = stopped.json
    assert (told["sweep"], told["state"]) == (1, "stopped")
    assert 0 < told["owed"] < JOBS
    (sitting,) = told["sittings"]
    assert sitting["asked"] < sitting["heard"] < sitting["ended"]
    assert "next: to go on with it: dynofarm run --resume 1" in stopped.err
    here.run("run", "--resume").ok()
    assert_each_job_once(here)
    assert "nobody runs sweep 1" in here.run("stop", "last").ok().err


def test_a_request_that_a_killed_run_never_heard_does_not_stop_the_next_one(here: TestFarm) -> None:
    running = begin(here)
    running.process.send_signal(signal.SIGSTOP)  # it cannot hear
    late = here.run("stop", "--wait", "0s").failed(1)
    assert "has not heard it yet" in late.err
    running.process.send_signal(signal.SIGKILL)
    assert running.end().status == -signal.SIGKILL

    told = here.run("stop", "1").ok()
    assert "nobody runs sweep 1; " in told.err
    assert told.err.splitlines()[0].endswith("died")
    resumed = here.run("run", "--resume").ok()
    assert "stopping" not in resumed.err
    assert_each_job_once(here)


def test_a_run_that_is_killed_while_somebody_waits_for_its_end_is_told_so(here: TestFarm) -> None:
    running = begin(here)
    running.process.send_signal(signal.SIGSTOP)
    waiting = here.watch("stop", "1")
    waiting.wait_for("asked to stop")
    running.process.send_signal(signal.SIGKILL)
    running.end()
    assert "sweep 1 has ended with " in (told := waiting.end().ok()).err
    assert "died" in told.err


def test_the_request_of_somebody_who_was_killed_is_heard_all_the_same(here: TestFarm) -> None:
    running = begin(here)
    running.process.send_signal(signal.SIGSTOP)
    waiting = here.watch("stop", "1")
    waiting.wait_for("asked to stop")
    waiting.process.kill()
    waiting.end()
    running.process.send_signal(signal.SIGCONT)
    assert "stopping, as " in running.end().failed(130).err


def test_whoever_gives_up_waiting_leaves_the_request(here: TestFarm) -> None:
    running = begin(here)
    running.process.send_signal(signal.SIGSTOP)
    waiting = here.watch("stop", "1")
    waiting.wait_for("asked to stop")
    waiting.process.send_signal(signal.SIGINT)
    assert "not waiting any longer" in waiting.end().failed(130).err
    running.process.send_signal(signal.SIGCONT)
    running.end().failed(130)


def test_a_sweep_that_waits_for_its_board_can_be_stopped_too(here: TestFarm) -> None:
    begun = begin(here)
    begun.process.send_signal(signal.SIGSTOP)  # its agent holds the board's lock for a while
    resuming = here.watch("run", "--resume", "1", "--wait", "5m")
    wait_until(lambda: len(here.sql("select sweep_id from sittings_view where ended is null")) == 2)

    told = here.watch("stop", "1")
    resuming.wait_for("stopping, as ")
    begun.process.send_signal(signal.SIGCONT)
    for run in (resuming, begun):
        run.end().failed(130)
    assert "sweep 1 has ended" in told.end().ok().err
