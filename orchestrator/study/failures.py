"""Why a case has no figures: what stands in its row instead. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.records import RunSummary
from orchestrator.runs import RunStatus
from orchestrator.study.cases import StudyCase
from orchestrator.trust.verdicts import Verdict


class Kind(StrEnum):
    """`infeasible`: the board is too small for it. `unsupported`: the runtime or the board does not take it. `failed`:
    it was tried and went wrong. `invalid`: measured, and not to be used. `missing`: not measured yet."""

    INFEASIBLE = "infeasible"
    UNSUPPORTED = "unsupported"
    FAILED = "failed"
    INVALID = "invalid"
    MISSING = "missing"


_KINDS = {
    RunStatus.OUT_OF_MEMORY: Kind.INFEASIBLE,
    RunStatus.DISK_FULL: Kind.INFEASIBLE,
    RunStatus.UNSUPPORTED: Kind.UNSUPPORTED,
    RunStatus.SKIPPED: Kind.UNSUPPORTED,
    RunStatus.REJECTED: Kind.FAILED,
    RunStatus.WRONG_OUTPUT: Kind.FAILED,
    RunStatus.CRASHED: Kind.FAILED,
    RunStatus.TIMED_OUT: Kind.FAILED,
    RunStatus.LOST: Kind.MISSING,
}


@dataclass(frozen=True)
class Failure:
    """`status` is a run's, or `invalid`, or `not run yet`."""

    kind: Kind
    status: str
    message: str

    @property
    def text(self) -> str:
        """`infeasible: out of memory`, `unsupported: …`, `crashed: …`."""
        if self.kind is Kind.INFEASIBLE:
            return f"{self.kind}: {self.status}"
        return f"{self.status}: {self.message}" if self.message else self.status


def failure_of(case: StudyCase) -> Failure | None:
    """Why a case has no figures; None where it has some. The last that went wrong tells; what is owed tells nothing."""
    usable = [run for run in case.good if run.verdict is not Verdict.INVALID]
    if usable:
        return None
    if case.good:
        return Failure(Kind.INVALID, "invalid", ", ".join(graves(case.good)))
    final = [run for run in case.runs if run.status.final] or list(case.runs)
    if not final:
        return Failure(Kind.MISSING, "not run yet", "")
    last = final[-1]
    return Failure(_KINDS[last.status], last.status.replace("_", " "), last.message)


def graves(runs: Sequence[RunSummary]) -> tuple[str, ...]:
    """The codes of what lowered a verdict among these runs, each once (docs/trust.md)."""
    doubted = [run.reasons for run in runs if run.reasons]
    if not doubted:
        return ()
    from orchestrator.trust.reasons import grave  # all rules come with it

    return tuple(dict.fromkeys(code for codes in doubted for code in grave(codes)))


def trouble_of(case: StudyCase) -> str:
    """Of a case with figures, what became of its other runs: `1 of 3 crashed`."""
    statuses = [run.status for run in case.runs if run.status is not RunStatus.OK]
    parts = [
        f"{statuses.count(status)} of {len(case.runs)} {status.replace('_', ' ')}" for status in dict.fromkeys(statuses)
    ]
    invalid = sum(run.verdict is Verdict.INVALID for run in case.good)
    if invalid:
        parts.append(f"{invalid} of {len(case.runs)} invalid and left out")
    if case.owed:
        parts.append(f"{case.owed} not run yet")
    return ", ".join(parts)
