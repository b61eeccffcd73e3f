"""What holds a processor back: firmware bits, alarms, counters and cooling devices of recorded boards."""

import stat
import sys
from pathlib import Path

import pytest

from agent.sensors import throttling
from agent.sensors.throttling import find_throttles, read_throttles
from tests.agent.trees import lay_out, write

COUNTS = "/sys/devices/system/cpu/cpu{}/thermal_throttle/{}_throttle_count"
NOTHING = {"throttle_bits": None, "under_voltage": None, "throttle_count": None, "cooling_state": None}


def read(root: str, cpus: list[int] | None = None) -> dict[str, float | None]:
    return read_throttles(root, find_throttles(root, cpus))


@pytest.mark.parametrize(
    ("board", "told"),
    [
        ("raspberry-pi-4", {"throttle_bits": 0x50005, "under_voltage": 1}),
        ("raspberry-pi-5", {"throttle_bits": 0xE0000, "under_voltage": 0}),
        ("jetson-orin-nano", {"cooling_state": 2}),
        ("x86-mini-pc", {"throttle_count": 3 + 7 + 4 + 7, "cooling_state": 0}),
        ("rock-5b", {"cooling_state": 4}),
    ],
)
def test_each_board_tells_what_it_has_and_nothing_else(tmp_path: Path, board: str, told: dict[str, int]) -> None:
    root = lay_out(board, tmp_path)
    assert read(root) == NOTHING | told
    assert sorted(throttling.describe(root)) == sorted(told)
    assert throttling.read_throttle_bits(root) == told.get("throttle_bits")


def test_fans_and_graphics_are_no_throttling_of_a_processor(tmp_path: Path) -> None:
    root = lay_out("rock-5b", tmp_path)
    for number in (1, 2, 3):
        write(root, f"/sys/class/thermal/cooling_device{number}/cur_state", "0")
    assert read(root)["cooling_state"] == 0


def test_a_counter_that_grows_on_any_core_is_seen(tmp_path: Path) -> None:
    root = lay_out("x86-mini-pc", tmp_path)
    found = find_throttles(root)
    before = read_throttles(root, found)["throttle_count"]
    write(root, COUNTS.format(0, "core"), "4")
    after = read_throttles(root, found)["throttle_count"]
    assert before is not None
    assert after is not None
    assert after - before == 1


def test_only_the_processors_in_use_count(tmp_path: Path) -> None:
    root = lay_out("x86-mini-pc", tmp_path)
    assert read(root, [1])["throttle_count"] == 4 + 7
    assert read(root, [])["throttle_count"] is None


def test_a_counter_that_vanishes_makes_the_sum_unknown_and_not_smaller(tmp_path: Path) -> None:
    root = lay_out("x86-mini-pc", tmp_path)
    found = find_throttles(root)
    (tmp_path / COUNTS.format(1, "core")[1:]).unlink()
    assert read_throttles(root, found)["throttle_count"] is None
    assert read(root)["throttle_count"] == 3 + 7


def test_an_idle_cooler_that_says_minus_one_tells_nothing(tmp_path: Path) -> None:
    write(tmp_path, "/sys/class/thermal/cooling_device0/type", "Processor")
    write(tmp_path, "/sys/class/thermal/cooling_device0/cur_state", "-1")
    assert read(str(tmp_path)) == NOTHING


@pytest.mark.parametrize("text", ["unknown", "", "-5", "0x", "\n", "50005 50005"])
def test_bits_that_are_no_number_are_none(tmp_path: Path, text: str) -> None:
    write(tmp_path, "/sys/devices/platform/soc/soc:firmware/get_throttled", text)
    assert throttling.read_throttle_bits(str(tmp_path)) is None


@pytest.mark.parametrize("text", ["2", "-1", "yes", ""])
def test_an_alarm_is_on_or_off_or_unknown(tmp_path: Path, text: str) -> None:
    root = lay_out("raspberry-pi-5", tmp_path)
    write(root, "/sys/class/hwmon/hwmon3/in0_lcrit_alarm", text)
    assert read(root)["under_voltage"] is None


def test_bits_that_vanish_between_two_readings_are_a_gap(tmp_path: Path) -> None:
    root = lay_out("raspberry-pi-5", tmp_path)
    found = find_throttles(root)
    for path in tmp_path.glob("sys/bus/platform/drivers/raspberrypi-firmware/*/get_throttled"):
        path.unlink()
    assert read_throttles(root, found)["throttle_bits"] is None


@pytest.mark.parametrize(("answer", "bits"), [("throttled=0x50000", 0x50000), ("error", None), ("", None)])
def test_vcgencmd_is_asked_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, bits: int | None
) -> None:
    install_vcgencmd(tmp_path, monkeypatch, f"print({answer!r})")
    assert throttling.ask_throttle_bits() == bits


def test_a_vcgencmd_that_may_not_open_its_device_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_vcgencmd(tmp_path, monkeypatch, "import sys; sys.exit('VCHI initialization failed')")
    assert throttling.ask_throttle_bits() is None


def test_a_vcgencmd_that_hangs_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_vcgencmd(tmp_path, monkeypatch, "import time; time.sleep(60)")
    monkeypatch.setattr("agent.sensors.vcgencmd._TIMEOUT_S", 0.2)
    assert throttling.ask_throttle_bits() is None


def test_without_vcgencmd_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert throttling.ask_throttle_bits() is None


def install_vcgencmd(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = folder / "vcgencmd"
    program.write_text(f"#!{sys.executable}\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder))
