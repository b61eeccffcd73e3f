"""The verdict on a run: every rule looks at the evidence, and the gravest reason decides. Pure."""

from orchestrator.runs import Run
from orchestrator.trust import rules_of_board, rules_of_neighbours, rules_of_surroundings, rules_of_timing
from orchestrator.trust.evidence import NOTHING_KNOWN, Context, Evidence
from orchestrator.trust.reasons import Severity, rank_of, severity_of
from orchestrator.trust.verdicts import Judgement, Reason

_RULES = (
    *rules_of_timing.RULES,
    *rules_of_board.RULES,
    *rules_of_surroundings.RULES,
    *rules_of_neighbours.RULES,
)


def judge(run: Run, context: Context = NOTHING_KNOWN) -> Judgement:
    """Judge a measured run; ValueError for one without a result, which has a status and no verdict."""
    if run.result is None:
        raise ValueError(f"run {run.job.job_id} has no result to be judged")
    evidence = Evidence(run, run.result, context)
    found = [reason for rule in _RULES if (reason := rule(evidence)) is not None]
    return judgement_of(found)


def judgement_of(reasons: list[Reason]) -> Judgement:
    """The verdict that reasons make: that of the gravest, `trusted` without any."""
    worst = max((severity_of(reason.code) for reason in reasons), default=Severity.NOTE)
    return Judgement(worst.verdict, tuple(sorted(reasons, key=rank_of)))
