"""What there is to choose from: one artifact with one way to run it, on each board where it was measured. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.choosing.limits import LARGER_IS_BETTER, figure_claim
from orchestrator.records import RunSummary
from orchestrator.runs import options_key
from orchestrator.study.figures import Figure
from orchestrator.study.measures import Measure, measure, setting_text
from orchestrator.study.row import StudyRow


@dataclass(frozen=True)
class Place:
    """A candidate on one board. `row` has its figures, of the runs that count; `runs` are those that its latencies come
    from, `sweep_id` where they were measured. `doubted`: in words, which runs do not count."""

    row: StudyRow
    sweep_id: int
    runs: tuple[RunSummary, ...] = ()
    doubted: str = ""


@dataclass(frozen=True)
class Candidate:
    """`places` by device. `version` is None where boards ran different versions of what was asked for."""

    model: str
    digest: str
    runtime: str
    version: str | None
    threads: int
    delegate: str
    options: Mapping[str, Any]
    places: Mapping[str, Place]

    @property
    def text(self) -> str:
        """`mini, litert 2.3.0, 1 thread, xnnpack`."""
        row = next(iter(self.places.values())).row
        setting = setting_text(row)
        if self.version is None and row.runtime_version:
            setting = setting.replace(f"{row.runtime} {row.runtime_version}", row.runtime, 1)
        return f"{self.model}, {setting}"


@dataclass(frozen=True)
class Worst:
    """A figure of a candidate where it is worst among the boards that are asked for."""

    device: str
    figure: Figure
    text: str


def worst_of(candidate: Candidate, figure: str, boards: Sequence[str]) -> Worst | None:
    """None where a board has no such figure: a worst of some is none."""
    found = []
    for device in boards:
        place = candidate.places.get(device)
        told = measure(figure_claim(figure), place.row) if place is not None else None
        if not isinstance(told, Measure):
            return None
        found.append(Worst(device, told.figure, told.text))
    pick = min if figure in LARGER_IS_BETTER else max
    return pick(found, key=lambda one: one.figure.value)


def join_places(places: Sequence[Place]) -> list[Candidate]:
    """The candidates of cases, of which there is at most one of a version on a board. What boards ran of one choice is
    one candidate, whatever version each of them resolved it to, unless a board has several versions of it."""
    groups: dict[tuple[Any, ...], list[Place]] = {}
    for place in places:
        groups.setdefault(_choice(place.row), []).append(place)
    found = []
    for group in groups.values():
        if len({place.row.device for place in group}) == len(group):
            found.append(_candidate(group))
            continue
        by_version: dict[str | None, list[Place]] = {}
        for place in group:
            by_version.setdefault(place.row.runtime_version, []).append(place)
        found += [_candidate(part) for part in by_version.values()]
    return sorted(found, key=_order)


def _choice(row: StudyRow) -> tuple[Any, ...]:
    return row.model_digest, row.model, row.runtime, row.threads, row.delegate, options_key(row.options)


def _candidate(group: Sequence[Place]) -> Candidate:
    row = group[0].row
    versions = {place.row.runtime_version for place in group}
    return Candidate(
        model=row.model,
        digest=row.model_digest,
        runtime=row.runtime,
        version=row.runtime_version if len(versions) == 1 else None,
        threads=row.threads,
        delegate=row.delegate,
        options=row.options,
        places={place.row.device: place for place in sorted(group, key=lambda one: one.row.device)},
    )


def _order(one: Candidate) -> tuple[Any, ...]:
    return one.model, one.digest, one.runtime, one.version or "", one.threads, one.delegate, options_key(one.options)
