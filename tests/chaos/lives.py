"""When workers were at work, from the log that each board's workers write themselves."""

from collections import defaultdict
from dataclasses import dataclass

from tests.chaos.board import StormBoard


@dataclass(frozen=True, order=True)
class Life:
    """A worker from its first to its last line in the log. It writes one when it loads and one for each inference."""

    begin_ns: int
    end_ns: int
    lines: int

    @property
    def begin_s(self) -> float:
        return self.begin_ns / 1e9

    @property
    def end_s(self) -> float:
        return self.end_ns / 1e9


def lives_of(board: StormBoard) -> list[Life]:
    """In order."""
    moments: dict[str, list[int]] = defaultdict(list)
    text = board.log_file.read_text() if board.log_file.exists() else ""
    for line in text.splitlines():
        name, moment = line.split()
        moments[name].append(int(moment))
    return sorted(Life(min(some), max(some), len(some)) for some in moments.values())


def is_blind(board: StormBoard) -> bool:
    """Whether the log may lack lines: without a small disk a full one hits it, too."""
    return board.disk is None and board.log_suffered
