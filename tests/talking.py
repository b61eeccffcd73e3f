"""Agents that tests make up: the talk that is the same in all of them. What one holds, measures and spoils is its own.

It follows `agent/supervisor.py` and uses the real messages, so that a change of the protocol reaches all of them.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

from agent.channel import LineReader
from agent.protocol import (
    PROTOCOL_VERSION,
    Acknowledge,
    Bye,
    Collect,
    Collected,
    Error,
    Evict,
    Evicted,
    Have,
    Heartbeat,
    Hello,
    Holdings,
    JobSpec,
    Ping,
    Probe,
    Probed,
    Ready,
    RunJob,
    Tune,
    Tuned,
    Unpack,
    Unpacked,
    WireError,
    decode,
    encode,
)

HEARTBEAT = encode(Heartbeat())
FREE_BYTES = 10**12
Answer = Iterable[Any]
"""Messages, or bytes that go out as they are."""


class TalkingAgent(ABC):
    """Hands out its boot line, takes itself in where the board lacks it, is greeted, and answers by kind.

    Bytes come in by `take`; nothing here waits or looks at a clock.
    """

    def __init__(self, digest: str, work_dir: str) -> None:
        self.hello: Hello | None = None
        """Who was let in, or waits to be."""
        self._digest, self._work_dir = digest, work_dir
        self._lacks_agent, self._agent = False, bytearray()
        self._reader = LineReader()

    # --------------------------------------------------------- what is its own

    @abstractmethod
    def send(self, data: bytes) -> None:
        """Bytes on their way to the orchestrator."""

    @abstractmethod
    def leave(self, status: int) -> None:
        """The end of the process."""

    @abstractmethod
    def probed(self) -> Probed:
        """What the board is, and how it stands."""

    @abstractmethod
    def holdings(self, digests: Sequence[str]) -> Holdings:
        """Which of these the board has."""

    @abstractmethod
    def spooled(self) -> Answer:
        """What waits to be collected."""

    @abstractmethod
    def run(self, job: JobSpec) -> Answer:
        """What is said of a job at once."""

    def forget(self, job_id: str) -> None:  # noqa: B027 - not all have a spool
        """A result was acknowledged."""

    def arrived(self) -> None:  # noqa: B027 - not all lack it
        """The agent itself is on the board now."""

    @property
    def is_open(self) -> bool:
        """Has somebody been let in?"""
        return self.hello is not None

    def let_in(self, _hello: Hello) -> None:
        """Somebody greeted in the right way."""
        self.say(self.ready())

    # ------------------------------------------------------------------- talk

    def boot(self, *, has_agent: bool = True) -> None:
        """The first line; an agent that is missing is asked for."""
        self._lacks_agent = not has_agent
        self.send(f"dynofarm-boot python=3.11.2 state={'have' if has_agent else 'need'}\n".encode())

    def ready(self, spooled: Sequence[str] = ()) -> Ready:
        return Ready(PROTOCOL_VERSION, self._digest, 1, list(spooled), 0, self._work_dir)

    def say(self, message: Any) -> None:
        self.send(message if isinstance(message, bytes) else encode(message))

    def take(self, data: bytes) -> None:
        """Bytes of the orchestrator: first the agent itself, if it was asked for, then requests."""
        if self._lacks_agent:
            self._agent += data
            end = 8 + int(self._agent[:8], 16) if len(self._agent) >= 8 else 8
            if len(self._agent) < end:
                return
            data = bytes(self._agent[end:])
            self._agent = bytearray()  # thousands of boards would keep one each
            self._lacks_agent = False
            self.arrived()
        for line in self._reader.feed(data) if data else ():
            try:
                if isinstance(line, WireError):
                    raise line
                request = decode(line)
            except WireError as error:
                self.say(Error("protocol", str(error)))
            else:
                self.hear(request)

    def hear(self, request: Any) -> None:
        """A request; one that cannot be answered now may be kept for later."""
        self.answer(request)

    def answer(self, request: Any) -> None:
        if not self.is_open:
            self._be_greeted(request)
            return
        match request:
            case RunJob():
                self._say_all(self.run(request.job))
            case Acknowledge():
                self.forget(request.job_id)
            case Collect():
                self.say(Collected(self._say_all(self.spooled())))
            case Bye():
                self.leave(0)
            case Ping():
                self.send(HEARTBEAT)
            case _:
                self.say(self._answer_of(request))

    def _answer_of(self, request: Any) -> Any:
        match request:
            case Probe():
                return self.probed()
            case Have():
                return self.holdings(request.digests)
            case Evict():
                return Evicted([], FREE_BYTES, 0)
            case Unpack():
                return Unpacked(request.digest)
            case Tune():
                return Tuned({}, "")
        return Error("protocol", f"{type(request).__name__.lower()} is not a request at this moment")

    def _be_greeted(self, request: Any) -> None:
        if not isinstance(request, Hello):
            self.say(Error("protocol", "expected hello first"))
        elif request.protocol != PROTOCOL_VERSION:
            self.say(Error("protocol", "another version"))
            self.leave(1)
        else:
            self.hello = request
            self.let_in(request)

    def _say_all(self, answer: Answer) -> int:
        """How many it were. Each goes out before the next is asked for."""
        count = 0
        for message in answer:
            self.say(message)
            count += 1
        return count
