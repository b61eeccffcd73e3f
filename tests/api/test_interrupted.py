"""Ctrl-C in a Python program that runs a sweep: nothing measures on, and nothing is lost."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.farming import TestFarm

JOBS = 5
"""Of each of two boards: whoever measures on has done with them in some seconds."""

ENDS_WITHIN_S = 15.0
"""Boards hear of a stop within a second; the rest is for a machine with much to do."""

PROGRAM = """\
import sys
from orchestrator.api import Farm

with Farm(".") as farm:
    try:
        farm.run(sys.argv[1], progress=lambda event: print(type(event).__name__, flush=True))
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        raise
"""


@pytest.fixture
def measuring(farm: TestFarm, fake_model: Path) -> TestFarm:
    """A farm with this machine as two boards, which take turns."""
    farm.add_local()
    farm.add_local("right")
    farm.run("model", "add", str(fake_model), "--no-reference").ok()
    return farm


def test_ctrl_c_ends_the_sweep_and_each_job_is_measured_once_when_it_goes_on(measuring: TestFarm) -> None:
    path = measuring.sweep_of_fakes("all", repeats=JOBS, options="{sleep_ms: 50}")
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, path], cwd=measuring.root, env=measuring.variables(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as running:  # fmt: skip
        assert running.stdout is not None
        for line in running.stdout:
            if line.startswith("JobFinished"):
                break
        running.send_signal(signal.SIGINT)
        try:
            out, err = running.communicate(timeout=ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            running.kill()
            out, err = running.communicate()
            raise AssertionError(f"it went on:\n{out}\n{err}") from None
    said = out.splitlines()
    assert said[-1] == "interrupted", "the boards have left when the program goes on"
    assert err.endswith("KeyboardInterrupt\n")
    assert "Traceback" not in err.partition("Traceback")[2], "one error: the threads of the boards leave without"
    (sitting,) = measuring.sql("select ended from sittings_view")
    assert sitting["ended"] is not None
    assert "nobody runs sweep 1" in measuring.run("stop", "1").ok().err

    with measuring.store() as store:
        done = store.sweep(1).progress.ok
        assert 1 <= done <= 4
    measuring.run("run", "--resume").ok()
    (row,) = measuring.sql("select count(*) as runs, count(distinct job_id) as jobs from runs_view where status = 'ok'")
    assert row == {"runs": 2 * JOBS, "jobs": 2 * JOBS}
