"""A job from the supervisor's side, with workers that are not what they should be."""

import selectors
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import running, workshop
from agent.places import Places
from agent.protocol import Failure, JobSpec, Result, Stage, ThermalGate
from agent.running import RunningJob
from tests.agent.serving import MODEL, MODEL_DIGEST, PATIENCE_S, is_alive, make_job
from tests.agent.trees import lay_out, write

REPORTER = "import os, sys, time\nfd = int(sys.argv[sys.argv.index('--report-fd') + 1])\n"


class Stand:
    """Drives one job as the supervisor's loop does."""

    def __init__(self, places: Places, job: JobSpec, root: str = "/") -> None:
        self.stages: list[Stage] = []
        self._selector = selectors.DefaultSelector()
        model_path = places.blob(MODEL_DIGEST)
        self.job = RunningJob(places, job, model_path, None, self.stages.append, self._watch, self._unwatch, root)

    def run(self) -> Any:
        end = time.monotonic() + PATIENCE_S
        while self.job.outcome is None:
            assert time.monotonic() < end, "the job does not end"
            self.step()
        return self.job.outcome

    def step(self) -> None:
        self.job.tick()
        for key, _ in self._selector.select(0.02):
            key.data()

    def names(self) -> list[str]:
        return [stage.name for stage in self.stages]

    def _watch(self, descriptor: int, callback: Any) -> None:
        self._selector.register(descriptor, selectors.EVENT_READ, callback)

    def _unwatch(self, descriptor: int) -> None:
        if descriptor in self._selector.get_map():
            self._selector.unregister(descriptor)

    def close(self) -> None:
        self.job.abandon()
        self._selector.close()


@pytest.fixture
def places(tmp_path: Path) -> Places:
    found = Places(str(tmp_path / "work"))
    found.make()
    Path(found.blob(MODEL_DIGEST)).write_bytes(MODEL)
    return found


@pytest.fixture
def stands() -> Iterator[list[Stand]]:
    made: list[Stand] = []
    yield made
    for stand in made:
        stand.close()


