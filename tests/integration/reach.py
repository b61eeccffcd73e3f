"""Small things that the tests of the SSH transport share: profiles of test boards, relays, ssh-agents."""

import contextlib
import os
import shlex
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestrator.devices import Device
from orchestrator.transport import ByteChannel
from tests.boards.loopback import LoopbackBoard

_PIPE = (
    "import os, socket, sys, threading\n"
    "s = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
    "def up():\n"
    "    while d := os.read(0, 65536): s.sendall(d)\n"
    "    os._exit(0)\n"
    "threading.Thread(target=up, daemon=True).start()\n"
    "while d := s.recv(65536): os.write(1, d)\n"
)


def proxy_command(board: LoopbackBoard, folder: Path) -> str:
    """A line of ssh_config that ends at this board, whatever the address."""
    script = folder / "pipe.py"
    script.write_text(_PIPE)
    return "ProxyCommand " + shlex.join([sys.executable, str(script), board.host, str(board.port)])


def device_of(board: LoopbackBoard, **changes: Any) -> Device:
    """The profile of a test board."""
    settings: dict[str, Any] = {
        "host": board.host,
        "port": board.port,
        "user": board.user,
        "key_file": str(board.key_file),
        "connect_timeout_s": 10.0,
    }
    return Device(board.name, **(settings | changes))


def hear_all(channel: ByteChannel) -> bytes:
    """What a command says until it closes its output."""
    said = b""
    while data := channel.receive(20.0):
        said += data
    return said


def make_key(path: Path, passphrase: str = "", kind: str = "ed25519") -> Path:
    """A private key, and its `.pub` beside it."""
    command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", path.name, "-f", str(path)]
    subprocess.run(command, check=True, timeout=60, stdin=subprocess.DEVNULL)
    return path


@contextmanager
def ssh_agent(socket_path: Path, keys: list[Path], passphrase: str = "") -> Iterator[None]:
    """A real ssh-agent that holds these keys."""
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket_path)], stdout=subprocess.DEVNULL)
    try:
        environment = {**os.environ, "SSH_AUTH_SOCK": str(socket_path), "DISPLAY": "none"}
        asker = socket_path.with_name("ask")
        asker.write_text(f"#!/bin/sh\necho {passphrase}\n")
        asker.chmod(0o700)
        environment |= {"SSH_ASKPASS": str(asker), "SSH_ASKPASS_REQUIRE": "force"}
        for _ in range(200):
            with socket.socket(socket.AF_UNIX) as probe:
                if probe.connect_ex(str(socket_path)) == 0:
                    break
            time.sleep(0.02)
        for key in keys:
            subprocess.run(
                ["ssh-add", "-q", str(key)], check=True, timeout=20, env=environment, stdin=subprocess.DEVNULL
            )
        yield
    finally:
        agent.terminate()
        agent.wait(10)


class Relay:
    """A TCP server that drops the first connections and passes the others on to a board; it counts them."""

    def __init__(self, target: tuple[str, int] | None, drop: int = 0, host: str = "127.0.0.1", greet: bytes = b""):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.socket(family)
        self._listener.bind((host, 0))
        self._listener.listen(20)
        self.host, self.port = self._listener.getsockname()[:2]
        self.connections = 0
        self._target, self._drop, self._greet = target, drop, greet
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []
        self._start(self._accept)

    def _start(self, action: Any, *arguments: Any) -> None:
        thread = threading.Thread(target=action, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self._greet:
                client.sendall(self._greet)
            if self.connections <= self._drop:
                client.close()
                continue
            self._open.append(client)
            if self._target is not None:
                server = socket.create_connection(self._target, 10)
                server.settimeout(None)
                self._open.append(server)
                self._start(self._pass, client, server)
                self._start(self._pass, server, client)

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for sock in (source, target):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def drop_next(self, count: int) -> None:
        """Of the connections that come from now on, drop the first so many."""
        self._drop = self.connections + count

    def cut(self) -> None:
        """Reset what is open."""
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> "Relay":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(5)
        for sock in self._open:
            sock.close()
