"""Opening SSH sessions one after the other, jump hosts first; no key of ours is shown before a host key is checked."""

import contextlib
import logging
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from paramiko.auth_strategy import AuthFailure
from paramiko.channel import Channel
from paramiko.client import MissingHostKeyPolicy, SSHClient
from paramiko.hostkeys import HostKeys
from paramiko.message import Message
from paramiko.pkey import PKey
from paramiko.ssh_exception import ChannelException
from paramiko.transport import Transport

from orchestrator.errors import BoardError, Unreachable
from orchestrator.transport import faults
from orchestrator.transport.dial import IDLE_POLL_S, POLL_S, HopStream, Proxy, Stream, dial, queued_bytes
from orchestrator.transport.hostkeys import HostKey, KnownHosts
from orchestrator.transport.packets import SwiftPacketizer
from orchestrator.transport.route import Hop

CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
"""GCM first: one pass over the data instead of two, a factor of two in paramiko. CBC, 3DES and MD5 are not offered."""
MACS = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-sha1",
)
JOIN_S = 2.0

logging.getLogger("paramiko").addHandler(logging.NullHandler())  # else its tracebacks reach the user's terminal


class PinnedHostKey(MissingHostKeyPolicy):
    """Lets a server pass only with a key that was accepted for it."""

    def __init__(self, hop: Hop, known: KnownHosts) -> None:
        self._hop = hop
        self._known = known

    def missing_host_key(self, client: SSHClient, hostname: str, key: PKey) -> None:  # noqa: ARG002
        """paramiko asks for every server: its own list of keys is empty. Raises `HostKeyUnknown`, `HostKeyChanged`."""
        hop = self._hop
        shown = shown_key(hop, key)
        accepted = self._known.keys_of(*hop.known_as)
        if self._known.is_revoked(*hop.known_as, key.asbytes()):
            raise faults.changed_host_key(hop, accepted, shown, revoked=True)
        if not accepted:
            raise faults.unknown_host_key(hop, shown)
        if shown not in accepted:
            raise faults.changed_host_key(hop, accepted, shown)


def shown_key(hop: Hop, key: PKey) -> HostKey:
    return HostKey.of(*hop.known_as, key.get_name(), key.asbytes())


class Climb:
    """The sessions opened so far, from the first jump host towards the board."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._clients: list[SSHClient] = []
        self._streams: list[socket.socket | Proxy] = []

    def step(self, hop: Hop, known: KnownHosts, policy: MissingHostKeyPolicy) -> Transport:
        """Open the session to the next server. Raises the board's errors, `faults.Dropped`, what `policy` raises."""
        connection = hop.connection
        connection.client = _Client(hop.user, policy)
        connection.connect_timeout = self._limit_s
        connection.connect_kwargs = {
            "transport_factory": _transport_factory(known.keys_of(*hop.known_as), self._limit_s),
            "banner_timeout": self._limit_s,
            "auth_timeout": self._limit_s,
            "channel_timeout": self._limit_s,
        }
        if not hop.has_route:
            connection.connect_kwargs["sock"] = self._first_stream(hop)
        self._clients.append(connection.client)
        try:
            connection.open()
        except AuthFailure as failure:
            transport = _transport_of(connection.client)
            alive = transport is not None and transport.is_active()
            raise faults.not_let_in(hop, failure, hung_up=not alive) from failure
        except BoardError:
            raise
        except ChannelException as error:
            raise faults.cannot_jump(hop, error) from error
        except faults.FAULTS as error:
            transport = _transport_of(connection.client)
            if transport is None and hop.has_route:
                raise faults.cannot_jump(hop, error) from error
            raise faults.cannot_talk(hop, error, transport, self._limit_s) from error
        transport = _transport_of(connection.client)
        if transport is None or not transport.is_authenticated():
            raise faults.second_factor(hop)
        transport.sock.settimeout(IDLE_POLL_S)
        return transport

    def _first_stream(self, hop: Hop) -> Stream:
        stream: socket.socket | Proxy
        try:
            stream = Proxy(hop.proxy_command) if hop.proxy_command else dial(hop.host, hop.port, self._limit_s)
        except (OSError, UnicodeError) as error:
            if hop.proxy_command or isinstance(error, UnicodeError):
                raise Unreachable(hop.device, f"{hop.subject} cannot be reached: {error}") from error
            raise faults.cannot_dial(hop, error, self._limit_s) from error
        self._streams.append(stream)
        return HopStream(stream.sock) if isinstance(stream, Proxy) else stream

    def queued_bytes(self) -> int:
        """How much of what was sent is on its way to the first server still."""
        return sum(queued_bytes(stream.sock if isinstance(stream, Proxy) else stream) for stream in self._streams)

    def close(self) -> None:
        """Give all of it up, from the outside in, and wait for the threads. Never raises."""
        for stream in self._streams:
            sock = stream.sock if isinstance(stream, Proxy) else stream
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads; a bare close does not
        for client in self._clients:
            transport = _transport_of(client)
            if transport is not None and transport.is_alive():
                transport.join(JOIN_S)
            with contextlib.suppress(*faults.FAULTS):
                client.close()
        for stream in self._streams:
            stream.close()


