"""A session with one board's agent: probe, push, run, collect. One connection, one agent, many jobs."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from agent.protocol import (
    Acknowledge,
    Bye,
    Collect,
    Collected,
    Duet,
    DuetFailed,
    Duetted,
    Error,
    Evict,
    Evicted,
    Examine,
    Examined,
    Failure,
    Have,
    Holdings,
    JobFailure,
    JobResult,
    JobSpec,
    Probe,
    Probed,
    Ready,
    Receive,
    Received,
    Result,
    RunJob,
    Stage,
    Tune,
    Tuned,
    Unpack,
    Unpacked,
)
from orchestrator.bundle import AgentArchive
from orchestrator.claims import Claim
from orchestrator.conversation import Conversation, Strange
from orchestrator.devices import Device
from orchestrator.errors import BoardDiskFull, BoardError, BoardLost, ProtocolBroken, TransferCorrupt
from orchestrator.outcomes import outcome_of
from orchestrator.startup import SLOW_START_S, Startup, boot_command
from orchestrator.talk_channel import TalkChannel
from orchestrator.transport import Transport
from orchestrator.transport.push import push, takes_lanes
from orchestrator.transport.push_artifact import Artifact
from orchestrator.transport.push_tally import Pushed, Way

log = logging.getLogger(__name__)

AFTER_DEADLINE_S = 180.0
"""For what the deadline of a job does not hold: starting its worker, killing it, keeping and sending its result."""

SLOW_DISK_S = 120.0
"""Unpacking a bundle onto an SD card: the agent is busy with one request and cannot send heartbeats."""


class AgentSession:
    """An agent that runs on a board and holds its lock, until `close`."""

    def __init__(self, device: Device, transport: Transport, archive: AgentArchive, stop: threading.Event) -> None:
        self.device = device
        self._transport = transport
        self._archive = archive
        self._channel = transport.open_channel(boot_command(device, archive))
        self._talk = Conversation(device, transport, self._channel, stop)
        self._work_dir = ""
        self.held_clock_khz: int | None = None
        """The clock that the board holds for this visit, because it was asked to."""

    def start(self, holder: str, lock_wait_s: float = 0.0, claim: Claim | None = None) -> Ready:
        """Bring the agent up and take the board's lock.

        `BoardUnfit`, `BoardBusy`, `BoardReserved`, `BoardDiskFull`, `BoardLost`.
        """
        startup = Startup(self.device, self._archive, self._channel, self._talk)
        startup.boot()
        ready = startup.greet(holder, lock_wait_s, claim or Claim(""))
        self._work_dir = ready.work_dir
        return ready

    @property
    def transport(self) -> Transport:
        return self._transport

    def verb(self, name: str, *words: str) -> list[str]:
        """A verb of the agent as a command of its own, beside this session. `BoardLost` before the agent answered."""
        if not self._work_dir:
            raise BoardLost(self.device.name, f"{self.device.name}: its agent has not started yet")
        program = f"{self._work_dir}/agent/{self._archive.digest}.pyz"
        return [self.device.python, "-I", "-S", program, name, "--work", self._work_dir, *words]

    def keep_up(self) -> None:
        """Called while something goes on beside the session: raises `Stopped`, and lets the agent know of us."""
        self._talk.check_stop()
        self._talk.touch()

    def touch(self) -> None:
        self._talk.touch()

    def wake(self) -> None:
        """Have who waits for a word of the agent look whether the user wants to stop. For any thread."""
        self._channel.wake()

    def probe(self) -> Probed:
        self._talk.say(Probe())
        probed: Probed = self._talk.hear(Probed, patience_s=SLOW_START_S)
        return probed

    def tune(self, governor: str | None, clock_khz: int | None) -> Tuned:
        """Set the board's governor and clock for this visit, where its user may; what it refuses is said, no error."""
        self._talk.say(Tune(governor, clock_khz))
        tuned: Tuned = self._talk.hear(Tuned, patience_s=SLOW_START_S)
        self.held_clock_khz = clock_khz if "clock_khz" in tuned.applied else None
        return tuned

    def examine(self, seconds: float) -> Examined:
        """Have the board looked over for what spoils measurements, and watched for so long."""
        self._talk.say(Examine(seconds))
        examined: Examined = self._talk.hear(Examined, patience_s=SLOW_START_S)
        return examined

    def holdings(self, digests: Sequence[str]) -> Holdings:
        """Which of these the board has already."""
        self._talk.say(Have(list(digests)))
        holdings: Holdings = self._talk.hear(Holdings)
        return holdings

    def make_room(self, incoming_bytes: int, keep: Sequence[str], later: Sequence[str] = ()) -> Evicted:
        """Keep to the board's storage limit before something comes in. Of what will be needed `later`, in that order,
        the last goes first, and only where nothing else is left to go; `keep` is never evicted.

        `BoardDiskFull` when that alone does not fit the limit, or the disk.
        """
        limit_bytes = self.device.storage_limit_bytes
        self._talk.say(Evict(limit_bytes, incoming_bytes, list(keep), list(later)))
        evicted: Evicted = self._talk.hear(Evicted, patience_s=SLOW_DISK_S)
        name = self.device.name
        if evicted.used_bytes + incoming_bytes > limit_bytes:
            raise BoardDiskFull(
                name,
                f"{name}: no room for {incoming_bytes} bytes more: what this job needs takes {evicted.used_bytes}"
                f" bytes already, and the profile allows {limit_bytes}",
                f"dynofarm device edit {name} --set 'storage_limit=…'",
            )
        if incoming_bytes > evicted.free_bytes:
            raise BoardDiskFull(
                name,
                f"{name}: no room for {incoming_bytes} bytes: {evicted.free_bytes} are free there",
                "free some room on the board",
            )
        return evicted

    def push(
        self,
        digest: str,
        path: Path,
        size_bytes: int,
        progress: Callable[[int], None] | None = None,
        *,
        artifact: Artifact | None = None,
        way: Way | None = None,
    ) -> Pushed:
        """Send what the board lacks of a file. The board checks the hash while it writes.

        `artifact`: the file, where it is open already. What an earlier transfer left on the board and turns out to be
        damaged is sent anew, once. `TransferCorrupt`, `BoardDiskFull`, `BoardLost`; `ModelError` when the file has
        another size or changed meanwhile; OSError.
        """
        if artifact is None:
            with closing(Artifact(path)) as opened:
                return self.push(digest, path, size_bytes, progress, artifact=opened, way=way)
        artifact.check_size(size_bytes)

        told_bytes = 0

        def report(there_bytes: int) -> None:
            nonlocal told_bytes
            self.keep_up()
            if progress is not None and there_bytes != told_bytes:
                told_bytes = there_bytes
                progress(there_bytes)

        def command(verb: str, zstd: bool) -> list[str]:
            return self.verb(verb, "--digest", digest, "--size", str(size_bytes), *(["--zstd"] if zstd else []))

        def talk(zstd: bool) -> TalkChannel:
            return TalkChannel(self._talk, Receive(digest, size_bytes, zstd))

        way = way or Way()
        send = partial(push, self._transport, command, artifact, report, self.device.name, way)
        alone = takes_lanes(self._channel.window_bytes, size_bytes, way.link_bytes_s)
        in_talk = talk if way.fits_talk and not alone else None
        pushed = send(in_talk)
        was_there = pushed.offset_bytes or not pushed.sent_bytes
        if was_there and isinstance(pushed.answer, Error) and pushed.answer.code == "corrupt":
            log.info("%s: %s goes there anew: %s", self.device.name, path.name, pushed.answer.message)
            pushed = send(in_talk)
        self._check_received(pushed.answer, path.name)
        return pushed

    def unpack(self, digest: str) -> None:
        """Unpack a pushed bundle into its folder, once."""
        self._talk.say(Unpack(digest))
        self._talk.hear(Unpacked, patience_s=SLOW_DISK_S)

    def run(self, job: JobSpec, on_stage: Callable[[Stage], None]) -> JobResult | JobFailure:
        """Run one job and return what came of it; it stays in the board's spool until `acknowledge`.

        The board ends it at its deadline; one that does not is `BoardLost`, however much it says.
        """
        self.order(job)
        return self.outcome(job, on_stage)

    def order(self, job: JobSpec) -> None:
        """Have the board begin with a job; `outcome` hears what comes of it."""
        self._talk.say(RunJob(job))

    def outcome(self, job: JobSpec, on_stage: Callable[[Stage], None]) -> JobResult | JobFailure:
        """Wait for the end of the job that was ordered last."""
        idle_s = job.energy.idle_s if job.energy is not None else 0.0
        with self._talk.limited(job.thermal.limit_s + idle_s + job.deadline_s + AFTER_DEADLINE_S):
            while True:
                message = self._talk.hear(Stage, Result, Failure)
                if isinstance(message, Stage):
                    on_stage(message)
                    continue
                outcome = outcome_of(message)
                if outcome.job_id != job.job_id:
                    name = self.device.name
                    raise ProtocolBroken(name, f"{name}: was asked for job {job.job_id}, answers {outcome.job_id}")
                return outcome

    def duet(self, duet: Duet, on_stage: Callable[[Stage], None]) -> Duetted | DuetFailed:
        """Have two jobs take turns and return what came of it, of which the board keeps nothing."""
        self._talk.say(duet)
        with self._talk.limited(duet.first.thermal.limit_s + duet.first.deadline_s + AFTER_DEADLINE_S):
            while True:
                message: Stage | Duetted | DuetFailed = self._talk.hear(Stage, Duetted, DuetFailed)
                if not isinstance(message, Stage):
                    return message
                on_stage(message)

    def collect(self) -> Iterator[JobResult | JobFailure]:
        """What earlier connections left in the spool. Acknowledge each one after it was stored.

        The agent sends lines as they lie there, also those of other stores, whose dynofarm may be a newer one: what is
        not understood is passed over, and stays.
        """
        self._talk.say(Collect())
        strange: list[str] = []
        while True:
            message = self._talk.hear(Result, Failure, Strange, Collected, patience_s=SLOW_DISK_S)
            if isinstance(message, Collected):
                break
            if isinstance(message, Strange):
                strange.append(message.fault)
            else:
                yield outcome_of(message)
        if strange:
            what = "1 result" if len(strange) == 1 else f"{len(strange)} results"
            text = "%s: %s on the board of another version of dynofarm: left for the one that planned it (%s)"
            log.info(text, self.device.name, what, strange[0])

    def acknowledge(self, job_id: str) -> None:
        """Tell the agent that a result is committed here, so that it may forget it."""
        self._talk.say(Acknowledge(job_id))

    def close(self, *, politely: bool = True) -> None:
        """End the agent. Politely: it leaves by itself; else it finds its input closed. Never raises."""
        try:
            if politely:
                self._talk.say(Bye())
                self._channel.exit_status(2.0)
            self._channel.close_input()
        except BoardError:
            pass
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(politely=error is None)

    def _check_received(self, message: Any, what: str) -> None:
        name = self.device.name
        if isinstance(message, Error) and message.code == "disk_full":
            raise BoardDiskFull(name, f"{name}: no room for {what}: {message.message}", "free some room there")
        if isinstance(message, Error) and message.code == "corrupt":
            raise TransferCorrupt(name, f"{name}: {what} arrived damaged: {message.message}")
        if not isinstance(message, Received):
            found = message.message if isinstance(message, Error) else type(message).__name__
            raise BoardLost(name, f"{name}: {what} did not arrive whole: {found}", "dynofarm run --resume")
