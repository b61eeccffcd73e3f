"""From the stored runs of a sweep to what their answers are worth, and whether boards agree."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from orchestrator.assignment import END_TO_END, NEXT_TOKEN, Assignment
from orchestrator.metrics import Estimate, Paired
from orchestrator.runs import Job, RunStatus
from orchestrator.tasks.kinds import KINDS
from orchestrator.tasks.reading import Read, Reader, read_keys
from orchestrator.tasks.worth import Same, Side, Versus, Worth
from orchestrator.trust.verdicts import Verdict

if TYPE_CHECKING:
    from orchestrator.records import StoredRun
    from orchestrator.store import Store

_Sides = Sequence[tuple[int, Side]]
"""Answers, each with the place of the case that gave them."""


@dataclass(frozen=True)
class Scored:
    """One case's work on one data set in one scope, over all of its runs.

    `case_key` is that of the case's timed runs. `runs` are those that went well, `worth` is of the first of them: the
    others give the same answers, or `same` says so. `versus_teacher` counts the examples that each has right,
    `f1_versus_teacher` is the difference in F1 of answers to questions. `same` is against the answers that most cases
    of the artifact gave with the same runtime and delegate, on whatever board; `elsewhere` against those that most gave
    with any. None where there is nothing to compare with. `trouble` says in words why there is nothing, `damaged` what
    was left out.
    """

    case_key: str
    job: Job
    task: Assignment
    device_kind: str
    runs: tuple["StoredRun", ...]
    worth: Worth | None = None
    versus_teacher: Paired | None = None
    f1_versus_teacher: Estimate | None = None
    same: Same | None = None
    witness: str = ""
    elsewhere: Same | None = None
    other_witness: str = ""
    trouble: str = ""
    damaged: str = ""

    @property
    def usable(self) -> tuple["StoredRun", ...]:
        """The runs whose times count: those that are not judged invalid."""
        return tuple(run for run in self.runs if run.summary.verdict is not Verdict.INVALID)


class _Scales:
    """Weighs answers, and the same ones once, however many cases gave them."""

    def __init__(self) -> None:
        self.worth = cache(_worth)
        self.versus = cache(_versus)
        self.same = cache(_same)


def score_sweep(store: "Store", sweep_id: int, teacher: str | None = None) -> list[Scored]:
    """Every case of a sweep that worked on a data set, by board and model; `teacher` is a model's digest."""
    groups: dict[tuple[str, str, Assignment], list[StoredRun]] = {}
    for stored in store.task_runs(sweep_id):
        job = stored.run.job
        if job.task is not None:
            groups.setdefault((job.case_key, job.model_digest, job.task), []).append(stored)
    reader, scales = Reader(read_keys(store, [task for _, _, task in groups])), _Scales()
    read = [reader.read(runs, task) for (_, _, task), runs in groups.items()]
    scored = [_score(runs, one, scales) for runs, one in zip(groups.values(), read, strict=True)]
    if teacher is not None:
        scored = _taught(scored, read, scales, teacher)
    compared = _compared(scored, read, scales)
    return sorted(compared, key=lambda one: (one.job.device, one.job.model, one.case_key, one.task.scope == END_TO_END))


def _score(runs: Sequence["StoredRun"], read: Read, scales: _Scales) -> Scored:
    last = runs[-1].run
    job, task = last.job, last.job.task
    assert task is not None  # noqa: S101 - grouped by it
    good = tuple(run for run in runs if run.run.status is RunStatus.OK)
    plain = Scored(replace(job, task=None).case_key, job, task, last.device_kind, good)
    if not read.sides:
        return replace(plain, trouble=read.fault)
    try:
        worth = scales.worth(task.kind, read.sides[0], len(task.classes))
    except ValueError as error:
        return replace(plain, trouble=f"the answers make no sense: {error}")
    return replace(plain, worth=worth, damaged=read.fault)


def _worth(kind: str, side: Side, classes: int) -> Worth:
    return KINDS[kind].worth(side, classes)


