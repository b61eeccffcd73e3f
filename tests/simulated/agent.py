"""The agent of a simulated board: one visit, after the rules of `agent/supervisor.py` and in the real messages."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from agent.protocol import (
    Busy,
    Error,
    Failure,
    Hello,
    Holdings,
    JobFailure,
    JobSpec,
    Ping,
    Probed,
    Receive,
    Result,
    Stage,
    encode,
)
from tests.making import make_result
from tests.simulated.board import Measured, SimulatedBoard
from tests.simulated.receiver import SimulatedReceiver
from tests.talking import HEARTBEAT, Answer, TalkingAgent

STAGES = (("loading", 0.2), ("checking", 0.05), ("timing", 0.7), ("finishing", 0.05))
"""What a worker goes through, and its share of the job's time."""

QUIET_MARGIN_S = 15.0
MUTE_S = 45.0
FROZEN_S = 30.0
HICCUP_S = 2.0
SAMPLES = 5


class Line(Protocol):
    """The way back to the orchestrator."""

    def deliver(self, data: bytes) -> None: ...

    def end(self, status: int | None) -> None:
        """No more comes; `status` None when the link was cut."""


class SimulatedAgent(TalkingAgent):
    """Called by the world alone. `dead`: the process is gone."""

    def __init__(self, board: SimulatedBoard, line: Line, digest: str, latencies: int) -> None:
        super().__init__(digest, "/work")
        self.board = board
        self.dead = False
        self._line = line
        self._latencies = latencies
        self._requests: list[Any] = []
        self._ended = False
        self._receiver: SimulatedReceiver | None = None
        self._job: JobSpec | None = None
        self._measured: Measured | None = None
        self._fault: str | None = None
        self._quiet = False
        self._mute_until = 0.0
        self._heard_at = board.world.clock.now()
        self.after(board.traits.start_s, self._start)

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
        self.after(self.board.traits.round_trip_s, lambda: self.take(data))

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

    def leave(self, status: int) -> None:
        self.dead = True
        self._line.end(status)
        if self.board.holder is self:
            self.board.free_lock()

    # ------------------------------------------------------------------- talk

    def send(self, data: bytes) -> None:
        self._line.deliver(data)

    def _start(self) -> None:
        self.boot(has_agent=self._digest in self.board.agents)

    def arrived(self) -> None:
        self.board.agents.add(self._digest)

    def take(self, data: bytes) -> None:
        self._heard_at = self.board.world.clock.now()
        if self._receiver is not None:
            rest = self._receiver.take(data)
            if self._receiver.is_cut:
                self._cut()
            if rest is None:
                return
            self._receiver, data = None, rest
        super().take(data)

    def hear(self, request: Any) -> None:
        if isinstance(request, Ping) and self._job is not None:
            if not self._quiet:
                self.send(HEARTBEAT)
        elif isinstance(request, Receive) and self._job is None:
            self._receiver = SimulatedReceiver(self.board, request, self.say)
        elif self._job is not None or (self.hello is not None and self.board.holder is not self):
            self._requests.append(request)
        else:
            self.answer(request)

    def _cut(self) -> None:
        self._line.end(None)
        self._on_end()

    def _on_end(self) -> None:
        self._ended = True
        if self._job is None:
            self.leave(0)

    @property
    def is_open(self) -> bool:
        return self.board.holder is self

    def let_in(self, hello: Hello) -> None:
        until_s = self.board.world.clock.now() + hello.lock_wait_s
        self._ask_for_lock(until_s)
        if self.board.holder is not self and hello.lock_wait_s > 0:
            self.after(hello.lock_wait_s, lambda: self._ask_for_lock(until_s))
        self._beat()

    def probed(self) -> Probed:
        return Probed(self.board.facts(), self.board.conditions())

    def holdings(self, digests: Sequence[str]) -> Holdings:
        board = self.board
        here = [digest for digest in digests if digest in board.blobs]
        missing = [digest for digest in digests if digest not in board.blobs]
        return Holdings(here, missing, [], {one: len(board.parts[one]) for one in missing if one in board.parts})

    def spooled(self) -> Answer:
        return list(self.board.spool.values())

    def forget(self, job_id: str) -> None:
        self.board.spool.pop(job_id, None)

    def _ask_for_lock(self, until_s: float) -> None:
        hello = self.hello
        if hello is None or self.dead or self.board.holder is self:
            return
        if self.board.holder is None:
            self.board.holder = self
            self.say(self.ready(list(self.board.spool)))
            waiting, self._requests = self._requests, []
            for request in waiting:
                self.hear(request)
        elif self.board.world.clock.now() >= until_s:
            self.hello = None
            self.say(Busy("another", "2026-11-03T12:00:00+00:00"))
        else:
            self.board.wait_for_lock(lambda: self.after(0.0, lambda: self._ask_for_lock(until_s)))

    def _beat(self) -> None:
        if self.hello is None:
            return
        is_idle = self._job is None and not self._requests and self.board.holder is self
        if not (is_idle or self._quiet or self._ended):
            self.send(HEARTBEAT)
        silent_s = self.board.world.clock.now() - self._heard_at
        if self._job is None and silent_s > self.hello.silence_limit_s:
            self.leave(0)
        else:
            self.after(self.hello.heartbeat_s, self._beat)

    # -------------------------------------------------------------------- job

    def run(self, job: JobSpec) -> Answer:
        kept = self.board.spool.get(job.job_id)
        if kept is not None:
            return [kept]
        if job.model.digest not in self.board.blobs:
            return [Error("missing", f"the model {job.model.name} is not on the board")]
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
        return ()

    def _reach(self, job: JobSpec, stage: str, lasts_s: float) -> None:
        if self._job is job:
            self._quiet = stage == "timing"
            self.say(Stage(job.job_id, stage, lasts_s + QUIET_MARGIN_S if self._quiet else 0.0))

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
        self.send(line)
        if self._fault == "cut before the acknowledgement":
            self._cut()
            return
        if self._ended:
            self.leave(0)
            return
        waiting, self._requests = self._requests, []
        for request in waiting:
            self.hear(request)

    def _suffer(self) -> None:
        board, fault, job = self.board, self._fault, self._job
        if fault == "cut":
            self._cut()
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
