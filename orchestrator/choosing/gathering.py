"""The candidates that the store knows: of each case what its newest sweep measured, and the answers that it gave."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from orchestrator.assignment import END_TO_END, MODEL
from orchestrator.choosing.candidates import Candidate, Place, join_places
from orchestrator.errors import UnknownName, UsageError
from orchestrator.records import RunFilter, RunSummary
from orchestrator.runs import Role, options_key
from orchestrator.study import ScoreKey, StudyCase, StudyRow, TaskScore, group_cases, rows
from orchestrator.study.failures import graves
from orchestrator.trust.verdicts import Verdict

if TYPE_CHECKING:
    from orchestrator.store import Store
    from orchestrator.tasks.scoring import Scored

ROLES = (Role.CASE, Role.ENERGY, Role.TASK)


@dataclass(frozen=True)
class Terms:
    """What of the store is meant. `wanted` narrows runs; its roles and boards are set here. `data` is a data set with
    or without its split, None where there is only one; `must_answer`: without a data set there is no answer."""

    wanted: RunFilter = field(default_factory=RunFilter)
    scope: str = MODEL
    data: str | None = None
    include_suspect: bool = False
    must_answer: bool = False


@dataclass(frozen=True)
class Gathered:
    """`data` is the data set that accuracies are of, None without any; `others` are those that were not looked at."""

    candidates: tuple[Candidate, ...]
    data: str | None = None
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Asked:
    """What a case answered, and where. `doubted`: which of these runs do not count for times."""

    score: TaskScore
    sweep_id: int
    doubted: str


def gather(store: "Store", boards: Collection[str] | None, terms: Terms) -> Gathered:
    """All candidates that were tried on some of these boards, or on any. `UsageError`, `UnknownName` for a data set
    that is not there, or not named among several."""
    known = {record.name for record in store.devices()}
    meant = tuple(sorted(known if boards is None else known.intersection(boards)))
    if not meant:
        return Gathered(())
    runs = store.runs_of_newest_sweeps(replace(terms.wanted, devices=meant, roles=ROLES))
    cases = _newest_cases([run for run in runs if run.role is not Role.TASK])
    data, others = _choose_data(store, runs, terms)
    scores = _scores(store, runs, data, terms) if data is not None else {}
    places = [_place(case, scores, terms) for case in cases]
    return Gathered(tuple(join_places([one for one in places if one is not None])), data, others)


def _identity(of: RunSummary | StudyCase) -> tuple[Any, ...]:
    engine = (of.runtime, of.runtime_version, of.threads, of.delegate, options_key(of.options))
    return of.device, of.model_digest, of.model, *engine


def _newest_cases(runs: Sequence[RunSummary]) -> list[StudyCase]:
    """Of each case that of the last sweep that tried it; its energy is of the last sweep that read the power."""
    by_sweep: dict[int, list[RunSummary]] = {}
    for run in runs:
        by_sweep.setdefault(run.sweep_id, []).append(run)
    found: dict[tuple[Any, ...], StudyCase] = {}
    energy: dict[tuple[Any, ...], tuple[RunSummary, ...]] = {}
    for sweep_id in sorted(by_sweep):
        for run in by_sweep[sweep_id]:
            if run.role is Role.ENERGY and run.energy_j_per_inference is not None:
                key = _identity(run)
                same = energy.get(key, ())
                energy[key] = (*(one for one in same if one.sweep_id == sweep_id), run)
        for case in group_cases(by_sweep[sweep_id]):
            found[_identity(case)] = case
    return [replace(case, energy=energy.get(key, ())) for key, case in found.items()]


def _place(case: StudyCase, asked: Mapping[tuple[Any, ...], _Asked], terms: Terms) -> Place | None:
    """The case with the runs that count; None where it has no row in the scope that is asked for."""
    counted = tuple(run for run in case.runs if _counts(run, terms))
    energy = tuple(run for run in case.energy if _counts(run, terms))
    kept = replace(case, runs=counted, energy=energy)
    of_case: dict[ScoreKey, TaskScore] = {
        (case.case_key, scope): one.score
        for scope in (MODEL, END_TO_END)
        if (one := asked.get((*_identity(case), scope))) is not None
    }
    found = {row.scope: row for row in rows([kept], {}, of_case)}
    row = found.get(terms.scope)
    if row is None:
        return None
    other = found.get(END_TO_END if terms.scope == MODEL else MODEL)
    if row.file_bytes is None:
        row = replace(row, file_bytes=case.runs[0].file_bytes)
    row, ended = _answered(row, other), asked.get((*_identity(case), END_TO_END))
    if terms.scope == END_TO_END and ended is not None:
        return Place(row, ended.sweep_id, (), ended.doubted)
    runs = tuple(run for run in kept.good if run.median_ns)
    return Place(row, case.runs[0].sweep_id, runs, _doubted(case.runs, counted))


def _counts(run: RunSummary, terms: Terms) -> bool:
    return run.verdict is not Verdict.INVALID and (terms.include_suspect or run.verdict is not Verdict.SUSPECT)


def _answered(row: StudyRow, other: StudyRow | None) -> StudyRow:
    """Answers may have been given in the other scope alone; its name stands beside them then."""
    if row.accuracy is not None or other is None or other.accuracy is None:
        return row
    task = f"{other.task}, {other.scope.replace('_', ' ')}"
    return replace(row, accuracy=other.accuracy, macro_f1=other.macro_f1, task=task)


def _doubted(runs: Sequence[RunSummary], counted: Sequence[RunSummary]) -> str:
    """`2 of 5 runs are suspect (throttled) and do not count`."""
    left_out = [run for run in runs if run not in counted]
    if not left_out:
        return ""
    verdicts = " or ".join(dict.fromkeys(str(run.verdict) for run in left_out))
    codes = ", ".join(graves(left_out))
    few, many = len(left_out), len(runs)
    share = f"{few} of {many} runs {'is' if few == 1 else 'are'}" if few < many or many > 1 else "its one run is"
    return f"{share} {verdicts}{f' ({codes})' if codes else ''} and {'does' if few == 1 else 'do'} not count"


def _choose_data(store: "Store", runs: Sequence[RunSummary], terms: Terms) -> tuple[str | None, tuple[str, ...]]:
    labels = sorted(set(_labels(store, runs).values()))
    if terms.data is not None:
        found = [one for one in labels if terms.data in (one, one.partition("/")[0])]
        if not found:
            there = ", ".join(labels) or "none"
            raise UnknownName(f"--data {terms.data}: nothing on these boards was asked about it", f"there are: {there}")
        if len(found) > 1:
            raise UsageError(f"--data {terms.data}: which split?", f"one of: {', '.join(found)}")
        return found[0], tuple(one for one in labels if one != found[0])
    if len(labels) > 1 and terms.must_answer:
        raise UsageError(f"accuracy on which data set? There are: {', '.join(labels)}", f"--data {labels[0]}")
    return (labels[0], ()) if len(labels) == 1 else (None, tuple(labels))


def _labels(store: "Store", runs: Sequence[RunSummary]) -> dict[int, str]:
    """`tweets/test` by the number of each sweep that asked about a data set."""
    sweeps = sorted({run.sweep_id for run in runs if run.role is Role.TASK})
    tasks = {sweep_id: store.sweep(sweep_id).sweep.task for sweep_id in sweeps}
    return {sweep_id: f"{task.data}/{task.split}" for sweep_id, task in tasks.items() if task is not None}


def _scores(store: "Store", runs: Sequence[RunSummary], data: str, terms: Terms) -> dict[tuple[Any, ...], _Asked]:
    """By case and scope, of the last sweep that has answers of the case. Only sweeps that are needed are read."""
    from orchestrator.study.answered import task_scores
    from orchestrator.tasks.scoring import score_sweep

    labels = _labels(store, runs)
    newest: dict[tuple[Any, ...], int] = {}
    for run in runs:
        if run.role is Role.TASK and labels.get(run.sweep_id) == data:
            key = _identity(run)
            newest[key] = max(run.sweep_id, newest.get(key, 0))
    found: dict[tuple[Any, ...], _Asked] = {}
    for sweep_id in sorted(set(newest.values())):
        for one in score_sweep(store, sweep_id):
            key = _scored_identity(one)
            if newest.get(key) == sweep_id:
                summaries = [run.summary for run in one.runs]
                kept = tuple(run for run in one.runs if _counts(run.summary, terms))
                (score,) = task_scores([replace(one, runs=kept)]).values()
                doubted = _doubted(summaries, [run.summary for run in kept])
                found[*key, one.task.scope] = _Asked(score, sweep_id, doubted)
    return found


def _scored_identity(one: "Scored") -> tuple[Any, ...]:
    job = one.job
    version = one.runs[0].summary.runtime_version if one.runs else job.runtime.version
    engine = (job.runtime.name, version, job.threads, job.delegate, options_key(job.options))
    return job.device, job.model_digest, job.model, *engine
