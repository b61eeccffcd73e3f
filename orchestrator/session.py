"""A session with one board's agent: start it, probe, push, run, collect. One connection, one agent, many jobs."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

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
    Examine,
    Examined,
    Failure,
    Have,
    Hello,
    Holdings,
    JobFailure,
    JobResult,
    JobSpec,
    Probe,
    Probed,
    Ready,
    Received,
    Reserved,
    Result,
    RunJob,
    Stage,
    Tune,
    Tuned,
    Unpack,
    Unpacked,
)
from orchestrator.bundle import AgentArchive, boot_argument
from orchestrator.claims import Claim, kept_out
from orchestrator.conversation import HEARTBEAT_S, Conversation
from orchestrator.devices import Device
from orchestrator.errors import (
    BoardBusy,
    BoardDiskFull,
    BoardError,
    BoardLost,
    BoardUnfit,
    ProtocolBroken,
    TransferCorrupt,
)
from orchestrator.outcomes import outcome_of
from orchestrator.transport import Transport
from orchestrator.transport.push import push
from orchestrator.transport.push_tally import Pushed, Way
from orchestrator.transport.push_artifact import Artifact
from orchestrator.transport.push_lines import NOISE_LIMIT_LINES

log = logging.getLogger(__name__)

BOOT_MARKER = b"dynofarm-boot "
SLOW_START_S = 60.0
"""A Pi Zero takes seconds to start Python; nothing is heard from it until then."""

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
        boot = [device.python, "-I", "-S", "-c", boot_argument()]
        boot += [device.work_dir, archive.digest, str(len(archive.data))]
        self._channel = transport.open_channel(boot)
        self._talk = Conversation(device, transport, self._channel, stop)
        self._work_dir = ""
        self.held_clock_khz: int | None = None
        """The clock that the board holds for this visit, because it was asked to."""

    def start(self, holder: str, lock_wait_s: float = 0.0, claim: Claim | None = None) -> Ready:
        """Bring the agent up and take the board's lock.

        `BoardUnfit`, `BoardBusy`, `BoardReserved`, `BoardDiskFull`, `BoardLost`.
        """
        self._boot()
        patience_s = SLOW_START_S + lock_wait_s
        now = datetime.now().astimezone()
        claim = claim or Claim("")
        self._greet(
            Hello(
                PROTOCOL_VERSION,
                holder,
                lock_wait_s=lock_wait_s,
                heartbeat_s=HEARTBEAT_S,
                owner=claim.owner,
                utc_s=time.time(),
                reserve=claim.reservation(now),
                lift=list(claim.lifted),
            ),
            patience_s,
        )
        answer: Ready | Busy | Reserved = self._talk.hear(Ready, Busy, Reserved, patience_s=patience_s)
        if isinstance(answer, Reserved):
            raise kept_out(self.device.name, answer.reservation, datetime.now().astimezone())
        if isinstance(answer, Busy):
            name = self.device.name
            raise BoardBusy(
                name,
                f"{name} is busy: held by {answer.holder} since {answer.since}",
                "wait for it, or give --wait 10m",
            )
        self._work_dir = answer.work_dir
        return answer

    @property
    def transport(self) -> Transport:
        return self._transport

    def verb(self, name: str, *words: str) -> list[str]:
        """A verb of the agent as a command of its own, beside this session. `BoardLost` before the agent answered."""
        if not self._work_dir:
            raise BoardLost(self.device.name, f"{self.device.name}: its agent has not started yet")
        return [self.device.python, "-I", "-S", self._agent_path(), name, "--work", self._work_dir, *words]

    def keep_up(self) -> None:
        """Called while something goes on beside the session: raises `Stopped`, and lets the agent know of us."""
        self._talk.check_stop()
        self._talk.touch()

    def touch(self) -> None:
        self._talk.touch()

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

    def make_room(self, incoming_bytes: int, keep: Sequence[str]) -> Evicted:
        """Keep to the board's storage limit before something comes in; what the sweep needs is never evicted.

        `BoardDiskFull` when that alone does not fit the limit, or the disk.
        """
        limit_bytes = self.device.storage_limit_bytes
        self._talk.say(Evict(limit_bytes, incoming_bytes, list(keep)))
        evicted: Evicted = self._talk.hear(Evicted, patience_s=SLOW_DISK_S)
        name = self.device.name
        if evicted.used_bytes + incoming_bytes > limit_bytes:
            raise BoardDiskFull(
                name,
                f"{name}: no room for {incoming_bytes} bytes more: what this sweep needs takes {evicted.used_bytes}"
                f" bytes already, and the profile allows {limit_bytes}",
                f"dynofarm device edit {name} --set 'storage_limit=…', or fewer models in a sweep",
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
        """Send what the board lacks of a file, over channels of its own. The board checks the hash while it writes.

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
            self._talk.check_stop()
            self._talk.touch()
            if progress is not None and there_bytes != told_bytes:
                told_bytes = there_bytes
                progress(there_bytes)

        def command(verb: str, zstd: bool) -> list[str]:
            argv = [self.device.python, "-I", "-S", self._agent_path(), verb, "--work", self._work_dir]
            argv += ["--digest", digest, "--size", str(size_bytes)]
            return [*argv, "--zstd"] if zstd else argv

        pushed = push(self._transport, command, artifact, report, self.device.name, way)
        if pushed.offset_bytes and isinstance(pushed.answer, Error) and pushed.answer.code == "corrupt":
            log.info("%s: %s goes there anew: %s", self.device.name, path.name, pushed.answer.message)
            pushed = push(self._transport, command, artifact, report, self.device.name, way)
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
        self._talk.say(RunJob(job))
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

    def collect(self) -> Iterator[JobResult | JobFailure]:
        """What earlier connections left in the spool. Acknowledge each one after it was stored."""
        self._talk.say(Collect())
        while True:
            message = self._talk.hear(Result, Failure, Collected, patience_s=SLOW_DISK_S)
            if isinstance(message, Collected):
                return
            yield outcome_of(message)

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

    def _greet(self, hello: Hello, patience_s: float) -> None:
        """Say hello; what took the agent in may still refuse to start it (`agent/boot.py`), and not wait for us."""
        cut: BoardLost | None = None
        try:
            self._talk.say(hello)
        except BoardLost as error:
            cut = error
        try:
            line = self._talk.hear_line(patience_s)
        except BoardLost as error:
            raise cut or error from error
        at = line.find(BOOT_MARKER)
        if at >= 0:
            raise self._refusal(_words_after_marker(line, at))
        self._talk.put_back(line)

    def _boot(self) -> None:
        for _ in range(NOISE_LIMIT_LINES):
            line = self._first_line()
            at = line.find(BOOT_MARKER)
            if at >= 0:
                break
        else:
            hint = "its login shell must not print anything for commands that are not interactive"
            raise ProtocolBroken(self.device.name, f"{self.device.name}: the board talks but starts no agent", hint)
        words = _words_after_marker(line, at)
        answer = dict(word.partition("=")[::2] for word in words.split(" ", 3))
        if answer.get("state") == "refused":
            raise self._refusal(words)
        if answer.get("state") == "need":
            self._talk.say_raw(self._archive.data)

    def _first_line(self) -> bytes:
        try:
            return self._talk.hear_line(SLOW_START_S)
        except BoardLost as error:
            said = self._channel.errors().strip()
            status = self._channel.exit_status(1.0)
            # Words alone prove nothing, a login may always say some: the command must have ended by itself.
            if said and status is not None and 0 < status <= 128:
                raise BoardUnfit(
                    self.device.name,
                    f"{self.device.name}: {self.device.python} does not start there: {said.splitlines()[-1]}",
                    "the board needs Python 3.8 or later; `python` in its profile says where it is",
                ) from error
            raise

    def _refusal(self, words: str) -> BoardError:
        name = self.device.name
        reason = words.partition("reason=")[2]
        if reason.startswith("python"):
            hint = "the agent needs Python 3.8 or later; set `python` in the profile to a newer one"
            return BoardUnfit(name, f"{name}: its Python is too old: {reason}", hint)
        if reason.startswith("disk_full"):
            return BoardDiskFull(name, f"{name}: no room for the agent: {reason}", "free some room on the board")
        if reason.startswith(("corrupt", "truncated")):
            return TransferCorrupt(name, f"{name}: the agent did not arrive as it was sent: {reason}")
        return BoardUnfit(name, f"{name}: {reason}", "set `work_dir` in the profile to a folder that it may write to")

    def _agent_path(self) -> str:
        return f"{self._work_dir}/agent/{self._archive.digest}.pyz"

    def _check_received(self, message: Any, what: str) -> None:
        name = self.device.name
        if isinstance(message, Error) and message.code == "disk_full":
            raise BoardDiskFull(name, f"{name}: no room for {what}: {message.message}", "free some room there")
        if isinstance(message, Error) and message.code == "corrupt":
            raise TransferCorrupt(name, f"{name}: {what} arrived damaged: {message.message}")
        if not isinstance(message, Received):
            found = message.message if isinstance(message, Error) else type(message).__name__
            raise BoardLost(name, f"{name}: {what} did not arrive whole: {found}", "dynofarm run --resume")


def _words_after_marker(line: bytes, at: int) -> str:
    return line[at + len(BOOT_MARKER) :].decode("utf-8", "replace")
