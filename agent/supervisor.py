"""The agent while it lives: one loop over the orchestrator, the worker and the timers; one thread.

Rules of the talk: docs/protocol.md. While a job runs, other requests wait for its end: their disk work would disturb
what is measured. Only a ping is answered at once, unless a clock runs; so it is while the board is waited for.
"""

import math
import os
import selectors
import signal
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Callable, Deque, Optional, Set, Union

from agent import spool
from agent.answering import REQUESTS, answer, find_files
from agent.blobs import BlobFault
from agent.channel import take_stdout
from agent.claim import Claim, Refusal
from agent.link import Link
from agent.places import Places, check_job_id
from agent.protocol import (
    Acknowledge,
    Bye,
    Collect,
    Collected,
    Duet,
    Error,
    Failure,
    Heartbeat,
    Hello,
    Ping,
    Receive,
    Result,
    RunJob,
    WireError,
    decode,
    encode,
)

if TYPE_CHECKING:
    from agent.duet_running import RunningDuet
    from agent.running import RunningJob

_MOST_WAITING = 1000
"""Requests that wait while a job runs; no honest orchestrator has so many."""
_FAREWELL_S = 2.0
_COLLECT_STALL_S = 30.0


def serve(work_dir: str, root: str = "/") -> int:
    """Talk on standard input and output until the orchestrator leaves; the exit code. `root`: the board's own files."""
    output_fd = take_stdout()
    wake_fd, wake_end = os.pipe()
    os.set_blocking(wake_fd, False)
    os.set_blocking(wake_end, False)
    signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
    supervisor = Supervisor(Places(work_dir), Link(sys.stdin.fileno(), output_fd), wake_fd, root)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: supervisor.terminate())
    return supervisor.run()