def behave(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    monkeypatch.setattr(workshop, "command", lambda _: [sys.executable, "-I", "-S", "-c", REPORTER + script])


def failure_of(places: Places, job: JobSpec) -> Any:
    outcome = Stand(places, job).run()
    assert isinstance(outcome, Failure)
    return outcome.failure


def test_a_job_runs_to_its_result(places: Places) -> None:
    stand = Stand(places, make_job())
    outcome = stand.run()
    assert isinstance(outcome, Result)
    assert outcome.result.details["sampled_by"]
    assert stand.names() == ["loading", "checking", "timing", "finishing"]
    assert not stand.job.quiet
    assert not Path(places.worker).exists()


def test_garbage_on_the_workers_pipe_is_a_crash_with_an_excerpt(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    behave(monkeypatch, "os.write(fd, b'free(): invalid pointer\\n'); time.sleep(60)")
    failure = failure_of(places, make_job())
    assert failure.reason == "crashed"
    assert "free(): invalid pointer" in failure.message


def test_a_worker_that_reports_nothing_keeps_its_last_words(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    behave(monkeypatch, "print('x' * 20000); print('the last words', file=sys.stderr)")
    failure = failure_of(places, make_job())
    assert failure.reason == "crashed"
    assert "exit code 0 and no report" in failure.message
    assert failure.detail.endswith("the last words")
    assert len(failure.detail) <= 8192


def test_half_a_report_is_no_report(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    behave(monkeypatch, 'os.write(fd, b\'{"kind":"failed","reason":"rejected"\')')
    assert failure_of(places, make_job()).reason == "crashed"


def test_a_crash_after_the_report_does_not_spoil_it(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    line = '{"kind":"failed","reason":"rejected","message":"not a model"}'
    behave(monkeypatch, f"os.write(fd, b'{line}' + b'\\n'); os.abort()")
    failure = failure_of(places, make_job())
    assert (failure.reason, failure.message) == ("rejected", "not a model")


def test_what_a_worker_started_dies_with_it(places: Places, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    note = tmp_path / "child"
    script = (
        "import subprocess\nchild = subprocess.Popen(['sleep', '60'])\n"
        f"open({str(note)!r}, 'w').write(str(child.pid))\nos._exit(7)"
    )
    behave(monkeypatch, script)
    assert "exit code 7" in failure_of(places, make_job()).message
    child = int(note.read_text())
    end = time.monotonic() + PATIENCE_S
    while is_alive(child) and time.monotonic() < end:
        time.sleep(0.02)
    assert not is_alive(child)


def test_a_program_that_cannot_be_started_is_a_failure(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workshop, "command", lambda _: ["/nowhere/python3"])
    failure = failure_of(places, make_job())
    assert failure.reason == "crashed"
    assert "/nowhere/python3" in failure.message


def test_a_process_that_does_not_die_is_not_waited_for(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    behave(monkeypatch, "time.sleep(60)")
    kills: list[Any] = []
    real_kill = workshop.kill
    monkeypatch.setattr(workshop, "kill", kills.append)
    monkeypatch.setattr(running, "DEATH_LIMIT_S", 0.2)
    failure = failure_of(places, make_job(deadline_s=0.2))
    assert failure.reason == "timed_out"
    real_kill(kills[0])
    kills[0].wait(PATIENCE_S)


def test_a_quiet_stage_is_no_longer_than_the_deadline_allows(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    behave(
        monkeypatch, 'os.write(fd, b\'{"kind":"reached","stage":"timing","quiet_s":9999}\' + b"\\n"); time.sleep(60)'
    )
    stand = Stand(places, make_job(deadline_s=1.0))
    assert stand.run().failure.reason == "timed_out"
    assert 0.0 < stand.stages[-1].quiet_s <= 6.0


def test_a_hot_board_is_waited_for_and_the_wait_is_recorded(
    places: Places, tmp_path: Path, stands: list[Stand]
) -> None:
    root = lay_out("raspberry-pi-4", tmp_path / "pi")
    stand = Stand(places, make_job(thermal=ThermalGate(45.0, poll_s=0.05, limit_s=60.0)), root)
    stands.append(stand)
    for _ in range(10):
        stand.step()
    assert stand.names() == ["cooling"]
    assert not stand.job.started
    write(root, "/sys/class/thermal/thermal_zone0/temp", "40000")
    result = stand.run().result
    assert result.thermal_wait_s > 0.1
    assert result.conditions_before.temperatures_c == {"cpu-thermal": 40.0}
    assert set(result.samples.channels["temp_c"]) == {40.0}


def test_an_abandoned_job_leaves_no_process(places: Places) -> None:
    stand = Stand(places, make_job(options={"crash": "hang"}))
    while not stand.job.started:
        stand.step()
    pid = int(Path(places.worker).read_text().split()[0])
    assert is_alive(pid)
    stand.close()
    assert not is_alive(pid)
    assert stand.job.outcome is None


@pytest.mark.parametrize(
    ("carrier", "flags"),
    [("none", ["-I", "-S"]), ("library", ["-I", "-S"]), ("bundle", ["-I", "-S"]), ("system", ["-E"])],
)
def test_only_a_system_runtime_sees_the_boards_own_packages(carrier: str, flags: list[str]) -> None:
    assert workshop.command(carrier)[1:-1] == flags


def test_a_step_that_is_stuck_does_not_wait_for_the_end_of_the_whole_data_set(
    places: Places, stands: list[Stand], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It said that it would be heard of in 2 s, and is given no more here."""
    monkeypatch.setattr(running, "_STUCK_MARGIN_S", -1.5)
    line = '{"kind":"reached","stage":"answering","quiet_s":2.0,"done":3,"steps":9}'
    behave(monkeypatch, f"os.write(fd, {line!r}.encode() + b'\\n'); time.sleep(60)")
    stand = Stand(places, make_job(deadline_s=50.0))
    stands.append(stand)
    outcome = stand.run()
    assert isinstance(outcome, Failure)
    assert outcome.failure.reason == "timed_out"
    assert [(stage.done, stage.steps) for stage in stand.stages if stage.name == "answering"] == [(3, 9)]
