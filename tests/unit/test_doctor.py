"""The doctor's rules: from what a board told to findings, each with the command that mends it, and the page of them."""

import re
import shlex
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.protocol import (
    BusyProcess,
    ClockControl,
    ClockPolicy,
    Company,
    Conditions,
    Examined,
    Login,
    Standing,
    Storage,
    SwapDevice,
)
from orchestrator.devices import Device
from orchestrator.doctor import CODES, Finding, Past, Patient, Severity, diagnose, remedies
from orchestrator.doctor.findings import clock_text, cpus_text, numbers_text, share_text, size_text, span_text
from orchestrator.trust.reasons import CATALOGUE
from tests.facts import a_board

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to-quiet-a-board.md"
SPOILS, MAY, NOTE = Severity.SPOILS, Severity.MAY_SPOIL, Severity.NOTE

POLICY = ClockPolicy(
    "policy0", [0, 1, 2, 3], "performance", ["ondemand", "performance"], "cpufreq-dt", 2400000, 2400000
)
CLOCKS = ClockControl([POLICY], None, None, False, [], None, {}, {"cpu-thermal": 80.0})
COMPANY = Company(
    [], 0.02, 0.01, 0.01, 0.0, {"cpu": 0.0, "memory": 0.0, "io": 0.0}, [], False, "multi-user.target", [], []
)
STORAGE = Storage([], 60, "ext4", "ext4", False, 0)
STANDING = Standing(
    utc="2026-11-20T12:00:00.000+00:00",
    synchronised=True,
    time_service="systemd-timesyncd",
    distribution=["debian"],
    tools=["apt-get", "journalctl", "loginctl", "systemctl", "timedatectl"],
    firmware="boot loader",
    firmware_date="2026-05-01",
    container=None,
    virtual_machine=None,
    on_battery=None,
    mitigations_off=False,
)
CONDITIONS = Conditions(
    utc="2026-11-20T12:00:00.000+00:00",
    boot_id="b",
    uptime_s=7200.0,
    governor="performance",
    clock_khz=2400000,
    temperatures_c={"cpu-thermal": 48.0},
    throttle_bits=0,
    load_1m=0.0,
    procs_running=1,
    memory_available_bytes=3_000_000_000,
    swap_used_bytes=0,
    disk_free_bytes=20_000_000_000,
)
QUIET = Patient(
    device=Device("kitchen", host="10.0.0.4"),
    facts=a_board(),
    conditions=CONDITIONS,
    examined=Examined(3.0, CLOCKS, COMPANY, STORAGE, STANDING),
    now=datetime(2026, 11, 20, 12, tzinfo=UTC),
    past=Past(noise_floor=0.01),
)
CONTAINER = "/docker/0123456789ab" + 52 * "c"


def patient(**changes: Any) -> Patient:
    """The quiet board, but for changes such as `clocks={"boost": True}` or `device={"cpus": (1,)}`."""
    wholes = {name: getattr(QUIET, name) for name in ("device", "facts", "conditions", "past")}
    new = {name: replace(whole, **changes.pop(name)) for name, whole in wholes.items() if name in changes}
    parts: dict[str, Any] = {"clocks": CLOCKS, "company": COMPANY, "storage": STORAGE, "standing": STANDING}
    examined = {name: replace(part, **changes.pop(name)) for name, part in parts.items() if name in changes}
    return replace(QUIET, examined=replace(QUIET.examined, **examined), **new, **changes)


def tools(*names: str) -> dict[str, Any]:
    return {"tools": [*STANDING.tools, *names]}


def busy(name: str = "train", cpus: float = 0.5, **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"pid": 4711, "user": "ana", "started_cpus": 0.0, "control_group": None, "kernel": False}
    one = BusyProcess(**{"name": name, "cpus": cpus, **values, **changes})
    return {"busiest": [one], "seen_cpus": one.cpus + one.started_cpus, "busy_cpus": one.cpus + one.started_cpus + 0.01}


