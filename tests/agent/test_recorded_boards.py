"""Every sensor against every recorded board: absent means absent, rubbish is no reading, and nothing ever raises."""

import json
import math
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import probe, surroundings
from agent.protocol import to_plain
from agent.sampler import Sampler
from agent.sensors import frequency, mains, pressure, processor, thermal, throttling
from tests.agent.serving import is_root
from tests.agent.trees import BOARDS, lay_out, write

WORKER = 4242
RUBBISH = ["", "\n", "garbage", "-1", "nan", "inf", "0x", "\0\0", "1 2 3 4 5 6 7", "cpu x y z 1 2 3 4 5", "9" * 400]
MUTE: dict[str, Any] = {
    "temperatures": {},
    "throttles": dict.fromkeys(("throttle_bits", "under_voltage", "throttle_count", "cooling_state")),
    "clock_khz": None,
    "nominal_khz": None,
    "governor": None,
    "memory": (None, None, None),
    "processors": (None, None, None),
    "stalled_s": [None, None, None],
    "swapped_in_pages": None,
    "load_1m": None,
    "supply": (None, None),
    "capacities": {},
    "threads": None,
    "worker": (None, None),
}


def read_everything(root: str) -> dict[str, Any]:
    policies = frequency.find_policies(root)
    return {
        "temperatures": thermal.read_temperatures(root, thermal.find_temperatures(root)),
        "throttles": throttling.read_throttles(root, throttling.find_throttles(root)),
        "clock_khz": frequency.read_clock_khz(root, policies),
        "nominal_khz": frequency.read_nominal_khz(root, policies),
        "governor": frequency.read_governor(root, policies),
        "memory": pressure.read_memory(root),
        "processors": pressure.read_processors(root),
        "stalled_s": [pressure.read_stalled_s(root, name) for name in ("cpu", "memory", "io")],
        "swapped_in_pages": pressure.read_swapped_in_pages(root),
        "load_1m": pressure.read_load_1m(root),
        "supply": mains.read_supply(root),
        "capacities": processor.read_capacities(root),
        "threads": surroundings.read_threads(root, "self"),
        "worker": surroundings.ProcProcess(WORKER, root).read(),
    }


def files_of(root: str) -> list[Path]:
    return [path for path in Path(root).rglob("*") if path.is_file()]


def go_through(root: str) -> None:
    """All that the agent does with sensors, twice over; what it tells must be JSON."""
    sampler = Sampler(WORKER, root)
    sampler.sample()
    sampler.sample()
    before = surroundings.look(root, WORKER)
    around = surroundings.between(before, surroundings.look(root, WORKER))
    found = [sampler.collect(), around, probe.collect_conditions(root, root)]
    json.dumps([to_plain(message) for message in found], allow_nan=False)
    for sensor in (thermal, throttling, frequency, pressure, mains):
        assert all(isinstance(name, str) for name in sensor.describe(root))


@pytest.fixture(params=BOARDS)
def board(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return lay_out(request.param, tmp_path)


@pytest.fixture
def no_firmware_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "ask_throttle_bits", lambda: None)


def test_a_bare_board_is_mute(tmp_path: Path) -> None:
    assert read_everything(str(tmp_path)) == MUTE


def test_a_pi_5_tells_its_heat_and_not_that_of_its_other_chip(tmp_path: Path) -> None:
    told = read_everything(lay_out("raspberry-pi-5", tmp_path))
    assert told["temperatures"] == {"cpu-thermal": 51.85}
    assert told["stalled_s"] == [None, None, None]
    assert told["swapped_in_pages"] == 0
    assert told["capacities"] == {}
    assert (told["clock_khz"], told["nominal_khz"], told["governor"]) == (2400000, 2400000, "ondemand")


def test_big_and_little_cores_are_ranked_and_clocked_apart(tmp_path: Path) -> None:
    root = lay_out("rock-5b", tmp_path)
    told = read_everything(root)
    assert told["capacities"] == {str(cpu): 397 if cpu < 4 else 1024 for cpu in range(8)}
    assert told["temperatures"]["bigcore0-thermal"] == 39.769
    assert len(told["temperatures"]) == 7
    assert told["stalled_s"] == [98.765432, 0.004321, 7.654321]
    assert told["swapped_in_pages"] == 16384
    assert processor.read_name(root) == "Cortex-A55 + Cortex-A76"
    assert frequency.read_nominal_khz(root, frequency.find_policies(root, [1])) == 1800000
    assert frequency.read_nominal_khz(root, frequency.find_policies(root, [7])) == 2400000


