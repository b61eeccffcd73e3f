"""Looking a board over: what recorded and written trees tell, garbage, absence, this machine, a real agent."""

import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent import examination
from agent.examination import examine
from agent.examination.clocks import parse_cpus, read_clocks
from agent.examination.company import read_logins
from agent.examination.standing import read_standing
from agent.examination.storage import read_storage
from agent.examination.watch import Watch, Watched
from agent.protocol import Examine, Examined, Login, SwapDevice, decode, encode
from tests.agent.serving import FolderBoard
from tests.agent.trees import BOARDS, FOLDER, lay_out, write

AGENT, NOBODY = 701, -1
TREES = ("examined-pi-desktop", *BOARDS)


@pytest.fixture
def pi(tmp_path: Path) -> str:
    return lay_out("examined-pi-desktop", tmp_path)


@pytest.fixture
def no_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")


def breathe() -> None:
    pass


def spend(root: str, path: str, field: int, ticks: int) -> None:
    """Add ticks to a field of /proc/PID/stat; the fields behind the name are counted from 0."""
    head, _, tail = (Path(root) / path.lstrip("/")).read_text().rpartition(")")
    fields = tail.split()
    fields[field] = str(int(fields[field]) + ticks)
    write(root, path, f"{head}) {' '.join(fields)}\n")


def watched(root: str, change: object = None, pid: int = AGENT) -> Watched:
    watch = Watch(root, pid)
    if callable(change):
        change()
    return watch.end()


def shares(found: Watched) -> dict[str, float]:
    """Whose work was seen, as shares of all that was seen: the interval of these tests is no exact one."""
    total = sum(one.cpus + one.started_cpus for one in found.busiest)
    return {one.name: round((one.cpus + one.started_cpus) / total, 2) for one in found.busiest}


def test_clocks_of_a_pi_with_a_forgotten_limit(pi: str) -> None:
    clocks = read_clocks(pi)
    (policy,) = clocks.policies
    assert (policy.name, policy.cpus, policy.governor) == ("policy0", [0, 1, 2, 3], "ondemand")
    assert "performance" in policy.governors
    assert (policy.limit_khz, policy.hardware_limit_khz, policy.driver) == (1200000, 1800000, "cpufreq-dt")
    assert clocks.smt is False
    assert clocks.isolated_cpus == [2, 3]
    assert clocks.trips_c == {"cpu-thermal": 75.0}, "only where the kernel slows down, not where it switches off"
    assert (clocks.boost, clocks.boost_file, clocks.power_mode, clocks.power_modes) == (None, None, None, {})


@pytest.mark.parametrize(
    ("path", "value", "boost"),
    [
        ("/sys/devices/system/cpu/intel_pstate/no_turbo", "0", True),
        ("/sys/devices/system/cpu/intel_pstate/no_turbo", "1", False),
        ("/sys/devices/system/cpu/cpufreq/boost", "1", True),
        ("/sys/devices/system/cpu/cpufreq/boost", "0", False),
    ],
)
def test_both_switches_of_boost_are_read_the_right_way_round(
    tmp_path: Path, path: str, value: str, boost: bool
) -> None:
    write(tmp_path, path, value)
    clocks = read_clocks(str(tmp_path))
    assert (clocks.boost, clocks.boost_file) == (boost, path)


def test_the_power_modes_of_a_jetson_are_read_with_their_names(tmp_path: Path) -> None:
    write(tmp_path, "/var/lib/nvpmodel/status", "pmode:0001 fmode:quiet\n")
    modes = "# NAME=NOTHING\n< POWER_MODEL ID=0 NAME=15W >\nCPU_ONLINE CORE_0 1\n< POWER_MODEL ID=2 NAME=MAXN_SUPER >\n"
    write(tmp_path, "/etc/nvpmodel.conf", modes)
    clocks = read_clocks(str(tmp_path))
    assert clocks.power_mode == 1
    assert clocks.power_modes == {"0": "15W", "2": "MAXN_SUPER"}


@pytest.mark.parametrize(
    ("text", "cpus"),
    [("2-3,6", [2, 3, 6]), ("0", [0]), ("", []), ("none", []), ("1-", []), ("3-x", []), ("0-99999999", [])],
)
def test_lists_of_cpus(text: str, cpus: list[int]) -> None:
    assert parse_cpus(text) == cpus