def swapped(path: str, kind: str, used: int) -> dict[str, Any]:
    return {"swaps": [SwapDevice(path, kind, 2 * 10**9, used)]}


def governed(governor: str, **changes: Any) -> dict[str, Any]:
    return {"policies": [replace(POLICY, governor=governor, **changes)]}


MODES = {"0": "15W", "1": "25W", "2": "MAXN_SUPER", "3": "7W"}


@dataclass(frozen=True)
class Case:
    """What is changed, and the one finding that must come of it."""

    changes: dict[str, Any]
    code: str
    severity: Severity
    says: str
    on_board: tuple[str, ...] = ()
    here: tuple[str, ...] = ()


CASES = [
    # Clocks
    Case({"clocks": governed("ondemand")}, "governor", MAY, "governor ondemand rules CPUs 0-3",
         (remedies.SET_GOVERNOR,), ("dynofarm device edit kitchen --set governor=performance",)),
    Case({"clocks": governed("powersave")}, "governor", SPOILS, "at their lowest clock",
         (remedies.SET_GOVERNOR,), ("dynofarm device edit kitchen --set governor=performance",)),
    Case({"clocks": governed("powersave", driver="intel_pstate")}, "governor", MAY, "rises only after work has come",
         (remedies.SET_GOVERNOR,), ("dynofarm device edit kitchen --set governor=performance",)),
    Case({"clocks": governed("ondemand"), "standing": tools("cpupower")}, "governor", MAY, "ondemand",
         ("sudo cpupower frequency-set -g performance",), ("dynofarm device edit kitchen --set governor=performance",)),
    Case({"clocks": governed("schedutil"), "standing": tools("jetson_clocks")}, "governor", MAY, "schedutil",
         ("sudo jetson_clocks",), ("dynofarm device edit kitchen --set governor=performance",)),
    Case({"clocks": governed("ondemand", governors=["ondemand"])}, "governor", MAY, "ondemand"),
    Case({"clocks": governed("ondemand"), "device": {"governor": "performance"}}, "governor", MAY,
         "the profile asks for performance, which pi may not set", (remedies.SET_GOVERNOR,)),
    Case({"clocks": {"policies": [replace(POLICY, limit_khz=1500000)]}}, "clock-limit", MAY,
         "CPUs 0-3 may go up to 1.50 GHz only, of 2.40 GHz",
         ("echo 2400000 | sudo tee /sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq",)),
    Case({"clocks": {"power_mode": 0, "power_modes": MODES}}, "power-mode", MAY, "the power mode is 15W",
         ("sudo nvpmodel -m 2",)),
    Case({"clocks": {"isolated_cpus": [2, 3]}}, "isolated", NOTE, "CPUs 2-3 are isolated",
         (), ("dynofarm device edit kitchen --set cpus=2",)),
    Case({"clocks": {"isolated_cpus": [2, 3]}, "device": {"cpus": (2, 3)}}, "isolated", SPOILS,
         "pins the worker to CPUs 2-3", (), ("dynofarm device edit kitchen --set cpus=2",)),
    Case({"clocks": {"boost": True, "boost_file": "/sys/devices/system/cpu/intel_pstate/no_turbo"}}, "boost", NOTE,
         "boost is on", ("echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo",)),
    Case({"clocks": {"boost": True, "boost_file": "/sys/devices/system/cpu/cpufreq/boost"}}, "boost", NOTE,
         "boost is on", ("echo 0 | sudo tee /sys/devices/system/cpu/cpufreq/boost",)),
    Case({"clocks": {"smt": True}}, "smt", NOTE, "two hardware threads share each core",
         ("echo off | sudo tee /sys/devices/system/cpu/smt/control",)),
    Case({"conditions": {"temperatures_c": {}}}, "blind", NOTE, "it tells no temperature: if"),
    Case({"conditions": {"temperatures_c": {}, "clock_khz": None}, "clocks": {"policies": []}}, "blind", NOTE,
         "no temperature, no clock and no governor"),
    # Heat and power
    Case({"conditions": {"throttle_bits": 0x1}}, "under-voltage", SPOILS, "too little voltage now",
         ("vcgencmd get_throttled",)),
    Case({"conditions": {"throttle_bits": 0x10000}}, "under-voltage", MAY, "since it booted, 2.0 h ago",
         ("vcgencmd get_throttled",)),
    Case({"conditions": {"throttle_bits": 0x6}}, "throttled", SPOILS, "its clock is capped and it is throttled",
         ("vcgencmd get_throttled",)),
    Case({"conditions": {"throttle_bits": 0x80000, "uptime_s": None}}, "throttled", MAY,
         "its soft temperature limit held", ("sudo reboot",)),
    Case({"conditions": {"temperatures_c": {"cpu-thermal": 68.0}}}, "hot", MAY,
         "cpu-thermal is at 68 °C while it idles, and the kernel slows it down from 80 °C on",
         (), ("dynofarm device edit kitchen --set thermal.start_c=60",)),
    Case({"conditions": {"temperatures_c": {"cpu-thermal": 79.0}}}, "hot", SPOILS, "79 °C",
         (), ("dynofarm device edit kitchen --set thermal.start_c=60",)),
    Case({"conditions": {"temperatures_c": {"soc": 66.0}}, "clocks": {"trips_c": {}}}, "hot", MAY, "most boards",
         (), ("dynofarm device edit kitchen --set thermal.start_c=60",)),
    Case({"standing": {"on_battery": True}}, "battery", SPOILS, "runs on its battery"),
    # Company
    Case({"company": busy()}, "busy", SPOILS, "train (process 4711 of ana) took 50 % of a processor over 3 s",
         ("sudo kill 4711",)),
    Case({"company": busy(user="pi")}, "busy", SPOILS, "train", ("kill 4711",)),
    Case({"company": busy(cpus=0.05)}, "busy", MAY, "5 % of a processor", ("sudo kill 4711",)),
    Case({"company": busy("make", 0.0, started_cpus=1.4)}, "busy", SPOILS,
         "took 1.4 processors over 3 s, most of it through processes that it started", ("sudo kill 4711",)),
    Case({"company": busy(control_group="/system.slice/odd job.service")}, "busy", SPOILS, "train",
         ("sudo systemctl stop 'odd job.service'",)),
    Case({"company": busy(control_group=CONTAINER)}, "busy", SPOILS, "train", ("docker stop 0123456789ab",)),
    Case({"company": busy("sshd", control_group="/system.slice/ssh.service", user="root")}, "busy", SPOILS, "sshd",
         ("journalctl -u ssh.service -n 50",)),
    Case({"company": busy(control_group="/system.slice/ssh.service")}, "busy", SPOILS, "train", ("sudo kill 4711",)),
    Case({"company": busy(control_group="/system.slice/cron.service")}, "busy", SPOILS, "train", ("sudo kill 4711",)),
    Case({"company": busy(control_group="/user.slice/user-1001.slice/session-7.scope")}, "busy", SPOILS, "train",
         ("sudo kill 4711",)),
    Case({"company": busy("kswapd0", kernel=True)}, "busy", SPOILS, "kswapd0"),
    Case({"company": busy("dpkg")}, "busy", SPOILS, "dpkg"),
    Case({"company": {"busy_cpus": 0.08, "seen_cpus": 0.0}}, "neighbours", MAY, "7 % of a processor went to work"),
    Case({"company": {"busy_cpus": 1.15, "seen_cpus": 0.05}}, "neighbours", SPOILS, "1.1 processors went to work"),
    Case({"company": {"stolen_share": 0.02}}, "stolen", MAY, "took 2.0 % of the processors' time"),
    Case({"company": {"stolen_share": 0.12}}, "stolen", SPOILS, "took 12 %"),
    Case({"company": {"busy_cpus": 0.16, "seen_cpus": 0.15}}, "crowd", MAY, "small processes took 15 %"),
    Case({"company": {"desktop": ["Xwayland", "labwc"]}}, "desktop", MAY, "a desktop runs: Xwayland and labwc",
         ("sudo systemctl isolate multi-user.target", "sudo systemctl set-default multi-user.target")),
    Case({"company": {"display_manager": True, "default_target": "graphical.target"}}, "desktop", NOTE,
         "will start with the next boot", ("sudo systemctl set-default multi-user.target",)),
    Case({"company": {"logins": [Login("ana", "10.0.0.7", "7"), Login("bob", None, None)]}}, "logins", MAY,
         "ana (10.0.0.7) and bob are logged in as well", ("sudo loginctl terminate-session 7",)),
    Case({"company": {"logins": [Login("pi", "tty1", "c2")]}}, "logins", NOTE, "pi (tty1) is logged in as well",
         ("sudo loginctl terminate-session c2",)),
    Case({"company": {"timers": ["apt-daily.timer", "logrotate.timer", "man-db.timer"]}}, "timers", MAY,
         "apt-daily and man-db", ("sudo systemctl disable --now apt-daily.timer man-db.timer",)),
    Case({"company": {"timers": ["man-db.timer"]}}, "timers", NOTE, "man-db",
         ("sudo systemctl disable --now man-db.timer",)),
    Case({"conditions": {"uptime_s": 42.0}}, "starting", MAY, "booted 42 s ago"),
    # Memory and disks
    Case({"company": {"waiting": {"memory": 0.004}}}, "memory-short", MAY, "0.4 % of the time",
         (remedies.LIST_BY_MEMORY,)),
    Case({"company": {"waiting": {"memory": 0.3}}}, "memory-short", SPOILS, "30 % of the time",
         (remedies.LIST_BY_MEMORY,)),
    Case({"conditions": {"memory_available_bytes": 100_000_000}}, "memory-low", MAY,
         "100 MB of 4.0 GB memory are available", (remedies.LIST_BY_MEMORY,)),
    Case({"storage": swapped("/swap.img", "file", 500_000_000)}, "swap", MAY,
         "/swap.img (file, 2.0 GB); 500 MB are swapped out, swappiness 60", ("sudo swapoff -a",)),
    Case({"storage": swapped("/var/swap", "file", 0), "standing": tools("dphys-swapfile")}, "swap", NOTE, "hardly used",
         ("sudo dphys-swapfile swapoff", "sudo systemctl disable dphys-swapfile")),
    Case({"storage": swapped("/dev/zram0", "zram", 0)}, "swap", NOTE, "zram", ("sudo swapoff -a",)),
    Case({"storage": swapped("/dev/zram0", "zram", 10**9), "standing": tools("nvpmodel")}, "swap", MAY, "1.0 GB",
         ("sudo swapoff -a", "sudo systemctl disable nvzramconfig")),
    Case({"conditions": {"disk_free_bytes": 500_000_000}}, "disk-full", MAY, "500 MB are free",
         (remedies.CLEAN_PACKAGES, remedies.SHRINK_JOURNAL, remedies.LIST_LARGEST)),
    Case({"conditions": {"disk_free_bytes": 5_000_000}, "standing": {"tools": []}}, "disk-full", SPOILS, "5 MB",
         (remedies.LIST_LARGEST,)),
    Case({"company": {"waiting": {"io": 0.2}}}, "disk-waits", MAY, "20 % of the time", (remedies.READ_KERNEL_LOG,)),
    Case({"storage": {"work_file_system": "nfs4"}}, "work-folder", MAY, "measures the network",
         (), ("dynofarm device edit kitchen --set work_dir=/var/tmp/dynofarm",)),
    Case({"storage": {"work_file_system": "tmpfs"}}, "work-folder", MAY, "lies in memory",
         (), ("dynofarm device edit kitchen --set work_dir=/var/tmp/dynofarm",)),
    Case({"storage": {"disk_errors": 1}}, "disk-damaged", MAY, "counted 1 error on", (remedies.READ_KERNEL_LOG,)),
    Case({"storage": {"root_read_only": True}}, "disk-damaged", NOTE, "read-only",
         (remedies.READ_KERNEL_LOG, remedies.REMOUNT)),
    # Standing
    Case({"ahead_s": -86400.0 * 3}, "clock-wrong", MAY, "its clock is 3 days behind",
         ("sudo timedatectl set-ntp true",)),
    Case({"ahead_s": 75.0, "standing": {"time_service": "chronyd", **tools("chronyc")}}, "clock-wrong", MAY,
         "75 s ahead of", ("sudo chronyc makestep",)),
    Case({"standing": {"synchronised": False}}, "clock-wrong", NOTE, "not synchronised",
         ("sudo timedatectl set-ntp true",)),
    Case({"standing": {"virtual_machine": "QEMU"}}, "guest", NOTE, "a virtual machine (QEMU)"),
    Case({"standing": {"container": "lxc"}}, "guest", NOTE, "a container (lxc)"),
    Case({"facts": {"emulated": "qemu-user"}}, "emulated", NOTE, "qemu-user"),
    Case({"standing": {"mitigations_off": True}}, "mitigations-off", NOTE, "mitigations=off"),
    Case({"standing": {"firmware_date": "2020-09-03", **tools("rpi-eeprom-update")}}, "old-firmware", NOTE,
         "2020-09-03", ("sudo rpi-eeprom-update -a",)),
    Case({"standing": {"firmware_date": "2020-09-03"}}, "old-firmware", NOTE, "2020-09-03",
         (remedies.UPDATE_PACKAGES,)),
    Case({"standing": {"firmware_date": "2019-03-27", **tools("fwupdmgr")}, "facts": {"architecture": "x86_64"}},
         "old-firmware", NOTE, "2019-03-27", ("sudo fwupdmgr refresh && sudo fwupdmgr update",)),
    # What earlier measurements told
    Case({"past": {"quarantined_since": datetime(2026, 11, 3, tzinfo=UTC), "quarantine_reason": "12 % slow"}},
         "quarantined", SPOILS, "taken out of rotation on 2026-11-03: 12 % slow",
         (), ("dynofarm health --on kitchen", "dynofarm health --release kitchen")),
    Case({"past": {"judged": 20, "not_trusted": 7, "reasons": {"throttled": 5, "of-old-rules": 6}}}, "not-trusted", MAY,
         "7 of its last 20 runs were not trusted: of-old-rules (6) and " + CATALOGUE["throttled"].brief + " (5)",
         (), ("dynofarm results --device kitchen --verdict suspect,invalid",)),
    Case({"past": {"noise_floor": 0.083}}, "noisy", MAY, "its noise floor is 8.3 %",
         (), ("dynofarm noise --on kitchen",)),
    Case({"past": {"noise_floor": None}}, "noisy", NOTE, "never measured", (), ("dynofarm noise --on kitchen",)),
]  # fmt: skip


