"""What a choice must hold, and what it is to be best in. Pure.

A limit is a claim (`sweep_files/claims.py`), so that both are decided by the same rules.
"""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum

from orchestrator.comparing.thresholds import parse_share
from orchestrator.errors import UsageError
from orchestrator.quantities import parse_bytes, parse_duration_s
from orchestrator.sweep_files.claims import JOULES, Claim

P50, P90, P99 = "p50_ms", "p90_ms", "p99_ms"
FILE, MEMORY, ACCURACY = "file_bytes", "peak_rss_bytes", "accuracy"
ENERGY, RATE = "energy_j_per_item", "items_per_s"

_ENERGY = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*([A-Za-z]+)", re.ASCII)
_RATE = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)


class Objective(StrEnum):
    """What the best is best in. Of latency that is the median."""

    LATENCY = "latency"
    SIZE = "size"
    MEMORY = "memory"
    ACCURACY = "accuracy"
    ENERGY = "energy"

    @property
    def figure(self) -> str:
        return _FIGURES[self]


_FIGURES = {
    Objective.LATENCY: P50,
    Objective.SIZE: FILE,
    Objective.MEMORY: MEMORY,
    Objective.ACCURACY: ACCURACY,
    Objective.ENERGY: ENERGY,
}

LARGER_IS_BETTER = frozenset({ACCURACY, RATE})
"""Of the other figures less is better."""


def parse_limits(texts: Mapping[str, str | float | None]) -> list[Claim]:
    """Limits by name (`max_p90`: `50ms`), in the order of `LIMITS`; None is no limit. `UsageError` names the option."""
    unknown = [name for name in texts if name not in LIMITS]
    if unknown:
        raise UsageError(f"there is no limit {unknown[0]!r}", f"there are: {', '.join(LIMITS)}")
    return [_limit(name, str(text)) for name in LIMITS if (text := texts.get(name)) is not None]


def parse_objective(text: str) -> Objective:
    if text not in list(Objective):
        raise UsageError(f"--objective {text}: there is no such objective", f"there are: {', '.join(Objective)}")
    return Objective(text)


def figure_claim(figure: str) -> Claim:
    """A claim that asks for nothing: what `study.measures.measure` takes to tell a figure."""
    return Claim("", figure, ">=", 0.0)


def _limit(name: str, text: str) -> Claim:
    figure, relation, read = LIMITS[name]
    try:
        bound = read(text.strip())
    except UsageError as error:
        raise UsageError(f"--{name.replace('_', '-')}: {error.message}", error.hint) from None
    return Claim(f"{figure} {relation} {text.strip()}", figure, relation, bound)


def _milliseconds(text: str) -> float:
    if text.replace(".", "").isdecimal():
        raise UsageError(f"{text!r} has no unit", "write it like 50ms or 1.5s")
    return parse_duration_s(text) * 1000


def _bytes(text: str) -> float:
    return float(parse_bytes(text))


def _joules(text: str) -> float:
    found = _ENERGY.fullmatch(text)
    if found is None or found[2] not in JOULES:
        raise UsageError(f"{text[:40]!r} is not an energy", "write it like 5mJ or 0.2J: of one inference")
    return float(found[1]) * JOULES[found[2]]


def _rate(text: str) -> float:
    if not _RATE.fullmatch(text):
        raise UsageError(f"{text[:40]!r} is not a number", "write it like 20: so many inferences a second")
    return float(text)


_Reader = Callable[[str], float]
LIMITS: Mapping[str, tuple[str, str, _Reader]] = {
    "max_p50": (P50, "<=", _milliseconds),
    "max_p90": (P90, "<=", _milliseconds),
    "max_p99": (P99, "<=", _milliseconds),
    "max_rss": (MEMORY, "<=", _bytes),
    "max_size": (FILE, "<=", _bytes),
    "max_energy": (ENERGY, "<=", _joules),
    "min_accuracy": (ACCURACY, ">=", parse_share),
    "min_items_per_s": (RATE, ">=", _rate),
}
"""By the name of the option: the figure, the relation, and how the number is written."""
