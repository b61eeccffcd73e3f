"""What pages say of a sweep, gathered from the store once; everything behind it is pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from orchestrator.errors import UnknownName, UsageError
from orchestrator.models import Model
from orchestrator.pages.traces import Trace, trace_of
from orchestrator.records import LinkFault, RunFilter, RunSummary, SweepRecord
from orchestrator.study import Artifact, StudyCase, StudyRow, artifact_of, find_teacher, group_cases, rows

if TYPE_CHECKING:
    from agent.protocol import Facts
    from orchestrator.store import Store
    from orchestrator.study.scores import ScoreKey, TaskScore


_AXES = ("runtime", "threads", "delegate", "options")


@dataclass(frozen=True)
class SweepFacts:
    """A stored sweep. `runs` are all attempts that count, of every role; `rows` have a case each, as the table of a
    study has them. `models` and `artifacts` by digest, `boards` what is known of each by name, `floors` the noise
    floors (shares) of those that have one. `traces` are there where details were asked for, one a measured run."""

    record: SweepRecord
    runs: tuple[RunSummary, ...]
    cases: tuple[StudyCase, ...]
    rows: tuple[StudyRow, ...]
    models: Mapping[str, Model] = field(default_factory=dict)
    artifacts: Mapping[str, Artifact] = field(default_factory=dict)
    boards: Mapping[str, "Facts"] = field(default_factory=dict)
    floors: Mapping[str, float] = field(default_factory=dict)
    faults: tuple[LinkFault, ...] = ()
    teacher: Artifact | None = None
    traces: tuple[Trace, ...] = ()

    @cached_property
    def devices(self) -> list[str]:
        """In order of their names."""
        return sorted({case.device for case in self.cases})

    @cached_property
    def varied(self) -> frozenset[str]:
        """Which of runtime, threads, delegate and options are not the same in all cases that ran, and the names of the
        runtimes that ran in several versions."""
        ran = [row for row in self.rows if row.runs] or self.rows
        axes = [name for name in _AXES if len({repr(getattr(row, name)) for row in ran}) > 1]
        versions: dict[str, set[str | None]] = {}
        for row in ran:
            versions.setdefault(row.runtime, set()).add(row.runtime_version)
        return frozenset([*axes, *(name for name, found in versions.items() if len(found) > 1)])

    def kind_of(self, device: str) -> str:
        """`real`, `loopback`, `emulated`, or `unknown` where nothing ran."""
        return self._kinds.get(device, "unknown")

    @cached_property
    def _kinds(self) -> Mapping[str, str]:
        return {case.device: case.device_kind for case in reversed(self.cases)}

    def label_of(self, device: str) -> str:
        """The name, and what it is where it is no real board."""
        kind = self.kind_of(device)
        return device if kind in ("real", "unknown") else f"{device} ({kind})"


def read_sweep(store: "Store", wanted: int | str, *, detail: bool = False, answers: bool = True) -> SweepFacts:
    """The sweep of this number or name, or `last`. `UnknownName`.

    `detail` reads every latency and sample, too; without `answers` nothing is scored, which takes time where a sweep
    worked on a data set.
    """
    record = store.sweep(wanted)
    runs = store.runs(RunFilter(sweep=record.sweep_id, roles=()))
    cases = group_cases(runs, store.owed_jobs(record.sweep_id))
    models = _models(store, cases)
    artifacts = {
        case.model_digest: replace(artifact_of(models[case.model_digest]), name=case.model)
        for case in cases
        if case.model_digest in models
    }
    teacher = _teacher(list(artifacts.values()), record.sweep.teacher)
    scores = _scores(store, record, teacher) if answers and record.sweep.task is not None else {}
    devices = sorted({case.device for case in cases})
    known = store.last_facts()
    boards = {name: known[name] for name in devices if name in known}
    traces: tuple[Trace, ...] = ()
    if detail:
        began = min((run.started for run in runs), default=record.created)
        found = []
        for stored in store.each_measured_run(record.sweep_id):
            if stored.run.facts is not None:  # as the board was then
                boards[stored.run.job.device] = stored.run.facts
            found.append(trace_of(stored, began))
        traces = tuple(found)
    return SweepFacts(
        record=record,
        runs=tuple(runs),
        cases=tuple(cases),
        rows=tuple(rows(cases, artifacts, scores, teacher)),
        models=models,
        artifacts=artifacts,
        boards=boards,
        floors=_floors(store, devices),
        faults=tuple(store.link_faults(record.sweep_id)),
        teacher=teacher,
        traces=traces,
    )


def _models(store: "Store", cases: Sequence[StudyCase]) -> dict[str, Model]:
    found = {}
    for digest in dict.fromkeys(case.model_digest for case in cases):
        try:
            found[digest] = store.model(digest)
        except (UnknownName, UsageError):  # a store that was put together by hand
            continue
    return found


def _teacher(artifacts: Sequence[Artifact], named: str | None) -> Artifact | None:
    """None where the one that the sweep names was not in it."""
    try:
        return find_teacher(artifacts, named)
    except UnknownName:
        return None


def _scores(store: "Store", record: SweepRecord, teacher: Artifact | None) -> "Mapping[ScoreKey, TaskScore]":
    from orchestrator.study.answered import task_scores
    from orchestrator.tasks.scoring import score_sweep

    return task_scores(score_sweep(store, record.sweep_id, teacher.digest if teacher else None))


def _floors(store: "Store", devices: Sequence[str]) -> dict[str, float]:
    records = {name: store.noise_floor(name) for name in devices}
    return {name: record.floor for name, record in records.items() if record is not None}
