"""Lines of the protocol over one channel, with an ear for silence.

A frozen or unplugged board is never noticed by SSH itself, so somebody must listen: an agent that was asked for
something sends a line at least every four seconds, except while a clock runs, which it announces. After five silent
seconds the link itself is asked, and every five from then on; one that does not answer is dead after ten, an agent that
is mute on a living link after twenty, or later where it is known to be busy.
"""

import json
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from agent.protocol import (
    KINDS,
    MAX_LINE_BYTES,
    Error,
    Failure,
    Heartbeat,
    Hello,
    Ping,
    Receiving,
    Result,
    Stage,
    WireError,
    decode,
    encode,
)
from orchestrator.devices import Device
from orchestrator.errors import BoardDiskFull, BoardLost, ProtocolBroken, TransferCorrupt
from orchestrator.heavy import HEAVY, LONG_LINE_BYTES
from orchestrator.transport import ByteChannel, Transport

HEARTBEAT_S = 4.0
"""Each wakes two threads here: at two seconds, hundreds of boards took twice the processor (docs/benchmarks.md)."""
SUSPECT_AFTER_S = 5.0
LINK_DEAD_AFTER_S = 10.0
AGENT_MUTE_AFTER_S = 20.0
LOOK_S = 1.0
"""So often a silence that is borne with is looked at."""
LONGEST_LOOK_S = 30.0
TOUCH_EVERY_S = 8.0
"""The agent gives its orchestrator up after thirty silent seconds; this leaves room for three lost chances."""


PING, HEARTBEAT = encode(Ping()), encode(Heartbeat())


@dataclass(frozen=True)
class Strange:
    """The outcome of a job as another version of dynofarm wrote it; `fault` says what of it is not understood."""

    fault: str


class Stopped(Exception):
    """The user asked to stop; what the board still measures stays in its spool."""


