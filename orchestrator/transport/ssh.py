"""A board reached over SSH: fabric decides what to connect to, paramiko speaks, this module sets the limits."""

import logging
import random
import shlex
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from paramiko.client import MissingHostKeyPolicy, SSHClient
from paramiko.pkey import PKey
from paramiko.ssh_exception import ChannelException
from paramiko.transport import Transport as ParamikoTransport

from orchestrator.devices import Device, Kind, Link
from orchestrator.errors import BoardError, BoardLost, BoardUnfit
from orchestrator.transport import Drop, unheard
from orchestrator.transport.climb import Climb, PinnedHostKey, shown_key
from orchestrator.transport.faults import FAULTS, Dropped
from orchestrator.transport.hostkeys import HostKey, KnownHosts, forget, read_known_hosts
from orchestrator.transport.key_agent import KeyAgent, Login, login_of
from orchestrator.transport.route import Hop, Route, find_route
from orchestrator.transport.ssh_channel import SshChannel

ATTEMPTS = 3
PAUSE_S = (0.2, 0.8)
"""Before the second attempt; twice that before the third. Random, or a farm that was dropped comes back as one."""
CHANNELS_PER_BOARD = 8
"""sshd's MaxSessions is 10 by default; two are left for the user's own."""
KEEPALIVE = "keepalive@openssh.com"

log = logging.getLogger(__name__)

T = TypeVar("T")


def connect(device: Device, known_hosts: Path, dropped: Callable[[Drop], None] = unheard) -> "SshTransport":
    """Connect, check the host keys, log in. Raises `Unreachable`, `HostKeyUnknown`, `HostKeyChanged`,

    `AuthenticationFailed` and `ConfigError`. A server that hangs up early is tried three times, everything else once;
    `dropped` hears of each time that another attempt follows.
    """
    return _attempt(lambda: _connect_once(device, read_known_hosts(known_hosts)), dropped)


def fetch_host_key(device: Device, known_hosts: Path | None = None) -> HostKey:
    """The key that a board shows, whether accepted or not; no private key is used for the board itself.

    A jump host on the way must be in `known_hosts`: `HostKeyUnknown` carries its key. Other errors as `connect`.
    """
    return _attempt(lambda: _fetch_once(device, KnownHosts(known_hosts)))


def forget_host_key(device: Device, known_hosts: Path) -> bool:
    """Take the accepted key of a board that leaves the farm out of `known_hosts`; False when there was none."""
    if device.link is Link.LOCAL:
        return False
    return forget(known_hosts, *find_route(device).hops[-1].known_as)


def _attempt(action: Callable[[], T], told: Callable[[Drop], None] = unheard) -> T:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return action()
        except Dropped as dropped:
            if attempt == ATTEMPTS:
                raise dropped.error from dropped
            log.info("%s; attempt %d of %d", dropped, attempt + 1, ATTEMPTS)
            pause_s = attempt * random.uniform(*PAUSE_S)  # noqa: S311 - spreading load, no secret
            told(Drop(datetime.now(UTC), dropped.error.message, pause_s))
            time.sleep(pause_s)
    raise AssertionError("unreachable")


def _connect_once(device: Device, known: KnownHosts) -> "SshTransport":
    route = find_route(device)
    climb = Climb(device.connect_timeout_s)
    try:
        transport = _climb(climb, route.hops, known)
    except BaseException:
        climb.close()
        raise
    for warning in route.warnings:
        log.info("%s: %s", device.name, warning)
    return SshTransport(device, climb, transport, route)


def _climb(climb: Climb, hops: Sequence[Hop], known: KnownHosts) -> ParamikoTransport:
    for hop in hops:
        transport = climb.step(hop, known, PinnedHostKey(hop, known))
    return transport


class _Shown(Exception):
    def __init__(self, key: HostKey) -> None:
        super().__init__(key.fingerprint)
        self.key = key


class _Look(MissingHostKeyPolicy):
    """Goes no further than the host key."""

    def __init__(self, hop: Hop) -> None:
        self._hop = hop

    def missing_host_key(self, client: SSHClient, hostname: str, key: PKey) -> None:  # noqa: ARG002
        raise _Shown(shown_key(self._hop, key))


def _fetch_once(device: Device, known: KnownHosts) -> HostKey:
    hops = find_route(device).hops
    climb = Climb(device.connect_timeout_s)
    try:
        for hop in hops[:-1]:
            climb.step(hop, known, PinnedHostKey(hop, known))
        climb.step(hops[-1], known, _Look(hops[-1]))
    except _Shown as shown:
        return shown.key
    finally:
        climb.close()
    raise AssertionError("a session without a host key")


