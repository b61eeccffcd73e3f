"""What the doctor found, on the terminal and as plain values."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from orchestrator.doctor import Finding, Severity
from orchestrator.report.console import report_console, words
from orchestrator.report.words import count_text, duration_text

if TYPE_CHECKING:
    from orchestrator.visits.examining import Examination  # it draws in transports and carriers

_STYLES = {Severity.SPOILS: "bold red", Severity.MAY_SPOIL: "yellow", Severity.NOTE: "dim"}
_WIDTH = max(len(severity) for severity in Severity)


def examination_values(one: "Examination") -> dict[str, Any]:
    """One board for --json."""
    return {
        "device": one.device.name,
        "reached": one.error is None,
        "spoilt": any(finding.severity is Severity.SPOILS for finding in one.findings),
        "findings": [_finding_values(finding) for finding in one.findings],
        "examined": asdict(one.examined) if one.examined else None,
        "error": one.error.message if one.error else None,
        "next": one.error.hint if one.error else None,
    }


def examinations_page(found: Sequence["Examination"]) -> None:
    """Every board that was reached: a heading, and below it its findings, the worst first."""
    console = report_console()
    reached = [one for one in found if one.examined is not None]
    for number, one in enumerate(reached):
        if number:
            console.print()
        console.print(words(_heading(one), "bold"))
        for finding in one.findings:
            label = words(f"  {finding.severity:<{_WIDTH}}  ", _STYLES[finding.severity])
            console.print(label.append_text(words(f"{finding.sentence} [{finding.code}]")), soft_wrap=True)
            for line in mending_lines(one.device.name, finding):
                console.print(words(f"  {'':<{_WIDTH}}    {line}"), soft_wrap=True)


def mending_lines(board: str, finding: Finding) -> list[str]:
    """What mends it, a line each: a command goes into a shell as it stands behind the colon."""
    lines = [f"on {board}: {command}" for command in finding.on_board]
    lines += [f"here: {command}" for command in finding.here]
    return [*lines, *([f"by hand: {finding.by_hand}"] if finding.by_hand else [])]


def _heading(one: "Examination") -> str:
    counts = Counter(finding.severity for finding in one.findings)
    bad = [f"{counts[severity]} {severity}" for severity in (Severity.SPOILS, Severity.MAY_SPOIL) if counts[severity]]
    notes = [count_text(counts[Severity.NOTE], "note")] if counts[Severity.NOTE] else []
    what = ", ".join([*(bad or ["nothing found that spoils measurements"]), *notes])
    watched_s = one.examined.interval_s if one.examined else 0.0
    return f"{one.device.name}: {what} (watched for {duration_text(watched_s)})"


def _finding_values(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": str(finding.severity),
        "finding": finding.sentence,
        "on_board": list(finding.on_board),
        "here": list(finding.here),
        "by_hand": finding.by_hand or None,
    }