def test_storage_of_a_pi(pi: str) -> None:
    storage = read_storage(pi, "/home/pi/.cache/dynofarm")
    assert storage.swaps == [SwapDevice("/var/swap", "file", 102396 * 1024, 51200 * 1024)]
    assert storage.swappiness == 60
    assert storage.work_file_system == "nfs4"
    assert (storage.root_file_system, storage.root_read_only, storage.disk_errors) == ("ext4", False, 3)


def test_zram_a_partition_and_a_file_with_a_blank_in_its_name_are_told_apart(tmp_path: Path) -> None:
    lines = ["Filename Type Size Used Priority", "/dev/zram0 partition 1000 10 100", "/dev/sda2 partition 2000 0 -2"]
    write(tmp_path, "/proc/swaps", "\n".join([*lines, r"/media/my\040disk/swap file 1024 0 -3", "cut short"]))
    swaps = read_storage(str(tmp_path), "/").swaps
    assert swaps is not None
    assert [(one.path, one.kind) for one in swaps] == [
        ("/dev/zram0", "zram"),
        ("/dev/sda2", "partition"),
        ("/media/my disk/swap", "file"),
    ]


def test_the_last_mount_of_a_place_hides_the_earlier_ones(tmp_path: Path) -> None:
    write(tmp_path, "/proc/mounts", "rootfs / rootfs rw 0 0\n/dev/sda1 / ext4 ro,errors=remount-ro 0 0\n")
    storage = read_storage(str(tmp_path), "/var/tmp")
    assert (storage.root_file_system, storage.root_read_only) == ("ext4", True)
    assert storage.work_file_system == "ext4"


def test_no_swap_is_an_empty_list_and_no_kernel_that_tells_is_none(tmp_path: Path) -> None:
    assert read_storage(str(tmp_path), "/").swaps is None
    write(tmp_path, "/proc/swaps", "Filename Type Size Used Priority\n")
    assert read_storage(str(tmp_path), "/").swaps == []


def test_other_people_are_seen_and_we_ourselves_and_greeters_and_the_dying_are_not(pi: str) -> None:
    assert read_logins(pi, []) == [Login("ana", "10.0.0.7", "7")]


def test_without_logind_utmp_tells_and_our_own_login_is_left_out(tmp_path: Path) -> None:
    def record(kind: int, pid: int, user: str, host: str, size: int) -> bytes:
        packed = struct.pack("hi32s4s32s256s", kind, pid, b"pts/0", b"ts/0", user.encode(), host.encode())
        return packed.ljust(size, b"\0")

    for size in (384, 400):
        records = [record(2, 0, "reboot", "6.6", size), record(7, 700, "pi", "", size), record(8, 5, "x", "", size)]
        people = b"".join([*records, record(7, 800, "ana", "", size), record(7, 900, "bob", "10.0.0.9", size)])
        (tmp_path / "run").mkdir(exist_ok=True)
        (tmp_path / "run" / "utmp").write_bytes(people)
        assert read_logins(str(tmp_path), [700]) == [Login("ana", "pts/0", None), Login("bob", "10.0.0.9", None)]


@pytest.mark.parametrize("content", [b"nonsense", b"\xff" * 384, b"\xff" * 385])
def test_a_utmp_that_is_none_tells_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "utmp").write_bytes(content)
    assert read_logins(str(tmp_path), []) is None


def test_work_is_told_by_process_and_ours_is_left_out(pi: str) -> None:
    def work() -> None:
        spend(pi, "/proc/400/stat", 11, 60)
        spend(pi, "/proc/300/stat", 12, 20)
        spend(pi, "/proc/50/stat", 12, 20)
        spend(pi, f"/proc/{AGENT}/stat", 11, 500)
        spend(pi, "/proc/700/stat", 11, 500)

    found = watched(pi, work)
    assert shares(found) == {"my (odd) job": 0.6, "kswapd0": 0.2, "labwc": 0.2}
    odd = found.busiest[0]
    assert (odd.pid, odd.user, odd.control_group, odd.kernel) == (400, "ana", "/system.slice/odd-job.service", False)
    assert [one.kernel for one in found.busiest if one.name == "kswapd0"] == [True]
    assert found.own_cpus is not None
    assert found.seen_cpus == pytest.approx(found.own_cpus / 10)
    assert found.ancestors == [700]


