"""Which case is the fastest on each board, and which others nobody can tell from it. Pure.

A difference is said only where `comparing` finds one: the leader is compared with every other trusted case of its
board, and all of these comparisons are corrected together. Emulated boards have no leader.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.comparing import compare
from orchestrator.comparing.answers import USUAL_THRESHOLD, Answer, Comparison
from orchestrator.comparing.many import correct
from orchestrator.pages.reading import SweepFacts
from orchestrator.pages.sections.cases import EMULATED
from orchestrator.study import StudyCase, StudyRow
from orchestrator.study.rows import usable_runs
from orchestrator.trust.verdicts import Verdict


@dataclass(frozen=True)
class Beside:
    """Another case, and the answer: what the leader is, compared with it."""

    row: StudyRow
    comparison: Comparison


@dataclass(frozen=True)
class Leader:
    """The case with the shortest p50 of a board's trusted ones. `others` are all the others, the nearest first.

    `row` is None where there is no leader, and `because` says why.
    """

    device: str
    row: StudyRow | None = None
    others: tuple[Beside, ...] = ()
    because: str = ""

    @property
    def alike(self) -> list[Beside]:
        """Those that the leader is not proved to be faster than."""
        return [one for one in self.others if one.comparison.answer is not Answer.FASTER]


def find_leaders(facts: SweepFacts) -> list[Leader]:
    """One a board."""
    return [_leader(facts, device) for device in facts.devices]


def _leader(facts: SweepFacts, device: str) -> Leader:
    if facts.kind_of(device) == EMULATED:
        return Leader(device, because="it is emulated: its times say nothing of a real board")
    pairs = [
        (row, case)
        for row, case in _with_cases(facts)
        if row.device == device and row.verdict is Verdict.TRUSTED and row.p50_ns is not None
    ]
    if not pairs:
        measured = any(row.device == device and row.runs for row in facts.rows)
        return Leader(device, because="no case of it is trusted" if measured else "nothing was measured there")
    ranked = sorted(pairs, key=lambda pair: pair[0].p50_ns.value if pair[0].p50_ns else 0.0)
    first, rest = ranked[0], ranked[1:]
    threshold = facts.floors.get(device, USUAL_THRESHOLD)
    compared = correct([_compare(case, first[1], threshold) for _, case in rest])
    others = tuple(Beside(row, found) for (row, _), found in zip(rest, compared, strict=True))
    return Leader(device, first[0], others)


def _with_cases(facts: SweepFacts) -> list[tuple[StudyRow, StudyCase]]:
    """Each case has one row of scope `model`, in the same order."""
    return list(zip([row for row in facts.rows if row.scope == "model"], facts.cases, strict=True))


def _compare(other: StudyCase, leader: StudyCase, threshold: float) -> Comparison:
    sides = [_medians(case) for case in (other, leader)]
    return compare(sides[0][0], sides[1][0], threshold=threshold, blocks=(sides[0][1], sides[1][1]))


def _medians(case: StudyCase) -> tuple[Sequence[float], Sequence[int]]:
    runs = [run for run in usable_runs(case) if run.median_ns]
    return [run.median_ns for run in runs if run.median_ns], [run.block for run in runs]
