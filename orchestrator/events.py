"""What happens during a sweep, as values. The schedule tells, the console draws; neither knows the other."""

from dataclasses import dataclass

from agent.protocol import Facts
from orchestrator.runs import Job, Run


@dataclass(frozen=True)
class Connecting:
    device: str
    attempt: int


@dataclass(frozen=True)
class Connected:
    device: str
    facts: Facts


@dataclass(frozen=True)
class Noted:
    """Something the user should know about the board or the way to it."""

    device: str
    text: str


@dataclass(frozen=True)
class Collected:
    """Results that an earlier connection had left on the board."""

    device: str
    count: int


@dataclass(frozen=True)
class Fetching:
    """A runtime is being fetched and packed for the board."""

    device: str
    what: str


@dataclass(frozen=True)
class Pushing:
    device: str
    what: str
    sent_bytes: int
    size_bytes: int
    how: str = ""
    """Once it is over: from which byte it went on, whether it was compressed, over how many channels, if so."""


@dataclass(frozen=True)
class JobStarted:
    device: str
    job: Job


@dataclass(frozen=True)
class JobStage:
    device: str
    job: Job
    stage: str
    done: int = 0
    steps: int = 0
    """Examples behind it, and of how many, while the board works on a data set."""


@dataclass(frozen=True)
class JobFinished:
    device: str
    run: Run


@dataclass(frozen=True)
class Waiting:
    """The board waits: for its group, or for another orchestrator."""

    device: str
    reason: str


@dataclass(frozen=True)
class BoardFailed:
    """The board's part in the sweep ends here; `owed` jobs were not measured."""

    device: str
    message: str
    hint: str
    owed: int


@dataclass(frozen=True)
class BoardDone:
    device: str


Event = (
    Connecting
    | Connected
    | Noted
    | Collected
    | Fetching
    | Pushing
    | JobStarted
    | JobStage
    | JobFinished
    | Waiting
    | BoardFailed
    | BoardDone
)
