"""What must hold of everything that the orchestrator printed, and of how it ended."""

import signal
from collections.abc import Iterable

from tests.chaos.command import Ended

FAULT = "this is a fault of dynofarm"
TRACEBACK = "Traceback (most recent call last)"
ALL_MEASURED, STOPPED = 0, 130
EXIT_CODES = frozenset({ALL_MEASURED, 1, 4, STOPPED})
"""What README.md says `dynofarm run` may end with in a storm: 2 is for wrong words and 3 for gates; it has neither."""
_STOPS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
_MOST_CHARACTERS = 300


def wrong_endings(all_ended: Iterable[Ended]) -> list[str]:
    """A sentence for each command that ended as none may."""
    return [f"`{one.words}` ended with {one.status}, {why}" for one in all_ended if (why := _wrong_with(one))]


def wrong_words(all_ended: Iterable[Ended]) -> list[str]:
    """A sentence for each command that blames dynofarm, or that shows a traceback."""
    return [f"`{one.words}` said: {shown}" for one in all_ended if (shown := _blame(one))]


def _wrong_with(ended: Ended) -> str:
    status = ended.status
    if status < 0:
        return "" if -status in ended.sent else "a signal that the storm did not send"
    if status not in EXIT_CODES:
        return "which is no end for it"
    if status == STOPPED and not ended.sent & _STOPS:
        return "and nobody stopped it"
    return "and jobs are owed" if status == ALL_MEASURED and ended.owes else ""


def _blame(ended: Ended) -> str:
    """The line that blames dynofarm, or the end of the first traceback; empty when there is neither."""
    lines = ended.said.splitlines()
    blaming = next((line for line in lines if FAULT in line), "")
    if blaming or TRACEBACK not in ended.said or _interrupted_at_birth(ended):
        return blaming[:_MOST_CHARACTERS]
    start = next(number for number, line in enumerate(lines) if TRACEBACK in line)
    end = next((line for line in lines[start + 1 :] if line and not line.startswith(" ")), "")
    return f"{lines[start]} … {end}"[:_MOST_CHARACTERS]


def _interrupted_at_birth(ended: Ended) -> bool:
    """Python itself says so when SIGINT comes before it has read the first of our lines."""
    lines = ended.said.strip().splitlines()
    first, last = lines[0], lines[-1]
    alone = ended.said.count(TRACEBACK) == 1 and first.startswith((TRACEBACK, "Fatal Python error"))
    return signal.SIGINT in ended.sent and alone and last.startswith("KeyboardInterrupt")