class _NoKeys(HostKeys):
    """Nobody's keys. paramiko's own way to find nothing makes a class for each question, half a millisecond."""

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ARG002
        return default


_NO_KEYS = _NoKeys()


class _Client(SSHClient):
    """paramiko's, which knows no host keys of its own, and not for each board anew who uses this machine."""

    def __init__(self, user: str, policy: MissingHostKeyPolicy) -> None:
        super().__init__()
        self.set_missing_host_key_policy(policy)
        self._system_host_keys = self._host_keys = _NO_KEYS
        self._user = user

    def connect(self, *args: Any, **settings: Any) -> Any:
        return super().connect(*args, **{"username": self._user, **settings})


class _Transport(Transport):
    """paramiko's, with our ciphers and digests, and without what it does in vain: words for a log that nobody reads,
    and lists without the algorithms that nobody excluded."""

    _preferred_ciphers = CIPHERS
    _preferred_macs = MACS

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._after_keys: deque[Message] = deque()

    def _send_user_message(self, data: Any) -> None:
        """The thread that reads would wait half a minute for keys that it must take in itself, and then give the
        connection up: what it has to say meanwhile, such as that a channel is closed, follows once they are there."""
        if threading.current_thread() is self and not self.clear_to_send.is_set():
            self._after_keys.append(data)
        else:
            super()._send_user_message(data)  # type: ignore[misc]

    def _parse_newkeys(self, message: Message) -> None:
        super()._parse_newkeys(message)  # type: ignore[misc]
        while self._after_keys:
            super()._send_user_message(self._after_keys.popleft())  # type: ignore[misc]

    def _filter_algorithm(self, kind: str) -> Any:
        if not self.disabled_algorithms:
            return getattr(self, f"_preferred_{kind}")
        return super()._filter_algorithm(kind)  # type: ignore[misc]

    def _parse_debug(self, message: object) -> None:
        pass

    def _log(self, level: int, message: object, *values: object) -> None:
        if self.logger.isEnabledFor(level):
            super()._log(level, message, *values)  # type: ignore[misc]


def _transport_of(client: SSHClient) -> Transport | None:
    return client.get_transport()


def _transport_factory(accepted: Iterable[HostKey], limit_s: float) -> Callable[..., Transport]:
    known_types = [name for key in accepted for name in _algorithms(key.key_type)]

    def build(sock: Any, disabled_algorithms: dict[str, Iterable[str]] | None = None) -> Transport:
        stream: Any = HopStream(sock) if isinstance(sock, Channel) else sock
        transport = _Transport(stream, disabled_algorithms=disabled_algorithms, packetizer_class=SwiftPacketizer)
        stream.settimeout(POLL_S)
        transport.handshake_timeout = 2 * limit_s  # the limit of the whole start comes first and has better words
        options = transport.get_security_options()
        others = options.key_types
        known_first = [name for name in known_types if name in others]
        options.key_types = [*known_first, *(name for name in others if name not in known_first)]
        return transport

    return build


def _algorithms(key_type: str) -> tuple[str, ...]:
    """A server with several keys must show the one that was accepted; RSA keys sign by newer names."""
    return ("rsa-sha2-512", "rsa-sha2-256") if key_type == "ssh-rsa" else (key_type,)
