"""Reservations and the audit trail on the terminal."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from orchestrator.moments import moment_text
from orchestrator.records import Ending, LeaseKind, LeaseRecord
from orchestrator.report.console import cell, new_table, report_console, words

if TYPE_CHECKING:
    from orchestrator.visits.reserving import Outcome  # it draws in transports, which no list needs

_STYLES = {Ending.FORCED: "red", Ending.REFUSED: "red", Ending.FAILED: "red", Ending.DIED: "red"}

_WORDS = {
    Ending.EXTENDED: "replaced by its owner",
    Ending.REFUSED: "refused: the board was somebody else's",
    Ending.DIED: "the process died",
    Ending.TAKEN_OVER: "taken over",
}


def lease_values(record: LeaseRecord) -> dict[str, Any]:
    """One line of the audit trail as plain values; times are UTC, ISO 8601. Unknown is None."""
    return {
        "device": record.device,
        "kind": str(record.kind),
        "owner": record.owner,
        "why": record.why,
        "since": record.since.isoformat(),
        "until": _iso(record.until),
        "told": _iso(record.told),
        "sweep": record.sweep_id,
        "ended": _iso(record.ended),
        "ended_by": record.ended_by,
        "ending": str(record.ending) if record.ending else None,
    }


def outcome_values(outcome: "Outcome") -> dict[str, Any]:
    """What came of reserving a board or giving it back, as plain values."""
    return {
        "device": outcome.device,
        "done": outcome.done,
        "board_knows": outcome.told,
        "trouble": outcome.trouble or None,
        "reservation": lease_values(outcome.record) if outcome.record else None,
    }


def reservations_table(records: Sequence[LeaseRecord], now: datetime) -> None:
    """Print what is reserved, a line a board."""
    if not records:
        report_console().print(words("nothing is reserved"))
        return
    table = new_table(("device", "owner", "since", "until", "why", "the board knows"))
    for record in records:
        knows = cell("yes") if record.told else cell("not yet", "yellow")
        times = [moment_text(record.since, now), moment_text(record.until or now, now)]
        table.add_row(*map(cell, (record.device, record.owner, *times, record.why)), knows)
    report_console().print(table)


def leases_table(records: Sequence[LeaseRecord], now: datetime) -> None:
    """Print who had what, the newest first."""
    if not records:
        report_console().print(words("nobody had a board yet"))
        return
    table = new_table(("device", "owner", "for", "since", "ended", "how"))
    for record in records:
        sweep = record.kind is LeaseKind.SWEEP and record.sweep_id is not None
        what = f"sweep {record.sweep_id} ({record.why})" if sweep else record.why
        ended = moment_text(record.ended, now) if record.ended else "–"
        how = cell(ending_text(record, now), _STYLES.get(record.ending, "") if record.ending else "")
        table.add_row(*map(cell, (record.device, record.owner, what, moment_text(record.since, now), ended)), how)
    report_console().print(table)


def ending_text(record: LeaseRecord, now: datetime) -> str:
    """`released`, `taken away by ben@lab`, `reserved until 14:30`; `runs` for a sweep that is there now."""
    if record.ending is None:
        return f"reserved until {moment_text(record.until, now)}" if record.until is not None else "runs"
    if record.ending is Ending.FORCED:
        return f"taken away by {record.ended_by}"
    return _WORDS.get(record.ending, str(record.ending))


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None
