"""Many boards at once for benchmarks: one OpenSSH server each, on its own address, with its own host key.

Leaner than `tests/boards`: one key for the user, keys made in this process, no waiting for one board after another.
"""

import contextlib
import getpass
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import bench_board  # noqa: F401 - puts the checkout on the path
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from orchestrator.devices import Device, Kind
from tests.boards.sshd import find_sshd, sshd_config

FIRST_PORT = 22022
MARKER = "DYNOFARM_CROWD"
ANSWER_LIMIT_S = 60.0


@dataclass(frozen=True)
class Place:
    """How one board of the crowd is reached, for us and for the peers."""

    name: str
    host: str
    port: int
    user: str
    key_file: str
    known_hosts: str
    work_dir: str

    def device(self, python: str = "python3") -> Device:
        return Device(
            self.name, kind=Kind.LOOPBACK, host=self.host, port=self.port, user=self.user, key_file=self.key_file,
            work_dir=self.work_dir, python=python,
        )  # fmt: skip


def read_places(path: str | Path) -> list[Place]:
    return [Place(**place) for place in json.loads(Path(path).read_text())]


class Crowd:
    """Boards below `folder`. `stop` ends every process that belongs to one.

    `hosts` gives the boards other addresses than loopback ones, `inside` the words that start a program where these
    addresses are (a network namespace).
    """

    def __init__(self, folder: Path, count: int, hosts: Sequence[str] = (), inside: Sequence[str] = ()) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.known_hosts, self.places_file = folder, folder / "known_hosts", folder / "places.json"
        self._identity = f"{os.getpid()}-{folder.name}"
        self._inside = list(inside)
        self._servers: list[subprocess.Popen[bytes]] = []
        key = folder / "user_key"
        self._public = make_key(key)
        addresses = hosts or [f"127.{10 + number // 250}.{1 + number % 250}.1" for number in range(count)]
        port, user, known = free_port(), getpass.getuser(), str(self.known_hosts)
        self.places = [
            Place(f"b{number:03d}", host, port, user, str(key), known, str(folder / f"b{number:03d}" / "work"))
            for number, host in enumerate(addresses)
        ]

    def start(self) -> None:
        """Listen, all of them; return when each has answered with its banner."""
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where root's sshd locks its unprivileged half in
        (self.folder / "authorized_keys").write_text(self._public + "\n")
        lines = [f"[{place.host}]:{place.port} {self._listen(place)}" for place in self.places]
        self.known_hosts.write_text("\n".join(lines) + "\n")
        self.places_file.write_text(json.dumps([asdict(place) for place in self.places]))
        for place in self.places:
            await_banner(place.host, place.port)

    def family(self, place: Place) -> list[int]:
        """The listening sshd of a board and all that it started, the newest last."""
        return offspring([self._servers[self.places.index(place)].pid])

    def signal(self, place: Place, number: signal.Signals) -> None:
        """Send a signal to all of a board at once."""
        for pid in self.family(place):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop(self) -> None:
        doomed = offspring([server.pid for server in self._servers])
        for pid in [*doomed, *marked(self._identity)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for server in self._servers:
            server.wait(10)

    def _listen(self, place: Place) -> str:
        home = self.folder / place.name
        home.mkdir()
        public = make_key(home / "host_key")
        config = home / "sshd_config"
        text = sshd_config(
            listen=place.host,
            port=place.port,
            host_key=home / "host_key",
            authorized_keys=self.folder / "authorized_keys",
            pid_file=home / "pid",
            environment={"HOME": str(home), MARKER: self._identity},
        )
        config.write_text(text.replace("LogLevel VERBOSE", "LogLevel ERROR"))
        with (home / "log").open("ab") as log:
            server = subprocess.Popen(
                [*self._inside, find_sshd(), "-D", "-e", "-f", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, MARKER: self._identity},
                start_new_session=True,  # the kernel thaws stopped processes of a group whose parent goes away
            )
        self._servers.append(server)
        return public


@contextmanager
def crowd(folder: Path, count: int, hosts: Sequence[str] = (), inside: Sequence[str] = ()) -> Iterator[Crowd]:
    boards = Crowd(folder, count, hosts, inside)
    try:
        boards.start()
        yield boards
    finally:
        boards.stop()


def make_key(path: Path) -> str:
    """An ed25519 key in OpenSSH's format; its public half."""
    key = Ed25519PrivateKey.generate()
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def free_port() -> int:
    """A port that nothing on this machine listens on at any address."""
    for port in range(FIRST_PORT, FIRST_PORT + 1000):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("", port))
            return port
    raise OSError("no port is free")


def await_banner(host: str, port: int) -> None:
    deadline = time.monotonic() + ANSWER_LIMIT_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((host, port), 5.0) as sock:
            if sock.recv(4) == b"SSH-":
                return
        time.sleep(0.02)
    raise OSError(f"no sshd answers on {host}, port {port}")


def offspring(pids: Sequence[int]) -> list[int]:
    """These processes and all that descend from them."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], list(pids)
    while waiting:
        pid = waiting.pop(0)
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def marked(identity: str) -> list[int]:
    """Processes that a board of the crowd started and that outlived it."""
    wanted = f"{MARKER}={identity}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found