def test_a_jetson_tells_how_long_processes_stalled(tmp_path: Path) -> None:
    told = read_everything(lay_out("jetson-orin-nano", tmp_path))
    assert told["stalled_s"] == [2.5, 0.0, 1.234567]
    assert told["processors"].steal_ticks is None


def test_a_kernel_that_does_not_count_waiting_is_not_believed(tmp_path: Path) -> None:
    assert read_everything(lay_out("jetson-orin-nano", tmp_path))["threads"] is None


@pytest.mark.usefixtures("no_firmware_to_ask")
def test_every_board_is_gone_through(board: str) -> None:
    go_through(board)


@pytest.mark.parametrize("rubbish", RUBBISH)
@pytest.mark.usefixtures("no_firmware_to_ask")
def test_rubbish_in_every_file_raises_nowhere(board: str, rubbish: str) -> None:
    for path in files_of(board):
        path.write_text(rubbish)
    go_through(board)
    told = read_everything(board)
    assert told["memory"] == (None, None, None)
    assert told["stalled_s"] == [None, None, None]
    assert told["supply"] == (None, None)
    assert all(math.isfinite(value) for value in told["temperatures"].values())


@pytest.mark.usefixtures("no_firmware_to_ask")
def test_bytes_that_are_no_text_raise_nowhere(board: str) -> None:
    for path in files_of(board):
        path.write_bytes(b"\xff\xfe\x00cpu \xc3\x28")
    go_through(board)


@pytest.mark.usefixtures("no_firmware_to_ask")
def test_files_that_end_in_the_middle_raise_nowhere(board: str) -> None:
    for path in files_of(board):
        content = path.read_text()
        path.write_text(content[: len(content) // 2])
    go_through(board)


@pytest.mark.usefixtures("no_firmware_to_ask")
def test_folders_in_the_place_of_files_are_no_readings(board: str) -> None:
    for path in files_of(board):
        path.unlink()
        path.mkdir()
    go_through(board)
    assert read_everything(board) == MUTE


def test_everything_that_vanishes_between_two_samples_is_a_gap(board: str) -> None:
    sampler = Sampler(WORKER, board)
    sampler.sample()
    before = surroundings.look(board, WORKER)
    for path in files_of(board):
        path.unlink()
    sampler.sample()
    channels = sampler.collect().channels
    assert {"procs_running", "temp_c", "clock_khz"} & set(channels)
    assert all(values[1] is None for values in channels.values())
    around = surroundings.between(before, surroundings.look(board, WORKER))
    assert (around.others_cpu_s, around.steal_s, around.wait_s, around.swapped_pages) == (None, None, None, None)
    assert (around.pressure_cpu_s, around.pressure_memory_s, around.pressure_io_s) == (None, None, None)


@pytest.fixture
def nobody() -> Iterator[None]:
    """Do the rest of the test as a user who may nothing, if we are one who may everything."""
    before = os.geteuid()
    if is_root():
        os.seteuid(65534)
    yield
    os.seteuid(before)


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that other users may enter, unlike the tests' own."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize("name", BOARDS)
@pytest.mark.usefixtures("no_firmware_to_ask")
def test_what_may_not_be_read_is_absent(name: str, shared_folder: Path, request: pytest.FixtureRequest) -> None:
    root = lay_out(name, shared_folder)
    for path in files_of(root):
        path.chmod(0o000)
    request.getfixturevalue("nobody")
    assert read_everything(root) == MUTE
    go_through(root)


def test_a_gauge_of_the_whole_board_is_read_by_root_alone_and_the_rest_by_all(
    shared_folder: Path, request: pytest.FixtureRequest
) -> None:
    root = lay_out("rock-5b", shared_folder)
    secret = "/sys/class/thermal/thermal_zone1/temp"
    write(root, secret, "90000")
    (shared_folder / secret[1:]).chmod(0o000)
    request.getfixturevalue("nobody")
    told = read_everything(root)["temperatures"]
    assert "bigcore0-thermal" not in told
    assert len(told) == 6
