"""The first bytes' way to a server: a TCP connection, a ProxyCommand, or a channel through a jump host."""

import contextlib
import fcntl
import ipaddress
import shlex
import socket
import struct
import subprocess
import sys
import termios
import time
from typing import Any, Protocol

from paramiko.ssh_exception import SSHException

KEEPALIVE_IDLE_S = 5
KEEPALIVE_EVERY_S = 3
KEEPALIVE_TRIES = 3
DEAD_AFTER_MS = 15_000
"""TCP_USER_TIMEOUT: an unplugged board, or one whose kernel takes nothing more, ends the connection."""
POLL_S = 1.0
"""How often a waiting thread looks at the clock while a session is opened."""
IDLE_POLL_S = 10.0
"""The same once it is open: whoever closes it wakes the thread. At 1 s this was half of what 500 idle boards cost; at
paramiko's own 0.1 s, a sixth of a core for 1,000."""
READ_BYTES = 4096
"""Allocated for as long as nothing comes, for every board; what is larger paramiko asks for by its size."""
REST_S = 0.0007
"""In a push a server says every hundred kilobytes that it has room again; each time the thread that reads wakes, and
takes the interpreter from the one that sends: a quarter of a push's processor time (docs/benchmarks.md). In a longer
rest all that may be under way at one time on a short link (`ssh_channel.FLIGHT_BYTES`) would have arrived."""
QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
TCP_INFO: int | None = getattr(socket, "TCP_INFO", None)
_LEAST_ROUND_TRIP_US = struct.Struct("148xI")
"""Where `tcpi_min_rtt` stands in Linux's `struct tcp_info` (linux/tcp.h, since 4.6)."""


class Stream(Protocol):
    """What paramiko needs of a socket."""

    def send(self, data: bytes) -> int: ...
    def recv(self, size: int) -> bytes: ...
    def settimeout(self, timeout: float) -> None: ...
    def close(self) -> None: ...


def dial(host: str, port: int, timeout_s: float) -> socket.socket:
    """A TCP connection to the first address of the name that answers. Raises `OSError`, `socket.gaierror`.

    paramiko's own loop stops at the first address that times out or has no route, which an IPv6 address often is.
    """
    name: Any = host.encode("ascii") if host.isascii() else host  # for text Python loads its tables of all scripts
    sock = PromptSocket(fileno=socket.create_connection((name, port), timeout_s).detach())
    sock.settimeout(timeout_s)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", KEEPALIVE_IDLE_S),
        ("TCP_KEEPINTVL", KEEPALIVE_EVERY_S),
        ("TCP_KEEPCNT", KEEPALIVE_TRIES),
        ("TCP_USER_TIMEOUT", DEAD_AFTER_MS),
    ):
        if hasattr(socket, option):  # macOS has other names for some
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return sock


class PromptSocket(socket.socket):
    """Confirms what it read at once, and reads all there is.

    An OpenSSH server sends its host keys after the login, and holds its answer to the first command back until they
    are confirmed (Nagle); the kernel would let it wait for 40 ms (measured: 43 ms without this, 1 ms with it). The
    option wears off by itself, so it is set after every read; where there is none, nothing is lost but the 40 ms.

    paramiko asks for a packet in two pieces; the second is taken from what came with the first.
    """

    rests_until_s = 0.0
    """On the monotonic clock. Until then what comes is let gather for `REST_S`."""

    _ahead = b""

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """As a socket's own; for one reading thread."""
        data = self._ahead
        if not data:
            if time.monotonic() < self.rests_until_s:
                time.sleep(REST_S)
            data = super().recv(max(size, READ_BYTES), flags)
            if data and QUICKACK is not None:
                self.setsockopt(socket.IPPROTO_TCP, QUICKACK, 1)
        self._ahead = data[size:]
        return data[:size]

    def ends_here(self) -> bool:
        """Is the other end on this machine? A tunnel's near end is, wherever the board may be."""
        with contextlib.suppress(OSError, ValueError):
            return ipaddress.ip_address(self.getpeername()[0].partition("%")[0]).is_loopback
        return True

    def round_trip_s(self) -> float | None:
        """The shortest of late, by the kernel's own account; None where it gives none."""
        if TCP_INFO is None:
            return None
        with contextlib.suppress(OSError, struct.error):
            (least_us,) = _LEAST_ROUND_TRIP_US.unpack(self.getsockopt(socket.IPPROTO_TCP, TCP_INFO, 152))
            return least_us / 1e6 if 0 < least_us < 1 << 31 else None  # not measured yet: all bits
        return None


def queued_bytes(sock: socket.socket) -> int:
    """What was sent and has not arrived yet at the other end's kernel; 0 where this one does not tell."""
    with contextlib.suppress(OSError, ValueError):
        return int.from_bytes(fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    return 0


class Proxy:
    """A running ProxyCommand; `sock` is its standard input and output in one.

    A real socket, so that time limits and the end of the stream work: paramiko's own ProxyCommand spins at the end of
    the stream and blocks in a full pipe. No shell stands between, as with paramiko's.
    """

    def __init__(self, command: str) -> None:
        self.sock, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = subprocess.Popen(
                    shlex.split(command),
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
        except BaseException:
            self.sock.close()
            raise

    def close(self) -> None:
        """End the command and wait for it. Never raises."""
        self.sock.close()
        with contextlib.suppress(OSError):
            self._process.terminate()
        try:
            self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class HopStream:
    """A channel through a jump host, or the input of a ProxyCommand, with the limit that TCP_USER_TIMEOUT sets for a
    real socket.

    paramiko tries a send that timed out again for ever; a frozen board behind a living jump host or command would hold
    its caller for good.
    """

    def __init__(self, channel: Stream) -> None:
        self._channel = channel
        self._moved_at = time.monotonic()
        self._waiting = False

    def send(self, data: bytes) -> int:
        if not self._waiting:
            self._moved_at = time.monotonic()
        try:
            sent = self._channel.send(data)
        except TimeoutError:
            self._waiting = True
            if time.monotonic() - self._moved_at > DEAD_AFTER_MS / 1000:
                raise BrokenPipeError("nothing was taken for 15 s") from None
            raise
        self._waiting = False
        return sent

    def recv(self, size: int) -> bytes:
        return self._channel.recv(size)

    def settimeout(self, timeout: float) -> None:
        self._channel.settimeout(timeout)

    def close(self) -> None:
        """Never raises: paramiko's thread calls it last of all, when the jump host may be gone already."""
        with contextlib.suppress(OSError, EOFError, SSHException):
            self._channel.close()

    @property
    def _closed(self) -> bool:
        """paramiko asks its sockets for this."""
        return bool(getattr(self._channel, "closed", False))