class Conversation:
    """One orchestrator's side of the talk with one agent."""

    def __init__(self, device: Device, transport: Transport, channel: ByteChannel, stop: threading.Event) -> None:
        self._device = device.name
        self._transport = transport
        self._channel = channel
        self._stop = stop
        self._buffer = bytearray()
        self._scanned = 0
        self._until = math.inf
        self._sending = threading.Lock()
        self._over = self._ignored = self._greeted = False
        self._said_at = self._asked_at = self._heard_at = self._link_seen_at = time.monotonic()
        self._quiet_until = 0.0

    def say(self, message: Any) -> None:
        """Send one message. `BoardLost` when the board is gone."""
        self.say_raw(encode(message))

    def greet(self, hello: Hello) -> None:
        """The first message to an agent. What starts it on the board would take a ping for some of the agent's text."""
        self.say(hello)
        self._greeted = True

    def say_raw(self, data: bytes) -> None:
        if self._over and self._stop.is_set():
            return  # what is left to say keeps until the next visit
        with self.alone() as channel:
            channel.send(data)

    @contextmanager
    def alone(self) -> Iterator[ByteChannel]:
        """What the talk goes over, while nobody else says anything. `BoardLost`."""
        with self._sending:
            if self._over:
                text = f"{self._device}: its agent waits for the rest of a file that was given up"
                raise BoardLost(self._device, text, "dynofarm run --resume")
            self._asked_at = time.monotonic()
            try:
                yield self._channel
            finally:
                self._said_at = self._asked_at = time.monotonic()

    def fall_silent(self) -> None:
        """The board would take what is said from now on for something else, so nothing is."""
        self._over = True

    def ignore_answer(self) -> None:
        """What comes next belongs to a file that was given up."""
        self._ignored = True

    def touch(self) -> None:
        """Let the agent know that somebody is there, unless a clock runs or it hears of us anyway."""
        now = time.monotonic()
        due = now >= self._quiet_until and now - self._said_at >= TOUCH_EVERY_S
        if due and self._greeted and self._sending.acquire(blocking=False):
            try:
                if not self._over:
                    self._channel.send(PING)
                    self._said_at = time.monotonic()
            finally:
                self._sending.release()

    @contextmanager
    def limited(self, limit_s: float) -> Iterator[None]:
        """Within `limit_s` all must have been heard that is heard inside: signs of life do not lengthen it."""
        self._until = time.monotonic() + limit_s
        try:
            yield
        finally:
            self._until = math.inf

    def check_stop(self) -> None:
        """Raise `Stopped` when the user asked to stop."""
        if self._stop.is_set():
            raise Stopped

    def hear(self, *expected: type, patience_s: float = 0.0) -> Any:
        """The next message that is not a heartbeat; one of `expected`, else `ProtocolBroken`.

        An `Error` of the agent becomes an exception. `patience_s` lengthens the silence that is borne from the
        agent; the link must answer all the same. Whoever expects `Strange` hears what else would be a broken protocol.
        """
        while True:
            message = self._decoded(self.hear_line(patience_s), strangely=Strange in expected)
            if isinstance(message, Heartbeat):
                continue
            if self._ignored:
                self._ignored = isinstance(message, Receiving)
                continue
            self._note_quiet(message)
            if isinstance(message, expected):
                return message
            if isinstance(message, Error):
                raise self._fault(message)
            wanted = " or ".join(kind.__name__ for kind in expected)
            raise ProtocolBroken(
                self._device, f"{self._device}: the agent answered {type(message).__name__}, expected {wanted}"
            )

    def hear_line(self, patience_s: float = 0.0, link_patience_s: float = 0.0) -> bytes:
        """One raw line without its newline. `link_patience_s`: for a link that may still carry what was sent."""
        while True:
            end = self._buffer.find(b"\n", self._scanned)
            if end >= 0:
                line = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                self._scanned = 0
                return line
            self._scanned = len(self._buffer)
            if self._scanned > MAX_LINE_BYTES:
                raise self._too_long()
            self._buffer += self._some_bytes(patience_s, link_patience_s)

    def words(self, timeout_s: float) -> bytes | None:
        """What was said, in whole lines and without signs of life; else as `ByteChannel.receive`."""
        data = self._channel.receive(0.0 if b"\n" in self._buffer else timeout_s)
        if data:
            self._heard_at = time.monotonic()
            self._buffer += data
        if len(self._buffer) > MAX_LINE_BYTES:
            raise self._too_long()
        end = self._buffer.rfind(b"\n") + 1
        lines = [line for line in bytes(self._buffer[:end]).splitlines(keepends=True) if line != HEARTBEAT]
        del self._buffer[:end]
        self._scanned = 0
        while self._ignored and lines:
            self._ignored = isinstance(self._decoded(lines.pop(0)), Receiving)
        return b"".join(lines) or (b"" if data == b"" else None)

    def put_back(self, line: bytes) -> None:
        """A line that was heard raw is the next one to be heard again."""
        self._buffer[:0] = line + b"\n"
        self._scanned = 0

    def _some_bytes(self, patience_s: float, link_patience_s: float) -> bytes:
        while True:
            self.check_stop()
            if time.monotonic() > self._until:
                raise BoardLost(
                    self._device,
                    f"{self._device}: its agent lives, but what it was asked for is long overdue",
                    f"see what keeps it: dynofarm device check {self._device}",
                )
            data = self._channel.receive(self._look_s(patience_s))
            if data:
                self._heard_at = time.monotonic()
                return data
            if data is not None:
                raise BoardLost(self._device, f"{self._device}: {self._last_words()}", "dynofarm run --resume")
            self.bear_silence(patience_s, link_patience_s)

    def bear_silence(self, patience_s: float = 0.0, link_patience_s: float = 0.0) -> None:
        """Nothing was heard: is that to be borne? `BoardLost` when the link, or the agent, has been silent too long."""
        self.touch()
        quiet_since = self._quiet_since()
        self._ask_link(max(quiet_since, self._link_seen_at), link_patience_s)
        silent_s = time.monotonic() - quiet_since
        if silent_s >= AGENT_MUTE_AFTER_S + patience_s and not self._may_be_on_its_way():
            raise BoardLost(
                self._device,
                f"{self._device}: its sshd answers, but the agent has been silent for {silent_s:.0f} s",
                f"see what keeps it: dynofarm device check {self._device}",
            )

    def _quiet_since(self) -> float:
        """An agent that was asked for nothing had nothing to say."""
        return max(self._heard_at, self._asked_at, self._quiet_until)

    def _may_be_on_its_way(self) -> bool:
        """Is what the agent was asked perhaps not there yet? On a slow link it waits behind whatever else was sent."""
        return self._heard_at <= self._asked_at and self._transport.is_sending()

    def _look_s(self, patience_s: float) -> float:
        """How long nothing can be due, if nothing is heard. Hundreds of boards that look every second take a twentieth
        of a processor; who wants to stop wakes the channel."""
        quiet_since = self._quiet_since()
        suspect_at = max(quiet_since, self._link_seen_at) + SUSPECT_AFTER_S
        due_at = min(suspect_at, quiet_since + AGENT_MUTE_AFTER_S + patience_s, self._until)
        return min(max(LOOK_S, due_at - time.monotonic()), LONGEST_LOOK_S)

    def _ask_link(self, seen_at: float, patience_s: float) -> None:
        """See whether the link answers, when nothing came over it for too long. `BoardLost`."""
        silent_s = time.monotonic() - seen_at - patience_s
        if silent_s < SUSPECT_AFTER_S:
            return
        if self._transport.answers(max(1.0, LINK_DEAD_AFTER_S - silent_s)):
            self._link_seen_at = time.monotonic()
            return
        silent_s = time.monotonic() - seen_at
        if silent_s >= LINK_DEAD_AFTER_S + patience_s:
            raise BoardLost(
                self._device,
                f"{self._device}: no sign of life for {silent_s:.0f} s; the board hangs, or its link is cut",
                "look at its power and network, then: dynofarm run --resume",
            )

    def _last_words(self) -> str:
        status = self._channel.exit_status(1.0)
        words = self._channel.errors().strip().splitlines()
        # SSH gives no status for a command that a signal ended; a local one has 128 + its number.
        killed = status is None or status > 128
        ending = "the agent was killed" if killed else f"the agent ended with status {status}"
        return f"{ending}: {words[-1]}" if words else ending

    def _too_long(self) -> ProtocolBroken:
        return ProtocolBroken(self._device, f"{self._device}: a line of more than {MAX_LINE_BYTES} bytes")

    def _decoded(self, line: bytes, *, strangely: bool = False) -> Any:
        try:
            with HEAVY if len(line) > LONG_LINE_BYTES else nullcontext():
                return decode(line)
        except WireError as error:
            if strangely and _tells_of_a_job(line):
                return Strange(str(error))
            hint = "something on the board writes into the agent's stream, or the agent is of another version"
            raise ProtocolBroken(self._device, f"{self._device}: {error}", hint) from None

    def _note_quiet(self, message: Any) -> None:
        if isinstance(message, Stage) and message.quiet_s > 0:
            self._quiet_until = time.monotonic() + message.quiet_s
        else:
            self._quiet_until = 0.0

    def _fault(self, error: Error) -> Exception:
        if error.code == "disk_full":
            hint = f"free some room there, or lower storage_limit in the profile of {self._device}"
            return BoardDiskFull(self._device, f"{self._device}: {error.message}", hint)
        if error.code in ("missing", "corrupt"):
            return TransferCorrupt(self._device, f"{self._device}: {error.message}")
        return ProtocolBroken(self._device, f"{self._device}: the agent says: {error.message}")


def _tells_of_a_job(line: bytes) -> bool:
    """Is it the outcome of a job, by its kind, whatever else it says?"""
    try:
        with HEAVY if len(line) > LONG_LINE_BYTES else nullcontext():
            plain = json.loads(line)
    except (ValueError, RecursionError):
        return False
    kind = plain.get("kind") if isinstance(plain, dict) else None
    return isinstance(kind, str) and KINDS.get(kind) in (Result, Failure)
