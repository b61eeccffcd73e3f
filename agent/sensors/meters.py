"""What a sensor of power or energy is: a `Meter` is one act of reading, a `Source` is one series that comes of it."""

from typing import Callable, Dict, List, NamedTuple, Optional

WATTS, JOULES = "w", "j"
BOARD, MODULE, PART = "board", "module", "part"


class Source(NamedTuple):
    """One rail or counter, and what its numbers mean."""

    name: str
    unit: str
    """`w`: power at this moment; `j`: energy so far, a counter."""
    scope: str
    """`board`: all that the board draws; `module`: all but a carrier board; `part`: less than that."""
    covers: str
    """The same for people: `processor package only`."""
    adds: str
    """Sources of one meter with the same word feed different things and add up; empty: never added to another."""
    step: float
    """The smallest difference it can tell, watts or joules."""
    lag_s: Optional[float]
    """How old a reading may be; None where nobody says, as with the gauge of a battery."""
    wraps_at_j: Optional[float] = None
    """Where a counter begins again at 0; None where it does not, or does not tell."""


class Meter(NamedTuple):
    """Sources that are read together. `read` gives watts or joules by the source's name; what is silent is left out."""

    sources: List[Source]
    read: Callable[[], Dict[str, float]]


def channel(source: Source) -> str:
    """The name of its series in `Samples`."""
    return ("power_w:" if source.unit == WATTS else "energy_j:") + source.name


def unique(name: str, taken: List[str]) -> str:
    """`name`, or `name#2` where there is one already."""
    found, number = name, 2
    while found in taken:
        found, number = "%s#%d" % (name, number), number + 1
    return found