def test_what_short_lived_processes_took_is_told_of_the_one_that_started_them(pi: str) -> None:
    def work() -> None:
        (Path(pi) / "proc/601/stat").unlink()  # had taken 200 ticks before we looked
        spend(pi, "/proc/600/stat", 13, 200 + 30)
        spend(pi, "/proc/400/stat", 11, 10)

    found = watched(pi, work)
    assert shares(found) == {"make": 0.75, "my (odd) job": 0.25}
    assert found.busiest[0].cpus == 0.0


def test_a_process_that_began_while_we_watched_is_seen(pi: str) -> None:
    stat = (FOLDER / "examined-pi-desktop.txt").read_text().split("== /proc/400/stat\n")[1].splitlines()[0]
    found = watched(
        pi, lambda: write(pi, "/proc/401/stat", stat.replace("400", "401", 1).replace(" 1000 1 1", " 9 1 1"))
    )
    assert [one.pid for one in found.busiest] == [401]


def test_a_number_that_was_given_again_is_another_process(pi: str) -> None:
    def reuse() -> None:
        text = (Path(pi) / "proc/400/stat").read_text()
        write(pi, "/proc/400/stat", text.replace(" 1000 0 0 0 20 0 1 0 1000 ", " 3 0 0 0 20 0 1 0 7777 "))

    (one,) = watched(pi, reuse).busiest
    assert one.cpus > 0


def test_steal_and_waiting_are_shares_of_the_interval(pi: str) -> None:
    def work() -> None:
        write(pi, "/proc/stat", "cpu  1060 10 500 90030 300 0 20 15 0 0\n")
        write(pi, "/proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000001\n")

    found = watched(pi, work)
    assert found.stolen_share == 0.1
    assert set(found.waiting) == {"cpu", "memory"}
    assert found.waiting["memory"] == 0.0
    assert found.busy_cpus is not None
    assert found.busy_cpus > 0


def test_counters_that_run_backwards_are_no_reading(pi: str) -> None:
    found = watched(pi, lambda: write(pi, "/proc/stat", "cpu  1 1 1 1 1 1 1 1\n"))
    assert (found.busy_cpus, found.stolen_share) == (None, None)


def test_a_desktop_and_what_will_start_are_found(pi: str) -> None:
    units = Path(pi) / "etc/systemd/system"
    (units / "default.target").symlink_to("/lib/systemd/system/graphical.target")
    (units / "display-manager.service").symlink_to("/lib/systemd/system/lightdm.service")
    company = examine(pi, "/", 0.1, breathe).company
    assert company.desktop == ["labwc"]
    assert company.display_manager is True
    assert company.default_target == "graphical.target"
    assert company.timers == ["man-db.timer", "apt-daily.timer"]


def test_how_a_pi_stands(pi: str, no_programs: None) -> None:
    write(pi, "/usr/sbin/dphys-swapfile", "#!/bin/sh\n")
    (Path(pi) / "usr/sbin/dphys-swapfile").chmod(0o755)
    stamp = Path(pi) / "sys/firmware/devicetree/base/chosen/bootloader/build-timestamp"
    stamp.parent.mkdir(parents=True)
    stamp.write_bytes((1599135103).to_bytes(4, "big"))
    standing = read_standing(pi)
    assert standing.firmware_date == "2020-09-03"
    assert standing.distribution == ["debian"]
    assert standing.tools == ["dphys-swapfile"]
    assert standing.synchronised is True
    assert standing.mitigations_off is True
    assert (standing.container, standing.virtual_machine, standing.on_battery) == (None, None, None)


