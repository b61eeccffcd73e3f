"""Sensors on recorded trees: what a board tells, and that it is never guessed."""

import os
from pathlib import Path

import pytest

from agent.cooling import Cooling
from agent.protocol import ThermalGate
from agent.sensors import frequency, matches, power, pressure, process, processor, read_int, read_text, thermal
from tests.agent.trees import lay_out, write


@pytest.fixture
def pi(tmp_path: Path) -> str:
    return lay_out("raspberry-pi-4", tmp_path)


@pytest.fixture
def jetson(tmp_path: Path) -> str:
    return lay_out("jetson-orin-nano", tmp_path)


@pytest.fixture
def pc(tmp_path: Path) -> str:
    return lay_out("x86-mini-pc", tmp_path)


def temperatures(root: str) -> dict[str, float]:
    return thermal.read_temperatures(root, thermal.find_temperatures(root))


def test_a_pi_tells_one_temperature(pi: str) -> None:
    assert temperatures(pi) == {"cpu-thermal": 48.312}
    assert thermal.describe(pi) == ["temperature:cpu-thermal"]


def test_zones_that_are_off_or_talk_nonsense_are_left_out(jetson: str) -> None:
    assert temperatures(jetson) == {"cpu-thermal": 51.218, "tj-thermal": 52.406}
    assert thermal.hottest(temperatures(jetson)) == 52.406


def test_a_pc_tells_its_processor_and_neither_its_disk_nor_its_radio(pc: str) -> None:
    assert temperatures(pc) == {"x86_pkg_temp": 43.0, "coretemp Package id 0": 44.0, "coretemp Core 0": 45.0}


def test_zones_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path, f"/sys/class/thermal/thermal_zone{number}/type", "soc")
        write(tmp_path, f"/sys/class/thermal/thermal_zone{number}/temp", str(40000 + number))
    assert temperatures(str(tmp_path)) == {"soc": 40.0, "soc#2": 40.001, "soc#3": 40.002}


def test_a_board_without_sensors_tells_nothing_at_all(tmp_path: Path) -> None:
    root = str(tmp_path)
    assert temperatures(root) == {}
    assert thermal.hottest({}) is None
    assert frequency.find_policies(root) == []
    assert frequency.read_clock_khz(root, []) is None
    assert frequency.read_nominal_khz(root, []) is None
    assert frequency.read_governor(root, []) is None
    assert power.find_rails(root) == []
    assert pressure.read_memory(root) == (None, None, None)
    assert pressure.read_processors(root) == (None, None, None)
    assert pressure.read_load_1m(root) is None
    assert pressure.read_memory_limit_bytes(root) is None
    assert pressure.count_oom_kills(root) == 0
    assert processor.read_name(root) is None
    assert processor.read_isa(root) == []
    assert process.ProcProcess(1, root).read() == process.NOTHING
    assert [*thermal.describe(root), *frequency.describe(root), *power.describe(root)] == []


def test_the_clock_is_that_of_the_processors_in_use(jetson: str) -> None:
    assert frequency.read_clock_khz(jetson, frequency.find_policies(jetson)) == 1510400
    little = frequency.find_policies(jetson, [5])
    assert frequency.read_clock_khz(jetson, little) == 729600
    assert frequency.read_governor(jetson, little) == "performance"
    assert frequency.read_governor(jetson, frequency.find_policies(jetson)) == "schedutil+performance"
    assert frequency.read_clock_khz(jetson, frequency.find_policies(jetson, [17])) is None


def test_the_nominal_clock_is_the_base_where_it_is_told_and_the_maximum_elsewhere(pi: str, tmp_path: Path) -> None:
    assert frequency.read_nominal_khz(pi, frequency.find_policies(pi)) == 1800000
    pc = lay_out("x86-mini-pc", tmp_path / "pc")
    assert frequency.read_nominal_khz(pc, frequency.find_policies(pc)) == 800000


def test_without_cpufreq_an_x86_processor_still_tells_its_clock(pc: str) -> None:
    assert frequency.read_clock_khz(pc, []) == 2900500


def test_rails_are_watts_by_name(jetson: str) -> None:
    rails = power.find_rails(jetson)
    assert [rail.name for rail in rails] == ["VDD_IN", "VDD_CPU_GPU_CV"]
    assert power.read_rails_w(jetson, rails) == {"VDD_IN": 5.088, "VDD_CPU_GPU_CV": 1.27}
    write(jetson, "/sys/class/hwmon/hwmon3/curr1_input", "")
    assert power.read_rails_w(jetson, rails) == {"VDD_CPU_GPU_CV": 1.27}


def test_an_energy_counter_is_named_where_it_may_be_read(pc: str) -> None:
    assert power.describe(pc) == ["energy:package-0"]


def test_memory_load_and_processes(pi: str) -> None:
    assert pressure.read_memory(pi) == (3884360 * 1024, 3459120 * 1024, 2000 * 1024)
    assert pressure.read_processors(pi) == (1000 + 10 + 500 + 0 + 20, 2, 5)
    assert pressure.read_load_1m(pi) == 0.42


