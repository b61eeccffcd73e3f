"""Which faults a board meets, and when: decided by a seed and the board's name, whatever the threads do."""

import random
from collections import Counter
from dataclasses import dataclass, field

JOB_FAULTS = (
    "cut",  # the link drops while the job runs
    "cut before the acknowledgement",  # the result arrived, and the board does not hear so
    "frozen",  # the whole board stops for a while, long enough to be noticed
    "hiccup",  # the same, and nobody should notice
    "mute",  # the agent stops, its sshd lives
    "agent killed",
    "power cut",  # agent and connections are gone; what was kept is there
    "worker crash",
)
PUSH_FAULTS = ("cut in mid-push", "corrupted", "disk full")
CONNECT_FAULTS = ("refused", "never answers")


@dataclass
class Faults:
    """The chances of one farm, each per occasion: a job, a push, a connection. `done` counts what happened."""

    seed: int
    rate: float
    done: Counter[str] = field(default_factory=Counter)

    def of(self, name: str) -> "BoardFaults":
        return BoardFaults(self, random.Random(f"{self.seed}/{name}"))


class BoardFaults:
    """One board's luck."""

    def __init__(self, farm: Faults, chance: random.Random) -> None:
        self._farm = farm
        self.chance = chance

    def at_job(self) -> str | None:
        return self._draw(JOB_FAULTS)

    def at_push(self) -> str | None:
        return self._draw(PUSH_FAULTS)

    def at_connection(self) -> str | None:
        return self._draw(CONNECT_FAULTS)

    def _draw(self, kinds: tuple[str, ...]) -> str | None:
        if self.chance.random() >= self._farm.rate:
            return None
        kind = self.chance.choice(kinds)
        self._farm.done[kind] += 1
        return kind
