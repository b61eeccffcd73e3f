"""A file to a board: in the talk with its agent while nothing else is said there, or over channels of its own, so that
orders never wait behind it.

One channel keeps a gigabit link full where the server grants a large window (OpenSSH: 2 MB). A server with a small one
(Dropbear: 24 KB) takes several channels at once, each carrying blocks of the file as they come.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from threading import Thread
from typing import Any

from agent.protocol import FRAME, LANES, LaneDone, Received, Receiving
from orchestrator.errors import BoardError, BoardLost
from orchestrator.transport import ByteChannel, Transport
from orchestrator.transport.push_artifact import Artifact
from orchestrator.transport.push_lines import NOISE_LIMIT_LINES, Ear, message_in
from orchestrator.transport.push_tally import Pushed, Tally, Way
from orchestrator.uplink import PACKET_BYTES

SMALL_WINDOW_BYTES = 256 * 1024
MOST_LANES = 7
"""Of a board's eight channels the agent has one."""
LANES_FROM_BYTES = 4 << 20
"""Below this the other channels' Pythons start later than the file is there."""
LANES_FROM_BYTES_S = 100_000
"""A slower link is full with one channel unless a round trip takes a quarter of a second; and where it breaks, the
blocks that seven channels have begun are lost, which one channel goes on with at the byte."""
PATIENT_BYTES_S = 1_000_000
"""On a slower link, or one that is not known yet, who sends looks around after each packet."""

log = logging.getLogger(__name__)


def push(
    transport: Transport,
    command: Callable[[str, bool], list[str]],
    artifact: Artifact,
    report: Callable[[int], None] = lambda _bytes: None,
    name: str = "the board",
    way: Way | None = None,
    talk: Callable[[bool], ByteChannel] | None = None,
) -> Pushed:
    """Send what the board lacks of a file. `command(verb, zstd)` is the agent's command line there; `talk(zstd)` gives
    the way to the agent that is there already, where the talk with it is free for a file.

    `report` hears how many bytes of the file are there or sent, after each block; what it raises ends the push. `name`
    is the device's. Raises `BoardLost`, `ModelError` (the file changed meanwhile), and what opening a channel raises.
    """
    return _Push(transport, command, artifact, report, name, way or Way(), talk).run()


def takes_lanes(window_bytes: int, size_bytes: int, link_bytes_s: float | None) -> bool:
    """Is one channel too slow for a file, because its server lets little be on its way? `link_bytes_s`: what the link
    was seen to take."""
    swift = link_bytes_s is None or link_bytes_s >= LANES_FROM_BYTES_S
    return swift and window_bytes < SMALL_WINDOW_BYTES and size_bytes >= LANES_FROM_BYTES


class _Refused(Exception):
    """The server gives no further channel; those that stand go on."""


