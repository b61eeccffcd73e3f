"""The history of cases over stored sweeps: since when one is slower, and what else changed then. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import median

from orchestrator.comparing.change_points import FEWEST, Step, find_steps
from orchestrator.comparing.measured import CASE_FIELDS, Measured, is_doubted

SAME_FIELDS = (*CASE_FIELDS, "scope", "inputs", "protocol", "kind", "emulated")
"""A series is of one of each. What is not here may change on the way, and then explains a step."""


@dataclass(frozen=True)
class Point:
    """A case in one sweep: the median over its runs that count, and those runs."""

    sweep_id: int
    started: datetime
    median_ns: float
    runs: tuple[Measured, ...]


@dataclass(frozen=True)
class Change:
    """From `since` on the case takes `step.ratio` times as long. `causes` are what changed between the sweep before and
    that one, in words; none where nothing that is known did."""

    step: Step
    since: Point
    before: Point
    causes: tuple[str, ...]


@dataclass(frozen=True)
class History:
    """One case over the sweeps, in order of time, and its changes. `left_out` runs are suspect or invalid; `apart`
    tells it from another one of the same case that the same sweeps have, in words: `version 2.3.0`."""

    run: Measured
    points: tuple[Point, ...]
    changes: tuple[Change, ...]
    left_out: int = 0
    apart: str = ""


def histories(
    runs: Sequence[Measured], least: Callable[[str], float], *, include_suspect: bool = False
) -> list[History]:
    """The history of every case among the runs. `least` is the share, by device, below which a change means nothing."""
    series: dict[tuple[object, ...], list[Measured]] = {}
    for run in runs:
        if run.is_measured:
            series.setdefault(tuple(run.value(field) for field in SAME_FIELDS), []).append(run)
    found = [
        replace(_history(part, least(part[0].fingerprint.device), include_suspect=include_suspect), apart=apart)
        for members in series.values()
        for apart, part in _taken_apart(members).items()
    ]
    return sorted(found, key=lambda one: [*(one.run.text(field) for field in CASE_FIELDS), one.apart])


def _taken_apart(members: Sequence[Measured]) -> dict[str, list[Measured]]:
    """What the same sweeps measure side by side, again and again, are two histories: in one they would go to and fro,
    and hide the steps of both. One sweep or two that compared an old with a new one are still on one way."""
    parts: dict[str, list[Measured]] = {"": list(members)}
    for what, value in _SIDE_BY_SIDE:
        for apart, runs in list(parts.items()):
            if _sweeps_of_several(runs, value) < FEWEST:
                continue
            del parts[apart]
            for run in runs:
                parts.setdefault(", ".join(filter(None, (apart, f"{what} {value(run)}"))), []).append(run)
    return parts


_SIDE_BY_SIDE: tuple[tuple[str, Callable[[Measured], str]], ...] = (
    ("version", lambda run: run.text("version")),
    ("artifact", lambda run: run.digest[:12]),
)


def _sweeps_of_several(runs: Sequence[Measured], value: Callable[[Measured], str]) -> int:
    values: dict[int, set[str]] = {}
    for run in runs:
        values.setdefault(run.sweep_id, set()).add(value(run))
    return sum(len(found) > 1 for found in values.values())


def _history(members: Sequence[Measured], least: float, *, include_suspect: bool) -> History:
    good = [run for run in members if not is_doubted(run, include_suspect=include_suspect)]
    points = _points(good)
    steps = find_steps([point.median_ns for point in points], least)
    changes = [_change(step, points) for step in steps]
    return History(members[-1], tuple(points), tuple(changes), len(members) - len(good))


def _points(runs: Sequence[Measured]) -> list[Point]:
    """A point a sweep; a sweep that measured two artifacts or two versions of the case has a point for each."""
    groups: dict[tuple[object, ...], list[Measured]] = {}
    for run in runs:
        groups.setdefault((run.sweep_id, run.digest, run.value("version")), []).append(run)
    points = [
        Point(
            members[0].sweep_id,
            min(run.started for run in members),
            median(run.median_ns for run in members if run.median_ns is not None),
            tuple(members),
        )
        for members in groups.values()
    ]
    return sorted(points, key=lambda point: (point.started, point.sweep_id))


def _change(step: Step, points: Sequence[Point]) -> Change:
    """What changed exactly then; where nothing did, a sweep earlier or later, because scatter may hide where a step
    begins."""
    before, since = points[step.index - 1], points[step.index]
    causes = _causes(before.runs[-1], since.runs[0])
    if not causes:
        near = points[max(0, step.index - 2)], points[min(len(points) - 1, step.index + 1)]
        causes = [
            f"{cause} (in sweeps {near[0].sweep_id} to {near[1].sweep_id})"
            for cause in _causes(near[0].runs[-1], near[1].runs[0])
        ]
    return Change(step, since, before, tuple(causes))


def _causes(before: Measured, since: Measured) -> list[str]:
    """What differs, what explains most first: another board, another artifact, another runtime, other firmware, and
    how the board was set."""
    hosts = [("", "", ""), ("", "", "")]
    if before.host is not None and since.host is not None:
        hosts = [(one.machine_id[:8], one.kernel, one.system) for one in (before.host, since.host)]
    told = (
        ("board", hosts[0][0], hosts[1][0]),
        ("artifact", before.digest[:12], since.digest[:12]),
        ("runtime version", before.text("version"), since.text("version")),
        ("kernel", hosts[0][1], hosts[1][1]),
        ("system", hosts[0][2], hosts[1][2]),
        ("governor", before.text("governor"), since.text("governor")),
        ("held clock", before.text("held_clock_khz"), since.text("held_clock_khz")),
    )
    return [f"{what} {old} → {new}" for what, old, new in told if old != new]
