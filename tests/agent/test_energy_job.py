"""A job for energy on the board: the idle part first, readings through the whole loop, and a real agent at the end."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from agent.metering import Metering
from agent.protocol import EnergyPlan, MeasureProtocol, Ready, Result, RunJob, Samples
from agent.sensors.meters import PART, WATTS, Meter, Source
from orchestrator.energy import energy_of
from orchestrator.runs import Role, RunStatus
from orchestrator.store import Store
from orchestrator.sweep import Sweep
from tests import making
from tests.agent.serving import FolderBoard, Talk, make_hello, make_job
from tests.agent.trees import powercap

IDLE_W, BUSY_W = 2.0, 6.0
RANGE_UJ = 262_143_328_850
LOOP = MeasureProtocol("energetic", 2, 0.0, 0.2, 5, 1.5, 3.0)


def a_source(name: str = "rail") -> Source:
    return Source(name, WATTS, PART, "a rail", "", 0.001, 0.0)


class Counter:
    """A processor's energy counter, kept up by a thread at a power that the test sets; it soon wraps."""

    def __init__(self, root: Path) -> None:
        powercap(root, "intel-rapl:0", "package-0", 0)
        self._file = root / "sys/class/powercap/intel-rapl:0/energy_uj"
        self._power_w = IDLE_W
        self._joules, self._at = RANGE_UJ / 1e6 - 5.0, time.monotonic()
        self.history: list[tuple[float, float]] = [(self._at, self._joules)]
        self.longest_stall_s = 0.0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run)

    def draw(self, watts: float) -> None:
        with self._lock:
            self._advance()
            self._power_w = watts

    def true_j(self, start_s: float, end_s: float) -> float:
        """What was drawn between two moments of the monotonic clock."""
        return self._at_s(end_s) - self._at_s(start_s)

    def _at_s(self, moment: float) -> float:
        for (t0, j0), (t1, j1) in zip(self.history, self.history[1:], strict=False):
            if t0 <= moment <= t1:
                return j0 + (j1 - j0) * (moment - t0) / (t1 - t0)
        raise AssertionError("the counter did not run then")

    def _advance(self) -> None:
        now = time.monotonic()
        self.longest_stall_s = max(self.longest_stall_s, now - self._at)
        self._joules += self._power_w * (now - self._at)
        self._at = now
        self.history.append((now, self._joules))
        fresh = self._file.with_name("fresh")
        fresh.write_text(f"{int(self._joules * 1e6) % RANGE_UJ}\n")
        fresh.replace(self._file)

    def _run(self) -> None:
        while not self._stop.wait(0.001):
            with self._lock:
                self._advance()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    with Counter(tmp_path / "tree") as running:
        yield running


@pytest.fixture
def talk(board: FolderBoard, tmp_path: Path) -> Talk:
    """A real agent whose board is the recorded tree."""
    (tmp_path / "tree").mkdir(exist_ok=True)
    started = Talk(board.command("serve", "--work", str(board.work), "--root", str(tmp_path / "tree")))
    board.talks.append(started)
    started.say(make_hello())
    return started


def test_the_stored_energy_agrees_with_what_the_counter_really_counted(
    talk: Talk, counter: Counter, tmp_path: Path
) -> None:
    talk.hear(Ready)
    plan = EnergyPlan(idle_s=1.5, sample_hz=20.0)
    talk.say(RunJob(make_job(protocol=LOOP, energy=plan, options={"sleep_ms": 5.0})))
    talk.wait_for_stage("loading")
    counter.draw(BUSY_W)
    result = talk.hear(Result).result
    time.sleep(0.05)
    timing = result.timing
    start_s, loop_s = timing.loop_start_ns / 1e9, timing.loop_wall_ns / 1e9
    true_gross_j = counter.true_j(start_s, start_s + loop_s)
    true_net_j = true_gross_j - IDLE_W * loop_s

    with Store.open(tmp_path / "results.db", create=True) as store:
        job = making.make_job(result.job_id, role=Role.ENERGY)
        store.create_sweep(Sweep("energy", ("bert",), ("all",)), [job], [making.make_model()], making.MOMENT)
        store.save_run(making.make_run(job, RunStatus.OK, result=result))
        stored = store.run(job.job_id)
    n = len(timing.latencies_ns)
    # A thread of a test is no hardware: what it was late is not the measurement's fault.
    allowed_j = (stored.summary.energy_uncertainty_j or 0.0) * n + BUSY_W * counter.longest_stall_s
    assert stored.summary.energy_j_per_inference is not None
    assert stored.summary.energy_j_per_inference * n == pytest.approx(true_net_j, abs=allowed_j)
    assert stored.summary.energy_source == "package-0: processor package only"
    again = energy_of(stored.run.result)
    assert again.j_per_inference == stored.summary.energy_j_per_inference
    assert again.idle_w == pytest.approx(IDLE_W, rel=0.1)
    assert again.gross_j_per_inference == pytest.approx(true_gross_j / n, abs=allowed_j / n)