@pytest.mark.parametrize(
    ("said", "date"),
    [
        (
            "Mar 17 2023 10:50:39 \\nCopyright (c) 2012 Broadcom\\nversion 82f9bb9 (clean) (release) (start)",
            "2023-03-17",
        ),
        ("VCHI initialization failed", None),
        ("", None),
        ("Mar x 2023", None),
    ],
)
def test_an_older_pi_tells_its_firmware_by_vcgencmd(
    pi: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, date: str | None
) -> None:
    program = tmp_path / "bin" / "vcgencmd"
    write(tmp_path, "/bin/vcgencmd", f"#!{sys.executable}\nprint('{said}')\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    assert read_standing(pi).firmware_date == date


def test_the_release_of_a_jetson_and_the_bios_of_a_pc_have_dates(tmp_path: Path) -> None:
    text = "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, DATE: Wed Jan  8 01:49:37 UTC 2025"
    write(tmp_path / "jetson", "/etc/nv_tegra_release", text)
    jetson = read_standing(str(tmp_path / "jetson"))
    assert (jetson.firmware, jetson.firmware_date) == ("Jetson Linux 36.4.3", "2025-01-08")
    write(tmp_path / "pc", "/sys/class/dmi/id/bios_vendor", "American Megatrends")
    write(tmp_path / "pc", "/sys/class/dmi/id/bios_version", "5.26")
    write(tmp_path / "pc", "/sys/class/dmi/id/bios_date", "03/27/2019")
    pc = read_standing(str(tmp_path / "pc"))
    assert (pc.firmware, pc.firmware_date) == ("American Megatrends 5.26", "2019-03-27")


@pytest.mark.parametrize(
    ("path", "content", "container"),
    [
        ("/.dockerenv", "", "docker"),
        ("/run/.containerenv", "", "podman"),
        ("/run/systemd/container", "lxc\n", "lxc"),
        ("/proc/1/cgroup", "0::/docker/0123\n", "docker"),
        ("/proc/1/cgroup", "0::/init.scope\n", None),
    ],
)
def test_containers_are_known(tmp_path: Path, path: str, content: str, container: str | None) -> None:
    write(tmp_path, path, content)
    assert read_standing(str(tmp_path)).container == container


def test_virtual_machines_are_known_by_their_processor_and_their_maker(tmp_path: Path) -> None:
    write(tmp_path, "/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu sse2 hypervisor lahf_lm\n")
    assert read_standing(str(tmp_path)).virtual_machine == "a hypervisor"
    write(tmp_path, "/sys/class/dmi/id/sys_vendor", "QEMU")
    assert read_standing(str(tmp_path)).virtual_machine == "QEMU"
    arm = tmp_path / "arm"
    write(arm, "/proc/device-tree/compatible", "linux,dummy-virt\0")
    assert read_standing(str(arm)).virtual_machine == "QEMU"


def test_a_machine_of_a_cloud_makers_own_hardware_is_no_guest(tmp_path: Path) -> None:
    write(tmp_path, "/sys/class/dmi/id/sys_vendor", "Microsoft Corporation")
    assert read_standing(str(tmp_path)).virtual_machine is None


def test_a_battery_counts_and_that_of_a_mouse_does_not(tmp_path: Path) -> None:
    def supply(name: str, **values: str) -> None:
        for key, value in values.items():
            write(tmp_path, f"/sys/class/power_supply/{name}/{key}", value)

    supply("hid-mouse", type="Battery", scope="Device", status="Discharging")
    assert read_standing(str(tmp_path)).on_battery is None
    supply("BAT0", type="Battery", status="Charging")
    assert read_standing(str(tmp_path)).on_battery is False
    supply("BAT0", status="Discharging")
    assert read_standing(str(tmp_path)).on_battery is True


@pytest.mark.parametrize("tree", TREES)
def test_all_that_is_found_can_be_said_over_the_wire(tmp_path: Path, no_programs: None, tree: str) -> None:
    found = examine(lay_out(tree, tmp_path), str(tmp_path), 0.1, breathe)
    assert decode(encode(found)) == found


def test_what_is_not_there_is_none_or_empty(tmp_path: Path, no_programs: None) -> None:
    found = examine(str(tmp_path), str(tmp_path / "nowhere"), 0.1, breathe)
    assert decode(encode(found)) == found
    clocks, company, storage, standing = found.clocks, found.company, found.storage, found.standing
    assert (clocks.policies, clocks.boost, clocks.smt, clocks.isolated_cpus, clocks.power_mode) == (
        [],
        None,
        None,
        [],
        None,
    )
    assert (company.busiest, company.busy_cpus, company.seen_cpus, company.own_cpus) == ([], None, None, None)
    assert (company.stolen_share, company.waiting, company.desktop, company.logins) == (None, {}, [], None)
    assert (company.default_target, company.display_manager, company.timers) == (None, False, [])
    assert (storage.swaps, storage.swappiness, storage.root_read_only, storage.disk_errors) == (None,) * 4
    assert (standing.synchronised, standing.firmware, standing.firmware_date) == (None,) * 3
    assert (standing.container, standing.virtual_machine, standing.on_battery, standing.mitigations_off) == (None,) * 4


@pytest.mark.parametrize(
    "garbage", [b"", b"\0\0", b"\xff\xfe garbage", b"-1", b"1 (x", b"a=b=c\n" * 3, b"99999999999999999999"]
)
def test_garbage_in_every_file_hurts_nobody(tmp_path: Path, no_programs: None, garbage: bytes) -> None:
    root = Path(lay_out("examined-pi-desktop", tmp_path))
    for name in (
        "proc/pressure/io", "proc/uptime", "sys/devices/system/cpu/intel_pstate/no_turbo", "var/lib/nvpmodel/status",
        "etc/nvpmodel.conf", "etc/nv_tegra_release", "sys/class/dmi/id/bios_date", "sys/class/dmi/id/sys_vendor",
        "sys/class/power_supply/BAT0/type", "proc/1/cgroup", "proc/cpuinfo", "run/systemd/container",
        "sys/firmware/devicetree/base/chosen/bootloader/build-timestamp", "run/utmp",
    ):  # fmt: skip
        write(root, "/" + name, "")
    for path in root.rglob("*"):
        if path.is_file():
            path.write_bytes(garbage)
    found = examine(str(root), "/", 0.1, breathe)
    assert decode(encode(found)) == found


@pytest.mark.parametrize(
    ("asked", "least", "most"), [(0.0, 0.1, 0.5), (-5.0, 0.1, 0.5), (float("nan"), 0.1, 0.5), (0.3, 0.3, 0.8)]
)
def test_the_interval_keeps_to_its_bounds(tmp_path: Path, asked: float, least: float, most: float) -> None:
    watched_s = examine(str(tmp_path), "/", asked, breathe).interval_s
    assert least <= watched_s < most + 1


def test_nobody_is_watched_for_longer_than_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []
    clock = [0.0]

    def nap(seconds: float) -> None:
        naps.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr(examination.time, "sleep", nap)
    monkeypatch.setattr(examination.time, "monotonic", lambda: clock[0])
    examine(str(tmp_path), "/", 1e9, breathe)
    assert sum(naps) == pytest.approx(60)
    assert max(naps) <= 0.2


def test_the_orchestrator_hears_that_we_live_while_we_watch(tmp_path: Path) -> None:
    breaths: list[None] = []
    examine(str(tmp_path), "/", 1.0, lambda: breaths.append(None))
    assert len(breaths) >= 4


def test_a_busy_process_of_this_machine_is_named() -> None:
    burner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        watch = Watch("/", NOBODY)
        time.sleep(1.0)
        found = watch.end()
    finally:
        burner.kill()
        burner.wait()
    (it,) = [one for one in found.busiest if one.pid == burner.pid]
    assert it.cpus > 0.05
    assert not it.kernel


def test_our_own_work_is_told_apart() -> None:
    def work() -> None:
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass

    company = examine("/", "/", 0.6, work).company
    assert os.getpid() not in [one.pid for one in company.busiest]
    assert company.own_cpus is not None
    assert company.own_cpus > 0


def test_an_agent_on_the_oldest_and_the_newest_python_answers(other_board: FolderBoard) -> None:
    found = other_board.serve().ask(Examine(0.5), Examined)
    assert found.interval_s >= 0.5
    assert found.company.own_cpus is not None
    assert found.storage.work_file_system is not None


def test_an_agent_goes_on_saying_that_it_lives_while_it_watches(board: FolderBoard) -> None:
    talk = board.serve(heartbeat_s=0.2)
    before = len(talk.heartbeats)
    talk.ask(Examine(1.5), Examined)
    assert len(talk.heartbeats) - before >= 3
