"""The agent of a simulated board: one visit, after the rules of `agent/supervisor.py` and in the real messages."""

from collections.abc import Callable
from typing import Any, Protocol

from agent.channel import LineReader
from agent.protocol import (
    PROTOCOL_VERSION,
    Acknowledge,
    Busy,
    Bye,
    Collect,
    Collected,
    Error,
    Evict,
    Evicted,
    Failure,
    Have,
    Heartbeat,
    Hello,
    Holdings,
    JobFailure,
    JobSpec,
    Ping,
    Probe,
    Probed,
    Ready,
    Result,
    RunJob,
    Stage,
    Tune,
    Tuned,
    Unpack,
    Unpacked,
    WireError,
    decode,
    encode,
)
from tests.making import make_result
from tests.simulated.board import Measured, SimulatedBoard

HEARTBEAT = encode(Heartbeat())
STAGES = (("loading", 0.2), ("checking", 0.05), ("timing", 0.7), ("finishing", 0.05))
"""What a worker goes through, and its share of the job's time."""

QUIET_MARGIN_S = 15.0
MUTE_S = 45.0
FROZEN_S = 30.0
HICCUP_S = 2.0
FREE_BYTES = 10**10
SAMPLES = 5


class Line(Protocol):
    """The way back to the orchestrator."""

    def deliver(self, data: bytes) -> None: ...

    def end(self, status: int | None) -> None:
        """No more comes; `status` None when the link was cut."""