def test_the_idle_board_comes_first_and_its_quiet_is_announced(talk: Talk, counter: Counter) -> None:
    talk.hear(Ready)
    talk.say(RunJob(make_job(energy=EnergyPlan(idle_s=0.5, sample_hz=20.0))))
    result = talk.hear(Result).result
    assert [stage.name for stage in talk.stages][:2] == ["idling", "loading"]
    assert talk.stages[0].quiet_s >= 0.5
    samples, details = result.samples, result.details["energy"]
    energy = samples.channels["energy_j:package-0"]
    known_ns = [t_ns for t_ns, value in zip(samples.t_ns, energy, strict=True) if value is not None]
    loop_end_ns = result.timing.loop_start_ns + result.timing.loop_wall_ns
    assert sum(t_ns <= details["idle_until_ns"] for t_ns in known_ns) >= 5
    assert details["idle_until_ns"] < result.timing.loop_start_ns
    assert known_ns[-1] >= loop_end_ns
    assert samples.t_ns == sorted(samples.t_ns)
    assert {len(values) for values in samples.channels.values()} == {len(samples.t_ns)}
    assert [source["covers"] for source in details["sources"]] == ["processor package only"]


def test_an_ordinary_job_reads_no_counter(talk: Talk, counter: Counter) -> None:
    talk.hear(Ready)
    result = talk.run(make_job(), Result).result
    assert "energy" not in result.details
    assert not [name for name in result.samples.channels if name.startswith("energy_j")]


def test_a_board_without_a_meter_does_not_idle_and_says_why_there_is_no_energy(talk: Talk) -> None:
    talk.hear(Ready)
    result = talk.run(make_job(energy=EnergyPlan(idle_s=60.0, sample_hz=10.0)), Result).result
    assert "idling" not in [stage.name for stage in talk.stages]
    assert energy_of(result).reason == "no power sensor on this board"


def test_a_hang_up_while_the_board_idles_ends_the_agent_without_a_result(
    talk: Talk, counter: Counter, board: FolderBoard
) -> None:
    talk.hear(Ready)
    talk.say(RunJob(make_job(energy=EnergyPlan(idle_s=60.0, sample_hz=10.0))))
    talk.wait_for_stage("idling")
    talk.hang_up()
    assert talk.exit_code() == 0
    assert list((board.work / "spool").iterdir()) == []


def test_two_series_of_readings_share_one_axis_with_gaps_and_no_zeros() -> None:
    ticks = iter(range(10, 1000, 10))
    metering = Metering(EnergyPlan(0.0, 10.0), [Meter([a_source()], lambda: {"rail": 3.0})], lambda: next(ticks))
    metering.finish()
    metering.finish()
    merged = metering.merge(Samples([12, 30], {"temp_c": [40.0, 41.0], "power_w:rail": [9.0, 9.0]}))
    assert merged.t_ns == [12, 15, 30, 35]
    assert merged.channels == {"temp_c": [40.0, None, 41.0, None], "power_w:rail": [None, 3.0, None, 3.0]}


def test_a_source_that_never_answers_leaves_no_series() -> None:
    metering = Metering(EnergyPlan(0.0, 10.0), [Meter([a_source("dead"), a_source("live")], lambda: {"live": 1.0})])
    metering.finish()
    assert list(metering.merge(Samples([], {})).channels) == ["power_w:live"]


def test_a_dear_sensor_is_read_less_often_than_asked() -> None:
    def slow() -> dict[str, float]:
        time.sleep(0.02)
        return {"rail": 1.0}

    metering = Metering(EnergyPlan(5.0, 1000.0), [Meter([a_source()], slow)])
    now = time.monotonic()
    assert metering.idle(now) is not None
    assert metering.next_at - now >= 0.2
