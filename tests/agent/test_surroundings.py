"""What else the board did while the clock ran: subtracted rightly on paper, and seen rightly on this machine.

On the machine everything is pinned to one processor, so that another load only makes large effects larger.
"""

import contextlib
import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import surroundings, worker
from agent.outcome import Measured, decode_report, encode_report
from agent.protocol import MeasureProtocol, Result, Surroundings
from agent.sensors.pressure import Processors
from agent.surroundings import Look, Thread, between, look, read_threads
from tests.agent.serving import FolderBoard, make_job
from tests.agent.trees import lay_out, write

WORKER = 4242
HALF_A_SECOND = MeasureProtocol("half a second", 2, 0.01, 0.2, 5, 0.5, 5.0)
SPIN = "import os, sys\nos.sched_setaffinity(0, [int(sys.argv[1])])\nprint('on', flush=True)\nwhile True: pass"
WAITING_IS_COUNTED = read_threads("/", "self") is not None


def make_look(**changes: Any) -> Look:
    values: dict[str, Any] = {
        "processors": Processors(1000, 1, 50),
        "own_cpu_ns": 1_000_000_000,
        "agent_cpu_s": 2.0,
        "threads": {"1": Thread(10, 100)},
        "involuntary_switches": 5,
        "major_faults": 2,
        "swapped_pages": 7,
        "pressure_cpu_s": 1.0,
        "pressure_memory_s": 2.0,
        "pressure_io_s": 3.0,
        "wall_ns": 1_700_000_000_000_000_000,
        "monotonic_ns": 5_000_000_000,
    }
    return Look(**(values | changes))


def test_two_looks_at_once_are_nothing() -> None:
    assert between(make_look(), make_look()) == Surroundings(0.0, 0.0, 0.0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0)


def test_everything_is_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "TICKS_PER_S", 100)
    after = make_look(
        processors=Processors(1300, 9, 75),
        own_cpu_ns=2_500_000_000,
        agent_cpu_s=2.125,
        threads={"1": Thread(20, 500_000_100)},
        involuntary_switches=9,
        major_faults=3,
        swapped_pages=17,
        pressure_cpu_s=1.5,
        pressure_memory_s=2.0,
        pressure_io_s=3.25,
        wall_ns=1_700_000_002_500_000_000,
        monotonic_ns=7_000_000_000,
    )
    assert between(make_look(), after) == Surroundings(
        others_cpu_s=3.0 - 1.5 - 0.125,
        steal_s=0.25,
        wait_s=0.5,
        involuntary_switches=4,
        major_faults=1,
        swapped_pages=10,
        pressure_cpu_s=0.5,
        pressure_memory_s=0.0,
        pressure_io_s=0.25,
        clock_step_s=0.5,
    )


def test_ticks_that_lag_behind_our_own_time_are_nobodys_work() -> None:
    assert between(make_look(), make_look(own_cpu_ns=1_030_000_000)).others_cpu_s == 0.0


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("processors", ["others_cpu_s", "steal_s"]),
        ("agent_cpu_s", ["others_cpu_s"]),
        ("threads", ["wait_s"]),
        ("involuntary_switches", ["involuntary_switches"]),
        ("major_faults", ["major_faults"]),
        ("swapped_pages", ["swapped_pages"]),
        ("pressure_cpu_s", ["pressure_cpu_s"]),
        ("pressure_memory_s", ["pressure_memory_s"]),
        ("pressure_io_s", ["pressure_io_s"]),
    ],
)
@pytest.mark.parametrize("end", ["before", "after"])
def test_a_source_that_is_absent_at_one_end_is_none_and_spoils_nothing_else(
    source: str, told: list[str], end: str
) -> None:
    broken = make_look(**{source: Processors(None, None) if source == "processors" else None})
    found = vars(between(broken, make_look()) if end == "before" else between(make_look(), broken))
    assert sorted(name for name, value in found.items() if value is None) == sorted(told)


def test_a_counter_that_went_down_tells_nothing() -> None:
    found = between(make_look(), make_look(swapped_pages=3, pressure_io_s=0.0, processors=Processors(900, 1, 40)))
    assert (found.swapped_pages, found.pressure_io_s, found.others_cpu_s, found.steal_s) == (None,) * 4
    assert found.wait_s == 0.0


def test_a_clock_that_was_put_back_is_a_negative_step() -> None:
    after = make_look(wall_ns=1_700_000_000_000_000_000 - 3_600_000_000_000, monotonic_ns=6_000_000_000)
    assert between(make_look(), after).clock_step_s == -3601.0


@pytest.mark.parametrize(
    ("after", "waited_s"),
    [
        ({"1": Thread(20, 1_000_000_100), "2": Thread(9, 2_000_000_000)}, 3.0),
        ({"1": Thread(20, 1_000_000_100)}, 1.0),
        ({"3": Thread(1, 500_000_000)}, 0.5),
        ({"1": Thread(1, 50)}, 50 / 1e9),
        ({}, 0.0),
    ],
    ids=["one began", "the same", "another one only", "a number given again", "all ended"],
)
def test_threads_that_come_and_go_never_count_below_nothing(after: dict[str, Thread], waited_s: float) -> None:
    before = make_look(threads={"1": Thread(10, 100)})
    assert between(before, make_look(threads=after)).wait_s == waited_s


def test_threads_that_ended_take_nothing_off() -> None:
    before = make_look(threads={"1": Thread(10, 100), "2": Thread(10, 9_000_000_000)})
    assert between(before, make_look(threads={"1": Thread(20, 200)})).wait_s == 100 / 1e9


