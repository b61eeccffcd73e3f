"""One command on a board, over one SSH channel. Nothing here waits without a limit.

A dead link shows itself in five shapes (end of file, a closed socket, paramiko's own exception, a send of nothing, an
end of stream without exit status); all of them leave as `BoardLost` with the cause attached.
"""

import contextlib
import sys
import threading
import time
from collections.abc import Callable

from paramiko.channel import Channel

from orchestrator.errors import BoardLost
from orchestrator.transport.dial import PromptSocket
from orchestrator.transport.faults import FAULTS
from orchestrator.transport.packets import ChannelData
from orchestrator.uplink import PACKET_BYTES

MOST_AT_ONCE = 8
"""Packets that go in one call of the kernel: both ends wake once for all of them."""
SWIFT_S = 0.02
"""What takes longer has waited for a slow link, on which an order shall not wait for eight packets."""
READ_BYTES = 1 << 16
BULK_BYTES = 4 * PACKET_BYTES
WIDE_WINDOW_BYTES = 1 << 20
FLIGHT_BYTES = 512 * 1024
SHORT_TRIP_S = 0.001
"""So much is under way on a link that answers within that time, enough for 500 MB/s; on a longer one so much more.
What its program has not taken a server keeps, and moves in its memory as more comes: with twenty boards a sixth of all
processor time (docs/benchmarks.md)."""
GRANTS_EARLY = "SSH-2.0-OpenSSH"
"""It says that there is room again once three packets were taken (channels.c, `channel_check_window`). Others may wait
until half of a window is used up, which must be allowed then."""
RESTS_S = 0.01
STALL_S = 10.0
LOOK_S = 1.0
"""How often who waits for room, or for an end, empties standard error: that stream shares the window, and a full one
stops the command."""
TAIL_BYTES = 8192
DEATH_NOTICE_S = 1.0
"""A dying link closes its channels first and says so of itself a moment later."""


class _Ring:
    """What paramiko tells of all that comes. It would hush the bell, too, when it has given all of one stream out."""

    def __init__(self, bell: threading.Event) -> None:
        self._bell = bell

    def set(self) -> None:
        if not self._bell.is_set():
            self._bell.set()

    def clear(self) -> None: ...


