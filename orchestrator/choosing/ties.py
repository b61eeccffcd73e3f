"""Which of several candidates is best, and which others nobody can tell from it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.choosing.candidates import Candidate, Worst, worst_of
from orchestrator.choosing.front import cost, is_better
from orchestrator.choosing.limits import FILE, MEMORY, P50, Objective
from orchestrator.comparing.answers import USUAL_THRESHOLD, Answer, compare
from orchestrator.comparing.intervals import CONFIDENCE

SPLITTERS = ((FILE, "smaller"), (MEMORY, "one that takes less memory"), (P50, "faster"))
"""What decides between candidates that are equally good, and what the winner is then called."""


@dataclass(frozen=True)
class Winners:
    """`first` is what to take, `others` are as good within the noise; `because` says by what the first was picked among
    them (`smaller`), empty where nothing tells them apart."""

    first: Candidate
    others: tuple[Candidate, ...] = ()
    because: str = ""


def winners(
    candidates: Sequence[Candidate], objective: Objective, boards: Sequence[str], floors: Mapping[str, float]
) -> Winners | None:
    """The best of those that have the figure on every board; None where none has. The worst board counts.

    The leader is compared with each of the others, all of these comparisons together at 95 % (Bonferroni).
    """
    figures = [(one, worst_of(one, objective.figure, boards)) for one in candidates]
    known = [(one, worst) for one, worst in figures if worst is not None]
    if not known:
        return None
    ranked = sorted(known, key=lambda pair: (cost(objective.figure, pair[1].figure), pair[0].text))
    confidence = 1 - (1 - CONFIDENCE) / max(1, len(ranked) - 1)
    leader, lead = ranked[0]
    alike = [leader]
    for one, worst in ranked[1:]:
        if not _is_behind(leader, lead, one, worst, objective, floors, confidence):
            alike.append(one)
    return _split(alike, objective, boards)


def _is_behind(
    leader: Candidate,
    lead: Worst,
    other: Candidate,
    worst: Worst,
    objective: Objective,
    floors: Mapping[str, float],
    confidence: float,
) -> bool:
    """Of latencies on one board their runs tell, block by block, and what the board shows although nothing differs."""
    device = lead.device
    runs = [one.places[device].runs for one in (leader, other)]
    if objective is not Objective.LATENCY or worst.device != device or not all(runs):
        return is_better(objective.figure, lead.figure, worst.figure, confidence)
    medians = [[run.median_ns for run in side if run.median_ns] for side in runs]
    blocks = tuple([(run.sweep_id, run.block) for run in side if run.median_ns] for side in runs)
    threshold = floors.get(device, USUAL_THRESHOLD)
    found = compare(medians[0], medians[1], threshold=threshold, blocks=(blocks[0], blocks[1]), confidence=confidence)
    return found.answer is Answer.SLOWER


def _split(alike: Sequence[Candidate], objective: Objective, boards: Sequence[str]) -> Winners:
    """The leader comes first in `alike`; where nothing else tells, it stays so."""
    left, because = list(alike), ""
    for figure, called in SPLITTERS:
        if figure == objective.figure or len(left) == 1:
            continue
        known = [(one, worst) for one in left if (worst := worst_of(one, figure, boards)) is not None]
        if len(known) < len(left):
            continue
        known.sort(key=lambda pair: pair[1].figure.value)
        best = known[0][1].figure
        kept = [one for one, worst in known if not is_better(figure, best, worst.figure)]
        if len(kept) < len(left):
            left, because = [one for one in left if one in kept], because or called
    others = tuple(one for one in alike if one is not left[0])
    return Winners(left[0], others, because if others else "")
