"""Verdicts and their reasons in words. Pure."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from orchestrator.records import RunSummary, StoredRun
from orchestrator.report.cases import CaseRow
from orchestrator.report.words import count_text
from orchestrator.runs import Run
from orchestrator.trust.verdicts import Verdict


def trust_text(row: CaseRow) -> str:
    """`3/3` where all measured runs are trusted, else how many are not: `2 suspect`, `1 invalid`."""
    known = [verdict for verdict in row.verdicts if verdict is not None]
    for worst in (Verdict.INVALID, Verdict.SUSPECT):
        if worst in known:
            return f"{known.count(worst)} {worst}"
    return f"{len(known)}/{row.good}" if known else "–"


def verdict_text(row: CaseRow) -> str:
    """The same where a row is one run."""
    verdict = row.verdicts[0] if row.verdicts else None
    return "–" if verdict is None else str(verdict)


def trust_notes(rows: Sequence[CaseRow]) -> list[str]:
    """Why runs are not trusted, each reason once, with the number of runs; the most frequent first."""
    counts = Counter(code for row in rows for code in row.reasons)
    if not counts:
        return []
    from orchestrator.trust.reasons import brief_of, severity_of  # all rules come with it, and most lists need none

    return [
        f"{severity_of(code)}, {count_text(count, 'run')}: {code} ({brief_of(code)})"
        for code, count in counts.most_common()
    ]


def doubts_text(runs: Sequence[RunSummary]) -> str:
    """`3 suspect: others_ran, trend`, for a sentence; empty where all are trusted."""
    from orchestrator.trust.reasons import grave

    parts = []
    for verdict in (Verdict.INVALID, Verdict.SUSPECT):
        doubted = [run for run in runs if run.verdict is verdict]
        codes = Counter(code for run in doubted for code in grave(run.reasons))
        if doubted:
            parts.append(f"{len(doubted)} {verdict}: {', '.join(code for code, _ in codes.most_common())}")
    return "; ".join(parts)


def doubt_text(run: Run) -> str:
    """`suspect: others_ran, trend` of a run that just ended, judged by itself; empty where it is trusted."""
    if run.result is None:
        return ""
    from orchestrator.trust.judge import judge
    from orchestrator.trust.reasons import Severity, severity_of

    judgement = judge(run)
    codes = [reason.code for reason in judgement.reasons if severity_of(reason.code) > Severity.NOTE]
    return f"{judgement.verdict}: {', '.join(codes)}" if codes else ""


def trust_lines(stored: StoredRun) -> list[tuple[str, str]]:
    """The verdict on a run, and every reason with what to do about it."""
    from orchestrator.trust.reasons import Severity, remedy_of, sentence_of, severity_of

    judgement, run = stored.judgement, stored.summary
    if judgement is None:
        return [("verdict", f"none yet; next: dynofarm judge --sweep {run.sweep_id}")]
    lines = [("verdict", str(judgement.verdict))]
    for reason in judgement.reasons:
        severity = severity_of(reason.code)
        mark = "" if severity is Severity.NOTE else f"{severity}: "
        remedy = remedy_of(reason.code, run.device, run.job_id[:8])
        lines.append((reason.code, mark + sentence_of(reason) + (f"\nnext: {remedy}" if remedy else "")))
    return lines


def trust_values(stored: StoredRun) -> dict[str, Any] | None:
    """The same as plain values."""
    from orchestrator.trust.reasons import remedy_of, sentence_of, severity_of

    judgement, run = stored.judgement, stored.summary
    if judgement is None:
        return None
    return {
        "verdict": str(judgement.verdict),
        "rules": judgement.rules,
        "reasons": [
            {
                "code": reason.code,
                "severity": str(severity_of(reason.code)),
                "sentence": sentence_of(reason),
                "next": remedy_of(reason.code, run.device, run.job_id[:8]),
                "figures": dict(reason.figures),
            }
            for reason in judgement.reasons
        ],
    }