class SshChannel:
    """A `ByteChannel` over SSH. One thread may receive while others send. `here`: the board is this very machine."""

    def __init__(self, device: str, channel: Channel, release: Callable[[], None], here: bool = False) -> None:
        self._device = device
        self._here = here
        self._channel = channel
        self.window_bytes: int = channel.out_window_size
        self._release: Callable[[], None] | None = release
        self._tail = bytearray()
        self._draining = threading.Lock()
        self._sending = threading.Lock()
        self._at_once = 1
        self._spare_bytes: int | None = None
        self._bell = threading.Event()
        self._is_woken = False
        channel.settimeout(0.0)
        for stream in (channel.in_buffer, channel.in_stderr_buffer):
            stream.set_event(_Ring(self._bell))  # type: ignore[arg-type]

    def send(self, data: bytes | memoryview) -> None:
        """Send all of it. `BoardLost` when the link or the command ended, or nothing was taken for 10 s."""
        view = memoryview(data).cast("B")
        with self._sending:
            if len(view) >= BULK_BYTES:
                self._prepare_for_bulk()
            at = 0
            while at < len(view):
                if not self._has_room():
                    self._await_window()
                at += self._send_some(view[at:])
        if not self._link_lives():
            raise self._lost(None)  # paramiko drops what is sent over a dead link without a word

    def receive(self, timeout_s: float) -> bytes | None:
        """Some bytes; b"" when the command closed its output; None when nothing came in time, or it was woken.
        `BoardLost`."""
        deadline = time.monotonic() + timeout_s
        while True:
            self._bell.clear()  # before it looks: what comes in between rings again
            self._drain()
            try:
                data = self._channel.recv(READ_BYTES)
            except TimeoutError:
                left_s = deadline - time.monotonic()
                if self._is_woken or left_s <= 0 or not self._bell.wait(left_s):
                    self._is_woken = False
                    return None
                continue
            except FAULTS as error:
                raise self._lost(error) from error
            if not data and not self._ended_well():
                raise self._lost(None)
            return data

    def wake(self) -> None:
        """Have the `receive` that waits, or the next one, return. For any thread."""
        self._is_woken = True
        self._bell.set()

    def close_input(self) -> None:
        """End of file for the command. `BoardLost` when the link is dead."""
        try:
            self._channel.shutdown_write()
        except FAULTS as error:
            raise self._lost(error) from error

    def exit_status(self, timeout_s: float) -> int | None:
        """The status; None when the command has not ended, was killed by a signal, or the link died first."""
        deadline = time.monotonic() + timeout_s
        while True:
            self._drain()
            left_s = deadline - time.monotonic()
            if self._channel.status_event.wait(max(0.0, min(LOOK_S, left_s))):
                status = self._channel.exit_status
                return None if status < 0 else status
            if left_s <= LOOK_S:
                return None

    def errors(self) -> str:
        """The last 8 KB of standard error."""
        self._drain()
        with self._draining:
            return self._tail.decode("utf-8", "replace")

    def close(self) -> None:
        """Give the channel up; the command finds its input closed. Never raises."""
        with contextlib.suppress(*FAULTS):
            self._channel.close()
        release, self._release = self._release, None
        if release is not None:
            release()

    def _prepare_for_bulk(self) -> None:
        """A wide window is not used up on a short link, and the reader may rest: its room lasts for longer than that. A
        small one must be filled at every word."""
        transport = self._channel.get_transport()
        sock = transport.sock
        if not isinstance(sock, PromptSocket) or self.window_bytes < WIDE_WINDOW_BYTES:
            return
        sock.rests_until_s = time.monotonic() + RESTS_S
        if self._spare_bytes is None:
            early = transport.remote_version.startswith(GRANTS_EARLY)
            told = early and (self._here or not sock.ends_here())
            self._spare_bytes = max(0, self.window_bytes - flight_bytes(sock.round_trip_s())) if told else 0

    def _has_room(self) -> bool:
        return bool(self._channel.out_window_size > (self._spare_bytes or 0))

    def _await_window(self) -> None:
        channel, deadline = self._channel, time.monotonic() + STALL_S
        while True:
            self._drain()
            with channel.out_buffer_cv:
                moved = channel.out_buffer_cv.wait_for(
                    lambda: self._has_room() or channel.closed or channel.eof_sent, LOOK_S
                )
            if moved:
                return
            self._spare_bytes = 0
            if time.monotonic() >= deadline:
                raise BoardLost(
                    self._device,
                    f"{self._device}: it took nothing for {STALL_S:g} s; the board hangs, or its link is cut",
                    "look at its power and network, then: dynofarm run --resume",
                )

    def _send_some(self, data: memoryview) -> int:
        """Send what the window takes, several packets in one go where the link is swift; how many bytes that were."""
        channel = self._channel
        packets = ChannelData(channel.remote_chanid, lambda: bool(channel.closed))
        began = time.monotonic()
        try:
            with channel.lock:
                sent = self._take_window(packets, data)
            if not sent:
                raise self._lost(None)
            channel.get_transport()._send_user_message(packets)  # type: ignore[attr-defined]
        except TimeoutError:
            return 0  # the window closed again; the caller waits for it
        except FAULTS as error:
            raise self._lost(error) from error
        if time.monotonic() - began >= SWIFT_S:
            self._at_once = 1  # halved, it would stay high: what follows a wait finds room, and looks swift
        elif sent < len(data):  # a short message tells nothing of the link
            self._at_once = min(2 * self._at_once, MOST_AT_ONCE)
        return sent

    def _take_window(self, packets: ChannelData, data: memoryview) -> int:
        """Cut so many packets from the data as go at once; for who holds the channel's lock."""
        channel, sent = self._channel, 0
        while sent < len(data) and len(packets.messages) < self._at_once and (not sent or self._has_room()):
            # Some servers take packets of any size, which would hold up whatever else goes over the link.
            size: int = channel._wait_for_send_window(min(len(data) - sent, PACKET_BYTES))  # type: ignore[attr-defined]
            if not size:
                break
            packets.add(data[sent : sent + size])
            sent += size
        return sent

    def _drain(self) -> None:
        with self._draining, contextlib.suppress(*FAULTS):
            while self._channel.recv_stderr_ready():
                self._tail += self._channel.recv_stderr(READ_BYTES)
                del self._tail[:-TAIL_BYTES]

    def _link_lives(self) -> bool:
        return self._channel.get_transport().is_active()

    def _ended_well(self) -> bool:
        """Was the end of the stream the command's own? A dying link never sends an end of file."""
        if self._channel.eof_received or not self._channel.closed:
            return True
        return not self._goes_down()

    def _goes_down(self) -> bool:
        deadline = time.monotonic() + DEATH_NOTICE_S
        while self._link_lives():
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.01)
        return True

    def _lost(self, cause: Exception | None) -> BoardLost:
        if self._channel.eof_received and self._link_lives() and not isinstance(cause, EOFError):
            status = self.exit_status(DEATH_NOTICE_S)
            ending = "was killed" if status is None else f"ended with status {status}"
            said = self.errors().strip().splitlines()
            detail = f": {said[-1]}" if said else ""
            return BoardLost(self._device, f"{self._device}: the command on the board {ending}{detail}")
        fault = cause or self._channel.get_transport().saved_exception
        detail = f" ({type(fault).__name__}: {fault})" if fault is not None and str(fault) else ""
        lost = BoardLost(
            self._device,
            f"{self._device}: the link was cut{detail}",
            "look at its power and network, then: dynofarm run --resume",
        )
        lost.__cause__ = fault
        return lost


def flight_bytes(round_trip_s: float | None) -> int:
    """How much may be under way on a link with this round trip; where it is not known, all that the window gives."""
    return sys.maxsize if round_trip_s is None else int(FLIGHT_BYTES * max(1.0, round_trip_s / SHORT_TRIP_S))
