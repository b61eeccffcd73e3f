"""The uplink: how fast pushes may go, all together and those of each site, and whose turn it is.

Token buckets: a limit fills its bucket with bytes, up to a tenth of a second's worth; who sends takes from the farm's
bucket and from the site's. A bucket may be overdrawn by one piece, and nobody takes from it until it is above zero
again: so a piece may be larger than a bucket, and the mean stays exact. Boards that wait are served in turn, a piece
each.
"""

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field

BURST_S = 0.1
PIECE_S = 0.05
LEAST_PIECE_BYTES = 16_384
TURN_S = 15.0
"""A receiver gives up after a minute without a byte (`agent/frames.py`); on 64 kbit/s forty would wait for 82 s."""
PACKET_BYTES = 32_704
"""What fits one packet of OpenSSH and Dropbear (32,768) beside its header."""
MOST_PIECE_BYTES = 8 * PACKET_BYTES
"""What is read stays in the processor's cache until it is encrypted, and fills whole packets of SSH: a last one of a
few bytes costs as much as a full one."""


@dataclass
class Bucket:
    """One limit. `level_bytes` below zero is a debt."""

    bytes_s: float
    level_bytes: float = 0.0
    filled_at_s: float | None = None

    def fill(self, now_s: float) -> None:
        if self.filled_at_s is None:
            self.level_bytes = self.bytes_s * BURST_S
        else:
            gained = (now_s - self.filled_at_s) * self.bytes_s
            self.level_bytes = min(self.bytes_s * BURST_S, self.level_bytes + gained)
        self.filled_at_s = now_s

    def ready_after_s(self) -> float:
        """How long until somebody may take again; 0 for now."""
        return 0.0 if self.level_bytes > 0 else (1.0 - self.level_bytes) / self.bytes_s


@dataclass(eq=False)
class Wish:
    """A piece that somebody wants to send."""

    sender: Hashable
    site: str | None
    size_bytes: int
    granted: bool = False


@dataclass
class Turnstile:
    """Who may send, and when. Pure: the clock's time is handed in."""

    farm: Bucket | None
    sites: Mapping[str, Bucket]
    _queues: dict[Hashable, deque[Wish]] = field(default_factory=dict)
    _order: deque[Hashable] = field(default_factory=deque)

    def ask(self, wish: Wish) -> None:
        queue = self._queues.setdefault(wish.sender, deque())
        if not queue:
            self._order.append(wish.sender)
        queue.append(wish)

    def withdraw(self, wish: Wish) -> None:
        queue = self._queues.get(wish.sender)
        if queue is not None and wish in queue:
            queue.remove(wish)
            if not queue:
                self._forget(wish.sender)

    def grant(self, now_s: float) -> float | None:
        """Grant all that may go now, in turn; seconds until more may go, or None when nobody waits.

        A sender whose site has no room is passed over and keeps its place.
        """
        for bucket in self._buckets():
            bucket.fill(now_s)
        while True:
            sender = next((one for one in self._order if self._wait_s(one) <= 0), None)
            if sender is None:
                return min((self._wait_s(one) for one in self._order), default=None)
            self._serve(sender)

    def _serve(self, sender: Hashable) -> None:
        wish = self._queues[sender].popleft()
        for bucket in self._buckets_of(wish.site):
            bucket.level_bytes -= wish.size_bytes
        wish.granted = True
        self._order.remove(sender)
        if self._queues[sender]:
            self._order.append(sender)
        else:
            del self._queues[sender]

    def _forget(self, sender: Hashable) -> None:
        del self._queues[sender]
        self._order.remove(sender)

    def _wait_s(self, sender: Hashable) -> float:
        site = self._queues[sender][0].site
        return max((bucket.ready_after_s() for bucket in self._buckets_of(site)), default=0.0)

    def _buckets(self) -> list[Bucket]:
        return [*([self.farm] if self.farm is not None else []), *self.sites.values()]

    def _buckets_of(self, site: str | None) -> list[Bucket]:
        own = self.sites.get(site) if site is not None else None
        return [bucket for bucket in (self.farm, own) if bucket is not None]


class Uplink:
    """The limits of a farm, shared by all threads that push. Without limits it costs nothing."""

    def __init__(
        self,
        farm_bytes_s: float | None = None,
        sites_bytes_s: Mapping[str, float] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rates = dict(sites_bytes_s or {})
        self._farm_bytes_s = farm_bytes_s
        self._clock = clock
        farm = Bucket(farm_bytes_s) if farm_bytes_s is not None else None
        self._turnstile = Turnstile(farm, {name: Bucket(rate) for name, rate in self._rates.items()})
        self._news = threading.Condition()
        self._timekeeper = False

    def limit_bytes_s(self, site: str | None) -> float | None:
        """The narrowest limit on the way to a board of that site; None where there is none."""
        own = self._rates.get(site) if site is not None else None
        return min((rate for rate in (self._farm_bytes_s, own) if rate is not None), default=None)

    def piece_bytes(self, site: str | None) -> int:
        """How much to ask for at once: little on a narrow way, so that turns are short."""
        limit = self.limit_bytes_s(site)
        if limit is None:
            return MOST_PIECE_BYTES
        return min(MOST_PIECE_BYTES, max(LEAST_PIECE_BYTES, int(limit * PIECE_S)))

    def most_senders(self, site: str | None) -> int:
        """How many may take turns, so that each hears of the next within `TURN_S`."""
        limit = self.limit_bytes_s(site)
        return sys.maxsize if limit is None else max(1, int(limit * TURN_S / LEAST_PIECE_BYTES))

    def take(self, sender: Hashable, site: str | None, size_bytes: int, check: Callable[[], None]) -> None:
        """Wait until so many bytes may go. `check` is called at least once a second while it waits; what it raises
        ends the wait."""
        if self.limit_bytes_s(site) is None:
            return
        wish = Wish(sender, site, size_bytes)
        with self._news:
            self._turnstile.ask(wish)
        try:
            while not self._granted(wish):
                check()
        except BaseException:
            with self._news:
                self._turnstile.withdraw(wish)
                self._news.notify_all()
            raise

    def _granted(self, wish: Wish) -> bool:
        """Wait for up to a second. One of those that wait keeps the time for all; the others sleep until it is told."""
        with self._news:
            wait_s = self._advance()
            if wish.granted:
                return True
            if self._timekeeper:
                self._news.wait(1.0)
                return wish.granted
            self._timekeeper = True
            try:
                self._news.wait(min(1.0, wait_s if wait_s is not None else 1.0))
            finally:
                self._timekeeper = False
            self._advance()
            self._news.notify_all()
            return wish.granted

    def _advance(self) -> float | None:
        return self._turnstile.grant(self._clock())