class _Push:
    def __init__(
        self,
        transport: Transport,
        command: Callable[[str, bool], list[str]],
        artifact: Artifact,
        report: Callable[[int], None],
        name: str,
        way: Way,
        talk: Callable[[bool], ByteChannel] | None,
    ) -> None:
        self._transport, self._command, self._artifact = transport, command, artifact
        self._report, self._name, self._way, self._talk = report, name, way, talk
        self._probe = artifact.probe()
        self._tally = Tally(artifact.size_bytes, way)

    def run(self) -> Pushed:
        with ExitStack() as channels:
            channels.callback(self._note_speed)
            with self._way.turn:
                leader = self._lead(channels)
                ready = leader.hear()
                if not isinstance(ready, Receiving):
                    return Pushed(ready)
                self._tally.start(ready.offset_bytes, self._probe if ready.zstd and self._probe.pays else None)
                lanes = self._send(leader, channels)
            # The leader looks whether all is there once its own input ends, so the others end first.
            on_its_way_s = self._tally.on_its_way_s
            *helped, answer = [lane.finish(on_its_way_s) for lane in [*lanes[1:], leader]]
            if not isinstance(answer, Received):  # a helper may know why
                answer = next((one for one in helped if not isinstance(one, LaneDone)), answer)
            return self._tally.pushed(answer)

    def _note_speed(self) -> None:
        """Also that of a link that broke: the next push goes by it."""
        seen_bytes_s = self._tally.seen_bytes_s()
        if seen_bytes_s is not None:
            self._way.note_speed(seen_bytes_s)

    def _send(self, leader: "_Lane", channels: ExitStack) -> list["_Lane"]:
        """Over the lanes that this takes, which are returned, the leader first."""
        if takes_lanes(leader.window_bytes, self._tally.left_bytes, self._way.link_bytes_s):
            return self._share(leader, channels)
        self._feed(leader)
        return [leader]

    def _lead(self, channels: ExitStack) -> "_Lane":
        if self._talk is None:
            return self._open("receive", channels)
        return self._lane(self._talk(self._probe.pays), channels)

    def _open(self, verb: str, channels: ExitStack) -> "_Lane":
        return self._lane(self._transport.open_channel(self._command(verb, self._probe.pays)), channels)

    def _lane(self, channel: ByteChannel, channels: ExitStack) -> "_Lane":
        channels.callback(channel.close)
        size_bytes, look = self._artifact.size_bytes, self._tally.check(self._report)
        return _Lane(channel, Ear(self._transport, channel, size_bytes, self._name, look), self._name)

    def _share(self, leader: "_Lane", channels: ExitStack) -> list["_Lane"]:
        """Send with helpers, each from the moment its channel stands; the lanes there were, the leader first."""
        leader.channel.send(LANES)
        if not isinstance(leader.hear(), Receiving):
            raise BoardLost(self._name, f"{self._name}: it does not take a file in pieces")
        lanes, faults = [leader], list[BaseException]()

        def feed(lane: _Lane | None) -> None:
            try:
                if lane is None:
                    lane = self._helper(channels)
                    lanes.append(lane)
                    self._tally.lanes = len(lanes)
                self._feed(lane)
                if lane is not leader:  # it would wait in vain for more, and give us up before the last one is done
                    lane.end_input()
            except _Refused as refusal:
                log.info("%s: %d channels carry the file: %s", self._name, len(lanes), refusal)
            except BaseException as fault:
                faults.append(fault)
                self._tally.stop()

        helpers = [None] * (MOST_LANES - 1)
        threads = [Thread(target=feed, args=(one,), name=f"push {self._name}") for one in (leader, *helpers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if faults:
            raise faults[0]
        return lanes

    def _helper(self, channels: ExitStack) -> "_Lane":
        try:
            lane = self._open("lane", channels)
        except BoardLost:
            raise
        except BoardError as error:
            raise _Refused(error.message) from error
        lane.expect(Receiving)
        return lane

    def _feed(self, lane: "_Lane") -> None:
        """Send block after block until none is left, or the board says something."""
        outbox = _Outbox(self._way.uplink.piece_bytes(self._way.site), lambda piece: self._send_piece(lane, piece))
        try:
            for at, size_bytes in self._tally.blocks():
                packed = self._artifact.packed(at, size_bytes) if self._tally.pack(at, size_bytes) else None
                sent_bytes = size_bytes if packed is None else len(packed)
                began = time.monotonic()
                outbox.begin(FRAME.pack(at, size_bytes, sent_bytes))
                if packed is None:
                    outbox.read(self._artifact, at, size_bytes)
                else:
                    outbox.add(packed)
                took_s = time.monotonic() - began
                self._tally.note(size_bytes, sent_bytes + FRAME.size, took_s, packed is not None, self._report)
                if lane.ear.said_early():
                    self._tally.stop()
            outbox.flush()  # also where it stops early: what a header promised must follow
        except BoardLost:
            # It may have ended before, and said why.
            if not lane.ear.last_words():
                raise
            self._tally.stop()

    def _send_piece(self, lane: "_Lane", piece: memoryview) -> None:
        look = self._tally.check(self._report)
        self._way.uplink.take(self._name, self._way.site, len(piece), look)
        link_bytes_s = self._tally.link_bytes_s()
        swift = link_bytes_s is not None and link_bytes_s >= PATIENT_BYTES_S
        step = len(piece) if swift else PACKET_BYTES
        for at in range(0, len(piece), step):
            look()
            lane.channel.send(piece[at : at + step])


class _Outbox:
    """Frames on their way, in pieces of one size, whatever the frames' own: each time that something is sent, and the
    last packet of it, costs as much as if it were full."""

    def __init__(self, size_bytes: int, send: Callable[[memoryview], None]) -> None:
        self._room = memoryview(bytearray(size_bytes))
        self._filled_bytes = 0
        self._send = send

    def begin(self, header: bytes) -> None:
        """A frame; its header is never cut."""
        if len(self._room) - self._filled_bytes < len(header):
            self.flush()
        self.add(header)

    def add(self, data: bytes) -> None:
        at = 0
        for space in self._spaces(len(data)):
            space[:] = data[at : at + len(space)]
            at += len(space)

    def read(self, artifact: Artifact, at: int, size_bytes: int) -> None:
        """Some of the file, as it is."""
        for space in self._spaces(size_bytes):
            artifact.read(at, space)
            at += len(space)

    def flush(self) -> None:
        """Send what is there."""
        filled_bytes, self._filled_bytes = self._filled_bytes, 0
        if filled_bytes:
            self._send(self._room[:filled_bytes])

    def _spaces(self, size_bytes: int) -> Iterator[memoryview]:
        """Where so many bytes go. What is full is sent."""
        while size_bytes:
            end = min(len(self._room), self._filled_bytes + size_bytes)
            space = self._room[self._filled_bytes : end]
            yield space
            self._filled_bytes, size_bytes = end, size_bytes - len(space)
            if end == len(self._room):
                self.flush()


class _Lane:
    """One channel of a push."""

    def __init__(self, channel: ByteChannel, ear: Ear, name: str) -> None:
        self.channel, self.ear, self._name = channel, ear, name
        self.window_bytes: int = channel.window_bytes

    def hear(self, on_its_way_s: float = 0.0) -> Any:
        """The next message, whatever a login shell says before it. `BoardLost` where none comes."""
        for _ in range(NOISE_LIMIT_LINES):
            line = self.ear.line(on_its_way_s)
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

    def end_input(self) -> None:
        """All is sent. `BoardLost` where it ended before, and did not say why."""
        try:
            self.channel.close_input()
        except BoardLost:
            if not self.ear.last_words():
                raise

    def finish(self, on_its_way_s: float) -> Any:
        """End its input, and hear what it says."""
        self.end_input()
        return self.hear(on_its_way_s)