def test_a_recorded_board_is_looked_at(tmp_path: Path) -> None:
    root = lay_out("rock-5b", tmp_path)
    before = look(root, WORKER)
    write(root, "/proc/stat", "cpu  9100 0 4000 999999 250 300 120 0 0 0\nprocs_running 3\n")
    write(root, "/proc/vmstat", "pswpin 16385\n")
    write(root, "/proc/pressure/io", "some avg10=0.00 avg60=0.00 avg300=0.00 total=8654321\n")
    write(root, "/proc/self/task/77/schedstat", "5000000000 11000000 100")
    write(root, "/proc/4242/task/4242/schedstat", "3250000000 250000000 900")
    found = between(before, look(root, WORKER))
    assert found.others_cpu_s == pytest.approx(1.0 - 0.25, abs=0.2)
    assert (found.swapped_pages, found.steal_s) == (1, 0.0)
    assert found.pressure_io_s == pytest.approx(1.0)
    assert found.wait_s == pytest.approx(0.001)


def test_an_agent_whose_threads_are_not_counted_is_read_in_ticks(tmp_path: Path) -> None:
    root = lay_out("jetson-orin-nano", tmp_path)
    assert look(root, WORKER).agent_cpu_s == pytest.approx(300 / os.sysconf("SC_CLK_TCK"))
    assert look(root, WORKER).threads is None


def test_a_board_without_proc_tells_only_what_the_process_knows_itself(tmp_path: Path) -> None:
    found = vars(between(look(str(tmp_path), 1), look(str(tmp_path), 1)))
    told = {name for name, value in found.items() if value is not None}
    assert told == {"involuntary_switches", "major_faults", "clock_step_s"}


def test_a_python_without_its_resource_module_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "resource", None)
    found = between(look(), look())
    assert (found.involuntary_switches, found.major_faults) == (None, None)


def test_a_process_that_has_gone_has_no_threads() -> None:
    with subprocess.Popen([sys.executable, "-c", "pass"]) as child:
        pass
    assert read_threads("/", str(child.pid)) is None
    assert look("/", child.pid).agent_cpu_s is None


def test_no_step_is_seen_where_the_clock_was_left_alone() -> None:
    before = look()
    time.sleep(0.05)
    step_s = between(before, look()).clock_step_s
    assert step_s is not None
    assert abs(step_s) < 1.0


def test_a_thread_that_ends_between_two_looks_does_no_harm() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    before = look()
    stop.set()
    thread.join()
    found = between(before, look())
    assert found.wait_s is None or found.wait_s >= 0.0


@pytest.fixture
def one_cpu() -> Iterator[int]:
    """Pin this process to one processor for the time of the test."""
    usable = os.sched_getaffinity(0)
    cpu = max(usable)
    os.sched_setaffinity(0, [cpu])
    yield cpu
    os.sched_setaffinity(0, usable)


@contextlib.contextmanager
def busy_loop(cpu: int) -> Iterator[None]:
    with subprocess.Popen([sys.executable, "-c", SPIN, str(cpu)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        try:
            yield
        finally:
            child.kill()


def measure_beside(board: FolderBoard, cpu: int, **options: Any) -> tuple[Surroundings, float]:
    job = make_job(protocol=HALF_A_SECOND, cpu_affinity=[cpu], options=options)
    found = board.serve().run(job, Result).result
    assert found.surroundings is not None
    return found.surroundings, found.timing.loop_wall_ns / 1e9


def test_a_busy_loop_beside_a_real_worker_is_seen(board: FolderBoard, one_cpu: int) -> None:
    """Two that want one processor get half of it each: a tenth is far below that, and far above any rounding."""
    with busy_loop(one_cpu):
        found, loop_s = measure_beside(board, one_cpu, sleep_ms=1.0, spin=True)
    assert found.others_cpu_s is not None
    assert found.others_cpu_s > 0.1 * loop_s
    assert found.involuntary_switches is not None
    assert found.involuntary_switches > 2
    if WAITING_IS_COUNTED:
        assert found.wait_s is not None
        assert found.wait_s > 0.1 * loop_s


def test_a_worker_that_sleeps_waits_for_nobody(board: FolderBoard) -> None:
    """Sleeps of a tenth of a second: who sleeps is not ready, and that is no waiting, whatever else runs here."""
    job = make_job(protocol=HALF_A_SECOND, options={"sleep_ms": 100.0})
    found = board.serve().run(job, Result).result
    assert found.surroundings is not None
    if WAITING_IS_COUNTED:
        assert found.surroundings.wait_s is not None
        assert found.surroundings.wait_s < 0.5 * found.timing.loop_wall_ns / 1e9


def test_pythons_from_the_oldest_to_the_newest_look_around(other_board: FolderBoard) -> None:
    found = other_board.serve().run(make_job(), Result).result.surroundings
    assert found is not None
    assert found.others_cpu_s is not None
    assert found.clock_step_s is not None
    assert found.involuntary_switches is not None


@pytest.fixture
def usual_garbage_collection() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


@pytest.mark.usefixtures("usual_garbage_collection")
def test_what_the_worker_tells_its_supervisor_comes_over_whole(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.write_bytes(b"any")
    measured = worker.run_job(make_job(options={"sleep_ms": 0.2}), str(model), None, lambda _: None)
    again = decode_report(encode_report(measured))
    assert isinstance(again, Measured)
    assert again.surroundings == measured.surroundings
    assert measured.surroundings.clock_step_s is not None
