"""Facts and conditions of recorded boards and of this machine; the userland decides, not the kernel."""

import os
import platform
import struct
import sys
from pathlib import Path

import pytest

from agent import probe, userland
from agent.protocol import Probed, decode, encode
from tests.agent.trees import BOARDS, lay_out, write


@pytest.mark.parametrize(
    ("board", "name", "emulated"),
    [
        ("raspberry-pi-4", "Raspberry Pi 4 Model B Rev 1.4", None),
        ("jetson-orin-nano", "NVIDIA Jetson Orin Nano Developer Kit", None),
        ("x86-mini-pc", "Beelink", "namespaced board, x86-64"),
        ("raspberry-pi-5", "Raspberry Pi 5 Model B Rev 1.0", None),
        ("rock-5b", "Radxa ROCK 5B", None),
    ],
)
def test_a_board_is_called_what_its_firmware_calls_it(
    tmp_path: Path, board: str, name: str, emulated: str | None
) -> None:
    facts = probe.collect_facts(lay_out(board, tmp_path), {})
    assert facts.board == name
    assert facts.emulated == emulated


def test_facts_of_a_pi(tmp_path: Path) -> None:
    facts = probe.collect_facts(lay_out("raspberry-pi-4", tmp_path), {})
    assert facts.machine_id == "0123456789abcdef0123456789abcdef"
    assert facts.cpu == "Cortex-A72"
    assert facts.memory_bytes == 3884360 * 1024
    assert facts.memory_limit_bytes == 2**31
    assert facts.system == "Debian GNU/Linux 12 (bookworm)"
    assert facts.nominal_clock_khz == 1800000
    assert facts.sensors == [
        "temperature:cpu-thermal",
        "throttle_bits",
        "under_voltage",
        "clock",
        "governor",
        "steal",
    ]
    assert facts.cpu_capacity == {}


def test_conditions_of_a_pi(tmp_path: Path) -> None:
    conditions = probe.collect_conditions(lay_out("raspberry-pi-4", tmp_path), str(tmp_path))
    assert conditions.temperatures_c == {"cpu-thermal": 48.312}
    assert conditions.throttle_bits == 0x50005
    assert conditions.governor == "ondemand"
    assert conditions.clock_khz == 1500000
    assert conditions.uptime_s == 3600.5
    assert conditions.swap_used_bytes == 2000 * 1024
    assert conditions.utc.endswith("+00:00")


def test_facts_rank_big_and_little_cores(tmp_path: Path) -> None:
    facts = probe.collect_facts(lay_out("rock-5b", tmp_path), {})
    assert facts.board == "Radxa ROCK 5B"
    assert facts.cpu_capacity["0"] < facts.cpu_capacity["7"] == 1024
    assert {"cooling_state", "pressure"} < set(facts.sensors)


def test_conditions_of_a_board_on_its_battery(tmp_path: Path) -> None:
    write(tmp_path, "/sys/class/power_supply/BAT0/type", "Battery")
    write(tmp_path, "/sys/class/power_supply/BAT0/status", "Discharging")
    write(tmp_path, "/sys/class/power_supply/BAT0/capacity", "80")
    conditions = probe.collect_conditions(str(tmp_path), str(tmp_path))
    assert (conditions.on_battery, conditions.battery_percent) == (True, 80)


def test_what_is_not_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    conditions = probe.collect_conditions(str(tmp_path), str(tmp_path / "nowhere"))
    assert conditions.boot_id is None
    assert conditions.uptime_s is None
    assert conditions.disk_free_bytes is None
    assert conditions.throttle_bits is None
    assert (conditions.on_battery, conditions.battery_percent) == (None, None)
    facts = probe.collect_facts(str(tmp_path), {})
    assert (facts.machine_id, facts.board, facts.cpu, facts.system, facts.emulated) == (None,) * 5
    assert facts.libstdcxx is False


@pytest.mark.parametrize("board", BOARDS)
def test_everything_that_is_told_can_be_said_over_the_wire(tmp_path: Path, board: str) -> None:
    root = lay_out(board, tmp_path)
    probed = Probed(probe.collect_facts(root, {}), probe.collect_conditions(root, root))
    assert decode(encode(probed)) == probed


def test_facts_of_this_machine() -> None:
    facts = probe.collect_facts("/", {"numpy": "2.0.0"})
    assert facts.cores == os.cpu_count()
    assert facts.usable_cpus == sorted(os.sched_getaffinity(0))
    assert facts.bits == struct.calcsize("P") * 8
    assert facts.python == platform.python_version()
    assert facts.python_path == sys.executable
    assert facts.modules == {"numpy": "2.0.0"}


@pytest.mark.parametrize(
    ("machine", "bits", "architecture"),
    [
        ("aarch64", 64, "aarch64"),
        ("aarch64", 32, "armv7l"),
        ("armv8l", 32, "armv7l"),
        ("armv7l", 32, "armv7l"),
        ("armv6l", 32, "armv6l"),
        ("x86_64", 64, "x86_64"),
        ("x86_64", 32, "i686"),
        ("riscv64", 64, "riscv64"),
    ],
)
def test_the_architecture_is_that_of_the_userland(machine: str, bits: int, architecture: str) -> None:
    assert userland.read_architecture(machine, bits) == architecture


def without_glibc(_: str) -> None:
    raise ValueError("unrecognized configuration name")


def test_musl_is_recognised_by_its_loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(userland.os, "confstr", without_glibc)
    assert userland.read_libc(str(tmp_path)) is None
    loader = tmp_path / "lib" / "ld-musl-aarch64.so.1"
    loader.parent.mkdir()
    loader.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('musl libc (aarch64)\\nVersion 1.2.4\\nUsage')\n")
    assert userland.read_libc(str(tmp_path)) == "musl"
    loader.chmod(0o755)
    assert userland.read_libc(str(tmp_path)) == "musl 1.2.4"


def test_glibc_tells_its_own_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(userland.os, "confstr", lambda _: "glibc 2.31")
    assert userland.read_libc("/") == "glibc 2.31"


def test_the_standard_library_of_cpp_is_looked_for_where_it_lies(tmp_path: Path) -> None:
    assert not userland.has_libstdcxx(str(tmp_path))
    write(tmp_path, "/usr/lib/aarch64-linux-gnu/libstdc++.so.6", "")
    assert userland.has_libstdcxx(str(tmp_path))


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(userland.os, "getuid", lambda: 4_000_000)
    assert userland.read_user() == "4000000"
