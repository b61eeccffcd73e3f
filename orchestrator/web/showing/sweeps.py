"""Sweeps: how far they are, and what came of them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.pages.badges import Badge, Tone
from orchestrator.pages.filters import moment
from orchestrator.pages.reading import SweepFacts
from orchestrator.pages.sections.heat_map import HeatMap, heat_map
from orchestrator.pages.sections.trust import failures_table, reasons_table
from orchestrator.pages.sections.words import Said, summary
from orchestrator.pages.tables import Cell, Column, Table, make_table
from orchestrator.report.sittings import request_text
from orchestrator.store.glances.boards import Part
from orchestrator.store.glances.sweeps import SweepLine
from orchestrator.web import addresses

_NUMBERS = ("jobs", "measured", "failed", "skipped", "to do")


def sweeps_table(lines: Sequence[SweepLine]) -> Table:
    """A line a sweep."""
    numbers = [Column(one, True) for one in _NUMBERS]
    columns: list[Column | str] = ["sweep", "when", "state", *numbers, "verdicts", "boards lost"]
    rows: list[tuple[Cell | Badge | str, ...]] = [
        (
            Cell(f"{one.sweep_id} {one.name}", href=addresses.sweep(one.sweep_id)),
            moment(one.created),
            state_badge(one),
            *(_count(number) for number in (one.jobs, one.ok, one.failed, one.skipped, one.owed)),
            verdicts_text(one),
            _times(one.link_faults),
        )
        for one in lines
    ]
    return make_table("Sweeps, the newest first", columns, rows)


def parts_table(parts: Sequence[Part]) -> Table:
    """A line a board of one sweep."""
    columns: list[Column | str] = ["board", *(Column(one, True) for one in _NUMBERS), "next"]
    rows: list[tuple[Cell | Badge | str, ...]] = [
        (
            Cell(one.device, href=addresses.board(one.device)),
            *(_count(number) for number in (one.jobs, one.ok, one.failed, one.skipped, one.jobs - one.done)),
            one.now or "nothing more",
        )
        for one in parts
    ]
    return make_table("Board by board", columns, rows)


def state_badge(one: SweepLine) -> Badge:
    """Whether it runs, is done, or waits to be taken up again."""
    if one.runs_now and one.stops:
        return Badge("stopping", "■", Tone.DOUBT)
    if one.runs_now:
        return Badge("runs now", "▶", Tone.GOOD)
    if one.owed:
        return Badge("not finished", "…", Tone.DOUBT)
    if one.failed:
        return Badge("done, with failures", "✕", Tone.BAD)
    return Badge("done", "✓", Tone.GOOD)


def request_lines(one: SweepLine) -> list[str]:
    """How the requests to stop stand with those who work at it."""
    now = one.at.astimezone()
    return [request_text(sitting, now) for sitting in one.sittings if sitting.asked is not None]


def verdicts_text(one: SweepLine) -> str:
    """`38 trusted, 2 suspect`."""
    order = [name for name in ("trusted", "suspect", "invalid") if one.verdicts.get(name)]
    return ", ".join(f"{one.verdicts[name]} {name}" for name in order) or "–"


def sweep_figures(one: SweepLine) -> list[tuple[str, int]]:
    """What came of its jobs, and of those that were measured what they may be believed."""
    known = {"trusted": 0} | one.verdicts if one.ok else {}
    verdicts = [(name, known[name]) for name in ("trusted", "suspect", "invalid") if name in known]
    return [("measured", one.ok), ("failed", one.failed), ("skipped", one.skipped), ("to do", one.owed), *verdicts]


@dataclass(frozen=True)
class Account:
    """What a sweep comes to: in words, as a heat map, and what stands against it."""

    said: tuple[Said, ...]
    heat: HeatMap
    reasons: Table
    failures: Table


def account(facts: SweepFacts) -> Account:
    """The sections of its report that need no latencies."""
    return Account(summary(facts), heat_map(facts), reasons_table(facts), failures_table(facts))


def _count(number: int) -> Cell:
    return Cell(f"{number:,}") if number else Cell("–")


def _times(number: int) -> str:
    return f"{number} time{'s' * (number != 1)}" if number else "–"
