"""Boards: the farm at a glance, and all that is known of one. Pure."""

import math
from collections.abc import Sequence
from datetime import datetime

from orchestrator.health import Health, State, Visit
from orchestrator.health.control_chart import Reading
from orchestrator.pages.badges import Badge, Tone
from orchestrator.pages.charts.chart import Axis, Chart
from orchestrator.pages.charts.series import Limit, Line, Stretch, series_chart
from orchestrator.pages.filters import moment
from orchestrator.pages.tables import NOT_MEASURED, Cell, Column, Table, make_table
from orchestrator.records import LeaseRecord, LinkFault, PowerCycle, QuarantineRecord
from orchestrator.report.health import state_text
from orchestrator.report.reservations import ending_text
from orchestrator.report.standing import floor_text
from orchestrator.report.words import latency_text
from orchestrator.web import addresses
from orchestrator.web.looks import BoardLook

OUT = Badge("in quarantine", "✕", Tone.BAD)
RESERVED = Badge("reserved", "●", Tone.DOUBT)
FREE = Badge("free", "✓", Tone.GOOD)
MEASURES = Badge("measures", "▶", Tone.GOOD)
IDLE = Badge("idle", "–", Tone.QUIET)


def farm_table(boards: Sequence[BoardLook]) -> Table:
    """A line a board: what it does now, how warm and how well it is, and who may have it."""
    columns = (
        "board", "now", Column("temperature", True), "health", "may measure", Column("noise", True), "last seen"
    )  # fmt: skip
    rows = [
        (
            Cell(one.name, href=addresses.board(one.name), note=_what_it_is(one)),
            _doing(one),
            _warmth(one),
            health_cell(one.health),
            _rotation(one),
            Cell(floor_text(one.floor), missing=one.floor is None),
            moment(one.record.last_seen if one.record else None),
        )
        for one in boards
    ]
    return make_table("Boards of the farm", columns, rows)


def board_figures(one: BoardLook) -> list[tuple[str, str]]:
    """What is asked first of one board."""
    return [
        ("now", _doing(one).text or (_doing(one).badge or IDLE).word),
        ("temperature", _warmth(one).text),
        ("health", state_text(one.health, None) if one.visits else "not looked at yet"),
        ("noise floor", NOT_MEASURED if one.floor is None else floor_text(one.floor)),
        ("last seen", moment(one.record.last_seen if one.record else None)),
    ]


def health_cell(found: Health) -> Cell:
    """Shares are of the usual latency of the reference model."""
    if found.state is State.LEARNING:
        if not found.visits:
            return Cell("not looked at yet", missing=True)
        return Cell(badge=Badge("learning", "…", Tone.QUIET), text=f"{found.visits} of {found.needed} looks")
    change = f"{found.change * 100:+.1f} %" if found.change is not None else ""
    limit = f"usual within ±{found.limit * 100:.1f} %" if found.limit is not None else ""
    if found.state is State.MOVED:
        return Cell(found.sentence, badge=Badge("moved", "✕", Tone.BAD), note=limit)
    return Cell(change, badge=Badge("well", "✓", Tone.GOOD), note=limit)


def control_chart(visits: Sequence[Visit], reading: Reading) -> Chart | None:
    """Every look at a board in order, against what is usual for it; None before the first look."""
    if not visits:
        return None
    points = [(float(number), visit.median_ns / 1e6) for number, visit in enumerate(visits, 1)]
    limits = []
    if reading.centre is not None and reading.limit is not None:
        usual = math.exp(reading.centre) / 1e6
        limits = [
            Limit(usual, "usual"),
            Limit(usual * math.exp(reading.limit), "upper limit"),
            Limit(usual / math.exp(reading.limit), "lower limit"),
        ]
    moved = [Stretch(reading.onset + 1, float(len(visits)), "has moved")] if reading.onset is not None else []
    return series_chart(
        "control-chart",
        "Looks at the board with the reference model",
        [Line("reference model", points)],
        Axis("look, in order of time"),
        Axis("median latency, ms"),
        limits=limits,
        stretches=moved,
        text=lambda value: latency_text(value * 1e6),
        caption=f"First on {moment(visits[0].started)}, last on {moment(visits[-1].started)}.",
    )


def quarantines_table(records: Sequence[QuarantineRecord]) -> Table:
    rows = [
        (moment(one.since), one.reason, moment(one.released) if one.released else "still out", one.released_why or "")
        for one in reversed(records)
    ]
    return make_table("Times in quarantine, the newest first", ("since", "why", "released", "what was done"), rows)


def leases_table(records: Sequence[LeaseRecord], now: datetime) -> Table:
    """Who had it, the newest first."""
    rows = []
    for one in records:
        what = Cell(one.why)
        if one.sweep_id is not None:
            what = Cell(f"sweep {one.sweep_id} ({one.why})", href=addresses.sweep(one.sweep_id))
        ended = moment(one.ended) if one.ended else "–"
        rows.append((moment(one.since), one.owner, what, ended, ending_text(one, now)))
    return make_table("Who had this board, the newest first", ("since", "who", "what for", "ended", "how"), rows)


def faults_table(faults: Sequence[LinkFault], cycles: Sequence[PowerCycle] = ()) -> Table:
    """Losses of boards and what was done then, and when power was switched; in order of time."""
    rows = [
        (
            one.at,
            (
                moment(one.at),
                Cell(one.device, href=addresses.board(one.device)),
                one.message,
                one.what_next,
                moment(one.back) if one.back else "not yet",
            ),
        )
        for one in faults
    ]
    rows += [
        (
            one.at,
            (
                moment(one.at),
                Cell(one.device, href=addresses.board(one.device)),
                f"power switched by {one.holder}",
                one.fault or "it went off and on",
                "",
            ),
        )
        for one in cycles
    ]
    ordered = [row for _, row in sorted(rows, key=lambda row: row[0])]
    return make_table("Boards that were lost", ("when", "board", "what happened", "then", "back"), ordered)


def _what_it_is(one: BoardLook) -> str:
    facts = one.record.facts if one.record else None
    if facts is not None:
        return f"{facts.board or facts.cpu or facts.architecture}"
    return one.device.address if one.device is not None else "no profile any more"


def _doing(one: BoardLook) -> Cell:
    if one.tenant is None:
        return Cell(badge=IDLE)
    if one.tenant.sweep_id is None:
        return Cell(f"{one.tenant.name} (by {one.tenant.owner})", badge=MEASURES)
    progress = f", {one.part.done} of {one.part.jobs}" if one.part is not None else ""
    text = f"sweep {one.tenant.sweep_id}{progress}"
    note = one.part.now if one.part is not None and one.part.now else "at its end"
    return Cell(text, badge=MEASURES, href=addresses.sweep(one.tenant.sweep_id), note=note)


def _warmth(one: BoardLook) -> Cell:
    if one.warmth is None:
        return Cell("no sensor read" if one.record and one.record.last_seen else NOT_MEASURED, missing=True)
    return Cell(f"{one.warmth.temp_c:.1f} °C", note=moment(one.warmth.at))


def _rotation(one: BoardLook) -> Cell:
    if one.quarantine is not None:
        return Cell(badge=OUT, note=f"since {moment(one.quarantine.since)}: {one.quarantine.reason}")
    if one.reservation is not None:
        kept = one.reservation
        until = moment(kept.until) if kept.until is not None else "its end"
        return Cell(f"by {kept.owner} until {until}", badge=RESERVED, note=kept.why)
    if one.device is None:
        return Cell("no profile", missing=True)
    return Cell(badge=FREE)
