"""From the runs of a sweep, and others of the time, to the context of each: what happened around it. Pure.

Boards are one machine when one running kernel answered for them: they told the same boot id. It is read with every run
and cannot be copied with a memory card, as a machine id can. Groups that only a profile knows (two virtual machines on
one host) are kept apart by turns, and leave no trace here.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from types import MappingProxyType

from orchestrator.runs import Role
from orchestrator.trust.evidence import Context, Glance, Neighbour
from orchestrator.trust.restlessness import HISTORY, LEAST_HISTORY, judge_references, restlessness

Key = tuple[str, int]
"""A run: job id and attempt."""


@dataclass(frozen=True)
class Visit:
    """A run as its neighbours see it. `median_ns` is None where nothing was measured; `version` is the runtime's."""

    key: Key
    sweep_id: int
    device: str
    role: Role
    started: datetime
    finished: datetime
    median_ns: float | None
    version: str | None
    boot_id: str | None


def contexts_of(
    visits: Sequence[Visit], sweep_id: int, history_ns: Mapping[str, Sequence[float]] = MappingProxyType({})
) -> dict[Key, Context]:
    """The context of every measured run of the sweep.

    `visits` may hold runs of other sweeps at the same time: they are neighbours, never references. `history_ns`: by
    board, medians of the reference model before the sweep, in order of time.
    """
    ordered = _in_order(visits)
    own = [visit for visit in ordered if visit.sweep_id == sweep_id]
    references = [visit for visit in own if visit.role is Role.REFERENCE and visit.median_ns]
    by_device: dict[str, list[Visit]] = {visit.device: [] for visit in own}
    for visit in references:
        by_device[visit.device].append(visit)
    restless = {device: _restless(history_ns.get(device, ()), mine) for device, mine in by_device.items()}
    glances = _glances(references, restless)
    neighbours = _neighbours(ordered)
    contexts = {}
    for visit in own:
        if visit.median_ns is None:
            continue
        before, after, usual_ns = _around(visit, glances.get(visit.device, ()))
        near = tuple(neighbours.get(visit.key, ()))
        contexts[visit.key] = Context(before, after, usual_ns, restless[visit.device], near)
    return contexts


def _restless(before_ns: Sequence[float], own: Sequence[Visit]) -> float | None:
    """From what was before the sweep; where that is too little, from the sweep's own runs as well."""
    before = list(before_ns)[-HISTORY:]
    if len(before) < LEAST_HISTORY:
        before += [visit.median_ns for visit in own if visit.median_ns is not None]
    return restlessness(before)


@dataclass(frozen=True)
class _Dated:
    visit: Visit
    glance: Glance
    usual_ns: float


def _glances(references: Iterable[Visit], restless: Mapping[str, float | None]) -> dict[str, list[_Dated]]:
    """By board, in order of time. Another version of the runtime is another clock: each is judged among its like."""
    groups: dict[tuple[str, str | None], list[Visit]] = defaultdict(list)
    for visit in references:
        groups[visit.device, visit.version].append(visit)
    boards: dict[str, list[_Dated]] = defaultdict(list)
    for (device, _), visits in groups.items():
        medians = [visit.median_ns or 0.0 for visit in visits]
        for index, moved in enumerate(judge_references(medians, restless[device])):
            usual_ns = median(medians) if len(medians) != 2 else medians[1 - index]
            boards[device].append(_Dated(visits[index], Glance(medians[index], moved), usual_ns))
    return {device: sorted(dated, key=lambda one: one.visit.started) for device, dated in boards.items()}


def _around(visit: Visit, dated: Sequence[_Dated]) -> tuple[Glance | None, Glance | None, float | None]:
    """The last reference run that ended before, the first that began after, and the usual time of them."""
    others = [one for one in dated if one.visit.key != visit.key]
    before = next((one for one in reversed(others) if one.visit.started <= visit.started), None)
    after = next((one for one in others if one.visit.started > visit.started), None)
    near = [one for one in (before, after) if one is not None]
    usual_ns = next((one.usual_ns for one in near if one.glance.moved), near[0].usual_ns if near else None)
    return before.glance if before else None, after.glance if after else None, usual_ns


def sweeps_beside(visits: Iterable[Visit], sweep_id: int, least_s: float) -> list[int]:
    """Other sweeps with a measured run on another board of one machine while a run of this sweep was on it."""
    pairs = _overlaps(_in_order(visits))
    found = {
        other.sweep_id
        for one, another, overlap_s in pairs
        for own, other in ((one, another), (another, one))
        if overlap_s >= least_s and own.sweep_id == sweep_id != other.sweep_id and other.median_ns is not None
    }
    return sorted(found)


def _in_order(visits: Iterable[Visit]) -> list[Visit]:
    return sorted(visits, key=lambda visit: (visit.started, visit.key))


def _neighbours(ordered: Sequence[Visit]) -> Mapping[Key, list[Neighbour]]:
    found: dict[Key, list[Neighbour]] = defaultdict(list)
    for one, another, overlap_s in _overlaps(ordered):
        found[one.key].append(Neighbour(another.device, overlap_s))
        found[another.key].append(Neighbour(one.device, overlap_s))
    return found


def _overlaps(ordered: Sequence[Visit]) -> Iterator[tuple[Visit, Visit, float]]:
    """Runs of two boards under the same kernel that overlap in time, and for how many seconds."""
    machines: dict[str, list[Visit]] = defaultdict(list)
    boots = _boots(ordered)
    for visit in ordered:
        boot_id = visit.boot_id or boots.get(visit.device)
        if boot_id is not None:
            machines[boot_id].append(visit)
    for visits in machines.values():
        running: list[Visit] = []
        for visit in visits:
            running = [one for one in running if one.finished > visit.started]
            for one in running:
                if one.device != visit.device:
                    yield visit, one, (min(one.finished, visit.finished) - visit.started).total_seconds()
            running.append(visit)


def _boots(visits: Iterable[Visit]) -> dict[str, str]:
    """What a board told last: a run that failed tells nothing itself, and kept the machine as busy."""
    return {visit.device: visit.boot_id for visit in visits if visit.boot_id is not None}
