"""The health of boards on the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from orchestrator.health import Health, State
from orchestrator.records import QuarantineRecord
from orchestrator.report.console import cell, new_table, report_console
from orchestrator.report.words import latency_text

_STYLES = {State.WELL: "green", State.MOVED: "red", State.UNSEEN: "red", State.LEARNING: ""}


def health_values(found: Health, record: QuarantineRecord | None) -> dict[str, Any]:
    """One board as plain values; shares of the usual latency: 0.12 is 12 % slower."""
    values = asdict(found) | {"state": str(found.state), "why": list(found.why), "reason": found.sentence or None}
    for name in ("since", "last_well"):
        values[name] = values[name].isoformat() if values[name] else None
    out = {"since": record.since.isoformat(), "reason": record.reason} if record else None
    return values | {"quarantine": out}


def health_table(found: Sequence[Health], records: Mapping[str, QuarantineRecord]) -> None:
    """Print a line a board: what it takes now, what is usual, and how it stands."""
    figures = ("now ms", "usual ms", "change", "limit")
    table = new_table(("board", *figures, "state"), right=figures)
    for one in found:
        style = "red" if one.device in records else _STYLES[one.state]
        cells = (
            one.device,
            latency_text(one.latency_ns),
            latency_text(one.usual_ns),
            f"{one.change * 100:+.1f} %" if one.change is not None else "–",
            f"±{one.limit * 100:.1f} %" if one.limit is not None else "–",
        )
        table.add_row(*map(cell, cells), cell(state_text(one, records.get(one.device)), style))
    report_console().print(table)


def state_text(found: Health, record: QuarantineRecord | None) -> str:
    """`well`, `learning, 3 of 8`, `not measured: …`, `in quarantine: …`."""
    if found.state is State.LEARNING:
        now = f"learning, {found.visits} of {found.needed}"
    elif found.state is State.UNSEEN:
        now = f"not measured: {found.why[0]}" if found.why else "not measured"
    else:
        now = found.sentence or "well"
    if record is None:
        return now
    if found.state is State.WELL:
        return f"in quarantine ({record.reason}); back at its level now"
    return f"in quarantine: {record.reason}" if record.reason == now else f"in quarantine ({record.reason}); now {now}"
