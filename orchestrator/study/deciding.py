"""Whether a claim holds, decided on confidence bounds. Pure.

A claim is about every case that its selectors mean; without `for` about every model but the teacher. Of one case it
holds where the whole 95 % interval fulfils it, fails where none of it does, and is undecided between. A case that was
tried and has no figure (out of memory, crashed, wrong answers) fails; one that was not measured is undecided; one that
the runtime does not take is left out where the same model has other cases on that board.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from orchestrator.assignment import MODEL
from orchestrator.study.failures import Kind
from orchestrator.study.measures import Missing, case_text, measure
from orchestrator.study.remedies import what_would_decide
from orchestrator.study.row import StudyRow
from orchestrator.study.selecting import matches
from orchestrator.sweep_files.claims import Claim
from orchestrator.trust.verdicts import Verdict

ANSWERS = ("accuracy", "macro_f1", "exact_match", "f1", "perplexity")


class Outcome(StrEnum):
    HOLDS = "holds"
    FAILS = "fails"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class CaseDecision:
    """One case of a claim. `found` is the figure in words, `because` what would decide it, or why there is none.
    `is_doubted`: the figure comes from runs that are judged suspect."""

    row: StudyRow
    outcome: Outcome
    found: str
    because: str = ""
    is_doubted: bool = False

    @property
    def text(self) -> str:
        doubted = ", of suspect runs" if self.is_doubted else ""
        return f"{case_text(self.row)}: {self.found}{doubted}" + (f"; {self.because}" if self.because else "")


@dataclass(frozen=True)
class Decision:
    """`because`: a sentence on the case that decided, or would; `cases` all that the claim was about."""

    claim: Claim
    outcome: Outcome
    because: str
    cases: tuple[CaseDecision, ...] = ()


def decide(claims: Sequence[Claim], rows: Sequence[StudyRow]) -> list[Decision]:
    """Each claim on these rows, in order."""
    return [_decide(claim, rows) for claim in claims]


def _decide(claim: Claim, rows: Sequence[StudyRow]) -> Decision:
    meant = _meant(claim, rows)
    if not meant:
        return Decision(claim, Outcome.UNDECIDED, "not measured: no case of this sweep is meant by it")
    cases = tuple(decide_case(claim, row) for row in meant)
    by_device: dict[str, dict[str, list[CaseDecision]]] = {}
    for case in cases:
        by_device.setdefault(case.row.device, {}).setdefault(case.row.model_digest, []).append(case)
    boards = [
        every([(any_of if claim.at_best else every)([one.outcome for one in group]) for group in models.values()])
        for models in by_device.values()
    ]
    outcome = any_of(boards) if claim.any_device else every(boards)
    return Decision(claim, outcome, _because(outcome, cases), cases)


def every(outcomes: Iterable[Outcome]) -> Outcome:
    found = set(outcomes)
    return next((one for one in (Outcome.FAILS, Outcome.UNDECIDED) if one in found), Outcome.HOLDS)


def any_of(outcomes: Iterable[Outcome]) -> Outcome:
    found = set(outcomes)
    return next((one for one in (Outcome.HOLDS, Outcome.UNDECIDED) if one in found), Outcome.FAILS)


def _meant(claim: Claim, rows: Sequence[StudyRow]) -> list[StudyRow]:
    found = [row for row in rows if _selects(claim, row)]
    if claim.scope is None:
        # Figures of the two scopes are never mixed: that of the model alone is meant, unless only the other answered.
        alone = [row for row in found if row.scope == MODEL]
        answered = claim.figure in ANSWERS and not any(getattr(row, claim.figure) for row in alone)
        found = [row for row in found if row.scope != MODEL] if answered and len(alone) < len(found) else alone
    tried = {(row.device, row.model_digest) for row in found if not _is_unsupported(row)}
    return [row for row in found if not _is_unsupported(row) or (row.device, row.model_digest) not in tried]


def _is_unsupported(row: StudyRow) -> bool:
    return row.failure is not None and row.failure.kind is Kind.UNSUPPORTED


def _selects(claim: Claim, row: StudyRow) -> bool:
    if claim.scope is not None and row.scope != claim.scope:
        return False
    if claim.device is not None and not fnmatchcase(row.device, claim.device):
        return False
    if claim.model is None:
        if row.is_teacher:
            return False
    elif not fnmatchcase(row.model, claim.model):
        return False
    return matches(row, claim.axes)


def decide_case(claim: Claim, row: StudyRow) -> CaseDecision:
    found = measure(claim, row)
    if isinstance(found, Missing):
        return CaseDecision(row, Outcome.FAILS if found.is_failure else Outcome.UNDECIDED, found.text)
    low, high, bound = found.figure.low, found.figure.high, claim.bound
    fulfilled, ruled_out = {
        ">=": (low >= bound, high < bound),
        ">": (low > bound, high <= bound),
        "<=": (high <= bound, low > bound),
        "<": (high < bound, low >= bound),
    }[claim.relation]
    outcome = Outcome.HOLDS if fulfilled else Outcome.FAILS if ruled_out else Outcome.UNDECIDED
    because = what_would_decide(found, bound) if outcome is Outcome.UNDECIDED else ""
    is_doubted = found.runs > 0 and row.verdict is Verdict.SUSPECT
    return CaseDecision(row, outcome, found.text, because, is_doubted)


def _because(outcome: Outcome, cases: Sequence[CaseDecision]) -> str:
    """The first case of that outcome, and how many are like it."""
    alike = [case for case in cases if case.outcome is outcome]
    if outcome is Outcome.HOLDS and len(alike) == len(cases):
        doubted = sum(case.is_doubted for case in cases)
        of_them = f", {doubted} of them of suspect runs" if doubted else ""
        return alike[0].text if len(alike) == 1 else f"in all {len(alike)} cases{of_them}"
    more = f"; so are {len(alike) - 1} more of {len(cases)} cases" if len(alike) > 1 else ""
    return (alike[0].text if alike else "") + more