class SshTransport:
    """A `Transport` over one SSH session, kept for the whole of a sweep."""

    def __init__(self, device: Device, climb: Climb, transport: ParamikoTransport, route: Route) -> None:
        self.warnings = route.warnings
        """What ssh_config asks for and dynofarm does not do; one sentence each."""
        self._device = device
        self._climb = climb
        self._hop = route.hops[-1]
        self._transport = transport
        self._slots = threading.BoundedSemaphore(CHANNELS_PER_BOARD)
        self._asking = threading.Lock()
        self._question: _Question | None = None

    def login(self) -> Login | None:
        """How this session was let in; None where it was by other means than a key."""
        hop = self._hop
        return login_of(self._transport, hop.host, hop.port)

    def open_channel(self, argv: Sequence[str], keys: KeyAgent | None = None) -> SshChannel:
        """Start a command. Raises `BoardLost`, and `BoardUnfit` when the server refuses another session.

        `keys` answers the command as its ssh-agent.
        """
        name, limit_s = self._device.name, self._device.connect_timeout_s
        if not self._slots.acquire(timeout=limit_s):
            raise BoardError(name, f"{name}: {CHANNELS_PER_BOARD} commands run there already and none ended")
        try:
            return self._start(shlex.join(argv), limit_s, keys)
        except BaseException:
            self._slots.release()
            raise

    def _start(self, command: str, limit_s: float, keys: KeyAgent | None) -> SshChannel:
        name = self._device.name
        try:
            channel = self._transport.open_session(timeout=limit_s)
        except ChannelException as error:
            hint = "close other sessions to it, or raise MaxSessions in its sshd_config"
            raise BoardUnfit(name, f"{name}: its sshd refuses another session: {error.text}", hint) from error
        except FAULTS as error:
            raise self._lost(error) from error
        channel.event = _Bounded(limit_s)
        try:
            if keys is not None:
                channel.request_forward_agent(keys.attend)
            channel.exec_command(command)
        except FAULTS as error:
            channel.close()
            raise self._lost(error) from error
        return SshChannel(name, channel, self._slots.release, here=self._device.kind is Kind.LOOPBACK)

    def answers(self, timeout_s: float) -> bool:
        """Does the server answer a request that demands an answer? Never longer than `timeout_s`.

        The request waits behind all that was sent before it: up to a megabyte, which a link of 20 kB/s takes a minute
        for. While that grows less, somebody takes it, and the link is no dead one.
        """
        queued_bytes = self._climb.queued_bytes()
        with self._asking:
            if self._question is None or self._question.is_over():
                self._question = _Question(self._transport, self._device.name)
            question = self._question
        if question.answered(timeout_s):
            return True
        return self._transport.is_active() and self._climb.queued_bytes() < queued_bytes

    def is_sending(self) -> bool:
        """Is there something that was sent, and that the board's kernel has not confirmed?"""
        return self._climb.queued_bytes() > 0

    def close(self) -> None:
        """End the session and those of the jump hosts. Never raises."""
        self._climb.close()
        question = self._question
        if question is not None:
            question.give_up()

    def _lost(self, cause: BaseException) -> BoardLost:
        name = self._device.name
        detail = f" ({cause})" if str(cause) else ""
        hint = "look at its power and network, then: dynofarm run --resume"
        return BoardLost(name, f"{name}: it answers no more{detail}", hint)


class _Bounded(threading.Event):
    """What a channel waits with for the answer to a command: paramiko's own would wait without a limit."""

    def __init__(self, limit_s: float) -> None:
        super().__init__()
        self._limit_s = limit_s

    def wait(self, timeout: float | None = None) -> bool:
        """Raises `TimeoutError`."""
        if super().wait(self._limit_s if timeout is None else timeout) or timeout is not None:
            return self.is_set()
        raise TimeoutError(f"it did not answer to a command within {self._limit_s:g} s")


class _Question:
    """One keepalive request on its way. paramiko waits for the answer without a limit, so a thread does that."""

    def __init__(self, transport: ParamikoTransport, name: str) -> None:
        self._transport = transport
        self._heard = threading.Event()
        self._thread = threading.Thread(target=self._ask, name=f"keepalive {name}", daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        try:
            self._transport.global_request(KEEPALIVE, wait=True)
        except FAULTS as error:
            log.debug("keepalive: %s", error)
            return
        if self._transport.is_active():
            self._heard.set()

    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def answered(self, timeout_s: float) -> bool:
        """A late answer to an earlier question counts: it shows life as well."""
        self._thread.join(timeout_s)
        return self._heard.is_set() and self._transport.is_active()

    def give_up(self) -> None:
        """The session was closed; the thread ends by itself."""
        self._thread.join(1.0)
