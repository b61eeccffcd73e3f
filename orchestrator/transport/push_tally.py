"""What of a file is to be sent, what was, how fast the link takes it, and whether a block goes compressed."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from agent.protocol import BLOCK_BYTES
from orchestrator.transport.push_artifact import Probe
from orchestrator.uplink import Uplink

COMPRESSING_SHARE = 0.8
"""A link that takes bytes faster than this share of our compressing speed is better fed with the bytes themselves."""
TALK_FROM_BYTES_S = 1_000_000
"""Under a lower limit the pieces of a file, in turn with those of many boards, may be so far apart in time that an
agent gives its orchestrator up in between. A receiver of its own is more patient, and its start hardly counts there."""
MOST_QUEUED_BYTES = 4 << 20
"""What Linux lets one connection have on its way unless it was told otherwise (tcp_wmem)."""
PROVEN_S = 0.05
"""So long must a link have been fed before its speed is believed."""


@dataclass(frozen=True)
class Way:
    """What is known of the way to a board. `link_bytes_s`: what it took at an earlier push, None for the first. `turn`
    is held while a file is on its way, and not any more while the board writes and checks the last of it. `beside`:
    the talk with its agent goes on meanwhile, so the file needs a channel of its own. `note_speed` hears what the link
    took this time, whatever came of the push."""

    uplink: Uplink = field(default_factory=Uplink)
    site: str | None = None
    link_bytes_s: float | None = None
    turn: AbstractContextManager[object] = field(default_factory=nullcontext)
    beside: bool = False
    note_speed: Callable[[float], None] = lambda _bytes_s: None

    @property
    def fits_talk(self) -> bool:
        """Can the talk with the agent wait until the file is there?"""
        limit_bytes_s = self.uplink.limit_bytes_s(self.site)
        return not self.beside and (limit_bytes_s is None or limit_bytes_s >= TALK_FROM_BYTES_S)


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

    @property
    def how(self) -> str:
        """For people: what was decided; empty for a file that simply went there."""
        words = [f"goes on at byte {self.offset_bytes}"] if self.offset_bytes else []
        words += [f"zstd for {self.packed_bytes} bytes"] if self.packed_bytes else []
        words += [f"{self.lanes} channels"] if self.lanes > 1 else []
        return ", ".join(words)


class Tally:
    """What is to be sent, what was, and how fast the link takes it. Shared by the lanes of one push."""

    def __init__(self, size_bytes: int, way: Way) -> None:
        self._size_bytes = size_bytes
        self._limit_bytes_s = way.uplink.limit_bytes_s(way.site)
        self._earlier_bytes_s = way.link_bytes_s
        self._lock = Lock()
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
        return min((rate for rate in (self.seen_bytes_s(), self._limit_bytes_s) if rate is not None), default=None)

    def seen_bytes_s(self) -> float | None:
        """What this push saw of the link, or an earlier one did."""
        if self._sending_s < PROVEN_S * self.lanes:
            return self._earlier_bytes_s
        return self._sent * self.lanes / self._sending_s

    @property
    def on_its_way_s(self) -> float:
        """How long the last that was sent may take to arrive."""
        link_bytes_s = self.seen_bytes_s()
        return 0.0 if link_bytes_s is None else min(self._sent, MOST_QUEUED_BYTES) / link_bytes_s

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
        return Pushed(answer, self._offset, self._sent, self._packed, self.lanes)