def test_a_quiet_board_has_no_finding() -> None:
    assert diagnose(QUIET) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code}: {case.says}")
def test_each_state_of_a_board_gives_its_finding_with_figures_and_commands(case: Case) -> None:
    (found,) = diagnose(patient(**dict(case.changes)))
    assert (found.code, found.severity) == (case.code, case.severity)
    assert case.says in found.sentence
    assert found.on_board == case.on_board
    assert found.here == case.here
    assert found.on_board or found.here or found.by_hand, "a finding that nothing can be done about helps nobody"


@pytest.mark.parametrize(
    "changes",
    [
        {"clocks": governed("userspace")},
        {"clocks": governed("schedutil"), "device": {"governor": "schedutil"}},
        {"clocks": {"policies": [replace(POLICY, limit_khz=2399999)]}},
        {"clocks": {"policies": [replace(POLICY, limit_khz=1500000)]}, "device": {"clock_khz": 1500000}},
        {"clocks": {"power_mode": 2, "power_modes": MODES}},
        {"clocks": {"power_mode": 0, "power_modes": {}}},
        {"clocks": {"power_mode": 0, "power_modes": {"0": "10W", "1": "5W"}}},
        {"clocks": {"smt": True}, "device": {"cpus": (0, 2)}},
        {"clocks": {"boost": False, "boost_file": "/sys/devices/system/cpu/cpufreq/boost"}},
        {"clocks": {"isolated_cpus": [3]}, "device": {"cpus": (3,)}},
        {"conditions": {"throttle_bits": None}},
        {"conditions": {"uptime_s": None, "disk_free_bytes": None, "memory_available_bytes": None}},
        {"company": busy(cpus=0.02)},
        {"company": {"busy_cpus": None, "seen_cpus": None, "own_cpus": None, "stolen_share": None, "waiting": {}}},
        {"company": {"default_target": "graphical.target"}},
        {"company": {"logins": None}},
        {"company": {"timers": ["dpkg-db-backup.timer"]}},
        {"storage": {"swaps": None, "work_file_system": None, "root_file_system": None, "disk_errors": None}},
        {"storage": {"root_read_only": True, "root_file_system": "overlay"}},
        {"standing": {"synchronised": None, "firmware_date": None}},
        {"standing": {"synchronised": False, "container": "docker"}, "facts": {}},
        {"standing": {"firmware_date": "no date"}},
        {"standing": {"firmware_date": "2023-01-01"}, "facts": {"architecture": "x86_64"}},
        {"ahead_s": 1.5},
        {"past": {"judged": 3, "not_trusted": 3}},
        {"past": {"judged": 20, "not_trusted": 4}},
    ],
    ids=repr,
)
def test_what_is_well_or_unknown_is_no_finding(changes: dict[str, Any]) -> None:
    found = [finding for finding in diagnose(patient(**changes)) if finding.code != "guest"]
    assert found == []


