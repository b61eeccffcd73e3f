"""A board that somebody keeps for themselves for a while."""

from agent.records import dataclass

LONGEST_S = 30 * 86400.0
"""Nobody keeps a board longer than this without saying so again."""

LONGEST_TEXT = 200
"""Characters of an owner or a reason; what is longer is cut."""


@dataclass(frozen=True)
class Reservation:
    """`owner` is `user@host`; `left_s` counts from the moment when this is said, so that no two clocks must agree.

    `id` is given by the orchestrator that reserves, and names the reservation for whoever lifts it.
    """

    id: str
    owner: str
    left_s: float
    why: str


@dataclass(frozen=True)
class Reserved:
    """The answer to a `hello` of anybody else."""

    reservation: Reservation
