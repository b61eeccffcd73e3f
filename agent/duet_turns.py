"""One of two workers that take turns: they pass a token to each other, and nobody else has a part in it.

The token is a byte over a pair of sockets. A worker that waits for it sleeps; when its partner dies, however it does,
the kernel closes the partner's end, and the one that waits hears of it at once.
"""

import os
import random
import time
from array import array
from itertools import count
from typing import Any, Callable, List, Tuple

from agent.measure import TimedLoop
from agent.messages.duet import Slices, Turns
from agent.messages.jobs import MeasureProtocol

FIRST, SECOND = 0, 1
_GO, _END = b"g", b"e"

_LOOK_S = 0.0005
_RESTING = 0.3
"""Threads rest when all together take less than this of a processor; looking alone takes 0.1 of it."""
_REST_LIMIT_NS = 200_000_000
"""Chosen: a runtime whose threads never sleep cannot be waited for."""

Invoke = Callable[[], Any]


class PartnerLeft(BaseException):
    """The other worker is gone, so there is nothing left to measure. Not an `Exception`: it is no fault of this job."""


class Partner:
    """The other worker, at the far end of a socket."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def hand_over(self, token: bytes = _GO) -> None:
        try:
            os.write(self._descriptor, token)
        except OSError:
            raise PartnerLeft from None

    def wait(self) -> bytes:
        """Sleep until the token comes."""
        try:
            token = os.read(self._descriptor, 1)
        except OSError:
            raise PartnerLeft from None
        if not token:
            raise PartnerLeft
        return token


def round_order(dice: random.Random) -> Tuple[int, int, int, int]:
    """Whose the next four slices are."""
    return (FIRST, SECOND, SECOND, FIRST) if dice.random() < 0.5 else (SECOND, FIRST, FIRST, SECOND)


class Seat:
    """One side of a duet. `busy_threads`: the runtime has threads of its own, which may spin on after an inference."""

    def __init__(self, side: int, turns: Turns, partner: Partner, busy_threads: bool) -> None:
        self._side = side
        self._turns = turns
        self._partner = partner
        self._busy_threads = busy_threads
        self._places: List[int] = []
        self._inferences: List[int] = []
        self._latencies = array("q")
        self._start_ns = self._wall_ns = self._cpu_ns = 0

    @property
    def slices(self) -> Slices:
        return Slices(self._places, self._inferences)

    def wait_to_load(self) -> None:
        """The second loads when the first is warm: two models that load at once would tell nothing of either."""
        if self._side == SECOND:
            self._partner.wait()

    def take_turns(self, invoke: Invoke, _protocol: MeasureProtocol, _expected_ns: int) -> TimedLoop:
        """In the place of `measure.run_timed_loop`; wall and CPU time are those of the own slices."""
        self._hand_over()
        if self._side == FIRST:
            self._partner.wait()
        self._play(invoke)
        return TimedLoop(self._latencies.tolist(), self._start_ns, self._wall_ns, self._cpu_ns)

    def _play(self, invoke: Invoke) -> None:
        """Both sides draw the same order, so the token is passed only where the turn goes over to the other."""
        dice = random.Random(self._turns.seed)  # noqa: S311 - an order, not a secret
        holds = self._side == FIRST
        self._start_ns, place = time.monotonic_ns(), 0
        for rounds in count(1):
            for whose in round_order(dice):
                if whose == self._side:
                    if not holds and self._partner.wait() == _END:
                        return
                    holds = True
                    self._take_slice(invoke, place)
                elif holds:
                    self._hand_over()
                    holds = False
                place += 1
            if holds and self._is_over(rounds, time.monotonic_ns() - self._start_ns):
                self._hand_over(_END)
                return

    def _is_over(self, rounds: int, passed_ns: int) -> bool:
        turns = self._turns
        return (rounds >= turns.min_rounds and passed_ns >= turns.min_s * 1e9) or passed_ns >= turns.max_s * 1e9

    def _take_slice(self, invoke: Invoke, place: int) -> None:
        latencies, clock = self._latencies, time.perf_counter_ns
        done = len(latencies)
        cpu_before_ns = time.process_time_ns()
        self._places.append(place)
        begin = clock()
        until = begin + int(self._turns.slice_s * 1e9)
        while True:
            before = clock()
            invoke()
            after = clock()
            latencies.append(after - before)
            if after >= until:
                break
        self._wall_ns += after - begin
        self._cpu_ns += time.process_time_ns() - cpu_before_ns
        self._inferences.append(len(latencies) - done)

    def _hand_over(self, token: bytes = _GO) -> None:
        if self._busy_threads:
            _come_to_rest()
        self._partner.hand_over(token)


def _come_to_rest() -> None:
    """Wait until the threads of the runtime sleep: spinning on, they would take the partner's processors from it."""
    clock = time.perf_counter_ns
    limit = clock() + _REST_LIMIT_NS
    while True:
        began, used_ns = clock(), time.process_time_ns()
        time.sleep(_LOOK_S)
        used_ns, now = time.process_time_ns() - used_ns, clock()
        if used_ns < _RESTING * (now - began) or now >= limit:
            return