class Supervisor:
    """One orchestrator's visit."""

    def __init__(self, places: Places, link: Link, wake_fd: int, root: str) -> None:
        self._places, self._root = places, root
        self._link = link
        self._claim = Claim(places, link, root)
        self._requests: Deque[Any] = deque()
        self._job: Optional[Union[RunningJob, RunningDuet]] = None
        self._leaving = False
        self._terminated = False
        self._exit_code = 0
        # poll, not epoll: it takes regular files and /dev/null too.
        self._selector = selectors.PollSelector()
        self._watched: Set[int] = set()
        self._watch(wake_fd, lambda: os.read(wake_fd, 4096))
        self._watch(link.input_fd, self._on_input)

    def terminate(self) -> None:
        """Leave at once: a running worker is killed and its job has no result."""
        self._terminated = True

    def run(self) -> int:
        try:
            while not self._terminated:
                self._take_requests()
                wake_at = self._tick()
                self._leaving = self._leaving or self._link.ended
                self._give_up_unbegun()
                if self._over():
                    break
                self._wait(wake_at)
            if self._job is not None:
                self._job.abandon()
        finally:
            if self._claim.held:
                self._claim.restore()
        self._link.drain(_FAREWELL_S)
        self._claim.release()
        return self._exit_code

    def _wait(self, wake_at: float) -> None:
        outgoing = self._link.outgoing
        if outgoing.waiting_bytes and not outgoing.broken:
            self._watch(outgoing.descriptor, outgoing.flush, selectors.EVENT_WRITE)
        else:
            self._unwatch(outgoing.descriptor)
        timeout_s = None if wake_at == math.inf else max(0.0, wake_at - time.monotonic())
        for key, _ in self._selector.select(timeout_s):
            # A callback before this one may have closed the descriptor.
            if key.fd in self._watched:
                key.data()

    def _tick(self) -> float:
        """Everything that is due by the clock; when the next thing will be."""
        wakes = [math.inf]
        if self._job is not None:
            wakes.append(self._job.tick())
            outcome = self._job.outcome
            if outcome is not None:
                if isinstance(outcome, (Result, Failure)):
                    line = spool.keep_outcome(self._places, self._job.job.job_id, outcome)
                else:
                    line = encode(outcome)
                self._job = None
                self._link.say_raw(line)
                self._link.heard_at = time.monotonic()
                return 0.0
        if self._claim.hello is not None and self._claim.is_waiting:
            wakes.append(self._attempt(self._claim.hello))
        if self._job is None and not self._claim.is_waiting:
            silent_until = self._link.heard_at + self._claim.silence_limit_s
            self._leaving = self._leaving or time.monotonic() > silent_until
            wakes.append(silent_until + 0.01)
        wakes.append(self._beat())
        return min(wakes)

    def _beat(self) -> float:
        hello = self._claim.hello
        if hello is None or self._link.ended or (self._job is not None and self._job.quiet):
            # During a quiet stage the worker's next report, a sample or the deadline wakes us.
            return math.inf if self._job is None else time.monotonic() + 1.0
        if self._is_idle:
            return math.inf  # it answers pings; who hears of it unasked is woken, and wakes this board, for nothing
        return self._link.beat(hello.heartbeat_s)

    @property
    def _is_idle(self) -> bool:
        """Does nobody wait for anything? Half a line is a request on its way."""
        return self._job is None and not (self._requests or self._claim.is_waiting or self._link.is_in_a_line)

    def _over(self) -> bool:
        return self._leaving and self._job is None and not self._requests

    def _give_up_unbegun(self) -> None:
        """Who leaves begins no measurement: nobody waits for it. What was asked for behind it still counts."""
        while self._leaving and self._job is not None and not self._job.started:
            self._job.abandon()
            self._job = None
            self._take_requests()

    def _on_input(self) -> None:
        for line in self._link.read():
            self._read_line(line)
        if self._link.input_ended:
            self._unwatch(self._link.input_fd)

    def _read_line(self, line: Union[bytes, WireError]) -> None:
        try:
            if isinstance(line, WireError):
                raise line
            request = decode(line)
        except WireError as error:
            self._link.say(Error("protocol", str(error)))
            return
        if isinstance(request, Ping) and (self._job is not None or self._claim.is_waiting):
            if self._job is None or not self._job.quiet:
                self._link.say(Heartbeat())
        elif len(self._requests) >= _MOST_WAITING:
            self._link.say(Error("protocol", "%d requests wait already" % _MOST_WAITING))
        else:
            self._requests.append(request)

    def _take_requests(self) -> None:
        must_wait = self._claim.is_waiting and not self._link.ended
        while self._requests and self._job is None and not must_wait:
            request = self._requests.popleft()
            if not self._claim.held:
                self._greet(request)
                return
            self._take(request)
            self._link.heard_at = time.monotonic()

    def _greet(self, request: Any) -> None:
        try:
            self._claim.greet(request)
        except Refusal as refusal:
            self._refuse(refusal)

    def _attempt(self, hello: Hello) -> float:
        try:
            return self._claim.attempt(hello, self._breathe)
        except Refusal as refusal:
            self._refuse(refusal)
            return math.inf

    def _refuse(self, refusal: Refusal) -> None:
        self._link.say(refusal.error)
        self._leave(exit_code=1)

    def _leave(self, exit_code: int = 0) -> None:
        """Hear no more; what is measured may still come to its end."""
        self._leaving, self._exit_code = True, exit_code
        self._requests.clear()

    def _take(self, request: Any) -> None:
        if type(request) in REQUESTS:
            self._link.say(answer(self._places, request, self._breathe, self._root))
        elif isinstance(request, Receive):
            self._receive(request)
        elif isinstance(request, RunJob):
            self._begin(request)
        elif isinstance(request, Duet):
            self._begin_duet(request)
        elif isinstance(request, Collect):
            self._collect()
        elif isinstance(request, Acknowledge):
            self._acknowledge(request)
        elif isinstance(request, Ping):
            self._link.say(Heartbeat())
        elif isinstance(request, Bye):
            self._leave()
        else:
            self._link.say(Error("protocol", "%s is not a request at this moment" % type(request).__name__.lower()))

    def _breathe(self) -> None:
        """Called in the middle of slow work: the orchestrator shall see that we live."""
        if self._claim.hello is not None:
            self._link.outgoing.flush()
            self._link.beat(self._claim.hello.heartbeat_s)

    def _receive(self, request: Receive) -> None:
        """Its frames follow, and no request before their end."""
        from agent.frames import Source
        from agent.receiving import receive_in_talk

        def breathe() -> None:
            self._breathe()
            if self._terminated or self._link.outgoing.broken:
                raise BlobFault("internal", "the agent leaves")

        source = Source(self._link.input_fd, self._claim.silence_limit_s, breathe)
        if not receive_in_talk(self._places, request, source, self._link.say):
            self._leave()

    def _begin(self, request: RunJob) -> None:
        job = request.job
        try:
            check_job_id(job.job_id)
            kept = spool.read_line(self._places, job.job_id)
            if kept is not None:
                self._link.say_raw(kept)  # measured already, only never confirmed
                return
            model_path, carrier_path = find_files(self._places, job)
        except BlobFault as fault:
            self._link.say(fault.error)
        except WireError as error:
            self._link.say(Error("protocol", str(error)))
        else:
            if not self._link.ended:
                from agent.running import RunningJob

                talk = (self._link.say, self._watch, self._unwatch)
                self._job = RunningJob(self._places, job, model_path, carrier_path, *talk, self._root)

    def _begin_duet(self, request: Duet) -> None:
        try:
            files = [find_files(self._places, job) for job in (request.first, request.second)]
        except BlobFault as fault:
            self._link.say(fault.error)
        except WireError as error:
            self._link.say(Error("protocol", str(error)))
        else:
            from agent.duet_running import RunningDuet

            talk = (self._link.say, self._watch, self._unwatch)
            self._job = RunningDuet(self._places, request, files, *talk, self._root)

    def _collect(self) -> None:
        count = 0
        for job_id in spool.waiting(self._places):
            line = spool.read_line(self._places, job_id)
            if line is None:
                continue
            if not self._link.say_in_turn(line, _COLLECT_STALL_S):
                self._leaving = True
                return
            count += 1
        self._link.say(Collected(count))

    def _acknowledge(self, request: Acknowledge) -> None:
        try:
            spool.forget(self._places, request.job_id)
        except WireError as error:
            self._link.say(Error("protocol", str(error)))

    def _watch(self, descriptor: int, callback: Callable[[], Any], events: int = selectors.EVENT_READ) -> None:
        if descriptor not in self._watched:
            self._selector.register(descriptor, events, callback)
            self._watched.add(descriptor)

    def _unwatch(self, descriptor: int) -> None:
        if descriptor in self._watched:
            self._selector.unregister(descriptor)
            self._watched.discard(descriptor)
