"""Decisions on claims: on the terminal, below a table, and as plain values."""

from collections.abc import Sequence
from typing import Any

from orchestrator.report.console import new_table, report_console, words
from orchestrator.report.study.sheet import Claimed
from orchestrator.study.deciding import Decision, Outcome

STYLES = {Outcome.HOLDS: "green", Outcome.FAILS: "red", Outcome.UNDECIDED: "yellow"}


def claimed(decision: Decision) -> Claimed:
    """For a sheet."""
    return Claimed(decision.claim.text, str(decision.outcome), decision.because)


def claims_table(decisions: Sequence[Decision]) -> None:
    """Print claims, a line each."""
    table = new_table(("claim", "outcome", "because"))
    for one in decisions:
        table.add_row(words(one.claim.text), words(str(one.outcome), STYLES[one.outcome]), words(one.because))
    report_console().print(table)


def claims_values(decisions: Sequence[Decision]) -> list[dict[str, Any]]:
    """For --json: each claim with the cases that it is about."""
    return [
        {
            "claim": one.claim.text,
            "outcome": str(one.outcome),
            "because": one.because,
            "cases": [
                {
                    "device": case.row.device,
                    "device_kind": case.row.device_kind,
                    "model": case.row.model,
                    "case_key": case.row.case_key,
                    "scope": case.row.scope,
                    "outcome": str(case.outcome),
                    "found": case.found,
                    "because": case.because,
                    "is_doubted": case.is_doubted,
                }
                for case in one.cases
            ],
        }
        for one in decisions
    ]