def test_a_limit_of_the_power_mode_is_told_once() -> None:
    limited = {"policies": [replace(POLICY, limit_khz=1500000)], "power_mode": 0, "power_modes": MODES}
    assert [finding.code for finding in diagnose(patient(clocks=limited))] == ["power-mode"]


def test_the_worst_comes_first() -> None:
    bad = patient(
        clocks={"smt": True}, conditions={"throttle_bits": 0x10004}, company=busy(), storage={"disk_errors": 2}
    )
    severities = [finding.severity for finding in diagnose(bad)]
    assert severities == sorted(severities, key=list(Severity).index)
    assert severities[0] is SPOILS
    assert severities[-1] is NOTE


def test_a_horde_of_processes_is_named_up_to_five_and_the_rest_is_summed() -> None:
    one = BusyProcess(1, "job", "ana", 0.04, 0.0, None, False)
    many = [replace(one, pid=number, name=f"job{number}") for number in range(1, 11)]
    found = diagnose(patient(company={"busiest": many, "seen_cpus": 0.4, "busy_cpus": 0.4}))
    assert [finding.code for finding in found] == ["busy"] * 5 + ["crowd"]
    assert "20 % of a processor together, among them job6, job7 and job8" in found[-1].sentence


def test_names_that_a_board_made_up_are_quoted_for_the_shell() -> None:
    evil = "x; rm -rf ~"
    found = diagnose(
        patient(
            company={
                **busy(control_group=f"/system.slice/{evil}.service"),
                "logins": [Login("ana", None, evil)],
            }
        )
    )
    commands = [command for finding in found for command in finding.on_board]
    assert commands == [f"sudo systemctl stop '{evil}.service'", f"sudo loginctl terminate-session '{evil}'"]
    assert all(evil in " ".join(shlex.split(command)) for command in commands)


