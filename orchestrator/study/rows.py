"""The rows of a study's table: every case of a sweep with everything that is known of it. Pure.

Figures are of the runs that are not judged invalid; `verdict` is the worst of theirs. A percentile is there where every
run supports it (stats.py). What nobody measured is None. Scope `model` and scope `end_to_end` are rows of their own.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

from orchestrator.assignment import END_TO_END, MODEL
from orchestrator.comparing import compare
from orchestrator.records import RunSummary
from orchestrator.runs import options_key
from orchestrator.study.artifacts import Artifact, networks
from orchestrator.study.case_names import names_of
from orchestrator.study.cases import StudyCase
from orchestrator.study.failures import Failure, Kind, failure_of, trouble_of
from orchestrator.study.figures import Figure, of_every_run
from orchestrator.study.plain_forms import PlainForms
from orchestrator.study.row import StudyRow
from orchestrator.study.scores import ScoreKey, TaskScore
from orchestrator.study.timing import times_of
from orchestrator.trust.verdicts import Verdict


def rows(
    cases: Sequence[StudyCase],
    artifacts: Mapping[str, Artifact],
    scores: Mapping[ScoreKey, TaskScore],
    teacher: Artifact | None = None,
    plain_forms: PlainForms | None = None,
) -> list[StudyRow]:
    """A row a case for scope `model`, and one for `end_to_end` where there are scores of it. `artifacts` by digest."""
    taught = _taught(cases, artifacts, teacher)
    found = []
    for case in cases:
        row = _model_row(case, artifacts.get(case.model_digest), teacher, taught.get(_setting(case)))
        before = plain_forms.of(case) if plain_forms else None
        row = replace(row, over_plain=speedup_between(before, case, lambda run: run.median_ns) if before else None)
        score = scores.get((case.case_key, MODEL))
        found.append(row if score is None else _scored(row, score))
        score = scores.get((case.case_key, END_TO_END))
        if score is not None:
            found.append(_end_to_end(row, score))
    return found


def usable_runs(case: StudyCase) -> list[RunSummary]:
    """Those that figures are made of."""
    return [run for run in case.good if run.verdict is not Verdict.INVALID]


def speedup_between(before: StudyCase, after: StudyCase, take: Callable[[RunSummary], float | None]) -> Figure | None:
    """How many times as fast `after` is, by a latency of each run, paired by block where that is possible.

    None for boards of two kinds, for a side without runs, and for a case beside itself.
    """
    if before is after:
        return None
    sides, blocks = [], []
    for case in (before, after):
        taken = [(run.block, value) for run in usable_runs(case) if (value := take(run))]
        if not taken or case.device_kind != before.device_kind:
            return None
        sides.append([value for _, value in taken])
        blocks.append([block for block, _ in taken])
    found = compare(sides[0], sides[1], blocks=(blocks[0], blocks[1]))
    return Figure(found.ratio, found.low, found.high, min(found.first_n, found.second_n)).inverse()


def _taught(
    cases: Sequence[StudyCase], artifacts: Mapping[str, Artifact], teacher: Artifact | None
) -> dict[tuple[Any, ...], StudyCase]:
    """The teacher's cases by setting; where a runtime takes another format, those of its network and precision."""
    if teacher is None:
        return {}
    names = networks([teacher, *(one for one in artifacts.values() if one.digest != teacher.digest)])
    found: dict[tuple[Any, ...], StudyCase] = {}
    for case in cases:
        artifact = artifacts.get(case.model_digest)
        if case.model_digest == teacher.digest:
            found[_setting(case)] = case
        elif artifact and (names[artifact.digest], artifact.precision) == (names[teacher.digest], teacher.precision):
            found.setdefault(_setting(case), case)
    return found


def _setting(case: StudyCase) -> tuple[Any, ...]:
    board = (case.device, case.device_kind)
    engine = (case.runtime, case.runtime_version, case.threads, case.delegate, options_key(case.options))
    return (*board, *engine, case.protocol)


