"""A loopback board: a real OpenSSH server on its own address of this machine, with its own keys, home and faults.

Needs no root. Everything lies below one folder, and `stop` leaves nothing running.
"""

import contextlib
import getpass
import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from . import processes as proc
from .board import BoardError, Login, known_hosts_line
from .faults import ProcessFaults
from .keys import fingerprint, make_key, read_public_key
from .processes import Process
from .sshd import find_sshd, free_port, sshd_config, wait_for_banner

START_TIMEOUT_S = 20.0


class LoopbackBoard(ProcessFaults):
    """One board below `folder`. A folder that held a board before keeps its keys, address and files."""

    kind = "loopback"
    group = "this-machine"

    def __init__(
        self,
        folder: Path,
        name: str = "",
        *,
        environment: Mapping[str, str] | None = None,
        max_sessions: int = 10,
        subsystem: str = "internal-sftp",
    ) -> None:
        self.folder = Path(folder).resolve()
        self.name = name or self.folder.name
        self.identity = f"{self.name}-{hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]}"
        self.home = self.folder / "home"
        self.work_dir = self.home / "work"
        self.key_file = self.folder / "user_key"
        self.host_key_file = self.folder / "host_key"
        self.log_file = self.folder / "sshd.log"
        self.pid_file = self.folder / "sshd.pid"
        self.user = getpass.getuser()
        self.host = address_of(self.identity)
        self.port = self._kept_port()
        self.environment = {"HOME": str(self.home), proc.MARKER: self.identity, **(environment or {})}
        self._max_sessions = max_sessions
        self._subsystem = subsystem
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # ------------------------------------------------------------------ life

    def start(self) -> Self:
        """Make what is missing and listen. `BoardError` with the end of sshd's own words when it does not answer."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.work_dir.mkdir(exist_ok=True)
        if not self.key_file.exists():
            public = make_key(self.key_file, f"dynofarm test board {self.name}")
            (self.folder / "authorized_keys").write_text(public + "\n")
        if not self.host_key_file.exists():
            make_key(self.host_key_file, f"{self.name} host")
        for _ in range(3):
            self.port = self.port or free_port(self.host)
            if self._listen():
                (self.folder / "port").write_text(f"{self.port}\n")
                return self
            self.port = 0  # somebody took the port between the look and the bind
        raise BoardError(f"{self.name}: sshd does not listen on {self.host}", self._log_end())

    def stop(self) -> None:
        """End everything that belongs to this board, frozen processes too. `BoardError` if something will not go."""
        deadline = time.monotonic() + 10
        while family := self.alive():
            proc.send(signal.SIGKILL, family)
            self._reap()
            if time.monotonic() > deadline:
                raise BoardError(f"{self.name}: these processes will not end: {self.leftovers()}")
            time.sleep(0.01)
        self._reap()
        self.pid_file.unlink(missing_ok=True)

    @property
    def pid(self) -> int | None:
        """The listening sshd, or None while it is not running."""
        if self._server is not None and self._server.poll() is None:
            return self._server.pid
        with contextlib.suppress(OSError, ValueError):
            pid = int(self.pid_file.read_text())
            process = proc.read_process(pid)
            # After the death of a board its id may be a stranger's: the listener names its configuration file.
            if process and process.is_sshd and str(self.folder / "sshd_config") in " ".join(process.argv):
                return pid
        return None

    # ------------------------------------------------------------- what it is

    @property
    def host_key_line(self) -> str:
        """Its line for a known_hosts file."""
        return known_hosts_line(self.host, self.port, read_public_key(self.host_key_file))

    @property
    def host_key_fingerprint(self) -> str:
        """`SHA256:…` of the host key."""
        return fingerprint(read_public_key(self.host_key_file))

    @property
    def login(self) -> Login:
        return Login(self.host, self.port, self.user, self.key_file, read_public_key(self.host_key_file))

    # ----------------------------------------------------------------- faults

    def change_host_key(self) -> str:
        """Take a new host key, as a board does that was set up again; the new fingerprint. Sessions live on."""
        self.refuse()
        make_key(self.host_key_file, f"{self.name} host")
        self.listen()
        return self.host_key_fingerprint

    def refuse(self) -> None:
        """Stop listening: the port is refused. Sessions live on; `listen` undoes it."""
        listener = self.pid
        if listener is not None:
            proc.send(signal.SIGKILL, [listener])
            proc.wait_until(lambda: self._reap() or proc.read_process(listener) is None, 5)

    def listen(self) -> None:
        """Undo `refuse`, on the same port."""
        if self.pid is None and not self._listen():
            raise BoardError(f"{self.name}: sshd does not listen again on port {self.port}", self._log_end())

    def alive(self) -> dict[int, Process]:
        """Every living process of this board, the listener included."""
        everybody = proc.list_processes()
        listener = self.pid
        found = {listener} if listener in everybody else set()
        for pid, process in everybody.items():
            # sshd overwrites its environment with its title; then the log that it holds open gives it away.
            if proc.carries_marker(pid, self.identity) or (process.is_sshd and proc.has_open_below(pid, self.folder)):
                found.add(pid)
        for pid in list(found):
            found |= proc.descendants(pid, everybody)
        found.discard(os.getpid())
        return {pid: everybody[pid] for pid in found}

    # ------------------------------------------------------------------- sshd

    def _listen(self) -> bool:
        config = self.folder / "sshd_config"
        config.write_text(
            sshd_config(
                listen=self.host,
                port=self.port,
                host_key=self.host_key_file,
                authorized_keys=self.folder / "authorized_keys",
                pid_file=self.pid_file,
                environment=self.environment,
                max_sessions=self._max_sessions,
                subsystem=self._subsystem,
            )
        )
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where root's sshd locks its unprivileged half in
        with self.log_file.open("ab") as log:
            self._server = subprocess.Popen(
                [find_sshd(), "-D", "-e", "-f", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, proc.MARKER: self.identity},
                # In a session of its own: the kernel thaws stopped processes of a group whose parent goes away.
                start_new_session=True,
            )
        server = self._server
        answered = proc.wait_until(
            lambda: server.poll() is not None or wait_for_banner(self.host, self.port, 0.1), START_TIMEOUT_S
        )
        return answered and server.poll() is None

    def _kept_port(self) -> int:
        with contextlib.suppress(OSError, ValueError):
            return int((self.folder / "port").read_text())
        return 0

    def _reap(self) -> bool:
        return self._server is not None and self._server.poll() is not None

    def _log_end(self) -> str:
        lines = self.log_file.read_text(errors="replace").splitlines() if self.log_file.exists() else []
        return "its last words: " + (" | ".join(lines[-4:]) or "none")


def address_of(identity: str) -> str:
    """An address in 127.64.0.0/10 that is always the same for a board and hardly ever another's."""
    number = int.from_bytes(hashlib.sha256(identity.encode()).digest()[:4], "big")
    return f"127.{64 + number % 64}.{number >> 8 & 255}.{1 + (number >> 16) % 254}"
