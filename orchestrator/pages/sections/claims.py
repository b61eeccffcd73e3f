"""What the sweep's file claims of its results, and whether they bear it out. Pure."""

from orchestrator.errors import DynofarmError
from orchestrator.pages.badges import Badge, Tone
from orchestrator.pages.reading import SweepFacts
from orchestrator.pages.tables import Table, make_table
from orchestrator.study import Outcome, decide
from orchestrator.sweep_files.claims import parse_claims

_BADGES = {
    Outcome.HOLDS: Badge("holds", "✓", Tone.GOOD),
    Outcome.FAILS: Badge("fails", "✕", Tone.BAD),
    Outcome.UNDECIDED: Badge("undecided", "?", Tone.DOUBT),
}


def claims_table(facts: SweepFacts) -> Table:
    """A row a claim; none where the sweep makes none. One of another version, that this one cannot read, says so."""
    rows: list[tuple[str | Badge, ...]] = []
    for text in facts.record.sweep.claims:
        try:
            decisions = decide(parse_claims([text]), facts.rows)
        except DynofarmError as error:
            rows.append((text, Badge("not readable", "?", Tone.DOUBT), error.message))
            continue
        rows += [(one.claim.text, _BADGES[one.outcome], one.because) for one in decisions]
    return make_table("Claims", ("claim", "outcome", "because"), rows)