def test_without_systemd_no_command_of_systemd_is_told() -> None:
    bare = {"tools": ["apt-get"]}
    changes = {
        "desktop": ["Xorg"],
        **busy(control_group="/system.slice/x.service"),
        "logins": [Login("ana", None, "7")],
    }
    found = diagnose(patient(standing=bare, company=changes, ahead_s=60.0))
    commands = " ".join(command for finding in found for command in finding.on_board)
    assert "ctl" not in commands
    assert all(finding.on_board or finding.here or finding.by_hand for finding in found)


def test_figures_are_told_in_words() -> None:
    assert [cpus_text(value) for value in (0.034, 0.41, 0.999, 1.5)] == [
        "3 % of a processor", "41 % of a processor", "1.0 processors", "1.5 processors",
    ]  # fmt: skip
    assert [share_text(value) for value in (0.006, 0.0996, 0.5)] == ["0.6 %", "10 %", "50 %"]
    assert [size_text(value) for value in (96e6, 1.44e9)] == ["96 MB", "1.4 GB"]
    assert clock_text(1500000) == "1.50 GHz"
    assert [span_text(value) for value in (3.0, 600.0, 7200.0, 86400.0 * 9)] == ["3 s", "10 min", "2.0 h", "9 days"]
    assert numbers_text([3, 0, 1, 6]) == "0-1,3,6"