def test_old_kernels_have_fewer_columns(jetson: str) -> None:
    assert pressure.read_processors(jetson) == (200, 1, None)


def test_the_smallest_limit_around_us_counts_in_both_versions(pi: str, tmp_path: Path) -> None:
    assert pressure.read_memory_limit_bytes(pi) == 2147483648
    pc = lay_out("x86-mini-pc", tmp_path / "pc")
    assert pressure.read_memory_limit_bytes(pc) == 134217728


def test_killings_for_want_of_memory_are_counted_in_both_versions(pi: str, tmp_path: Path) -> None:
    assert pressure.count_oom_kills(pi) == 3 + 1
    pc = lay_out("x86-mini-pc", tmp_path / "pc")
    assert pressure.count_oom_kills(pc) == 4


def test_a_process_with_brackets_in_its_name_is_read_right(pi: str) -> None:
    page_bytes = os.sysconf("SC_PAGE_SIZE")
    assert process.ProcProcess(4242, pi).read() == (300 / process.TICKS_PER_S, 5000 * page_bytes)
    assert process.start_ticks(4242, pi) == 987654


def test_a_zombie_is_no_process(tmp_path: Path) -> None:
    write(tmp_path, "/proc/7/stat", "7 (x) Z " + "0 " * 40)
    assert process.start_ticks(7, str(tmp_path)) is None
    assert process.ProcProcess(7, str(tmp_path)).read().rss_bytes is None


def test_our_own_memory_is_told_by_the_kernel() -> None:
    resident, peak = process.read_status_bytes("VmRSS"), process.read_status_bytes("VmHWM")
    assert resident is not None
    assert peak is not None
    assert peak >= resident > 2**20
    assert process.read_status_bytes("VmNonsense") is None


def test_processors_have_names_of_their_own(pi: str, tmp_path: Path) -> None:
    assert processor.read_name(pi) == "Cortex-A72"
    assert processor.read_isa(pi) == ["asimd"]
    jetson = lay_out("jetson-orin-nano", tmp_path / "jetson")
    assert processor.read_name(jetson) == "Cortex-A78AE"
    assert "asimddp" in processor.read_isa(jetson)
    pc = lay_out("x86-mini-pc", tmp_path / "pc")
    assert processor.read_name(pc) == "Intel(R) N100"
    assert "avx_vnni" in processor.read_isa(pc)


def test_big_and_little_cores_are_both_named(tmp_path: Path) -> None:
    lines = ["CPU implementer : 0x41\nCPU part : 0xd05", "CPU implementer : 0x41\nCPU part : 0xd0b"]
    write(tmp_path, "/proc/cpuinfo", "\n\n".join(lines))
    assert processor.read_name(str(tmp_path)) == "Cortex-A55 + Cortex-A76"


def test_an_unknown_part_is_not_guessed(tmp_path: Path) -> None:
    write(tmp_path, "/proc/cpuinfo", "CPU implementer : 0x41\nCPU part : 0xfff\nCPU part : what")
    assert processor.read_name(str(tmp_path)) is None


def test_files_that_cannot_be_read_are_none(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    write(tmp_path, "/empty", "\n")
    assert read_text(str(tmp_path), "/folder") is None
    assert read_text(str(tmp_path), "/empty") is None
    assert read_int(str(tmp_path), "/nothing") is None


def test_paths_come_in_natural_order_below_a_root_with_odd_characters(tmp_path: Path) -> None:
    root = tmp_path / "odd[1]*"
    for number in (10, 2, 1):
        write(root, f"/sys/zone{number}", "")
    assert matches(str(root), "/sys/zone[0-9]*") == ["/sys/zone1", "/sys/zone2", "/sys/zone10"]


def cool(root: str, **gate: float) -> Cooling:
    return Cooling(ThermalGate(**gate), root, now=100.0)


def test_a_hot_board_is_looked_at_again_until_it_is_cool(pi: str) -> None:
    cooling = cool(pi, start_c=45.0, poll_s=5.0, limit_s=600.0)
    assert cooling.look(100.0) == 105.0
    assert cooling.look(103.0) == 105.0
    write(pi, "/sys/class/thermal/thermal_zone0/temp", "44900")
    assert cooling.look(103.0) == 105.0
    assert cooling.look(105.1) is None
    assert cooling.waited_s == pytest.approx(5.1)


def test_a_board_that_never_cools_is_measured_after_the_limit(pi: str) -> None:
    cooling = cool(pi, start_c=20.0, poll_s=5.0, limit_s=7.0)
    assert [cooling.look(now) for now in (100.0, 105.0, 107.0)] == [105.0, 107.0, None]
    assert cooling.waited_s == pytest.approx(7.0)


def test_without_a_limit_or_a_sensor_nothing_is_waited_for(pi: str, tmp_path: Path) -> None:
    assert cool(pi, start_c=None).look(100.0) is None
    assert cool(str(tmp_path / "bare"), start_c=10.0).look(100.0) is None
    assert cool(pi, start_c=50.0).waited_s == 0.0