def _taught(scored: Sequence[Scored], read: Sequence[Read], scales: _Scales, digest: str) -> list[Scored]:
    """With the difference to the teacher's answers: those of its case with the same runtime and delegate that most of
    its boards gave, else those that most gave with any. One board alone must not turn every difference."""
    sides: dict[tuple[Any, ...], list[tuple[int, Side]]] = {}
    for index, one in enumerate(scored):
        if one.job.model_digest == digest and not one.trouble:
            for key in (_question(one.task), (*_question(one.task), *_kernels(one))):
                sides.setdefault(key, []).extend((index, side) for side in read[index].sides)
    teachers = {key: _commonest(found)[1] for key, found in sides.items()}
    found = []
    for one, mine in zip(scored, read, strict=True):
        question = _question(one.task)
        teacher = teachers.get((*question, *_kernels(one)), teachers.get(question)) if mine.sides else None
        versus = None
        if teacher is not None and not one.trouble and one.job.model_digest != digest:
            versus = scales.versus(one.task.kind, mine.sides[0], teacher, len(one.task.classes))
        found.append(replace(one, versus_teacher=versus.right, f1_versus_teacher=versus.f1) if versus else one)
    return found


def _versus(kind: str, mine: Side, teacher: Side, classes: int) -> Versus | None:
    try:
        return KINDS[kind].versus(mine, teacher, classes)
    except ValueError:  # the teacher's answers make no sense, which its own row says
        return None


def _question(task: Assignment) -> tuple[str, ...]:
    """What two models must have been asked to be paired. Which token comes last is up to the tokeniser."""
    return (task.rows, task.kind, task.tokens if task.kind == NEXT_TOKEN else "")


def _compared(scored: Sequence[Scored], read: Sequence[Read], scales: _Scales) -> list[Scored]:
    """With what the cases of one artifact say of each other: each against the answers that most of them gave."""
    found = list(scored)
    alike: dict[tuple[Any, ...], list[tuple[int, Side]]] = {}
    artifacts: dict[tuple[Any, ...], list[tuple[int, Side]]] = {}
    for index, (one, mine) in enumerate(zip(scored, read, strict=True)):
        if mine.sides and not one.trouble:
            artifact = (one.job.model_digest, one.task.rows, one.task.kind)
            sides = [(index, side) for side in mine.sides]
            artifacts.setdefault(artifact, []).extend(sides)
            alike.setdefault((*artifact, *_kernels(one)), []).extend(sides)
    for sides in alike.values():
        for index, same, witness in _against_most(scored, sides, scales):
            found[index] = replace(found[index], same=same, witness=scored[witness].case_key)
    for sides in artifacts.values():
        for index, same, witness in _against_most(scored, sides, scales):
            if _kernels(scored[index]) != _kernels(scored[witness]):
                found[index] = replace(found[index], elsewhere=same, other_witness=scored[witness].case_key)
    return found


def _kernels(one: Scored) -> tuple[str | None, ...]:
    """What computes: runs that share it should give the same bits, or nearly."""
    run, options = one.runs[0].summary, one.job.options
    told = ",".join(f"{key}={options[key]}" for key in sorted(options))
    return run.runtime, run.runtime_version, run.delegate, told


def _against_most(scored: Sequence[Scored], sides: _Sides, scales: _Scales) -> list[tuple[int, Same, int]]:
    """Every case against the answers that were given most often: the worst of its runs, and whose answers those are."""
    if len(sides) < 2:
        return []
    witness, most = _commonest(sides)
    worst: dict[int, Same] = {}
    for index, side in sides:
        same = scales.same(scored[index].task.kind, most, side)
        if index not in worst or (same.agrees, same.share) < (worst[index].agrees, worst[index].share):
            worst[index] = same
    return [(index, same, witness) for index, same in worst.items()]


def _commonest(sides: _Sides) -> tuple[int, Side]:
    """The answers that were given most often; of equally many the first."""
    counts = Counter(side.digest for _, side in sides)
    return max(sides, key=lambda one: counts[one[1].digest])


def _same(kind: str, first: Side, second: Side) -> Same:
    try:
        return KINDS[kind].same(first, second)
    except ValueError:  # of another shape, or with what is no number: certainly not the same
        return Same(agrees=False, share=0.0, largest=float("inf"))
