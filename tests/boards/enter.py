"""The first process of a namespaced board: makes the board's namespaces, mounts its world, and keeps its sshd.

Run as a program of its own (`python -I -S enter.py SPEC.json`) by `namespaced.py`, which answers its three questions on
stdin: processes inside hold no program of this machine, only this one, already loaded. Standard library only.
"""

import contextlib
import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

# From linux/sched.h and linux/mount.h.
NEWNS, NEWCGROUP, NEWUTS, NEWIPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 4096, 16384, 1 << 18
MNT_DETACH = 2
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source: str, target: str | Path, kind: str, flags: int = 0, options: str = "") -> None:
    words = (source.encode(), str(target).encode(), kind.encode() or None, flags, options.encode() or None)
    check(
        libc.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), words[4]), f"mount {kind or 'bind'} on {target}"
    )


def say_and_wait(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()
    if not sys.stdin.readline():
        raise SystemExit("the board's maker went away")


def mount_world(spec: dict[str, Any], root: Path) -> None:
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    folder = Path(spec["folder"])
    layers = f"lowerdir={spec['tree']},upperdir={folder / 'upper'},workdir={folder / 'scratch'},userxattr"
    mount("overlay", root, "overlay", 0, layers)
    mount("proc", root / "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    mount("sysfs", root / "sys", "sysfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
    mount("tmpfs", root / "run", "tmpfs", MS_NOSUID | MS_NODEV, "size=8m,mode=755")
    mount("tmpfs", root / "data", "tmpfs", MS_NOSUID | MS_NODEV, f"size={spec['disk_bytes']},mode=755")
    os.chown(root / "data", spec["login_id"], spec["login_id"])
    (root / "run/sshd").mkdir()
    mount_devices(root / "dev")
    mount_cgroups(spec["cgroups"], root / "sys/fs/cgroup")
    for place, file in spec["covers"].items():
        mount(file, root / place, "", MS_BIND)
    if spec["binfmt"]:
        # A board's own instance (Linux 6.7 or later); F opens the emulator now, out of the board's sight.
        mount("binfmt_misc", root / "proc/sys/fs/binfmt_misc", "binfmt_misc")
        (root / "proc/sys/fs/binfmt_misc/register").write_bytes(bytes.fromhex(spec["binfmt"]))


def mount_devices(devices: Path) -> None:
    mount("tmpfs", devices, "tmpfs", MS_NOSUID, "size=16m,mode=755")
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        (devices / name).touch()
        mount(f"/dev/{name}", devices / name, "", MS_BIND)
    for name in ("pts", "shm"):
        (devices / name).mkdir()
    mount("devpts", devices / "pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620")
    mount("tmpfs", devices / "shm", "tmpfs", MS_NOSUID | MS_NODEV, "size=16m,mode=1777")
    for name, target in (("ptmx", "pts/ptmx"), ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0")):
        (devices / name).symlink_to(target)
    for name, target in (("stdout", "/proc/self/fd/1"), ("stderr", "/proc/self/fd/2")):
        (devices / name).symlink_to(target)


def mount_cgroups(cgroups: dict[str, str], place: Path) -> None:
    """The board sees its own limits where a real one would: version 1 a folder a controller, version 2 one tree."""
    flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
    if "2" in cgroups:
        mount("cgroup2", place, "cgroup2", flags)
    elif cgroups:
        mount("tmpfs", place, "tmpfs", flags, "size=1m,mode=755")
        for controller in cgroups:
            (place / controller).mkdir()
            mount("cgroup", place / controller, "cgroup", flags, controller)


def move_in(root: Path) -> None:
    os.chdir(root)
    number = PIVOT_ROOT[os.uname().machine]
    check(libc.syscall(number, b".", b"."), "pivot_root")
    check(libc.umount2(b".", MNT_DETACH), "umount of the old root")
    os.chdir("/")


def start_sshd(environment: dict[str, str]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        os.setsid()
        os.execve(
            "/usr/sbin/sshd", ["/usr/sbin/sshd", "-D", "-e", "-f", "/etc/dynofarm-board/sshd_config"], environment
        )
    except OSError as error:
        os.write(2, f"sshd does not start: {error}\n".encode())
    os._exit(127)


def keep(environment: dict[str, str]) -> None:
    """Life as process 1: bury orphans; SIGUSR1 asks for a listening sshd."""
    awaited = {signal.SIGCHLD, signal.SIGUSR1}
    signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    for number in awaited:
        signal.signal(number, lambda *_: None)  # what is ignored is not awaited
    server = start_sshd(environment)
    while True:
        if signal.sigwait(awaited) == signal.SIGUSR1 and server == 0:
            server = start_sshd(environment)
        with contextlib.suppress(ChildProcessError):
            while (pid := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                server = 0 if pid == server else server


def live(spec: dict[str, Any]) -> None:
    log = os.open(spec["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    os.close(log)
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        root = Path(spec["folder"]) / "root"
        mount_world(spec, root)
        check(libc.sethostname(spec["name"].encode(), len(spec["name"])), "sethostname")
        move_in(root)
        os.umask(0o022)
        keep(spec["environment"])
    except OSError as error:
        os.write(2, f"the board's world cannot be made: {error}\n".encode())
        os._exit(1)


def main() -> None:
    spec = json.loads(Path(sys.argv[1]).read_text())
    if not sys.stdin.readline():  # it is put under its limits first
        return
    check(libc.unshare(NEWUSER), "unshare (user namespace)")
    say_and_wait("map")
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    check(libc.unshare(NEWNS | NEWUTS | NEWIPC | NEWNET | NEWPID | NEWCGROUP), "unshare")
    go, ready = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ready)
        os.setsid()
        if os.read(go, 1):
            live(spec)
        os._exit(1)
    say_and_wait(f"link {pid}")
    os.write(ready, b"!")


if __name__ == "__main__":
    main()