class SimulatedAgent:
    """Called by the world alone. `dead`: the process is gone."""

    def __init__(self, board: SimulatedBoard, line: Line, digest: str, size_bytes: int, latencies: int) -> None:
        self.board = board
        self.dead = False
        self._line = line
        self._digest, self._due_bytes = digest, size_bytes
        self._latencies = latencies
        self._reader = LineReader()
        self._hello: Hello | None = None
        self._requests: list[Any] = []
        self._ended = False
        self._job: JobSpec | None = None
        self._measured: Measured | None = None
        self._fault: str | None = None
        self._quiet = False
        self._mute_until = 0.0
        self._heard_at = board.world.clock.now()
        self.after(board.traits.start_s, self._boot)

    # ---------------------------------------------------------------- process

    def after(self, delay_s: float, happening: Callable[[], None]) -> None:
        """What this process does later: not when it is dead, and not before board and process are thawed."""

        def due() -> None:
            if self.dead:
                return
            stopped_s = max(self.board.frozen_s, self._mute_until - self.board.world.clock.now())
            if stopped_s > 0:
                self.board.world.after(stopped_s, due)
            else:
                happening()

        self.board.world.after(delay_s, due)

    def arrive(self, data: bytes) -> None:
        """Bytes of the orchestrator, a way through the link after they were sent."""
        self.after(self.board.traits.round_trip_s, lambda: self._take(data))

    def hang_up(self) -> None:
        """The orchestrator closed its end, or the link is gone."""
        self.after(self.board.traits.round_trip_s, self._on_end)

    def kill(self) -> None:
        """SIGKILL: its worker dies with it, and the kernel frees the lock."""
        if self.dead:
            return
        self.dead = True
        if self._measured is not None:
            self._measured.ended_s = self.board.world.clock.now()
        self._line.end(None)
        if self.board.holder is self:
            self.board.free_lock()

    def _leave(self, status: int) -> None:
        self.dead = True
        self._line.end(status)
        if self.board.holder is self:
            self.board.free_lock()

    # ------------------------------------------------------------------- talk

    def _say(self, message: Any) -> None:
        self._line.deliver(encode(message))

    def _boot(self) -> None:
        state = "have" if self._digest in self.board.agents else "need"
        if state == "have":
            self._due_bytes = 0
        self._line.deliver(f"dynofarm-boot python=3.11.2 state={state}\n".encode())

    def _take(self, data: bytes) -> None:
        self._heard_at = self.board.world.clock.now()
        if self._due_bytes:
            taken = min(self._due_bytes, len(data))
            self._due_bytes -= taken
            data = data[taken:]
            if not self._due_bytes:
                self.board.agents.add(self._digest)
        for line in self._reader.feed(data) if data else ():
            try:
                if isinstance(line, WireError):
                    raise line
                self._hear(decode(line))
            except WireError as error:
                self._say(Error("protocol", str(error)))

    def _hear(self, request: Any) -> None:
        if isinstance(request, Ping) and self._job is not None:
            if not self._quiet:
                self._line.deliver(HEARTBEAT)
        elif self._job is not None or (self._hello is not None and self.board.holder is not self):
            self._requests.append(request)
        else:
            self._answer(request)

    def _on_end(self) -> None:
        self._ended = True
        if self._job is None:
            self._leave(0)

    def _answer(self, request: Any) -> None:
        if self.board.holder is not self:
            self._greet(request)
        elif isinstance(request, RunJob):
            self._begin(request.job)
        elif isinstance(request, Acknowledge):
            self.board.spool.pop(request.job_id, None)
        elif isinstance(request, Collect):
            for line in list(self.board.spool.values()):
                self._line.deliver(line)
            self._say(Collected(len(self.board.spool)))
        elif isinstance(request, Bye):
            self._leave(0)
        elif isinstance(request, Ping):
            self._line.deliver(HEARTBEAT)
        else:
            self._say(self._answer_of(request))

    def _answer_of(self, request: Any) -> Any:
        board = self.board
        if isinstance(request, Probe):
            return Probed(board.facts(), board.conditions())
        if isinstance(request, Have):
            here = [digest for digest in request.digests if digest in board.blobs]
            missing = [digest for digest in request.digests if digest not in board.blobs]
            partial = {digest: len(board.parts[digest]) for digest in missing if digest in board.parts}
            return Holdings(here, missing, [], partial)
        if isinstance(request, Evict):
            return Evicted([], FREE_BYTES, 0)
        if isinstance(request, Unpack):
            return Unpacked(request.digest)
        if isinstance(request, Tune):
            return Tuned({}, "")
        return Error("protocol", f"{type(request).__name__.lower()} is not a request at this moment")

    def _greet(self, request: Any) -> None:
        if not isinstance(request, Hello):
            self._say(Error("protocol", "expected hello first"))
        elif request.protocol != PROTOCOL_VERSION:
            self._say(Error("protocol", "another version"))
            self._leave(1)
        else:
            self._hello = request
            until_s = self.board.world.clock.now() + request.lock_wait_s
            self._ask_for_lock(until_s)
            if self.board.holder is not self and request.lock_wait_s > 0:
                self.after(request.lock_wait_s, lambda: self._ask_for_lock(until_s))
            self._beat()

    def _ask_for_lock(self, until_s: float) -> None:
        hello = self._hello
        if hello is None or self.dead or self.board.holder is self:
            return
        if self.board.holder is None:
            self.board.holder = self
            self._say(Ready(PROTOCOL_VERSION, self._digest, 1, list(self.board.spool), 0, "/work"))
            waiting, self._requests = self._requests, []
            for request in waiting:
                self._hear(request)
        elif self.board.world.clock.now() >= until_s:
            self._hello = None
            self._say(Busy("another", "2026-11-03T12:00:00+00:00"))
        else:
            self.board.wait_for_lock(lambda: self.after(0.0, lambda: self._ask_for_lock(until_s)))

    def _beat(self) -> None:
        if self._hello is None:
            return
        if not self._quiet and not self._ended:
            self._line.deliver(HEARTBEAT)
        silent_s = self.board.world.clock.now() - self._heard_at
        if self._job is None and silent_s > self._hello.silence_limit_s:
            self._leave(0)
        else:
            self.after(self._hello.heartbeat_s, self._beat)

    # -------------------------------------------------------------------- job

    def _begin(self, job: JobSpec) -> None:
        kept = self.board.spool.get(job.job_id)
        if kept is not None:
            self._line.deliver(kept)
            return
        if job.model.digest not in self.board.blobs:
            self._say(Error("missing", f"the model {job.model.name} is not on the board"))
            return
        clock, chance = self.board.world.clock, self.board.faults.chance
        self._job = job
        self._measured = Measured(job.job_id, clock.now())
        self.board.log.append(self._measured)
        lasts_s = self.board.traits.job_s * chance.uniform(0.9, 1.1)
        self._fault = self.board.faults.at_job()
        if self._fault is not None and self._fault != "cut before the acknowledgement":
            self.after(lasts_s * chance.uniform(0.0, 1.0), self._suffer)
        at_s = 0.0
        for name, share in STAGES:
            self.after(at_s, lambda name=name: self._reach(job, name, lasts_s))  # type: ignore[misc]
            at_s += share * lasts_s
        self.after(at_s, lambda: self._finish(job))

    def _reach(self, job: JobSpec, stage: str, lasts_s: float) -> None:
        if self._job is job:
            self._quiet = stage == "timing"
            self._say(Stage(job.job_id, stage, lasts_s + QUIET_MARGIN_S if self._quiet else 0.0))

    def _finish(self, job: JobSpec) -> None:
        if self._job is not job:
            return
        self._close(job, self._result(job), "ok")

    def _close(self, job: JobSpec, outcome: Result | Failure, status: str) -> None:
        """Kept before it is sent, as a real agent does."""
        line = encode(outcome)
        self.board.spool[job.job_id] = line
        if self._measured is not None:
            self._measured.ended_s, self._measured.outcome = self.board.world.clock.now(), status
        self._job = self._measured = None
        self._quiet = False
        self._heard_at = self.board.world.clock.now()
        self._line.deliver(line)
        if self._fault == "cut before the acknowledgement":
            self._line.end(None)
            self._on_end()
            return
        if self._ended:
            self._leave(0)
            return
        waiting, self._requests = self._requests, []
        for request in waiting:
            self._hear(request)

    def _suffer(self) -> None:
        board, fault, job = self.board, self._fault, self._job
        if fault == "cut":
            self._line.end(None)
            self._ended = True
            if job is None:
                self._leave(0)
        elif fault in ("frozen", "hiccup"):
            board.freeze((FROZEN_S if fault == "frozen" else HICCUP_S) * board.faults.chance.uniform(0.8, 1.2))
        elif fault == "mute":
            self._mute_until = board.world.clock.now() + MUTE_S
        elif fault == "agent killed":
            self.kill()
        elif fault == "power cut":
            board.boots += 1
            board.freeze(board.traits.start_s + 5.0)
            self.kill()
        elif fault == "worker crash" and job is not None:
            failure = JobFailure(job.job_id, "crashed", "the worker was killed by signal 11 (SIGSEGV)")
            self._close(job, Failure(failure), "crashed")

    def _result(self, job: JobSpec) -> Result:
        chance, usual_ns = self.board.faults.chance, self.board.traits.latency_ns
        latencies_ns = [int(usual_ns * (1.0 + 0.1 * chance.random())) for _ in range(self._latencies)]
        conditions = self.board.conditions()
        return Result(make_result(job.job_id, latencies_ns, conditions_before=conditions, conditions_after=conditions))