# The page ---------------------------------------------------------------------------------------------------------


def sections() -> dict[str, str]:
    """The page's sections by code."""
    parts = re.split(r"^### (.+)$", PAGE.read_text(), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def templates() -> dict[str, str]:
    return {name: value for name, value in vars(remedies).items() if name.isupper()}


def on_page(template: str) -> str:
    """`sudo nvpmodel -m {mode}` as the page has it: `sudo nvpmodel -m MODE`."""
    return re.sub(r"\{(\w+)\}", lambda found: found.group(1).upper(), template)


def template_of(command: str) -> str:
    """The template that a command was made from: the one that says most itself."""
    for template in sorted(templates().values(), key=lambda one: one.count("{")):
        pattern = re.sub(r"\\\{\w+\\\}", "(.+)", re.escape(template))
        if re.fullmatch(pattern, command):
            return template
    raise AssertionError(f"no template of remedies.py gives {command!r}")


def test_the_page_has_a_section_for_every_finding_and_no_other() -> None:
    assert sorted(sections()) == sorted(CODES)


def test_every_finding_was_provoked_here() -> None:
    assert {case.code for case in CASES} == set(CODES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code}: {case.says}")
def test_every_command_stands_in_the_section_of_its_finding(case: Case) -> None:
    lines = {line.strip() for line in sections()[case.code].splitlines() if line.startswith("    ")}
    for command in (*case.on_board, *case.here):
        assert on_page(template_of(command)) in lines


def test_every_command_of_the_page_is_one_that_the_doctor_names() -> None:
    told = {template_of(command) for case in CASES for command in (*case.on_board, *case.here)}
    told.add(remedies.LEAVE_DESKTOP)
    lines = {line.strip() for text in sections().values() for line in text.splitlines() if line.startswith("    ")}
    assert lines == {on_page(template) for template in told}
    assert told == set(templates().values()), "a remedy that nothing leads to"


def test_the_page_explains_every_word_of_severity() -> None:
    introduction = PAGE.read_text().split("## ")[0]
    for severity in Severity:
        assert f"**{severity}**" in introduction


def test_findings_are_plain_values() -> None:
    (found,) = diagnose(patient(clocks={"smt": True}))
    assert isinstance(found, Finding)
    assert found == replace(found)
