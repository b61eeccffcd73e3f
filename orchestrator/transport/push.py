"""A file to a board over channels of its own, so that heartbeats and orders never wait behind it.

One channel keeps a gigabit link full where the server grants a large window (OpenSSH: 2 MB). A server with a small one
(Dropbear: 24 KB) takes several channels at once, each carrying blocks of the file as they come.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from agent.protocol import BLOCK_BYTES, FRAME, LANES, LaneDone, Receiving
from orchestrator.errors import BoardError, BoardLost
from orchestrator.transport import ByteChannel, Transport
from orchestrator.transport.push_artifact import Artifact, Probe
from orchestrator.transport.push_lines import NOISE_LIMIT_LINES, Ear, message_in
from orchestrator.uplink import Uplink

SMALL_WINDOW_BYTES = 256 * 1024
MOST_LANES = 7
"""Of a board's eight channels the agent has one."""
LANES_FROM_BYTES = 4 << 20
"""Below this the other channels' Pythons start later than the file is there."""
COMPRESSING_SHARE = 0.8
"""A link that takes bytes faster than this share of our compressing speed is better fed with the bytes themselves."""
PROVEN_S = 0.05
"""So long must a link have been fed before its speed is believed."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Way:
    """What is known of the way to a board. `link_bytes_s`: what it took at an earlier push, None for the first."""

    uplink: Uplink = field(default_factory=Uplink)
    site: str | None = None
    link_bytes_s: float | None = None


@dataclass(frozen=True)
class Pushed:
    """What came of a push: the board's last word, and what travelled.

    `offset_bytes` were there already, `sent_bytes` went over the link, `packed_bytes` of the file went compressed.
    """

    answer: Any
    offset_bytes: int = 0
    sent_bytes: int = 0
    packed_bytes: int = 0
    lanes: int = 1
    link_bytes_s: float | None = None

    @property
    def how(self) -> str:
        """For people: what was decided; empty for a file that simply went there."""
        words = [f"goes on at byte {self.offset_bytes}"] if self.offset_bytes else []
        words += [f"zstd for {self.packed_bytes} bytes"] if self.packed_bytes else []
        words += [f"{self.lanes} channels"] if self.lanes > 1 else []
        return ", ".join(words)


def push(
    transport: Transport,
    command: Callable[[str, bool], list[str]],
    artifact: Artifact,
    report: Callable[[int], None] = lambda _bytes: None,
    name: str = "the board",
    way: Way | None = None,
) -> Pushed:
    """Send what the board lacks of a file. `command(verb, zstd)` is the agent's command line there.

    `report` hears how many bytes of the file are there or sent, after each block; what it raises ends the push. `name`
    is the device's. Raises `BoardLost`, `ModelError` (the file changed meanwhile), and what opening a channel raises.
    """
    return _Push(transport, command, artifact, report, name, way or Way()).run()


class _Push:
    def __init__(
        self,
        transport: Transport,
        command: Callable[[str, bool], list[str]],
        artifact: Artifact,
        report: Callable[[int], None],
        name: str,
        way: Way,
    ) -> None:
        self._transport, self._command, self._artifact = transport, command, artifact
        self._report, self._name, self._way = report, name, way
        self._probe = artifact.probe()
        self._tally = _Tally(artifact.size_bytes, way)

    def run(self) -> Pushed:
        with ExitStack() as channels:
            leader = self._open("receive", channels)
            ready = leader.hear()
            if not isinstance(ready, Receiving):
                return Pushed(ready)
            self._tally.start(ready.offset_bytes, self._probe if ready.zstd and self._probe.pays else None)
            lanes = self._lanes(leader, channels)
            self._send(lanes)
            # The leader looks whether all is there once its own input ends, so the others end first.
            words = [lane.finish() for lane in [*lanes[1:], leader]]
            answer = next((one for one in words if not isinstance(one, LaneDone)), words[-1])
            return self._tally.pushed(answer)

    def _open(self, verb: str, channels: ExitStack) -> "_Lane":
        channel = self._transport.open_channel(self._command(verb, self._probe.pays))
        channels.callback(channel.close)
        size_bytes, look = self._artifact.size_bytes, self._tally.check(self._report)
        return _Lane(channel, Ear(self._transport, channel, size_bytes, self._name, look), self._name)

    def _lanes(self, leader: "_Lane", channels: ExitStack) -> list["_Lane"]:
        """The leader, and helpers where the window is small; fewer where the server refuses more sessions."""
        if leader.window_bytes >= SMALL_WINDOW_BYTES or self._tally.left_bytes < LANES_FROM_BYTES:
            return [leader]
        leader.channel.send(LANES)
        lanes = [leader]
        if not isinstance(leader.hear(), Receiving):
            raise BoardLost(self._name, f"{self._name}: it does not take a file in pieces")
        while len(lanes) < MOST_LANES:
            try:
                lanes.append(self._open("lane", channels))
            except BoardLost:
                raise
            except BoardError as error:
                log.info("%s: %d channels carry the file: %s", self._name, len(lanes), error.message)
                break
        for helper in lanes[1:]:
            helper.expect(Receiving)
        self._tally.lanes = len(lanes)
        return lanes

    def _send(self, lanes: list["_Lane"]) -> None:
        if len(lanes) == 1:
            self._feed(lanes[0])
            return
        faults: list[BaseException] = []

        def feed(lane: _Lane) -> None:
            try:
                self._feed(lane)
            except BaseException as fault:
                faults.append(fault)
                self._tally.stop()

        threads = [threading.Thread(target=feed, args=(lane,), name=f"push {self._name}") for lane in lanes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if faults:
            raise faults[0]

    def _feed(self, lane: "_Lane") -> None:
        """Send block after block until none is left, or the board says something."""
        room = memoryview(bytearray(self._way.uplink.piece_bytes(self._way.site)))
        for at, size_bytes in self._tally.blocks():
            packed = self._artifact.packed(at, size_bytes) if self._tally.pack(at, size_bytes) else None
            sent_bytes = size_bytes if packed is None else len(packed)
            pieces = self._pieces(at, size_bytes, room) if packed is None else _cut(packed, len(room))
            began = time.monotonic()
            if not self._send_frame(lane, FRAME.pack(at, size_bytes, sent_bytes), pieces):
                self._tally.stop()
                return
            took_s = time.monotonic() - began
            self._tally.note(size_bytes, sent_bytes + FRAME.size, took_s, packed is not None, self._report)
            if lane.ear.said_early():
                self._tally.stop()
                return

    def _pieces(self, at: int, size_bytes: int, room: memoryview) -> Iterator[memoryview]:
        """A block as it is, read bit by bit into the same room."""
        for start in range(at, at + size_bytes, len(room)):
            piece = room[: min(len(room), at + size_bytes - start)]
            self._artifact.read(start, piece)
            yield piece

    def _send_frame(self, lane: "_Lane", header: bytes, pieces: Iterable[memoryview]) -> bool:
        """False when the board ended before, and said why."""
        uplink, site = self._way.uplink, self._way.site
        try:
            lane.channel.send(header)
            for piece in pieces:
                uplink.take(self._name, site, len(piece), self._tally.check(self._report))
                lane.channel.send(piece)
        except BoardLost:
            if not lane.ear.last_words():
                raise
            return False
        return True


def _cut(data: bytes, piece_bytes: int) -> Iterator[memoryview]:
    whole = memoryview(data)
    for at in range(0, len(whole), piece_bytes):
        yield whole[at : at + piece_bytes]


class _Lane:
    """One channel of a push."""

    def __init__(self, channel: ByteChannel, ear: Ear, name: str) -> None:
        self.channel, self.ear, self._name = channel, ear, name
        self.window_bytes: int = channel.window_bytes

    def hear(self) -> Any:
        """The next message, whatever a login shell says before it. `BoardLost` where none comes."""
        for _ in range(NOISE_LIMIT_LINES):
            line = self.ear.line()
            message = message_in(line)
            if message is not None:
                return message
            if not line.endswith(b"\n"):
                break
        said = f"it said {line[:80]!r}" if line else "it said nothing"
        raise BoardLost(self._name, f"{self._name}: what was pushed did not arrive: {said}", "dynofarm run --resume")

    def expect(self, kind: type) -> None:
        message = self.hear()
        if not isinstance(message, kind):
            said = getattr(message, "message", type(message).__name__)
            raise BoardLost(self._name, f"{self._name}: a channel of a push broke: {said}", "dynofarm run --resume")

    def finish(self) -> Any:
        """All is sent: end its input and hear what it says."""
        try:
            self.channel.close_input()
        except BoardLost:
            if not self.ear.last_words():
                raise
        return self.hear()


class _Tally:
    """What is to be sent, what was, and how fast the link takes it. Shared by the lanes of one push."""

    def __init__(self, size_bytes: int, way: Way) -> None:
        self._size_bytes = size_bytes
        self._limit_bytes_s = way.uplink.limit_bytes_s(way.site)
        self._earlier_bytes_s = way.link_bytes_s
        self._lock = threading.Lock()
        self._next = self._offset = self._there = 0
        self._sent = self._packed = 0
        self._sending_s = 0.0
        self._probe: Probe | None = None
        self._stopped = False
        self.lanes = 1

    def start(self, offset_bytes: int, probe: Probe | None) -> None:
        self._next = self._offset = self._there = offset_bytes
        self._probe = probe

    @property
    def left_bytes(self) -> int:
        return self._size_bytes - self._next

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Offset and size of the blocks that nobody took yet, in order."""
        while True:
            with self._lock:
                at = self._next
                if at >= self._size_bytes or self._stopped:
                    return
                self._next = min(self._size_bytes, (at // BLOCK_BYTES + 1) * BLOCK_BYTES)
                size_bytes = self._next - at
            yield at, size_bytes

    def pack(self, at: int, size_bytes: int) -> bool:
        """Shall this block go compressed? Only whole blocks: they are the same for all boards."""
        whole = at % BLOCK_BYTES == 0 and (size_bytes == BLOCK_BYTES or at + size_bytes == self._size_bytes)
        if self._probe is None or not whole:
            return False
        link_bytes_s = self.link_bytes_s()
        return link_bytes_s is not None and link_bytes_s < self._probe.bytes_s * COMPRESSING_SHARE

    def link_bytes_s(self) -> float | None:
        """What the link takes: its limit, what this push saw, or an earlier one."""
        return min((rate for rate in (self._seen_bytes_s(), self._limit_bytes_s) if rate is not None), default=None)

    def _seen_bytes_s(self) -> float | None:
        if self._sending_s < PROVEN_S * self.lanes:
            return self._earlier_bytes_s
        return self._sent * self.lanes / self._sending_s

    def note(
        self, size_bytes: int, sent_bytes: int, took_s: float, packed: bool, report: Callable[[int], None]
    ) -> None:
        with self._lock:
            self._there += size_bytes
            self._sent += sent_bytes
            self._packed += size_bytes if packed else 0
            self._sending_s += took_s
            report(self._there)

    def check(self, report: Callable[[int], None]) -> Callable[[], None]:
        """For those that wait for their turn: the user may want to stop."""

        def look() -> None:
            with self._lock:
                report(self._there)

        return look

    def stop(self) -> None:
        self._stopped = True

    def pushed(self, answer: Any) -> Pushed:
        return Pushed(answer, self._offset, self._sent, self._packed, self.lanes, self._seen_bytes_s())
