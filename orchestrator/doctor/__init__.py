"""What on a board will spoil measurements, and how to mend it: from what the board told to a list of findings. Pure.

`docs/how-to-quiet-a-board.md` explains every finding; a test holds that page and these rules together.
"""

from collections.abc import Callable, Iterator, Mapping

from orchestrator.doctor import clocks, company, heat, history, standing, storage
from orchestrator.doctor.findings import Finding, Past, Patient, Severity

__all__ = ["CODES", "Finding", "Past", "Patient", "Severity", "diagnose"]

Rule = Callable[[Patient], Iterator[Finding]]

_RULES: Mapping[str, Rule] = {
    **heat.RULES,
    **clocks.RULES,
    **company.RULES,
    **storage.RULES,
    **standing.RULES,
    **history.RULES,
}
CODES = tuple(_RULES)
"""All that can be found, in the order in which findings of one severity are listed."""


def diagnose(patient: Patient) -> list[Finding]:
    """Everything that was found, the worst first."""
    found = [finding for rule in _RULES.values() for finding in rule(patient)]
    order = list(Severity)
    return sorted(found, key=lambda finding: order.index(finding.severity))
