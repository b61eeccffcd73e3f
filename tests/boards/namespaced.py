"""A namespaced board: its own Debian, processes, host name, network link, disk and limits on this machine's kernel.

With a foreign architecture every program of it is run by qemu-user. Needs root and Linux; `missing` says what lacks.
"""

import hashlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from . import foreign
from . import processes as proc
from .board import BoardError, Login
from .faults import ProcessFaults
from .furnishing import SETTINGS, enter, furnish, make_spec
from .keys import fingerprint, make_key, read_public_key
from .limits import Cgroup
from .link import Link, missing_tools
from .processes import Process
from .sshd import wait_for_banner
from .tree import LOGIN, ensure_tree

START_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Limits:
    """What a namespaced board has; None is as much as this machine has."""

    memory_bytes: int | None = 512 * 2**20
    cpus: float | None = None
    disk_bytes: int = 64 * 2**20
    """Size of `/data`, which lies in memory and counts against the board's memory too."""


class NamespacedBoard(ProcessFaults):
    """One board below `folder`. A folder that held a board before keeps its keys and its files, `/data` aside."""

    kind = "emulated"
    work_dir = "/data/dynofarm"
    python = "/usr/bin/python3"
    user = LOGIN
    port = 22

    def __init__(self, folder: Path, name: str = "", *, architecture: str = "", limits: Limits | None = None) -> None:
        self.folder = Path(folder).resolve()
        self.name = name or self.folder.name
        self.architecture = architecture or foreign.native_architecture()
        self.limits = limits or Limits()
        self.identity = f"{self.name}-{hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]}"
        self.link = Link(self.identity)
        self.cgroup = Cgroup(self.identity)
        self.key_file = self.folder / "user_key"
        self.host_key_file = self.folder / "host_key"
        self.log_file = self.folder / "board.log"
        self.host = self.link.board_address

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # ------------------------------------------------------------------ life

    def start(self) -> Self:
        """Make the tree if it is not cached, the namespaces, the link, and wait for sshd's banner."""
        lacking = missing(self.architecture)
        if lacking:
            raise BoardError(f"{self.name}: a namespaced board cannot be had here: {'; '.join(lacking)}")
        tree = ensure_tree(self.architecture)
        self.folder.mkdir(parents=True, exist_ok=True)
        public = read_public_key(self.key_file) if self.key_file.exists() else make_key(self.key_file, self.name)
        if not self.host_key_file.exists():
            make_key(self.host_key_file, f"{self.name} host")
        emulation, environment = foreign.emulation(self.architecture), foreign.environment(self.architecture)
        furnish(self.folder, self.name, self.identity, emulation, public, environment)
        self.cgroup.make(self.limits.memory_bytes, self.limits.cpus)
        try:
            self._enter(tree)
            self._await_sshd()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End everything that belongs to this board. `BoardError` if something will not go."""
        deadline = time.monotonic() + 15
        if self.alive():
            self.cgroup.thaw()  # what is frozen dies only when it is thawed
        while family := self.alive():
            proc.send(signal.SIGKILL, family)
            if time.monotonic() > deadline:
                raise BoardError(f"{self.name}: these processes will not end: {self.leftovers()}")
            time.sleep(0.01)
        self.link.remove()
        self.cgroup.remove()
        (self.folder / "keeper.pid").unlink(missing_ok=True)

    @property
    def keeper(self) -> int | None:
        """The board's first process, which keeps everything else alive."""
        try:
            pid = int((self.folder / "keeper.pid").read_text())
        except (OSError, ValueError):
            return None
        return pid if proc.read_process(pid) and proc.carries_marker(pid, self.identity) else None

    @property
    def pid(self) -> int | None:
        """The listening sshd."""
        keeper = self.keeper
        for process in self.alive().values():
            listens = process.argv[-1:] != ("-R",) and "-D" in " ".join(process.argv)
            if process.is_sshd and process.parent == keeper and listens:
                return process.pid
        return None

    # ------------------------------------------------------------- what it is

    @property
    def login(self) -> Login:
        return Login(self.host, self.port, self.user, self.key_file, read_public_key(self.host_key_file))

    @property
    def host_key_line(self) -> str:
        """Its line for a known_hosts file."""
        return self.login.known_hosts_line

    @property
    def host_key_fingerprint(self) -> str:
        """`SHA256:…` of the host key."""
        return fingerprint(read_public_key(self.host_key_file))

    def alive(self) -> dict[int, Process]:
        """Every living process of this board, the first one included."""
        everybody = proc.list_processes()
        keeper = self.keeper
        inside = {keeper, *proc.descendants(keeper, everybody)} if keeper else set()
        marked = {pid for pid in everybody if proc.carries_marker(pid, self.identity)}
        return {pid: everybody[pid] for pid in (inside | marked) - {os.getpid()} if pid in everybody}

    # ----------------------------------------------------------------- faults

    def freeze(self) -> set[int]:
        """Stop all processes at once by the control group's freezer, one by one where there is none."""
        return set(self.alive()) if self.cgroup.freeze() else super().freeze()

    def thaw(self) -> set[int]:
        """Undo `freeze`."""
        return set(self.alive()) if self.cgroup.thaw() else super().thaw()

    def unplug(self) -> None:
        """Pull the network cable: silence, no goodbye."""
        self.link.unplug(self._first())

    def plug(self) -> None:
        """Undo `unplug`."""
        self.link.plug(self._first())

    def shape(self, rate_kbit: int | None) -> None:
        """Limit the link's rate in both directions; None lifts it."""
        self.link.shape(self._first(), rate_kbit)

    def power_off(self) -> None:
        """End all at once, as a pulled plug does. `start` boots it again with its files, `/data` lost."""
        self.stop()

    def refuse(self) -> None:
        """Stop listening: the port is refused. Sessions live on; `listen` undoes it."""
        listener = self.pid
        if listener is not None:
            proc.send(signal.SIGKILL, [listener])
            proc.wait_until(lambda: self.pid is None, 5)

    def listen(self) -> None:
        """Undo `refuse`."""
        if self.pid is None:
            proc.send(signal.SIGUSR1, [self._first()])
        self._await_sshd()

    def change_host_key(self) -> str:
        """Take a new host key, as a board does that was set up again; the new fingerprint."""
        self.refuse()
        make_key(self.host_key_file, f"{self.name} host")
        inside = Path(f"/proc/{self._first()}/root") / SETTINGS / "host_key"
        inside.write_bytes(self.host_key_file.read_bytes())
        self.listen()
        return self.host_key_fingerprint

    # ----------------------------------------------------------------- making

    def _enter(self, tree: Path) -> None:
        def on_link(pid: int) -> None:
            (self.folder / "keeper.pid").write_text(str(pid))
            self.link.connect(pid)

        spec = make_spec(
            self.folder,
            self.name,
            self.identity,
            self.architecture,
            tree=tree,
            log_file=self.log_file,
            disk_bytes=self.limits.disk_bytes,
            cgroups=list(self.cgroup.folders),
        )
        if not enter(spec, self.folder / "spec.json", self.cgroup.add, on_link):
            raise BoardError(f"{self.name}: its namespaces cannot be made", self._log_end())

    def _await_sshd(self) -> None:
        if not wait_for_banner(self.host, self.port, START_TIMEOUT_S):
            raise BoardError(f"{self.name}: its sshd does not answer", self._log_end())

    def _first(self) -> int:
        keeper = self.keeper
        if keeper is None:
            raise BoardError(f"{self.name}: the board is not running", "start it first")
        return keeper

    def _log_end(self) -> str:
        lines = self.log_file.read_text(errors="replace").splitlines() if self.log_file.exists() else []
        return "its last words: " + (" | ".join(lines[-4:]) or "none")


def missing(architecture: str = "") -> list[str]:
    """Why a namespaced board cannot be had here, as sentences; nothing when it can."""
    if sys.platform != "linux":
        return ["it needs Linux"]
    found = [] if os.geteuid() == 0 else ["it needs root"]
    if (
        not found
        and subprocess.run(["unshare", "--mount", "--net", "true"], check=False, capture_output=True).returncode
    ):
        found.append("the kernel refuses new namespaces here (a container without the right to make them?)")
    found += [f"there is no {name} (sudo apt install iproute2 util-linux)" for name in missing_tools()]
    return found + foreign.missing(architecture or foreign.native_architecture())
