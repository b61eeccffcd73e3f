"""The sampler: channels of equal length, gaps where a sensor was silent, and nothing invented."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from agent.sampler import Sampler, find_psutil, open_process
from agent.sensors import power
from agent.sensors.process import ProcProcess, PsutilProcess
from tests.agent.trees import lay_out, write

STAT = "4242 (python3) S 1 4242 4242 0 -1 4194304 5000 0 0 0 {user} {system} 0 0 20 0 2 0 987654 2000000 {pages} 184467"


class Clock:
    now_ns = 0

    def __call__(self) -> int:
        self.now_ns += 100_000_000
        return self.now_ns


@pytest.fixture
def pi(tmp_path: Path) -> str:
    return lay_out("raspberry-pi-4", tmp_path)


@pytest.fixture
def busy_process() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as child:
        yield child.pid
        child.kill()


def test_every_channel_has_a_value_for_every_moment(pi: str) -> None:
    sampler = Sampler(4242, pi, clock_ns=Clock())
    sampler.sample()
    write(pi, "/proc/4242/stat", STAT.format(user=255, system=55, pages=6000))
    write(pi, "/proc/stat", "cpu  1025 10 505 90000 300 0 20 5 0 0\nprocs_running 3\n")
    write(pi, "/sys/class/thermal/thermal_zone0/temp", "60000")
    sampler.sample()
    samples = sampler.collect()
    assert samples.t_ns == [100_000_000, 200_000_000]
    assert samples.channels["temp_c"] == [48.312, 60.0]
    assert samples.channels["procs_running"] == [2.0, 3.0]
    assert samples.channels["clock_khz"] == [1500000.0, 1500000.0]
    assert samples.channels["throttle_bits"] == [float(0x50005), float(0x50005)]
    assert samples.channels["under_voltage"] == [1.0, 1.0]
    assert samples.channels["memory_available_bytes"] == [3459120.0 * 1024] * 2
    assert samples.channels["worker_rss_bytes"] == [size * os.sysconf("SC_PAGE_SIZE") for size in (5000.0, 6000.0)]
    ticks = os.sysconf("SC_CLK_TCK")
    assert samples.channels["worker_cpu_percent"] == [None, pytest.approx(100 * 10 / ticks / 0.1)]
    others = samples.channels["others_cpu_percent"]
    assert others[0] is None
    assert others[1] == pytest.approx(100 * 20 / ticks / 0.1, abs=60)
    assert sampler.source == "/proc"
    assert sampler.last("temp_c") == 60.0
    assert sampler.last("nonsense") is None


def test_what_the_host_took_is_not_the_work_of_others(pi: str) -> None:
    sampler = Sampler(4242, pi, clock_ns=Clock())
    sampler.sample()
    write(pi, "/proc/stat", "cpu  1000 10 500 90000 300 0 20 25 0 0\nprocs_running 1\n")
    sampler.sample()
    channels = sampler.collect().channels
    assert channels["steal_percent"] == [None, pytest.approx(100 * 20 / os.sysconf("SC_CLK_TCK") / 0.1)]
    assert channels["others_cpu_percent"] == [None, 0.0]


def test_what_holds_a_processor_back_is_sampled(tmp_path: Path) -> None:
    root = lay_out("x86-mini-pc", tmp_path)
    sampler = Sampler(1, root, [1], clock_ns=Clock())
    sampler.sample()
    write(root, "/sys/devices/system/cpu/cpu1/thermal_throttle/package_throttle_count", "9")
    write(root, "/sys/class/thermal/cooling_device0/cur_state", "3")
    sampler.sample()
    channels = sampler.collect().channels
    assert channels["throttle_count"] == [11.0, 13.0]
    assert channels["cooling_state"] == [0.0, 3.0]
    assert "throttle_bits" not in channels


def test_swap_that_is_taken_is_sampled(pi: str) -> None:
    sampler = Sampler(4242, pi, clock_ns=Clock())
    sampler.sample()
    assert sampler.collect().channels["swap_used_bytes"] == [2000.0 * 1024]


def test_a_sensor_that_falls_silent_leaves_a_gap_and_not_a_zero(pi: str) -> None:
    sampler = Sampler(4242, pi, clock_ns=Clock())
    sampler.sample()
    (Path(pi) / "sys/class/thermal/thermal_zone0/temp").unlink()
    (Path(pi) / "proc/4242/stat").unlink()
    sampler.sample()
    channels = sampler.collect().channels
    assert channels["temp_c"] == [48.312, None]
    assert channels["worker_rss_bytes"][1] is None
    assert "worker_cpu_percent" not in channels


def test_a_board_without_sensors_has_no_channels(tmp_path: Path) -> None:
    sampler = Sampler(1, str(tmp_path), clock_ns=Clock())
    sampler.sample()
    assert sampler.collect().channels == {}
    assert sampler.collect().t_ns == [100_000_000]


def test_an_emulator_that_counts_no_processor_time_has_no_such_channel(pi: str) -> None:
    write(pi, "/proc/4242/stat", STAT.format(user=0, system=0, pages=10))
    sampler = Sampler(4242, pi, clock_ns=Clock())
    for _ in range(3):
        sampler.sample()
    assert "worker_cpu_percent" not in sampler.collect().channels


def test_rails_that_answer_at_once_are_sampled_and_slow_ones_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = lay_out("jetson-orin-nano", tmp_path)
    monkeypatch.setattr("agent.sampler._CHEAP_POWER_S", 10.0)
    sampler = Sampler(1, root, clock_ns=Clock())
    sampler.sample()
    assert sampler.collect().channels["power_w:VDD_IN"] == [5.088]
    monkeypatch.setattr("agent.sampler._CHEAP_POWER_S", -1.0)
    sampler = Sampler(1, root, clock_ns=Clock())
    sampler.sample()
    assert not [name for name in sampler.collect().channels if name.startswith("power")]
    assert power.find_rails(root)


def test_psutil_and_proc_tell_the_same_of_one_process(busy_process: int) -> None:
    ours, theirs = ProcProcess(busy_process), PsutilProcess(busy_process, psutil)
    end = time.monotonic() + 20
    while (ours.read().cpu_s or 0) < 0.1 and time.monotonic() < end:
        time.sleep(0.02)
    first, second, third = ours.read(), theirs.read(), ours.read()
    assert first.cpu_s is not None
    assert second.cpu_s is not None
    assert third.cpu_s is not None
    # the two add the same kernel ticks in another order: the last bit may differ
    assert first.cpu_s <= second.cpu_s + 1e-6
    assert second.cpu_s <= third.cpu_s + 1e-6
    assert first.rss_bytes is not None
    assert second.rss_bytes == pytest.approx(first.rss_bytes, rel=0.2)


def test_a_process_that_has_gone_is_nothing_and_no_error() -> None:
    with subprocess.Popen([sys.executable, "-c", "pass"]) as child:
        theirs = PsutilProcess(child.pid, psutil)
    assert theirs.read() == (None, None)
    assert isinstance(open_process(child.pid, "/", psutil), ProcProcess)
    assert open_process(child.pid, "/", psutil).read() == (None, None)


def test_recorded_trees_are_never_read_through_psutil(pi: str) -> None:
    assert isinstance(open_process(os.getpid(), pi, psutil), ProcProcess)
    assert open_process(os.getpid(), "/", psutil).source == f"psutil {psutil.__version__}"


def test_psutil_is_found_and_the_path_stays_as_it_was() -> None:
    path = list(sys.path)
    assert find_psutil() is psutil
    assert sys.path == path


def test_a_psutil_that_does_not_load_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "psutil").mkdir()
    (tmp_path / "psutil" / "__init__.py").write_text("raise RuntimeError('built for another board')\n")
    monkeypatch.delitem(sys.modules, "psutil")
    assert find_psutil(str(tmp_path)) is None
