"""Further runs for cases that are undecided: how many, and in which order. Pure.

Whoever looks again after every few runs until something shows finds something: five looks at 5 % each alarm in 16 of
a hundred comparisons of equals (simulated). So the number of looks is limited, and each of them uses an interval of
1 - (1 - 0.95)/LOOKS: whatever the looks have to do with each other, all of them together err in at most 5 % of cases
(Bonferroni). After every look the runs of a case are doubled, so that few looks go a long way.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator.comparing.answers import ENOUGH_RUNS, Answer
from orchestrator.comparing.intervals import CONFIDENCE
from orchestrator.comparing.measured import OTHER_FIELDS, Measured
from orchestrator.comparing.notes import SIDES, statuses_text
from orchestrator.comparing.pairing import Terms, differing
from orchestrator.comparing.verdicts import CaseAnswer, Compared
from orchestrator.runs import Job, Role

LOOKS = 5
"""Chosen: five runs a side become eighty."""
LOOK_CONFIDENCE = 1 - (1 - CONFIDENCE) / LOOKS


@dataclass(frozen=True)
class Wanted:
    """An undecided case, and how many further runs a side it wants now."""

    case: CaseAnswer
    runs: int


def undecided(compared: Compared) -> list[Wanted]:
    """The cases without an answer, each with as many further runs as it has already, or with what five lack."""
    return [Wanted(case, _runs(case)) for case in compared.cases if case.comparison.answer is Answer.INCONCLUSIVE]


def _runs(case: CaseAnswer) -> int:
    """Not what the comparison says would settle it: where the number of runs does not depend on what they showed, the
    level of each look is what it says."""
    least = min(case.comparison.first_n, case.comparison.second_n)
    return max(ENOUGH_RUNS - least, least)


def key_of(case: CaseAnswer, terms: Terms) -> tuple[object, ...]:
    """What names a case from look to look: new runs may make cases of their own, measured in another manner."""
    run = case.pair.first[0]
    return terms.case_of(run), terms.manner_of(run)


def in_vain(before: CaseAnswer, after: Compared, new: tuple[Sequence[Measured], ...]) -> str:
    """Why a side of a case has no more runs than before, although `new` ones of both sides were tried; empty where it
    has, or where none was tried."""
    terms = after.terms
    found = [case.pair for case in after.cases if key_of(case, terms) == key_of(before, terms)]
    now = ([*pair.first], [*pair.second]) if (pair := next(iter(found), None)) else ([], [])
    for name, old, grown, tried in zip(SIDES, (before.pair.first, before.pair.second), now, new, strict=True):
        mine = [run for run in tried if terms.case_of(run) == terms.case_of(old[0])]
        if len(grown) > len(old) or not mine:
            continue
        side = f"of the {name} side"
        unlike = [run for run in mine if run.is_measured and terms.manner_of(run) != terms.manner_of(old[0])]
        if unlike:
            fields = [field for field in OTHER_FIELDS if field not in terms.open_fields]
            told = "; ".join(
                f"{one.field}: {one.first} and {one.second}" for one in differing(old[0], unlike[0], fields)
            )
            return f"its new runs {side} were measured in another manner: {told}"
        codes = ", ".join(dict.fromkeys(code for run in mine for code in run.reasons))
        failed = statuses_text([run for run in mine if not run.is_measured])
        return f"no new run {side} counts{f': {codes or failed}' if codes or failed else ''}"
    return ""


def blocks_within(seconds: Mapping[str, float], wanted: int, left_s: float) -> int:
    """How many blocks fit into the time that is left; `seconds` is how long one block takes on each board. Boards work
    at the same time."""
    longest = max(seconds.values(), default=0.0)
    return wanted if longest <= 0 else max(0, min(wanted, int(left_s // longest)))


def interleave(
    pairs: Sequence[tuple[Job, Job, int]],
    looks: Callable[[int], Sequence[Job]],
    *,
    blocks: int,
    seed: int,
    new_id: Callable[[], str],
) -> tuple[list[Job], dict[str, int]]:
    """Jobs like those of each pair (first side, second side, runs wanted), block by block, each block in an order
    shuffled with the seed; and the side, 0 or 1, of each job by its id.

    `looks` gives the jobs of the reference model for a block; one more of them comes last, as in every sweep.
    """
    jobs: list[Job] = []
    sides: dict[str, int] = {}
    for block in range(blocks):
        jobs += looks(block)
        templates = [(job, side) for *both, runs in pairs if block < runs for side, job in enumerate(both)]
        random.Random(f"{seed}/{block}").shuffle(templates)  # noqa: S311 - an order, not a secret
        for position, (template, side) in enumerate(templates, 1):
            job_id = new_id()
            again = replace(template, job_id=job_id, block=block, position=position, seed=seed)
            jobs.append(replace(again, role=Role.CASE, skip_reason=None))
            sides[job_id] = side
    return [*jobs, *looks(blocks)], sides
