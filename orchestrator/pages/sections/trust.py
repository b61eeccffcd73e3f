"""Which runs are to be trusted, why others are not, and what to do about it. Pure."""

from collections.abc import Sequence

from orchestrator.pages.badges import Badge, Tone, verdict_badge
from orchestrator.pages.names import shown
from orchestrator.pages.reading import SweepFacts
from orchestrator.pages.tables import Cell, Column, Table, make_table
from orchestrator.records import RunSummary
from orchestrator.report.words import count_text
from orchestrator.runs import Role, RunStatus
from orchestrator.trust.reasons import CATALOGUE, Severity, brief_of, remedy_of, severity_of
from orchestrator.trust.verdicts import Verdict

_TONES = {Severity.NOTE: ("·", Tone.QUIET), Severity.SUSPECT: ("?", Tone.DOUBT), Severity.INVALID: ("✕", Tone.BAD)}


def severity_badge(severity: Severity) -> Badge:
    sign, tone = _TONES[severity]
    return Badge(str(severity), sign, tone)


def measured(runs: Sequence[RunSummary]) -> list[RunSummary]:
    """Those of the cases that were asked for and have figures."""
    return [run for run in runs if run.status is RunStatus.OK and run.role is Role.CASE]


def verdicts_table(facts: SweepFacts) -> Table:
    """Board by board, how many measured runs have which verdict."""
    rows = []
    for device in facts.devices:
        mine = [run for run in measured(facts.runs) if run.device == device]
        counts = [sum(run.verdict is verdict for run in mine) for verdict in (*Verdict, None)]
        rows.append((facts.label_of(device), f"{len(mine):,}", *(f"{count:,}" for count in counts)))
    headings = ("measured runs", *(str(verdict) for verdict in Verdict), "not judged")
    return make_table("Verdicts, board by board", ("device", *(Column(one, True) for one in headings)), rows)


def reasons_table(facts: SweepFacts) -> Table:
    """Every reason that a measured run of a case has, the gravest and most frequent first, with what to do."""
    places: dict[str, dict[str, int]] = {}
    for run in measured(facts.runs):
        for code in run.reasons.split():
            boards = places.setdefault(code, {})
            boards[run.device] = boards.get(run.device, 0) + 1
    order = sorted(places, key=lambda code: (-severity_of(code), -sum(places[code].values()), code))
    rows = []
    for code in order:
        boards = places[code]
        where = ", ".join(f"{shown(name)} ({count})" for name, count in sorted(boards.items()))
        only = next(iter(boards)) if len(boards) == 1 else "DEVICE"
        rows.append(
            (
                Cell(code, note=_upper(brief_of(code))),
                severity_badge(severity_of(code)),
                f"{sum(boards.values()):,}",
                where,
                CATALOGUE[code].when if code in CATALOGUE else "",
                remedy_of(code, only),
            )
        )
    columns = (
        "reason",
        "gravity",
        Column("runs", True),
        "where",
        Column("said when", wide=True),
        Column("what to do", wide=True),
    )
    notes = ("A note is worth knowing and lowers no verdict.",) if rows else ()
    return make_table("Reasons, the gravest first", columns, rows, notes)


def failures_table(facts: SweepFacts) -> Table:
    """What went wrong or could not be, each kind once, the most frequent first."""
    groups: dict[tuple[RunStatus, str], list[RunSummary]] = {}
    for run in facts.runs:
        if run.status is not RunStatus.OK and run.role is not Role.REFERENCE:
            groups.setdefault((run.status, _kind_of(run)), []).append(run)
    rows = []
    order = sorted(groups.items(), key=lambda item: (item[0][0] is RunStatus.SKIPPED, -len(item[1]), item[0][1]))
    for (status, what), runs in order:
        boards = ", ".join(shown(name) for name in sorted({run.device for run in runs}))
        models = sorted({run.model for run in runs})
        named = ", ".join(shown(name, 40) for name in models[:4]) + (
            f" and {len(models) - 4} more" if models[4:] else ""
        )
        rows.append((Cell(str(status).replace("_", " "), note=what), f"{len(runs):,}", boards, named))
    return make_table("What has no figures", (Column("what", wide=True), Column("runs", True), "on", "models"), rows)


def links_table(facts: SweepFacts) -> Table:
    """When links broke, and what was done then."""
    rows = [
        (
            f"{fault.at:%Y-%m-%d %H:%M:%S} UTC",
            fault.device,
            str(fault.kind),
            fault.message,
            fault.what_next,
            "not again" if fault.back is None else f"{(fault.back - fault.at).total_seconds():.0f} s later",
        )
        for fault in facts.faults
    ]
    return make_table(
        "Links that broke",
        ("when", "device", "kind", Column("what", wide=True), Column("what was done", wide=True), "reached again"),
        rows,
    )


def _kind_of(run: RunSummary) -> str:
    """The message without what is only this run's: the name of its model."""
    text = run.message.replace(run.model, "MODEL") if run.model else run.message
    return text if len(text) <= 160 else text[:160] + "…"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def counts_text(runs: Sequence[RunSummary]) -> str:
    """`38 trusted, 2 suspect`; `none was measured`."""
    parts = [
        f"{count:,} {verdict_badge(verdict).word}"
        for verdict in (*Verdict, None)
        if (count := sum(run.verdict is verdict for run in runs))
    ]
    return ", ".join(parts) if parts else f"{count_text(0, 'run')}: none was measured"