def _model_row(
    case: StudyCase, artifact: Artifact | None, teacher: Artifact | None, taught: StudyCase | None
) -> StudyRow:
    runs = usable_runs(case)
    metered = [one for one in (*runs, *case.energy) if one.energy_j_per_inference is not None]
    times = times_of(runs)
    peak_of = max((run.peak_rss_bytes for run in runs if run.peak_rss_bytes), default=None)
    other = usable_runs(taught) if taught is not None else []
    return StudyRow(
        **names_of(case),
        scope=MODEL,
        task="",
        parameters=artifact.parameters if artifact else None,
        file_bytes=artifact.file_bytes if artifact else next((run.file_bytes for run in case.runs), None),
        teacher=teacher,
        load_ns=of_every_run([run.load_ns for run in runs]),
        first_ns=of_every_run([run.first_ns for run in runs]),
        **vars(times),
        speedup=speedup_between(taught, case, lambda run: run.median_ns) if taught else None,
        throughput_gain=speedup_between(taught, case, lambda run: run.mean_ns) if taught else None,
        peak_rss_bytes=peak_of,
        teacher_rss_bytes=max((run.peak_rss_bytes for run in other if run.peak_rss_bytes), default=None),
        energy_j_per_item=_energy(metered),
        energy_source=next((one.energy_source for one in metered if one.energy_source), None),
        failure=failure_of(case),
        trouble=trouble_of(case),
    )


def _energy(metered: Sequence[RunSummary]) -> Figure | None:
    """The median of the runs with the power read, and the widest of their own intervals (energy.py)."""
    joules = [run.energy_j_per_inference for run in metered if run.energy_j_per_inference is not None]
    if not joules:
        return None
    half = max((run.energy_uncertainty_j for run in metered if run.energy_uncertainty_j is not None), default=math.inf)
    middle = median(joules)
    return Figure(middle, middle - half, middle + half, len(joules))


def _scored(row: StudyRow, score: TaskScore) -> StudyRow:
    """With its answers; the times of a task's runs stand in where the case has none of its own, or writes texts."""
    answered = _answered(row, score)
    if score.items_per_s is None or (row.p50_ns is not None and score.token_ns is None):
        return answered
    return _timed(answered, score)


def _end_to_end(row: StudyRow, score: TaskScore) -> StudyRow:
    """Times from the text to the answer. What only runs of the model alone have told is left out."""
    bare = replace(
        row,
        scope=END_TO_END,
        load_ns=None,
        first_ns=None,
        speedup=None,
        over_plain=None,
        throughput_gain=None,
        peak_rss_bytes=None,
        teacher_rss_bytes=None,
        energy_j_per_item=None,
        energy_source=None,
        trouble="",
    )
    return _timed(_answered(bare, score), score)


def _timed(row: StudyRow, score: TaskScore) -> StudyRow:
    """What a judge said of the task's own runs is not known here."""
    measured = score.items_per_s or score.p50_ns
    failure = Failure(Kind.FAILED, "no answers", score.trouble) if score.trouble else row.failure
    return replace(
        row,
        p50_ns=score.p50_ns,
        p90_ns=score.p90_ns,
        p99_ns=score.p99_ns,
        items_per_s=score.items_per_s,
        cpu_s_per_item=score.cpu_s_per_item,
        runs=measured.n if measured else 0,
        n=score.n,
        verdict=None,
        reasons=(),
        failure=None if measured else failure,
    )


def _answered(row: StudyRow, score: TaskScore) -> StudyRow:
    trouble = "; ".join(part for part in (row.trouble, score.trouble) if part)
    return replace(
        row,
        task=score.task,
        accuracy=score.accuracy,
        macro_f1=score.macro_f1,
        exact_match=score.exact_match,
        f1=score.f1,
        perplexity=score.perplexity,
        versus_teacher=score.versus_teacher,
        f1_versus_teacher=score.f1_versus_teacher,
        cut_off=score.cut_off,
        first_token_ns=score.first_token_ns,
        token_ns=score.token_ns,
        agrees=score.agrees,
        trouble=trouble,
    )
