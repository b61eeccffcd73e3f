"""A board with little and big processors whose clocks can be set, and programs that stand for sudo there."""

import ctypes
import os
from pathlib import Path

import pytest

from agent.protocol import Ready, Tune
from tests.agent.serving import FolderBoard, Talk, make_hello
from tests.agent.trees import lay_out, write

CPUFREQ = "/sys/devices/system/cpu/cpufreq"
BOOT = "/proc/sys/kernel/random/boot_id"
GOVERNOR, MIN, MAX = "scaling_governor", "scaling_min_freq", "scaling_max_freq"
POLICIES = ("policy0", "policy4")
FOUND = {
    f"{policy}/{file}": value
    for policy, greatest in zip(POLICIES, ("1510400", "2200000"), strict=True)
    for file, value in ((GOVERNOR, "schedutil"), (MIN, "115200"), (MAX, greatest))
}
FAST = Tune("performance", None)
FIXED = Tune("performance", 1036800)

PASSWORD_NEEDED = "#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n"
WILLING = """#!/bin/sh
[ "$1 $2" = "-n tee" ] || exit 9
printf '%s\\n' "$*" >> "$0.log"
shift 2
chmod u+w "$@"
tee "$@"
status=$?
chmod u-w "$@"
exit $status
"""
"""A sudo where the user may: it writes what the user cannot."""
CLAMPING = WILLING.replace('tee "$@"', 'sed s/1036800/998400/ | tee "$@"')
"""The same over a kernel that rounds a clock to one that it knows."""
STUCK = WILLING.replace('tee "$@"', 'tee "$1"\necho $$ > "$0.pid"\nsleep 60')
"""The same, and it hangs after the first of the files."""


def lay_out_clocks(folder: Path) -> str:
    root = lay_out("jetson-orin-nano", folder)
    write(root, BOOT, "first-boot\n")
    for name, value in FOUND.items():
        write(root, f"{CPUFREQ}/{name}", value + "\n")
    for policy in POLICIES:
        write(root, f"{CPUFREQ}/{policy}/scaling_available_governors", "performance schedutil userspace\n")
        write(root, f"{CPUFREQ}/{policy}/cpuinfo_min_freq", "115200\n")
        write(root, f"{CPUFREQ}/{policy}/cpuinfo_max_freq", FOUND[f"{policy}/{MAX}"] + "\n")
    return root


def clock_file(root: str, policy: str, file: str) -> Path:
    return Path(f"{root}{CPUFREQ}/{policy}/{file}")


def now(root: str) -> dict[str, str]:
    return {name: Path(f"{root}{CPUFREQ}/{name}").read_text().strip() for name in FOUND}


def found_but(changes: dict[str, str]) -> dict[str, str]:
    """What was found, with other values of these files on both policies."""
    return {name: changes.get(name.partition("/")[2], value) for name, value in FOUND.items()}


ALL_FAST = found_but({GOVERNOR: "performance"})
ALL_FIXED = found_but({GOVERNOR: "performance", MIN: "1036800", MAX: "1036800"})


def lock_files(root: str) -> None:
    for name in FOUND:
        Path(f"{root}{CPUFREQ}/{name}").chmod(0o444)


def put_sudo(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """Make `script` the sudo of the agents that start from now on; where it notes its calls."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    (programs / "sudo").write_text(script)
    (programs / "sudo").chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(programs), "/usr/bin", "/bin"]))
    return programs / "sudo.log"


def start(board: FolderBoard, root: str) -> Talk:
    """An agent that has the board and may do all that this user may."""
    return board.serve(root)


def start_as_a_user(board: FolderBoard, root: str) -> Talk:
    """An agent for which the modes of files count, also where the tests are run by root."""
    talk = board.start(_drop_privileges, root)
    talk.ready = talk.ask(make_hello(), Ready)
    return talk


def _drop_privileges() -> None:
    libc = ctypes.CDLL(None)
    for capability in (1, 2):  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH of linux/capability.h
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
